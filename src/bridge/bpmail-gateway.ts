/**
 * Takes the mails that come by bpmail, one after the other for each topic: an item is let go when its
 * mail is in the queue. One that a policy puts off steps aside for those behind it. Nobody at the far
 * end hears of a refusal, so it is reported to the sender, where it is his (`report-policy.ts`).
 */

import { asFault, type Fault } from '../base/fault.ts'
import { formatDuration } from '../base/quantity.ts'
import { addMs } from '../base/time.ts'
import type { DtpcDelivery, DtpcService } from '../dtn/dtpc/service.ts'
import type { Packing } from '../ports/packing.ts'
import { parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import type { Reply } from '../proto/smtp/reply.ts'
import type { Refusal } from './adu.ts'
import { type BatchMail, readMails } from './batch-reader.ts'
import type { BpmailPeer } from './bpmail-format.ts'
import { isBatch, readBpmail } from './bpmail-message.ts'
import type { BridgeFaultCode } from './fault.ts'
import { BPMAIL_AGAIN_MAX_MS, BPMAIL_AGAIN_MS, REMEMBER_BPMAIL_MS } from './limits.ts'
import { type MailTaking, refusalOf } from './mail-taking.ts'
import { type ReportPorts, reportRefusals } from './refusal-report.ts'

export interface BpmailGatewayOptions {
  readonly host: string
  readonly peers: readonly BpmailPeer[]
  readonly messageBytesMax: number
  /** Whether mail for it is for this host to see to. */
  readonly isOurs: (recipient: Mailbox) => boolean
  /** A mail that was put off for so long since it came is refused. */
  readonly giveUpAfterMs: number
}

export interface BpmailGatewayPorts extends ReportPorts {
  readonly dtpc: DtpcService
  readonly taking: MailTaking
  readonly packing: Packing
}

/** What an item brings. */
interface ItemMail {
  readonly mail: BatchMail
  /** What its sender hears of a message that is no mail, such as one with a bare LF. */
  readonly rejected: Reply | undefined
}

export class BpmailGateway {
  readonly #options: BpmailGatewayOptions
  readonly #ports: BpmailGatewayPorts
  #topics: readonly { close(): void }[] = []
  #isStopped = false
  /** What is being taken at this moment. */
  readonly #underWay = new Set<Promise<void>>()
  /** By an item's number: how often it was put off. */
  readonly #deferrals = new Map<number, number>()

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
    const { number } = delivery.item
    const taking = this.#take(delivery).then(
      () => void this.#deferrals.delete(number),
      (error: unknown) => this.#defer(delivery, asFault(error)),
    )
    this.#underWay.add(taking)
    void taking.finally(() => this.#underWay.delete(taking))
  }

  /** What a policy says is about this mail alone; anything else, a full disk, gives no other a better chance at once. */
  #defer(delivery: DtpcDelivery, fault: Fault): void {
    this.#trouble(delivery, fault.message)
    if (this.#isStopped) return
    const { clock } = this.#ports
    const { number } = delivery.item
    const times = this.#deferrals.get(number) ?? 0
    this.#deferrals.set(number, times + 1)
    const waitMs = Math.min(BPMAIL_AGAIN_MS * 2 ** times, BPMAIL_AGAIN_MAX_MS)
    if (isNotNow(fault)) clock.at(addMs(clock.now(), waitMs), delivery.postpone())
    else clock.at(addMs(clock.now(), BPMAIL_AGAIN_MS), () => delivery.postpone()())
  }

  /** Rejects with a Fault where it has to be tried again. */
  async #take(delivery: DtpcDelivery): Promise<void> {
    const read = await this.#read(delivery)
    if (read !== undefined) {
      const { mail, rejected } = read
      const refusals =
        rejected === undefined
          ? await this.#offer(delivery, mail)
          : [refusalOf(rejected, undefined)]
      if (refusals.length > 0 && (await this.#report(delivery, mail, refusals))) return
    }
    await delivery.take()
  }

  /** What was refused: all of a mail that was put off for as long as a queue would try. */
  async #offer({ item }: DtpcDelivery, mail: BatchMail): Promise<readonly Refusal[]> {
    const { taking, clock } = this.#ports
    const { giveUpAfterMs } = this.#options
    const wall = clock.wall()
    try {
      return await taking.take({
        from: item.source,
        transaction: `dtpc-${item.number}`,
        expiresAt: addMs(wall, REMEMBER_BPMAIL_MS),
        mail,
      })
    } catch (error) {
      const fault = asFault(error)
      const { arrivedAt = wall } = item
      if (!isNotNow(fault) || wall < addMs(arrivedAt, giveUpAfterMs)) throw fault
      const text = `5.4.7 put off for ${formatDuration(giveUpAfterMs)}: ${fault.message}`
      return [{ recipient: undefined, code: 554, text }]
    }
  }

  /** Undefined where nothing can be done about it, which is told. */
  async #read(delivery: DtpcDelivery): Promise<ItemMail | undefined> {
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
    const { messageBytesMax, isOurs } = this.#options
    let message: Uint8Array
    try {
      message = await this.#ports.packing.unpack(bytes, {
        format: 'zlib',
        bytesMax: messageBytesMax,
      })
    } catch (error) {
      return this.#drop(delivery, asFault(error).message)
    }
    if (isBatch(message)) return this.#readBatch(delivery, message)
    const mail = readBpmail(message, isOurs)
    if (mail === undefined) return this.#drop(delivery, 'no message to anybody here')
    return { mail, rejected: undefined }
  }

  #readBatch(delivery: DtpcDelivery, batch: Uint8Array): ItemMail | undefined {
    const { host, messageBytesMax } = this.#options
    const passedOver: string[] = []
    const { mails, rejected, refused } = readMails(batch, {
      host,
      messageBytesMax,
      mailsMax: 1,
      passOver: ({ lines }) => passedOver.push(lines.join(' ')),
    })
    const [mail] = mails
    const reason = refused?.lines.join(' ') ?? 'no mail in it'
    if (mail === undefined) return this.#drop(delivery, reason)
    if (refused !== undefined) this.#trouble(delivery, `behind its mail: ${reason}`)
    const [first] = passedOver
    if (first !== undefined) {
      this.#trouble(delivery, `${passedOver.length} recipients passed over: ${first}`)
    }
    return { mail, rejected: rejected.get(0) }
  }

  /** Whether a report was made, and the item forgotten with it. */
  async #report(
    delivery: DtpcDelivery,
    mail: BatchMail,
    refusals: readonly Refusal[],
  ): Promise<boolean> {
    const { host } = this.#options
    const { number, source: gateway } = delivery.item
    const about = { id: `dtpc-${number}`, gateway, mail, refusals }
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

function isNotNow({ code }: Fault): boolean {
  return code === ('bridge/not-now' satisfies BridgeFaultCode)
}
