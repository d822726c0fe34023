/**
 * Takes the mails that come by bpmail, one after the other for each topic: an item is let go when its
 * mail is in the queue. Nobody at the far end hears of a refusal, so it is reported to the sender.
 */

import { asFault } from '../base/fault.ts'
import { addMs } from '../base/time.ts'
import type { DtpcDelivery, DtpcService } from '../dtn/dtpc/service.ts'
import type { MailQueue } from '../mail/queue.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { Packing } from '../ports/packing.ts'
import { parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import type { Refusal } from './adu.ts'
import { type BatchMail, readBatch } from './batch-reader.ts'
import type { BpmailPeer } from './bpmail-format.ts'
import { isBatch, readBpmail } from './bpmail-message.ts'
import { BPMAIL_AGAIN_MS, REMEMBER_BPMAIL_MS } from './limits.ts'
import type { MailTaking } from './mail-taking.ts'
import { reportRefusals } from './refusal-report.ts'

export interface BpmailGatewayOptions {
  readonly host: string
  readonly peers: readonly BpmailPeer[]
  readonly messageBytesMax: number
  /** Whether mail for it is for this host to see to. */
  readonly isOurs: (recipient: Mailbox) => boolean
}

export interface BpmailGatewayPorts {
  readonly dtpc: DtpcService
  readonly taking: MailTaking
  readonly queue: MailQueue
  readonly packing: Packing
  readonly clock: Clock
  readonly entropy: Entropy
  readonly events: EventSink
}

export class BpmailGateway {
  readonly #options: BpmailGatewayOptions
  readonly #ports: BpmailGatewayPorts
  #topics: readonly { close(): void }[] = []
  #isStopped = false
  /** What is being taken at this moment. */
  readonly #underWay = new Set<Promise<void>>()

  constructor(options: BpmailGatewayOptions, ports: BpmailGatewayPorts) {
    this.#options = options
    this.#ports = ports
  }

  /** When the queue is open. */
  start(): void {
    const topics = new Set(this.#options.peers.flatMap(({ receiveTopic }) => receiveTopic ?? []))
    this.#topics = [...topics].map((topic) =>
      this.#ports.dtpc.open(topic, (delivery) => this.#receive(delivery)),
    )
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    for (const topic of this.#topics) topic.close()
    await Promise.all(this.#underWay)
  }

  #receive(delivery: DtpcDelivery): void {
    const taking = this.#take(delivery).catch((error: unknown) => {
      const { message } = asFault(error)
      this.#trouble(delivery, message)
      const { clock } = this.#ports
      if (this.#isStopped) return
      clock.at(addMs(clock.now(), BPMAIL_AGAIN_MS), () => {
        if (!this.#isStopped) this.#receive(delivery)
      })
    })
    this.#underWay.add(taking)
    void taking.finally(() => this.#underWay.delete(taking))
  }

  /** Rejects with a Fault where it has to be tried again. */
  async #take(delivery: DtpcDelivery): Promise<void> {
    const { item } = delivery
    const mail = await this.#read(delivery)
    if (mail !== undefined) {
      const refusals = await this.#ports.taking.take({
        from: item.source,
        transaction: `dtpc-${item.number}`,
        expiresAt: addMs(this.#ports.clock.wall(), REMEMBER_BPMAIL_MS),
        mail,
      })
      if (refusals.length > 0 && (await this.#report(delivery, mail, refusals))) return
    }
    await delivery.take()
  }

  /** Undefined where nothing can be done about it, which is told. */
  async #read(delivery: DtpcDelivery): Promise<BatchMail | undefined> {
    const { source, topic, bytes } = delivery.item
    const sender = parseEndpointId(source)
    const peer = this.#options.peers.find(
      ({ receiveTopic, destination }) =>
        receiveTopic === topic &&
        destination.scheme === 'ipn' &&
        sender?.scheme === 'ipn' &&
        destination.node === sender.node,
    )
    if (peer === undefined) return this.#drop(delivery, 'no peer sends to this topic from there')
    const { host, messageBytesMax, isOurs } = this.#options
    let message: Uint8Array
    try {
      message = await this.#ports.packing.unpack(bytes, {
        format: 'zlib',
        bytesMax: messageBytesMax,
      })
    } catch (error) {
      return this.#drop(delivery, asFault(error).message)
    }
    if (!isBatch(message)) {
      return readBpmail(message, isOurs) ?? this.#drop(delivery, 'no message to anybody here')
    }
    const batch = readBatch(message, host, messageBytesMax)
    return batch.ok ? batch.mail : this.#drop(delivery, batch.reply.lines.join(' '))
  }

  /** Whether a report was made, and the item forgotten with it. */
  async #report(
    delivery: DtpcDelivery,
    mail: BatchMail,
    refusals: readonly Refusal[],
  ): Promise<boolean> {
    const { host } = this.#options
    const about = { id: `dtpc-${delivery.item.number}`, mail, refusals }
    try {
      if (!(await reportRefusals(host, about, this.#ports, [delivery.removal]))) return false
    } catch (error) {
      const { message, temporary } = asFault(error)
      if (temporary) throw error
      this.#trouble(delivery, `no report to the sender: ${message}`)
      return false
    }
    delivery.taken()
    return true
  }

  #drop(delivery: DtpcDelivery, reason: string): undefined {
    this.#trouble(delivery, `${reason}; it is let go`)
  }

  #trouble({ item: { source, topic } }: DtpcDelivery, reason: string): void {
    this.#ports.events({ type: 'trouble', where: `bpmail of ${source}, topic ${topic}`, reason })
  }
}
