/** How much one user, and one peer that has not logged in, may send. */

import { networkOf } from '../../base/ip-address.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Reply } from '../../proto/smtp/reply.ts'
import { LIMITED_SENDERS_MAX } from '../limits.ts'
import { Allowances } from './allowances.ts'
import { ACCEPT, type Asked, type Policy, type PolicyAnswer, type PolicySession } from './policy.ts'

/** Each is off where it is not given. */
export interface SenderLimits {
  readonly mailsPerHour?: number
  readonly recipientsPerHour?: number
  readonly bytesPerHour?: number
  /** At the same time. */
  readonly sessions?: number
}

export interface LimitsOptions {
  readonly perUser?: SenderLimits
  /** By address; of IPv6, by network. */
  readonly perPeer?: SenderLimits
}

type Unit = 'mailsPerHour' | 'recipientsPerHour' | 'bytesPerHour'

const HOUR_MS = 3_600_000

export class LimitsPolicy implements Policy {
  readonly name: string = 'limits'
  readonly #options: LimitsOptions
  readonly #allowances: Allowances
  /** Bounded by the services' own bound on sessions. */
  readonly #sessions = new Map<string, Set<PolicySession>>()

  constructor(options: LimitsOptions, clock: Clock, keysMax: number = LIMITED_SENDERS_MAX) {
    this.#options = options
    this.#allowances = new Allowances(clock, { periodMs: HOUR_MS, keysMax })
  }

  async connect(session: PolicySession): Promise<PolicyAnswer> {
    return session.user === undefined ? this.#enter(session) : ACCEPT
  }

  async authenticated(session: PolicySession): Promise<PolicyAnswer> {
    this.ended(session)
    return this.#enter(session)
  }

  mail(session: PolicySession): Asked {
    return this.#limitsOf(session) && this.#mail(session)
  }

  async #mail(session: PolicySession): Promise<PolicyAnswer> {
    if (!this.#hasRoom(session, 'bytesPerHour', 1)) return tooMuch('bytes')
    return this.#take(session, 'mailsPerHour', 1) ? ACCEPT : tooMuch('mails')
  }

  recipient(session: PolicySession): Asked {
    return this.#limitsOf(session) && this.#takeOf(session, 'recipients', 1)
  }

  endOfData(
    session: PolicySession,
    _mail: unknown,
    { sizeBytes }: { readonly sizeBytes: number },
  ): Asked {
    return this.#limitsOf(session) && this.#takeOf(session, 'bytes', sizeBytes)
  }

  ended(session: PolicySession): void {
    for (const [key, sessions] of this.#sessions) {
      if (sessions.delete(session) && sessions.size === 0) this.#sessions.delete(key)
    }
  }

  #enter(session: PolicySession): PolicyAnswer {
    const max = this.#limitsOf(session)?.sessions
    if (max === undefined) return ACCEPT
    const key = keyOf(session)
    const sessions = this.#sessions.get(key) ?? new Set()
    if (sessions.size >= max) return tooMuch('sessions at the same time')
    sessions.add(session)
    this.#sessions.set(key, sessions)
    return ACCEPT
  }

  async #takeOf(
    session: PolicySession,
    what: 'recipients' | 'bytes',
    amount: number,
  ): Promise<PolicyAnswer> {
    return this.#take(session, `${what}PerHour`, amount) ? ACCEPT : tooMuch(what)
  }

  #take(session: PolicySession, unit: Unit, amount: number): boolean {
    const max = this.#limitsOf(session)?.[unit]
    return max === undefined || this.#allowances.take(`${unit} ${keyOf(session)}`, max, amount)
  }

  #hasRoom(session: PolicySession, unit: Unit, amount: number): boolean {
    const max = this.#limitsOf(session)?.[unit]
    return max === undefined || this.#allowances.hasRoom(`${unit} ${keyOf(session)}`, max, amount)
  }

  #limitsOf(session: PolicySession): SenderLimits | undefined {
    const { perUser, perPeer } = this.#options
    // A neighbour that a plan leads to brings the mail of many.
    if (session.service === 'bundle') return undefined
    return session.user === undefined ? perPeer : perUser
  }
}

function keyOf({ user, peer }: PolicySession): string {
  return user === undefined ? `peer ${networkOf(peer)}` : `user ${user.toLowerCase()}`
}

/** As Postfix's `anvil` has it answered. RFC 3463: delivery not authorized, for now. */
function tooMuch(what: string): PolicyAnswer {
  const reply: Reply = { code: 450, enhanced: '4.7.1', lines: [`Error: too many ${what}`] }
  return { type: 'defer', reply }
}
