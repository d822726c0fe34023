/**
 * The `bp` transport: a queued mail leaves as a bundle and counts as delivered when the far gateway
 * has acknowledged it, not before.
 *
 * The name of the transaction is on record before the bundle that bears it, and the node holds the
 * bundle under that name: after a crash the same transaction goes on, and the far side recognises
 * what it has taken already.
 */

import { assert } from '../base/assert.ts'
import { concat, toHex } from '../base/bytes.ts'
import { asFault, Fault } from '../base/fault.ts'
import { addMs, type WallMs } from '../base/time.ts'
import { runMachine } from '../drive/run.ts'
import type { BundleNode } from '../dtn/node.ts'
import type { Delivery, DeliveryTarget, MailStart, Outcome } from '../mail/delivery.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import { type EndpointId, formatEndpointId } from '../proto/bpv7/endpoint-id.ts'
import { type BatchRecipient, writeBatch } from '../proto/smtp/batch.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox, parseMailbox } from '../proto/smtp/path.ts'
import { type Acknowledgement, encodeMailAdu, TRANSACTION_BYTES } from './adu.ts'
import type { BridgeFaultCode } from './fault.ts'
import { OPEN_TRANSACTIONS_MAX } from './limits.ts'
import type { MailFormat } from './mail-format.ts'
import { type OpenTransaction, Outbox } from './outbox.ts'
import { type TransactionEffect, type TransactionEvent, Transactions } from './transactions.ts'

export interface BpTransportOptions {
  /** The name in the batch's EHLO. */
  readonly host: string
  readonly mailService: bigint
  /** Two one-way delays to a destination. */
  readonly roundTripMs: (destination: EndpointId) => number
  /** Transactions that may wait for their acknowledgement; default OPEN_TRANSACTIONS_MAX. */
  readonly openMax?: number
}

export interface BpTransportPorts {
  readonly node: BundleNode
  readonly store: Store
  readonly clock: Clock
  readonly entropy: Entropy
  readonly events: EventSink
}

type End = Acknowledgement | 'expired' | 'withdrawn' | 'bundle-lost'

/** A transaction that waits for its end. */
interface UnderWay {
  readonly job: Job
  readonly destination: string
  readonly open: OpenTransaction
  /** Let go once the node has it: the acknowledgement may take weeks. */
  message: Uint8Array | undefined
  readonly settle: (end: End) => void
}

interface Job {
  readonly mail: MailStart
  readonly destination: EndpointId
  readonly recipients: readonly BatchRecipient[]
  readonly expiresAt: WallMs
}

export class BpTransport implements MailFormat {
  readonly #options: BpTransportOptions
  readonly #ports: BpTransportPorts
  readonly #outbox: Outbox
  readonly #underWay = new Map<string, UnderWay>()
  readonly #time: (event: TransactionEvent) => void

  constructor(options: BpTransportOptions, ports: BpTransportPorts) {
    this.#options = options
    this.#ports = ports
    this.#outbox = new Outbox(ports.store)
    this.#time = runMachine<TransactionEvent, TransactionEffect>(
      new Transactions(),
      ports.clock,
      (effect) => this.#onTime(effect),
    )
    ports.node.onForwarded = (transaction) => this.#time({ type: 'forwarded', transaction })
    ports.node.onLost = (transaction) => this.#underWay.get(transaction)?.settle('bundle-lost')
  }

  target(destination: EndpointId): DeliveryTarget {
    return { start: (mail) => this.#start(mail, destination) }
  }

  /** Waits no longer for answers about a mail; what was sent may still arrive. */
  withdraw(queueId: string): void {
    for (const { job, settle } of this.#underWay.values()) {
      if (job.mail.queueId === queueId) settle('withdrawn')
    }
  }

  /** The changes that forget a mail, for the commit that removes it from the queue. */
  removal(queueId: string): readonly StoreChange[] {
    return this.#outbox.removal(queueId)
  }

  /** The far gateway's answer; one that nobody waits for is late or repeated. */
  acknowledged(source: EndpointId, acknowledgement: Acknowledgement): void {
    const { transaction } = acknowledgement
    const underWay = this.#underWay.get(transaction)
    const by = formatEndpointId(source)
    if (underWay === undefined || underWay.destination !== by) return
    const { queueId } = underWay.job.mail
    this.#ports.events({ type: 'transaction-acknowledged', queueId, transaction, by })
    underWay.settle(acknowledgement)
  }

  async #start(mail: MailStart, destination: EndpointId): Promise<Delivery> {
    const { openMax = OPEN_TRANSACTIONS_MAX } = this.#options
    if (this.#underWay.size >= openMax) {
      throw new Fault<BridgeFaultCode>('bridge/too-many-open', 'too many mails under way', {
        temporary: true,
        detail: { limit: openMax },
      })
    }
    const recipients: BatchRecipient[] = []
    const body: Uint8Array[] = []
    const { expiresAt } = mail
    assert(expiresAt !== undefined, 'an attempt of the queue has an end')
    return {
      addRecipient: async (recipient, parameters = {}) =>
        void recipients.push({ recipient, parameters }),
      write: async (bytes) => void body.push(bytes),
      commit: () =>
        this.#deliver({ mail, destination, recipients, expiresAt }, concat(...body.splice(0))),
      abort: async () => {},
    }
  }

  async #deliver(job: Job, message: Uint8Array): Promise<readonly Outcome[]> {
    const destination = formatEndpointId(job.destination)
    const settled = new Map<string, Outcome>()
    try {
      requireNoTls(job.mail)
      const record = this.#outbox.read(job.mail.queueId, destination)
      for (const taken of record?.taken ?? []) {
        settled.set(taken, deliveredTo(destination))
      }
      const missing = job.recipients.map(nameOf).filter((name) => !settled.has(name))
      if (missing.length > 0) {
        const open = record?.open ?? (await this.#name(job, [...settled.keys()], missing))
        const end = await this.#transact(job, open, message)
        if (end === 'bundle-lost') throw bundleLost()
        for (const [i, name] of open.recipients.entries()) {
          settled.set(name, outcomeOf(end, i, destination))
        }
        await this.#outbox.write(job.mail.queueId, destination, {
          taken: [...settled].filter(([, { type }]) => type === 'delivered').map(([name]) => name),
          open: undefined,
        })
      }
    } catch (error) {
      const fault = asFault(error)
      return job.recipients.map(() => ({ type: 'refused', fault }))
    }
    return job.recipients.map((recipient) => settled.get(nameOf(recipient)) ?? LATER)
  }

  /** Puts the name of a new transaction on record, before anything bears it. */
  async #name(
    job: Job,
    taken: readonly string[],
    recipients: readonly string[],
  ): Promise<OpenTransaction> {
    const transaction = toHex(this.#ports.entropy.bytes(TRANSACTION_BYTES))
    const open = { transaction, recipients }
    await this.#outbox.write(job.mail.queueId, formatEndpointId(job.destination), { taken, open })
    return open
  }

  async #transact(job: Job, open: OpenTransaction, message: Uint8Array): Promise<End> {
    const { node, clock } = this.#ports
    const { transaction } = open
    let settle = (_end: End): void => {}
    const ended = new Promise<End>((resolve) => {
      settle = resolve
    })
    const destination = formatEndpointId(job.destination)
    const underWay: UnderWay = { job, destination, open, message, settle }
    this.#underWay.set(transaction, underWay)
    this.#time({
      type: 'open',
      transaction,
      roundTripMs: this.#options.roundTripMs(job.destination),
      expiresAt: addMs(clock.now(), job.expiresAt - clock.wall()),
    })
    try {
      await this.#forward(underWay)
      return await ended
    } finally {
      this.#time({ type: 'close', transaction })
      this.#underWay.delete(transaction)
      await node.release(transaction)
    }
  }

  /** Has the bundle sent, again where there is one already. */
  async #forward(underWay: UnderWay): Promise<void> {
    const { node, clock, events } = this.#ports
    const { job, destination, open, message } = underWay
    const { transaction } = open
    if (node.resend(transaction)) {
      underWay.message = undefined
      return
    }
    if (message === undefined) {
      underWay.settle('bundle-lost')
      return
    }
    const known = new Map(job.recipients.map((recipient) => [nameOf(recipient), recipient]))
    const recipients = open.recipients.map(
      (name) => known.get(name) ?? { recipient: mailboxOf(name) },
    )
    const batch = writeBatch(this.#options.host, job.mail.from, recipients, message)
    const bundle = await node.send({
      sourceService: this.#options.mailService,
      destination: job.destination,
      payload: encodeMailAdu(transaction, batch),
      lifetimeMs: Math.max(1, job.expiresAt - clock.wall()),
      hold: transaction,
    })
    underWay.message = undefined
    const { queueId } = job.mail
    events({ type: 'transaction-sent', queueId, transaction, to: destination, bundle })
  }

  #onTime(effect: TransactionEffect): void {
    const { transaction } = effect
    const underWay = this.#underWay.get(transaction)
    if (underWay === undefined) return
    if (effect.type === 'expire') {
      underWay.settle('expired')
      return
    }
    const { job, destination } = underWay
    this.#ports.events({
      type: 'transaction-resent',
      queueId: job.mail.queueId,
      transaction,
      to: destination,
      attempt: effect.attempt,
    })
    this.#forward(underWay).catch((error: unknown) => {
      const reason = asFault(error).message
      this.#ports.events({ type: 'trouble', where: `transaction ${transaction}`, reason })
      // Counts as forwarded, so that the next attempt follows after a longer wait.
      this.#time({ type: 'forwarded', transaction })
    })
  }
}

/** A bundle's way is not known, nor whether TLS is on all of it. RFC 8689 §4.2.1; reports go on, §5. */
function requireNoTls({ from }: MailStart): void {
  if (!from.parameters.requireTls || from.reversePath === undefined) return
  const message = 'REQUIRETLS support required, and bundles have none'
  throw new Fault<BridgeFaultCode>('bridge/no-tls', message, { temporary: false })
}

const LATER: Outcome = {
  type: 'refused',
  fault: new Fault<BridgeFaultCode>('bridge/too-many-open', 'an earlier transaction ends first', {
    temporary: true,
  }),
}

/** The next attempt reads the message again and goes on with the same transaction. */
function bundleLost(): Fault<BridgeFaultCode> {
  return new Fault('bridge/bundle-lost', 'the bundle is no longer stored', { temporary: true })
}

/** The far gateway has the envelope with all that it says of reports. RFC 3461 §5.2.4 (a). */
function deliveredTo(destination: string): Outcome {
  return { type: 'delivered', detail: destination, reports: 'by-next-host' }
}

function outcomeOf(end: Exclude<End, 'bundle-lost'>, index: number, destination: string): Outcome {
  if (end === 'expired') {
    const text = `no answer from ${destination} in its lifetime`
    const fault = new Fault<BridgeFaultCode>('bridge/lifetime-ended', text, { temporary: false })
    return { type: 'refused', fault }
  }
  if (end === 'withdrawn') {
    const text = `no longer waiting for ${destination}`
    const fault = new Fault<BridgeFaultCode>('bridge/withdrawn', text, { temporary: true })
    return { type: 'refused', fault }
  }
  const refusal = end.refusals.find(
    ({ recipient }) => recipient === undefined || recipient === index,
  )
  if (refusal === undefined) return deliveredTo(destination)
  const { code, text } = refusal
  const fault = new Fault<BridgeFaultCode>(
    'bridge/far-side-refused',
    `${destination} said: ${code} ${text}`,
    { temporary: code < 500, detail: { code } },
  )
  return { type: 'refused', fault }
}

function nameOf({ recipient }: BatchRecipient): string {
  return formatMailbox(recipient)
}

function mailboxOf(name: string): Mailbox {
  const mailbox = parseMailbox(name)
  assert(mailbox !== undefined, `${name} was written by us`)
  return mailbox
}
