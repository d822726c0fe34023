/**
 * The mail service of a bundle node: takes mails that arrive in bundles into the queue and answers
 * each with an acknowledgement.
 *
 * A mail and the memory of its transaction are one commit. Whatever happens to the acknowledgement,
 * the next copy of the mail finds that memory and is only acknowledged.
 */

import { fromLatin1 } from '../base/bytes.ts'
import { asFault, Fault } from '../base/fault.ts'
import type { BundleNode, ReceivedAdu } from '../dtn/node.ts'
import { type Accounts, onlyFirst } from '../mail/accounts.ts'
import { headerText } from '../mail/policy/policy.ts'
import type { MailQueue } from '../mail/queue.ts'
import { newQueueId } from '../mail/queue-id.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import { type EndpointId, formatEndpointId } from '../proto/bpv7/endpoint-id.ts'
import { formatReceived } from '../proto/message/trace.ts'
import { formatMailbox, formatPath } from '../proto/smtp/path.ts'
import type { Reply } from '../proto/smtp/reply.ts'
import { decodeAdu, encodeAcknowledgement, type Refusal } from './adu.ts'
import { type ArrivedBatch, type BatchContext, type Judgement, judgeBatch } from './batch-judge.ts'
import { type BatchMail, readBatch } from './batch-reader.ts'
import type { BpTransport } from './bp-transport.ts'
import type { BridgeFaultCode } from './fault.ts'
import { LIFETIME_MAX_MS, PEER_LENGTH_MAX } from './limits.ts'
import { Taken } from './taken.ts'

export interface GatewayOptions {
  readonly host: string
  readonly mailService: bigint
  readonly messageBytesMax: number
  /** Whether a peer can be answered at all: mail of others is not taken. */
  readonly reaches: (peer: EndpointId) => boolean
}

export interface GatewayPorts extends BatchContext {
  readonly node: BundleNode
  readonly queue: MailQueue
  readonly transport: BpTransport
  readonly accounts: Accounts
  readonly store: Store
  readonly clock: Clock
  readonly entropy: Entropy
  readonly events: EventSink
}

export class Gateway {
  readonly #options: GatewayOptions
  readonly #ports: GatewayPorts
  readonly #taken: Taken
  /** Transactions being taken at this moment; a second copy waits for the first. */
  readonly #inProgress = new Map<string, Promise<readonly Refusal[]>>()

  constructor(options: GatewayOptions, ports: GatewayPorts) {
    this.#options = options
    this.#ports = ports
    this.#taken = new Taken(ports.store, ports.clock)
  }

  /** Takes the node's mail service over; call before the node starts. */
  register(): void {
    // What comes again is acknowledged again.
    this.#ports.node.register(this.#options.mailService, (adu) => this.#receive(adu), {
      takesRepeats: true,
    })
  }

  /** Rejects with a Fault: temporary where the bundle has to wait, permanent where it is useless. */
  async #receive(received: ReceivedAdu): Promise<void> {
    const from = formatEndpointId(received.source)
    if (from.length > PEER_LENGTH_MAX || !this.#options.reaches(received.source)) {
      const text = `mail from ${from.slice(0, PEER_LENGTH_MAX)}, to which no plan leads`
      throw new Fault<BridgeFaultCode>('bridge/unknown-peer', text, { temporary: false })
    }
    const decoded = decodeAdu(received.payload)
    if (!decoded.ok) throw decoded.fault
    const adu = decoded.value
    if (adu.type === 'acknowledgement') {
      this.#ports.transport.acknowledged(received.source, adu)
      return
    }
    const refusals = await this.#takeOnce(received, adu.transaction, adu.batch)
    await this.#acknowledge(received, adu.transaction, refusals)
  }

  async #takeOnce(
    received: ReceivedAdu,
    transaction: string,
    batch: Uint8Array,
  ): Promise<readonly Refusal[]> {
    const from = formatEndpointId(received.source)
    const key = `${from}/${transaction}`
    const known = this.#inProgress.get(key) ?? this.#taken.find(from, transaction)
    if (known !== undefined) {
      this.#ports.events({ type: 'transaction-duplicate', transaction, from })
      return known
    }
    const taking = this.#take(received, transaction, batch)
    this.#inProgress.set(key, taking)
    try {
      return await taking
    } finally {
      this.#inProgress.delete(key)
    }
  }

  async #take(
    received: ReceivedAdu,
    transaction: string,
    batch: Uint8Array,
  ): Promise<readonly Refusal[]> {
    const { host, messageBytesMax } = this.#options
    const from = formatEndpointId(received.source)
    const read = readBatch(batch, host, messageBytesMax)
    if (!read.ok) return [refusalOf(read.reply, undefined)]
    const queueId = newQueueId(this.#ports.clock, this.#ports.entropy)
    const trace = fromLatin1(this.#traceOf(read.mail, queueId))
    const arrived = { id: transaction, queueId, from, mail: read.mail, trace }
    const { refused, headers } = await judgeBatch(arrived, this.#ports)
    const refusals = [...refused].map(([i, reply]) => refusalOf(reply, i))
    // Where nobody is accepted there is nothing that could be doubled, so nothing to remember.
    if (refusals.length === read.mail.recipients.length) return refusals
    const changes = this.#taken.remember(from, transaction, refusals, received.expiresAt)
    try {
      await this.#accept(arrived, refused, headerText(headers), changes)
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
      by: this.#options.host,
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
    const delivery = await queue.start({ queueId, from: mail.from }, () => alongside)
    try {
      for (const { recipient, parameters } of recipients) {
        await delivery.addRecipient(recipient, parameters)
      }
      for (const piece of [header, trace, ...mail.body]) await delivery.write(piece)
      const [outcome] = await delivery.commit()
      if (outcome?.type === 'refused') throw outcome.fault
    } catch (error) {
      await delivery.abort()
      throw asFault(error)
    }
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
    })
  }

  async #acknowledge(
    received: ReceivedAdu,
    transaction: string,
    refusals: readonly Refusal[],
  ): Promise<void> {
    const { node, clock, events } = this.#ports
    try {
      await node.send({
        sourceService: this.#options.mailService,
        destination: received.source,
        payload: encodeAcknowledgement({ transaction, refusals }),
        lifetimeMs: Math.min(Math.max(1, received.expiresAt - clock.wall()), LIFETIME_MAX_MS),
      })
    } catch (error) {
      // The sender asks again, and is answered then.
      const reason = asFault(error).message
      events({ type: 'trouble', where: `acknowledgement of ${transaction}`, reason })
    }
  }
}

function refusalOf(reply: Reply, recipient: number | undefined): Refusal {
  const enhanced = reply.enhanced === undefined ? '' : `${reply.enhanced} `
  return { recipient, code: reply.code, text: `${enhanced}${reply.lines.join(' ')}` }
}
