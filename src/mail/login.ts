/** Who a client is, by password or by SCRAM: the same for every service. */

import { fromUtf8, toBase64 } from '../base/bytes.ts'
import { hmacSha256 } from '../base/sha256.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink, MailService } from '../ports/events.ts'
import type { SaslMechanism } from '../proto/sasl/mechanism.ts'
import type { ScramKeys } from '../proto/sasl/scram.ts'
import type { Account, Accounts } from './accounts.ts'
import type { LoginAttempts } from './login-attempts.ts'

export interface LoginContext {
  readonly accounts: Accounts
  readonly logins: LoginAttempts
  readonly entropy: Entropy
  readonly events: EventSink
  /** Unpredictable, and the same as long as the service runs. */
  readonly secret: Uint8Array
}

/** Whose session it is that asks. */
export interface LoginSession {
  readonly service: MailService
  readonly session: string
  /** The client's address. */
  readonly peer: string
}

/** Beyond guessing; a multiple of three needs no padding. */
const SCRAM_NONCE_BYTES = 18
/** RFC 7677 §4. */
const SCRAM_ITERATIONS_MIN = 4096

/**
 * The account; undefined where nobody has proven to be its owner, which is told; `not-now` where
 * that cannot be found out. `password`: or what SCRAM has shown.
 */
export function logIn(
  { accounts, logins, events }: LoginContext,
  { service, session, peer }: LoginSession,
  user: string,
  password: string | { readonly isProven: boolean },
): Promise<Account | undefined | 'not-now'> {
  return logins.attempt(peer, async () => {
    const found =
      typeof password === 'string'
        ? await accounts.verify(user, password)
        : password.isProven
          ? accounts.scramKeysOf(user)?.account
          : undefined
    if (!found) events({ type: 'authentication-failed', service, session, peer, user })
    return found
  })
}

/** What SCRAM goes on with. */
export function scramKeys(
  { accounts, entropy, secret }: LoginContext,
  user: string,
): { readonly keys: ScramKeys; readonly nonce: string } {
  const nonce = toBase64(entropy.bytes(SCRAM_NONCE_BYTES))
  return { keys: accounts.scramKeysOf(user)?.keys ?? decoyKeys(user, accounts, secret), nonce }
}

/** SCRAM where there are keys for it: an account without could not use what it is offered. */
export function mechanismsFor(accounts: Accounts): readonly SaslMechanism[] {
  const [account] = accounts.all
  return account?.scram === undefined ? PASSWORDS : [...SCRAM, ...PASSWORDS]
}

const PASSWORDS: readonly SaslMechanism[] = ['PLAIN', 'LOGIN']
const SCRAM: readonly SaslMechanism[] = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']

/**
 * Keys of no password for a user that there is not: the same whenever they are asked for, so that
 * nobody learns from them who exists. RFC 5802 §9.
 */
function decoyKeys(user: string, accounts: Accounts, secret: Uint8Array): ScramKeys {
  const [like] = accounts.all
  const derive = (what: string): Uint8Array => hmacSha256(secret, fromUtf8(`${what} ${user}`))
  return {
    salt: derive('salt').subarray(0, like?.scram?.salt.length ?? 16),
    iterations: like?.scram?.iterations ?? SCRAM_ITERATIONS_MIN,
    storedKey: derive('stored'),
    serverKey: derive('server'),
  }
}
