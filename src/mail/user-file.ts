/**
 * The file of a host's users: one a line, the name first and what is kept of the passwords behind it.
 *
 *     ann $argon2id$… scram-sha-256:15000:salt:storedKey:serverKey app:phone:ab2c:$argon2id$…
 */

import { fromBase64, toBase64 } from '../base/bytes.ts'
import { Fault, type Result } from '../base/fault.ts'
import type { ScramKeys } from '../ports/password.ts'
import type { Account, AppPassword } from './accounts.ts'
import { APP_PASSWORDS_MAX, USER_LINE_MAX, USERS_MAX } from './limits.ts'

export type UserFileFaultCode = 'users/malformed'

/** A user's name is a folder's name too, so nothing that a file system takes for something else. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/
const ARGON2 =
  /^\$argon2id\$v=19\$m=\d{1,7},t=\d{1,3},p=\d{1,2}\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/
const APP_PASSWORD_ID = /^[a-z2-7]{4}$/
const SHA256_BYTES = 32
/** RFC 7677 §4; the other end is for a server that answers soon. */
const ITERATIONS_MIN = 4096
const ITERATIONS_MAX = 10_000_000

export function isUserName(text: string): boolean {
  return NAME.test(text)
}

export function isLabel(text: string): boolean {
  return LABEL.test(text)
}

export function formatUsers(accounts: readonly Account[]): string {
  return `# The users of this host. "lightlag user" changes them.\n${accounts
    .map((account) => `${formatUser(account)}\n`)
    .join('')}`
}

function formatUser({ name, argon2, scram, appPasswords }: Account): string {
  const fields = [
    ...(scram === undefined ? [] : [formatScram(scram)]),
    ...appPasswords.map((app) => `app:${app.label}:${app.id}:${app.argon2}`),
  ]
  return [name, argon2, ...fields].join(' ')
}

function formatScram({ salt, iterations, storedKey, serverKey }: ScramKeys): string {
  const keys = [salt, storedKey, serverKey].map(toBase64)
  return `scram-sha-256:${iterations}:${keys.join(':')}`
}

interface Problem {
  readonly column: number
  readonly message: string
}

/**
 * On failure the fault's message has a line `file:line:column: …` for each mistake. Never in it: what
 * is kept of a password.
 */
export function parseUsers(
  text: string,
  fileName: string,
): Result<readonly Account[], UserFileFaultCode> {
  const accounts: Account[] = []
  const problems: string[] = []
  const names = new Set<string>()
  const lines = text.split('\n')
  for (const [index, line] of lines.entries()) {
    const read = parseUser(line.replace(/\r$/, ''))
    if (read === undefined) continue
    const name = 'name' in read ? read.name.toLowerCase() : undefined
    const isAgain = name !== undefined && names.has(name)
    if (!('name' in read)) problems.push(at(fileName, index, read))
    else if (isAgain) problems.push(at(fileName, index, again(read.name)))
    else if (accounts.length < USERS_MAX) accounts.push(read)
    else {
      const message = `more than ${USERS_MAX} users: fewer would be right`
      problems.push(at(fileName, index, { column: 1, message }))
      break
    }
    if (name !== undefined) names.add(name)
  }
  if (problems.length === 0) return { ok: true, value: accounts }
  return { ok: false, fault: new Fault('users/malformed', problems.join('\n'), PERMANENT) }
}

const PERMANENT = { temporary: false } as const

function at(fileName: string, index: number, { column, message }: Problem): string {
  return `${fileName}:${index + 1}:${column}: ${message}`
}

function again(name: string): Problem {
  return { column: 1, message: `user ${name} appears again: once would be right` }
}

/** Undefined where nobody is in the line. */
function parseUser(line: string): Account | Problem | undefined {
  if (/^\s*(#|$)/.test(line)) return undefined
  if (line.length > USER_LINE_MAX) {
    const message = `a line of ${line.length} characters: at most ${USER_LINE_MAX} would be right`
    return { column: USER_LINE_MAX + 1, message }
  }
  const fields = [...line.matchAll(/\S+/g)].map(({ 0: text, index }) => ({
    text,
    column: index + 1,
  }))
  const [name, argon2, ...others] = fields
  if (name === undefined || !isUserName(name.text)) {
    const expected = 'a name such as user, of letters, digits and ._+- after the first'
    return { column: name?.column ?? 1, message: `no name of a user: ${expected} would be right` }
  }
  if (argon2 === undefined || !ARGON2.test(argon2.text)) {
    const message = `${name.text} has no argon2id hash here: "lightlag user passwd ${name.text}" would be right`
    return { column: argon2?.column ?? line.length + 1, message }
  }
  let account: Account = { name: name.text, argon2: argon2.text, appPasswords: [] }
  for (const { text, column } of others) {
    const more = withField(account, text)
    if (more === undefined) {
      const expected =
        'scram-sha-256:ITERATIONS:SALT:STOREDKEY:SERVERKEY once, or app:LABEL:ID:HASH'
      return { column, message: `not what is kept of a password: ${expected} would be right` }
    }
    account = more
  }
  return account
}

function withField(account: Account, text: string): Account | undefined {
  const scram = parseScram(text)
  if (scram !== undefined) return account.scram === undefined ? { ...account, scram } : undefined
  const app = parseAppPassword(text)
  const { appPasswords } = account
  if (app === undefined || appPasswords.length >= APP_PASSWORDS_MAX) return undefined
  if (appPasswords.some(({ label, id }) => label === app.label || id === app.id)) return undefined
  return { ...account, appPasswords: [...appPasswords, app] }
}

function parseScram(text: string): ScramKeys | undefined {
  const [kind, count = '', ...keys] = text.split(':')
  const [salt, storedKey, serverKey] = keys.map((key) => fromBase64(key))
  const iterations = /^\d{1,8}$/.test(count) ? Number(count) : 0
  if (kind !== 'scram-sha-256' || keys.length !== 3) return undefined
  if (iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX) return undefined
  if (salt === undefined || salt.length === 0) return undefined
  if (storedKey?.length !== SHA256_BYTES || serverKey?.length !== SHA256_BYTES) return undefined
  return { salt, iterations, storedKey, serverKey }
}

function parseAppPassword(text: string): AppPassword | undefined {
  const [kind, label = '', id = '', argon2 = '', ...more] = text.split(':')
  if (kind !== 'app' || more.length > 0 || !isLabel(label)) return undefined
  return APP_PASSWORD_ID.test(id) && ARGON2.test(argon2) ? { label, id, argon2 } : undefined
}
