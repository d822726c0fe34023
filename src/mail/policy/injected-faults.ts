/** Faults on purpose, for who tests what a mail program does then. */

import { addMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import type { EventSink } from '../../ports/events.ts'
import type { Mailbox, ReversePath } from '../../proto/smtp/envelope.ts'
import type { FaultPoint } from '../../proto/smtp/fault-point.ts'
import { INJECTED_FAULTS_MAX } from '../../proto/smtp/limits.ts'
import { formatMailbox } from '../../proto/smtp/path.ts'
import type { Reply } from '../../proto/smtp/reply.ts'
import {
  ACCEPT,
  type Asked,
  type Policy,
  type PolicyAnswer,
  type PolicyMail,
  type PolicySession,
} from './policy.ts'

/** "Answer 451 to the second RCPT for x@y." */
export interface InjectedFault {
  readonly at: FaultPoint
  /** Whose mail; `*` stands for any characters, `<>` for the null reverse-path. Default: anyone's. */
  readonly sender?: string
  /** For whom: with RCPT the one named, after it one of those taken. Default: anyone. */
  readonly recipient?: string
  /** Of those that it fits, counted from 1: only these. Default: each. */
  readonly from?: number
  readonly until?: number
  /** Default: no other answer, only a late one. */
  readonly reply?: Reply
  /** Before the answer. */
  readonly delayMs?: number
}

/** One that is in force, for whoever looks at them. */
export interface InjectedFaultView extends InjectedFault {
  /** Its number, by which it is removed. */
  readonly id: number
  /** How often it has fitted. */
  readonly count: number
}

interface Rule {
  readonly id: number
  readonly fault: InjectedFault
  readonly sender: RegExp
  readonly recipient: RegExp
  count: number
}

export class InjectedFaults implements Policy {
  readonly name: string = 'injected faults'
  readonly #clock: Clock
  readonly #events: EventSink
  /** One for each session that waits. */
  readonly #endDelays = new Set<() => void>()
  #rules: readonly Rule[] = []
  #lastId = 0

  constructor(clock: Clock, events: EventSink) {
    this.#clock = clock
    this.#events = events
  }

  get all(): readonly InjectedFaultView[] {
    return this.#rules.map(({ id, fault, count }) => ({ id, ...fault, count }))
  }

  /** From now on these, counted anew; none turns it off. Throws a RangeError for more than the bound. */
  replace(faults: readonly InjectedFault[]): void {
    this.#set(faults.map((fault) => this.#ruleOf(fault)))
  }

  /** One more; its number. Throws a RangeError beyond the bound. */
  add(fault: InjectedFault): number {
    const rule = this.#ruleOf(fault)
    this.#set([...this.#rules, rule])
    return rule.id
  }

  /** False where there is none of this number. */
  remove(id: number): boolean {
    const left = this.#rules.filter((rule) => rule.id !== id)
    if (left.length === this.#rules.length) return false
    this.#set(left)
    return true
  }

  #set(rules: readonly Rule[]): void {
    if (rules.length > INJECTED_FAULTS_MAX) {
      throw new RangeError(`${rules.length} faults: at most ${INJECTED_FAULTS_MAX} would be right`)
    }
    const wasOn = this.#rules.length > 0
    this.#rules = rules
    if (rules.length > 0)
      this.#tell(`ON, ${rules.length} in all: mail is refused and delayed on purpose`)
    else if (wasOn) this.#tell('off')
  }

  #ruleOf(fault: InjectedFault): Rule {
    return {
      id: ++this.#lastId,
      fault,
      sender: pattern(fault.sender ?? '*'),
      recipient: pattern(fault.recipient ?? '*'),
      count: 0,
    }
  }

  helo(session: PolicySession): Asked {
    return this.#answer('EHLO', session, undefined, [])
  }

  mail(session: PolicySession, mail: PolicyMail): Asked {
    return this.#answer('MAIL', session, mail, [])
  }

  recipient(session: PolicySession, mail: PolicyMail, recipient: Mailbox): Asked {
    return this.#answer('RCPT', session, mail, [recipient])
  }

  data(session: PolicySession, mail: PolicyMail): Asked {
    return this.#answer('DATA', session, mail, mail.recipients)
  }

  endOfData(session: PolicySession, mail: PolicyMail): Asked {
    return this.#answer('end-of-data', session, mail, mail.recipients)
  }

  #answer(
    at: InjectedFault['at'],
    session: PolicySession,
    mail: PolicyMail | undefined,
    recipients: readonly Mailbox[],
  ): Asked {
    if (this.#rules.length === 0) return undefined
    return this.#answerByRules(at, session, mail, recipients)
  }

  async #answerByRules(
    at: InjectedFault['at'],
    session: PolicySession,
    mail: PolicyMail | undefined,
    recipients: readonly Mailbox[],
  ): Promise<PolicyAnswer> {
    // Every one that fits counts, also where an earlier one answers.
    const now = this.#rules.filter((rule) => fits(rule, at, mail, recipients) && isTurn(rule))
    for (const { fault } of now) {
      const what = fault.reply === undefined ? 'delay' : `${fault.reply.code}`
      this.#tell(`${what} at ${at} of session ${session.id}`)
      if (fault.delayMs !== undefined) await this.#pass(fault.delayMs)
    }
    const reply = now.find(({ fault }) => fault.reply !== undefined)?.fault.reply
    if (reply === undefined) return ACCEPT
    return { type: reply.code >= 500 ? 'reject' : 'defer', reply }
  }

  /** Nobody waits any more. */
  stop(): void {
    this.replace([])
    for (const end of [...this.#endDelays]) end()
  }

  #pass(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        this.#endDelays.delete(end)
        resolve()
      }
      const cancel = this.#clock.at(addMs(this.#clock.now(), durationMs), end)
      this.#endDelays.add(end)
    })
  }

  #tell(reason: string): void {
    this.#events({ type: 'trouble', where: 'fault injection', reason })
  }
}

function fits(
  { fault, sender, recipient }: Rule,
  at: InjectedFault['at'],
  mail: PolicyMail | undefined,
  recipients: readonly Mailbox[],
): boolean {
  if (fault.at !== at) return false
  if (mail !== undefined && !sender.test(nameOf(mail.from.reversePath))) return false
  if (fault.recipient === undefined) return true
  return recipients.some((mailbox) => recipient.test(nameOf(mailbox)))
}

function isTurn(rule: Rule): boolean {
  const { from = 1, until = Number.POSITIVE_INFINITY } = rule.fault
  rule.count++
  return from <= rule.count && rule.count <= until
}

function nameOf(path: ReversePath): string {
  return path === undefined ? '<>' : formatMailbox(path)
}

/** No backtracking worth a thought: the text is one address. */
function pattern(text: string): RegExp {
  const parts = text.split(/\*+/).map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 'is')
}
