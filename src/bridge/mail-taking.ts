/**
 * Takes mails that came in bundles into the queue, each once: a mail and the memory of its
 * transaction are one commit. Whatever becomes of the answer, the next copy finds that memory.
 */

import { fromLatin1 } from '../base/bytes.ts'
import { asFault } from '../base/fault.ts'
import type { WallMs } from '../base/time.ts'
import { type Accounts, onlyFirst } from '../mail/accounts.ts'
import { headerText } from '../mail/policy/policy.ts'
import type { MailQueue } from '../mail/queue.ts'
import { newQueueId } from '../mail/queue-id.ts'
import type { WholeMail } from '../mail/written-mail.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import { formatReceived } from '../proto/message/trace.ts'
import { formatMailbox, formatPath } from '../proto/smtp/path.ts'
import type { Reply } from '../proto/smtp/reply.ts'
import type { Acknowledgement, Refusal } from './adu.ts'
import {
  type ArrivedBatch,
  type BatchContext,
  type Judgement,
  judgeBatch,
  readHeader,
} from './batch-judge.ts'
import type { BatchMail } from './batch-reader.ts'
import { Taken } from './taken.ts'

export interface MailTakingPorts extends BatchContext {
  readonly queue: MailQueue
  readonly accounts: Accounts
  readonly store: Store
  readonly clock: Clock
  readonly entropy: Entropy
  readonly events: EventSink
}

/** A mail as a peer offers it. */
export interface OfferedMail {
  /** The far gateway: at most PEER_LENGTH_MAX characters. */
  readonly from: string
  /** The peer's name for it, the same for each copy. */
  readonly transaction: string
  /** Until when a copy may come. */
  readonly expiresAt: WallMs
  readonly mail: BatchMail
}

export class MailTaking {
  readonly #host: string
  readonly #ports: MailTakingPorts
  readonly #taken: Taken
  /** Transactions being taken at this moment; a second copy waits for the first. */
  readonly #inProgress = new Map<string, Promise<readonly Refusal[]>>()

  /** `host` as it calls itself in `Received`. */
  constructor(host: string, ports: MailTakingPorts) {
    this.#host = host
    this.#ports = ports
    this.#taken = new Taken(ports.store, ports.clock)
  }

  /**
   * Resolves, once it is durable, with what was refused, now or when its first copy was taken. Rejects
   * with a temporary Fault where it has to come again.
   */
  async take(offered: OfferedMail): Promise<readonly Refusal[]> {
    const { from, transaction } = offered
    const key = `${from}/${transaction}`
    const known = this.#inProgress.get(key) ?? this.#taken.find(from, transaction)
    if (known !== undefined) {
      this.#ports.events({ type: 'transaction-duplicate', transaction, from })
      return known
    }
    const taking = this.#takeNew(offered)
    this.#inProgress.set(key, taking)
    try {
      return await taking
    } finally {
      this.#inProgress.delete(key)
    }
  }

  /** What was said of those that were taken; the others are left out. */
  async recall(from: string, transactions: readonly string[]): Promise<readonly Acknowledgement[]> {
    const answers: Acknowledgement[] = []
    for (const transaction of transactions) {
      const taking = this.#inProgress.get(`${from}/${transaction}`)?.catch(() => undefined)
      const refusals = (await taking) ?? this.#taken.find(from, transaction)
      if (refusals !== undefined) answers.push({ transaction, refusals })
    }
    return answers
  }

  /** Has `work` done once: it commits the changes that it is given with its own, or says that it did not. */
  async once(
    { from, transaction, expiresAt }: Omit<OfferedMail, 'mail'>,
    work: (changes: readonly StoreChange[]) => Promise<boolean>,
  ): Promise<void> {
    if (this.#taken.find(from, transaction) !== undefined) return
    const changes = this.#taken.remember(from, transaction, [], expiresAt)
    let isDone = false
    try {
      isDone = await work(changes)
    } finally {
      this.#taken.ended(changes, isDone ? 'committed' : 'failed')
    }
  }

  async #takeNew({ from, transaction, mail, expiresAt }: OfferedMail): Promise<readonly Refusal[]> {
    const queueId = newQueueId(this.#ports.clock, this.#ports.entropy)
    const trace = fromLatin1(this.#traceOf(mail, queueId))
    const arrived = { id: transaction, queueId, from, mail, trace }
    const { refused, headers, body } = await judgeBatch(arrived, this.#ports)
    const refusals = [...refused].map(([i, reply]) => refusalOf(reply, i))
    // Where nobody is accepted there is nothing that could be doubled, so nothing to remember.
    if (refusals.length === mail.recipients.length) return refusals
    const changes = this.#taken.remember(from, transaction, refusals, expiresAt)
    try {
      const passed = { ...arrived, mail: { ...mail, body } }
      await this.#accept(passed, refused, headerText(headers), changes)
    } catch (error) {
      this.#taken.ended(changes, 'failed')
      throw error
    }
    this.#taken.ended(changes, 'committed')
    return refusals
  }

  #traceOf({ helo, recipients: [first, second] }: BatchMail, id: string): string {
    const only = first === undefined || second !== undefined ? undefined : first.recipient
    return formatReceived({
      helo: helo === '' ? undefined : helo,
      peer: undefined,
      by: this.#host,
      protocol: 'BSMTP',
      id,
      recipient: only && formatMailbox(only),
      date: this.#ports.clock.wall(),
    })
  }

  async #accept(
    { id: transaction, queueId, from, mail, trace }: ArrivedBatch,
    refused: Judgement['refused'],
    header: Uint8Array,
    alongside: readonly StoreChange[],
  ): Promise<void> {
    const { queue, events } = this.#ports
    const isFirst = onlyFirst(this.#ports.accounts)
    const recipients = mail.recipients.filter(
      ({ recipient }, i) => !refused.has(i) && isFirst(recipient),
    )
    const start = { queueId, from: mail.from }
    const addressees = recipients.map(({ recipient, parameters = {} }) => ({
      recipient,
      parameters,
    }))
    const message = [header, trace, ...mail.body]
    const whole = { start, recipients: addressees, message, alongside }
    if (!(await queue.acceptHere(whole))) await this.#acceptQueued(whole)
    const messageId = readHeader(mail.body).fields.find(({ name }) => name === 'message-id')?.value
    events({
      type: 'transaction-taken',
      transaction,
      from,
      queueId,
    })
    events({
      type: 'mail-accepted',
      queueId,
      via: from,
      from: formatPath(mail.from.reversePath),
      recipients: recipients.map(({ recipient }) => formatMailbox(recipient)),
      sizeBytes: mail.body.reduce((sum, piece) => sum + piece.length, 0),
      ...(messageId !== undefined && { messageId }),
    })
  }

  async #acceptQueued({ start, recipients, message, alongside }: WholeMail): Promise<void> {
    const delivery = await this.#ports.queue.start(start, () => alongside)
    try {
      for (const { recipient, parameters } of recipients) {
        await delivery.addRecipient(recipient, parameters)
      }
      for (const piece of message) await delivery.write(piece)
      const [outcome] = await delivery.commit()
      if (outcome?.type === 'refused') throw outcome.fault
    } catch (error) {
      await delivery.abort()
      throw asFault(error)
    }
  }
}

/** What a reply is to the peer; `recipient` undefined for all of them. */
export function refusalOf(reply: Reply, recipient: number | undefined): Refusal {
  const enhanced = reply.enhanced === undefined ? '' : `${reply.enhanced} `
  return { recipient, code: reply.code, text: `${enhanced}${reply.lines.join(' ')}` }
}
