/**
 * Mails that wait for their end: until when an answer is waited for, when a mail is late, and what the far
 * gateway is asked when an answer that should be here is not.
 */

import { asFault } from '../base/fault.ts'
import { addMs, type MonoMs, type WallMs } from '../base/time.ts'
import { Alarms } from '../mail/alarms.ts'
import type { MailStart } from '../mail/delivery.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import type { BatchRecipient } from '../proto/smtp/batch.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { type Acknowledgement, encodeQuestion } from './adu.ts'
import type { Carrier } from './carrier.ts'
import {
  ACKNOWLEDGEMENT_WAIT_MS_MAX,
  ANSWER_GRACE_MS_MAX,
  OBJECT_MAILS_MAX,
  QUESTIONS_MAX,
} from './limits.ts'
import { lifetimeEnded, type MailEnd } from './mail-outcome.ts'

export interface MailUnderWay {
  /** One for each mail and destination. */
  readonly id: string
  readonly queueId: string
  readonly mail: MailStart
  readonly carrier: Carrier
  readonly taken: readonly string[]
  readonly recipients: readonly BatchRecipient[]
  readonly startedAt: WallMs
  readonly expiresAt: WallMs
  /** Empty until it is in an object for the first time. */
  transaction: string
  /** Let go once the node has it: the acknowledgement may take weeks. */
  message: Uint8Array | undefined
  /** By what the plan said when it left for the first time. */
  lateAt: WallMs | undefined
  /** How often the far side was asked after it. */
  questions: number
  readonly settle: (end: MailEnd) => void
}

export interface MailsUnderWayPorts {
  readonly clock: Clock
  readonly events: EventSink
  /** The plan said that it would be there by now, and it was not acknowledged. */
  readonly onLate: (queueId: string) => void
}

export class MailsUnderWay {
  readonly #ports: MailsUnderWayPorts
  readonly #byId = new Map<string, MailUnderWay>()
  readonly #byTransaction = new Map<string, MailUnderWay>()
  readonly #expiries: Alarms
  /** Of those that a plan says something of. */
  readonly #lateness: Alarms
  readonly #questions: Acknowledgements<Carrier>

  constructor(ports: MailsUnderWayPorts) {
    this.#ports = ports
    const { clock } = ports
    this.#expiries = new Alarms(clock, (id) => {
      const mail = this.#byId.get(id)
      if (mail !== undefined) this.#onSilence(mail)
    })
    this.#lateness = new Alarms(clock, (id) => {
      const mail = this.#byId.get(id)
      if (mail !== undefined) ports.onLate(mail.queueId)
    })
    this.#questions = new Acknowledgements({
      clock,
      waitMs: () => ACKNOWLEDGEMENT_WAIT_MS_MAX,
      answersMax: OBJECT_MAILS_MAX,
      send: (...question) => void this.#ask(...question),
    })
  }

  get size(): number {
    return this.#byId.size
  }

  find(id: string): MailUnderWay | undefined {
    return this.#byId.get(id)
  }

  /** Whether it still waits; another attempt with the same mail is another. */
  has(mail: MailUnderWay): boolean {
    return this.#byId.get(mail.id) === mail
  }

  withTransaction(name: string): MailUnderWay | undefined {
    return this.#byTransaction.get(name)
  }

  /** To each of its destinations. */
  ofQueueId(queueId: string): readonly MailUnderWay[] {
    return [...this.#byId.values()].filter((mail) => mail.queueId === queueId)
  }

  /** Of this id there is none yet. */
  add(mail: MailUnderWay): void {
    const { id, carrier, transaction, expiresAt } = mail
    this.#byId.set(id, mail)
    this.#expiries.set(id, this.#mono(lastAnswerAt(carrier, expiresAt)))
    this.#watch(mail)
    if (transaction !== '') this.#byTransaction.set(transaction, mail)
  }

  remove({ id, transaction }: MailUnderWay): void {
    this.#byId.delete(id)
    this.#byTransaction.delete(transaction)
    this.#expiries.clear(id)
    this.#lateness.clear(id)
  }

  /** What the far gateway will answer for it by; nothing where it waits no longer. */
  name(mail: MailUnderWay, transaction: string): void {
    if (!this.has(mail)) return
    mail.transaction = transaction
    this.#byTransaction.set(transaction, mail)
  }

  /** What was said when it left for the first time stays. */
  expect(mail: MailUnderWay, lateAt: WallMs | undefined): void {
    mail.lateAt ??= lateAt
    this.#watch(mail)
  }

  #watch({ id, lateAt }: MailUnderWay): void {
    if (lateAt !== undefined) this.#lateness.set(id, this.#mono(lateAt))
  }

  /** The answer to what was sent should be here: it may be what was lost, and the mail there. */
  #onSilence(mail: MailUnderWay): void {
    const { id, carrier, transaction, expiresAt } = mail
    const wall = this.#ports.clock.wall()
    const graceEnd = addMs(expiresAt, ANSWER_GRACE_MS_MAX)
    if (transaction === '' || mail.questions >= QUESTIONS_MAX || wall >= graceEnd) {
      mail.settle(lifetimeEnded(carrier.to))
      return
    }
    mail.questions++
    this.#questions.add(carrier, [{ transaction, refusals: [] }], graceEnd)
    const leavesAt = carrier.opensAt(addMs(wall, ACKNOWLEDGEMENT_WAIT_MS_MAX))
    this.#expiries.set(id, this.#mono(earlier(carrier.answerAt(leavesAt) ?? graceEnd, graceEnd)))
  }

  async #ask(
    carrier: Carrier,
    about: readonly Acknowledgement[],
    expiresAt: WallMs,
  ): Promise<void> {
    try {
      const payload = encodeQuestion(about.map(({ transaction }) => transaction))
      await carrier.send({ payload, expiresAt })
    } catch (error) {
      const reason = asFault(error).message
      this.#ports.events({ type: 'trouble', where: `question after ${about.length} mails`, reason })
    }
  }

  #mono(wall: WallMs): MonoMs {
    const { clock } = this.#ports
    return addMs(clock.now(), wall - clock.wall())
  }
}

/** When the answer to what arrived at the last moment would be here; where nobody knows it is asked for. */
function lastAnswerAt(carrier: Carrier, expiresAt: WallMs): WallMs {
  const graceEnd = addMs(expiresAt, ANSWER_GRACE_MS_MAX)
  return earlier(carrier.answerAt(expiresAt) ?? expiresAt, graceEnd)
}

function earlier(a: WallMs, b: WallMs): WallMs {
  return a < b ? a : b
}
