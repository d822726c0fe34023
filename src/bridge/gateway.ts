/**
 * The mail service of a bundle node: has the mails that arrive in objects taken, and answers for each
 * with an acknowledgement.
 */

import { asFault, Fault } from '../base/fault.ts'
import type { BundleNode, Provenance, ReceivedAdu } from '../dtn/node.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import type { Packing } from '../ports/packing.ts'
import { type EndpointId, formatEndpointId } from '../proto/bpv7/endpoint-id.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { type Acknowledgement, decodeAdu, encodeAcknowledgement, type MailsAdu } from './adu.ts'
import type { BareObjects } from './bare-objects.ts'
import { readBatch } from './batch-reader.ts'
import type { BpTransport } from './bp-transport.ts'
import { isBatch } from './bpmail-message.ts'
import type { BridgeFaultCode } from './fault.ts'
import {
  ACKNOWLEDGEMENT_WAIT_MS_MAX,
  ACKNOWLEDGEMENT_WAIT_SHARE,
  ANSWER_GRACE_MS_MAX,
  LIFETIME_MAX_MS,
  OBJECT_MAILS_MAX,
  PEER_LENGTH_MAX,
  TAKING_MAX,
} from './limits.ts'
import { type MailTaking, refusalOf } from './mail-taking.ts'
import { packingsRead, unpackObject } from './object-packing.ts'
import type { RouteForecast } from './route-forecast.ts'

export interface GatewayOptions {
  readonly host: string
  readonly mailService: bigint
  readonly messageBytesMax: number
  /** Of an object, unpacked. */
  readonly objectBytesMax: number
  /** Whether a peer can be answered at all: mail of others is not taken. */
  readonly reaches: (peer: EndpointId) => boolean
  /** Throws a permanent Fault where `peer` has to be proven and is not. */
  readonly admit: (peer: EndpointId, provenance: Provenance) => void
}

export interface GatewayPorts {
  readonly node: BundleNode
  readonly taking: MailTaking
  readonly transport: BpTransport
  /** Objects of gateways of other makes. */
  readonly bare: BareObjects
  readonly forecast: RouteForecast
  readonly packing: Packing
  readonly clock: Clock
  readonly events: EventSink
}

export class Gateway {
  readonly #options: GatewayOptions
  readonly #ports: GatewayPorts
  readonly #acknowledgements: Acknowledgements

  constructor(options: GatewayOptions, ports: GatewayPorts) {
    this.#options = options
    this.#ports = ports
    const { clock, forecast } = ports
    this.#acknowledgements = new Acknowledgements({
      clock,
      waitMs: (peer) =>
        Math.min(
          ACKNOWLEDGEMENT_WAIT_MS_MAX,
          ACKNOWLEDGEMENT_WAIT_SHARE * forecast.oneWayDelayMs(peer, clock.wall()),
        ),
      answersMax: OBJECT_MAILS_MAX,
      send: (peer, answers, expiresAt) => void this.#acknowledge(peer, answers, expiresAt),
    })
  }

  /** Takes the node's mail service over; call before the node starts. */
  register(): void {
    // What comes again is acknowledged again.
    this.#ports.node.register(this.#options.mailService, (adu, _, how) => this.#receive(adu, how), {
      takesRepeats: true,
    })
  }

  /** Rejects with a Fault: temporary where the bundle has to wait, permanent where it is useless. */
  async #receive(received: ReceivedAdu, provenance: Provenance): Promise<void> {
    const from = formatEndpointId(received.source)
    if (from.length > PEER_LENGTH_MAX || !this.#options.reaches(received.source)) {
      const text = `mail from ${from.slice(0, PEER_LENGTH_MAX)}, to which no plan leads`
      throw new Fault<BridgeFaultCode>('bridge/unknown-peer', text, { temporary: false })
    }
    this.#options.admit(received.source, provenance)
    if (isBatch(received.payload)) return this.#ports.bare.take(received, from)
    const decoded = decodeAdu(received.payload)
    if (!decoded.ok) throw decoded.fault
    const adu = decoded.value
    const { transport, taking } = this.#ports
    if (adu.type === 'acknowledgement') transport.acknowledged(received.source, adu)
    else if (adu.type === 'mails') await this.#takeAll(received, from, adu)
    else {
      const answers = await taking.recall(from, adu.names)
      this.#acknowledgements.add(received.source, answers, received.expiresAt)
    }
  }

  /** What is taken is answered for, also where the rest has to come again. */
  async #takeAll(received: ReceivedAdu, from: string, adu: MailsAdu): Promise<void> {
    const answers: Acknowledgement[] = []
    const { source, expiresAt } = received
    const { host, messageBytesMax } = this.#options
    const { taking } = this.#ports
    let later: Fault | undefined
    let helo = ''
    try {
      const mails = await this.#mailsOf(adu)
      // Their commits share a flush; but not all of a large object are in memory twice at once.
      const left = [...mails.entries()]
      const work = Array.from({ length: Math.min(TAKING_MAX, left.length) }, async () => {
        for (let next = left.shift(); next !== undefined; next = left.shift()) {
          const [i, part] = next
          try {
            const read = readBatch(part, host, messageBytesMax)
            const transaction = adu.names[i] ?? ''
            if (!read.ok) {
              answers.push({ transaction, refusals: [refusalOf(read.reply, undefined)] })
              continue
            }
            // It is said once, in the first.
            helo ||= read.mail.helo
            const mail = { ...read.mail, helo }
            const refusals = await taking.take({ from, transaction, expiresAt, mail })
            answers.push({ transaction, refusals })
          } catch (error) {
            later = asFault(error)
          }
        }
      })
      await Promise.all(work)
    } catch (error) {
      const fault = asFault(error)
      if (fault.temporary) throw fault
      // Its names could be read: their senders are to know.
      const refusals = [{ recipient: undefined, code: 554, text: `5.6.0 ${fault.message}` }]
      for (const transaction of adu.names) answers.push({ transaction, refusals })
    }
    this.#acknowledgements.add(source, answers, expiresAt)
    if (later !== undefined) throw later
  }

  /** Throws a permanent Fault where the object is none, or too large. */
  async #mailsOf(adu: MailsAdu): Promise<readonly Uint8Array[]> {
    const { objectBytesMax } = this.#options
    const object = await unpackObject(adu, objectBytesMax, this.#ports.packing)
    const parts: Uint8Array[] = []
    let at = 0
    for (const size of adu.sizes) {
      parts.push(object.subarray(at, at + size))
      at += size
    }
    return [...parts, object.subarray(at)]
  }

  async #acknowledge(
    destination: EndpointId,
    answers: readonly Acknowledgement[],
    expiresAt: ReceivedAdu['expiresAt'],
  ): Promise<void> {
    const { node, clock, events, packing } = this.#ports
    // What arrived at the last moment has its answer on the way when its own time is over.
    const untilMs = Math.max(0, expiresAt - clock.wall()) + ANSWER_GRACE_MS_MAX
    try {
      await node.send({
        sourceService: this.#options.mailService,
        destination,
        payload: encodeAcknowledgement({ packings: packingsRead(packing), answers }),
        lifetimeMs: Math.min(untilMs, LIFETIME_MAX_MS),
      })
    } catch (error) {
      // The sender asks again, and is answered then.
      const reason = asFault(error).message
      events({ type: 'trouble', where: `acknowledgement of ${answers.length} mails`, reason })
    }
  }
}
