/**
 * The mail service of a bundle node: has the mails that arrive in bundles taken, and answers each with
 * an acknowledgement.
 */

import { asFault, Fault } from '../base/fault.ts'
import type { BundleNode, ReceivedAdu } from '../dtn/node.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import { type EndpointId, formatEndpointId } from '../proto/bpv7/endpoint-id.ts'
import { decodeAdu, encodeAcknowledgement, type Refusal } from './adu.ts'
import { readBatch } from './batch-reader.ts'
import type { BpTransport } from './bp-transport.ts'
import type { BridgeFaultCode } from './fault.ts'
import { LIFETIME_MAX_MS, PEER_LENGTH_MAX } from './limits.ts'
import { type MailTaking, refusalOf } from './mail-taking.ts'

export interface GatewayOptions {
  readonly host: string
  readonly mailService: bigint
  readonly messageBytesMax: number
  /** Whether a peer can be answered at all: mail of others is not taken. */
  readonly reaches: (peer: EndpointId) => boolean
}

export interface GatewayPorts {
  readonly node: BundleNode
  readonly taking: MailTaking
  readonly transport: BpTransport
  readonly clock: Clock
  readonly events: EventSink
}

export class Gateway {
  readonly #options: GatewayOptions
  readonly #ports: GatewayPorts

  constructor(options: GatewayOptions, ports: GatewayPorts) {
    this.#options = options
    this.#ports = ports
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
    const { transaction, batch } = adu
    const { host, messageBytesMax } = this.#options
    const read = readBatch(batch, host, messageBytesMax)
    const refusals = read.ok
      ? await this.#ports.taking.take({
          ...{ from, transaction, expiresAt: received.expiresAt },
          mail: read.mail,
        })
      : [refusalOf(read.reply, undefined)]
    await this.#acknowledge(received, adu.transaction, refusals)
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
