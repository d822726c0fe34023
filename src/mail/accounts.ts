/** Who has a mailbox here, and how they prove it. */

import type { HashedPassword, Passwords, ScramKeys } from '../ports/password.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import { plainLocalPart } from './aliases.ts'

export interface Account extends HashedPassword {
  readonly name: string
  readonly appPasswords: readonly AppPassword[]
}

/** One of a single program; a user can take it back without changing the others. */
export interface AppPassword {
  /** What it is for: `phone`. */
  readonly label: string
  /** It begins with this and a dash, so that one hash is compared for a password, and no more. */
  readonly id: string
  readonly argon2: string
}

export class Accounts {
  #byName: ReadonlyMap<string, Account> = new Map()
  #postmaster: Account | undefined
  readonly #domains: ReadonlySet<string>
  readonly #passwords: Passwords

  /** Nobody has a mailbox before `replace`. */
  constructor(localDomains: readonly string[], passwords: Passwords) {
    this.#domains = new Set(localDomains.map((domain) => domain.toLowerCase()))
    this.#passwords = passwords
  }

  /** The first account is the postmaster's, unless one bears that name. */
  replace(accounts: readonly Account[]): void {
    this.#byName = new Map(accounts.map((account) => [account.name.toLowerCase(), account]))
    this.#postmaster = this.#byName.get('postmaster') ?? accounts[0]
  }

  /**
   * `user` or `user@domain`; undefined where the two do not belong together. Rejects with a Fault
   * where it cannot be told now.
   */
  async verify(user: string, password: string): Promise<Account | undefined> {
    const account = this.named(user)
    const appPassword = account?.appPasswords.find(({ id }) => password.startsWith(`${id}-`))
    // Compares for an unknown user too: the time taken must not tell who exists.
    const right = await this.#passwords.verify(password, (appPassword ?? account)?.argon2)
    return right ? account : undefined
  }

  /** For SCRAM, which app passwords have no part in: its client names the user alone. */
  scramKeysOf(user: string): { readonly account: Account; readonly keys: ScramKeys } | undefined {
    const account = this.named(user)
    return account?.scram && { account, keys: account.scram }
  }

  get all(): Iterable<Account> {
    return this.#byName.values()
  }

  /** By name, or by an address of this host. */
  named(user: string): Account | undefined {
    const at = user.lastIndexOf('@')
    return at < 0
      ? this.#byName.get(user.toLowerCase())
      : this.find({ localPart: user.slice(0, at), domain: user.slice(at + 1) })
  }

  /** Whose mailbox this is, also as `user+tag`. Every domain has a postmaster. RFC 5321 §4.5.1. */
  find(mailbox: Mailbox): Account | undefined {
    if (!this.#domains.has(mailbox.domain.toLowerCase())) return undefined
    const name = mailbox.localPart.toLowerCase()
    return name === 'postmaster'
      ? this.#postmaster
      : (this.#byName.get(name) ?? this.#byName.get(plainLocalPart(name)))
  }
}

/**
 * Numbers mailboxes from 0 on, those that are one alike, so that nobody is given two copies. Those of an
 * account here are one by any name; of others only their host knows. RFC 5321 §2.4.
 */
export function numbering(accounts: Accounts): (mailbox: Mailbox) => number {
  const seen = new Map<Account | string, number>()
  return (mailbox) => {
    const whose = accounts.find(mailbox) ?? formatMailbox(mailbox)
    const number = seen.get(whose) ?? seen.size
    seen.set(whose, number)
    return number
  }
}

/** For a `filter`: keeps the first of all mailboxes that are one. */
export function onlyFirst(accounts: Accounts): (mailbox: Mailbox) => boolean {
  const numberOf = numbering(accounts)
  let next = 0
  return (mailbox) => {
    const isFirst = numberOf(mailbox) === next
    if (isFirst) next++
    return isFirst
  }
}
