import type { Account } from '../mail/accounts.ts'
import type { Passwords } from '../ports/password.ts'

/** Nobody in the lab has a secret: a password is its own hash. */
export const labPasswords: Passwords = {
  hash: async (password) => ({ argon2: hashOf(password) }),
  verify: async (password, argon2) => argon2 === hashOf(password),
}

export function labAccount(name: string, password: string): Account {
  return { name, argon2: hashOf(password), appPasswords: [] }
}

function hashOf(password: string): string {
  return `plain:${password}`
}
