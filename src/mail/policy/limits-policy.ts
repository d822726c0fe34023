/** How much one user, and one peer that has not logged in, may send. */

import { networkOf } from '../../base/ip-address.ts'
import type { MonoMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Reply } from '../../proto/smtp/reply.ts'
import { LIMITED_SENDERS_MAX } from '../limits.ts'
import { ACCEPT, type Policy, type PolicyAnswer, type PolicySession } from './policy.ts'

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

/** What is left of each allowance, which grows back over an hour. */
interface Sender {
  readonly left: Map<Unit, number>
  at: MonoMs
}

const HOUR_MS = 3_600_000

export class LimitsPolicy implements Policy {
  readonly name: string = 'limits'
  readonly #options: LimitsOptions
  readonly #clock: Clock
  readonly #sendersMax: number
  /** The one that has not sent for the longest first. */
  readonly #senders = new Map<string, Sender>()
  /** Bounded by the services' own bound on sessions. */
  readonly #sessions = new Map<string, Set<PolicySession>>()

  constructor(options: LimitsOptions, clock: Clock, sendersMax: number = LIMITED_SENDERS_MAX) {
    this.#options = options
    this.#clock = clock
    this.#sendersMax = sendersMax
  }

  async connect(session: PolicySession): Promise<PolicyAnswer> {
    return session.user === undefined ? this.#enter(session) : ACCEPT
  }

  async authenticated(session: PolicySession): Promise<PolicyAnswer> {
    this.ended(session)
    return this.#enter(session)
  }

  async mail(session: PolicySession): Promise<PolicyAnswer> {
    if (!this.#hasRoom(session, 'bytesPerHour', 1)) return tooMuch('bytes')
    return this.#take(session, 'mailsPerHour', 1) ? ACCEPT : tooMuch('mails')
  }

  async recipient(session: PolicySession): Promise<PolicyAnswer> {
    return this.#take(session, 'recipientsPerHour', 1) ? ACCEPT : tooMuch('recipients')
  }

  async endOfData(
    session: PolicySession,
    _mail: unknown,
    { sizeBytes }: { readonly sizeBytes: number },
  ): Promise<PolicyAnswer> {
    return this.#take(session, 'bytesPerHour', sizeBytes) ? ACCEPT : tooMuch('bytes')
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

  #take(session: PolicySession, unit: Unit, amount: number): boolean {
    if (!this.#hasRoom(session, unit, amount)) return false
    const sender = this.#senders.get(keyOf(session))
    sender?.left.set(unit, (sender.left.get(unit) ?? 0) - amount)
    return true
  }

  /** One that is larger than a whole allowance fits when nothing of it is used up. */
  #hasRoom(session: PolicySession, unit: Unit, amount: number): boolean {
    const max = this.#limitsOf(session)?.[unit]
    if (max === undefined) return true
    const left = this.#grown(session).left.get(unit) ?? max
    this.#senders.get(keyOf(session))?.left.set(unit, left)
    return left >= Math.min(amount, max)
  }

  #grown(session: PolicySession): Sender {
    const key = keyOf(session)
    const now = this.#clock.now()
    const sender: Sender = this.#senders.get(key) ?? { left: new Map(), at: now }
    const limits: SenderLimits | undefined = this.#limitsOf(session)
    for (const [unit, left] of [...sender.left]) {
      const max = limits?.[unit] ?? 0
      sender.left.set(unit, Math.min(max, left + (max * (now - sender.at)) / HOUR_MS))
    }
    sender.at = now
    this.#senders.delete(key)
    this.#senders.set(key, sender)
    this.#forgetSome()
    return sender
  }

  /** Whoever comes in crowds, one mail from each, is not held up by this but by the bound on sessions. */
  #forgetSome(): void {
    for (const key of this.#senders.keys()) {
      if (this.#senders.size <= this.#sendersMax) return
      this.#senders.delete(key)
    }
  }

  #limitsOf(session: PolicySession): SenderLimits | undefined {
    const { perUser, perPeer } = this.#options
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
