/**
 * Objects with mails in bundles: the mail service of a bundle node, which sends what goes to far
 * gateways, has the gateway take what comes from them, and answers.
 */

import { asFault, Fault } from '../base/fault.ts'
import { addMs, type WallMs } from '../base/time.ts'
import type { BundleNode, Provenance, ReceivedAdu as ReceivedBundle } from '../dtn/node.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import { type EndpointId, formatEndpointId } from '../proto/bpv7/endpoint-id.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { type Acknowledgement, encodeAcknowledgements } from './adu.ts'
import type { Carrier, CarrierEvents, Carriers, OutgoingAdu } from './carrier.ts'
import type { BridgeFaultCode } from './fault.ts'
import type { Gateway } from './gateway.ts'
import {
  ACKNOWLEDGEMENT_WAIT_MS_MAX,
  ACKNOWLEDGEMENT_WAIT_MS_MIN,
  ACKNOWLEDGEMENT_WAIT_SHARE,
  ANSWER_GRACE_MS_MAX,
  LATE_MARGIN_MS,
  LIFETIME_MAX_MS,
  OBJECT_MAILS_MAX,
  PEER_LENGTH_MAX,
  PROCESSING_ALLOWANCE_MS,
} from './limits.ts'
import type { GatewayReads } from './object-packing.ts'
import type { RouteForecast } from './route-forecast.ts'

export interface BundleCarriersOptions {
  readonly mailService: bigint
  /** Whether a peer can be answered at all: mail of others is not taken. */
  readonly reaches: (peer: EndpointId) => boolean
  /** Throws a permanent Fault where `peer` has to be proven and is not. */
  readonly admit: (peer: EndpointId, provenance: Provenance) => void
}

export interface BundleCarriersPorts {
  readonly node: BundleNode
  readonly forecast: RouteForecast
  readonly reads: GatewayReads
  readonly clock: Clock
  readonly events: EventSink
}

export class BundleCarriers implements Carriers {
  readonly #options: BundleCarriersOptions
  readonly #ports: BundleCarriersPorts
  readonly #acknowledgements: Acknowledgements<Carrier>

  constructor(options: BundleCarriersOptions, ports: BundleCarriersPorts) {
    this.#options = options
    this.#ports = ports
    const { clock } = ports
    this.#acknowledgements = new Acknowledgements({
      clock,
      waitMs: (peer) =>
        Math.min(
          ACKNOWLEDGEMENT_WAIT_MS_MAX,
          Math.max(
            ACKNOWLEDGEMENT_WAIT_MS_MIN,
            ACKNOWLEDGEMENT_WAIT_SHARE * peer.oneWayDelayMs(clock.wall()),
          ),
        ),
      answersMax: OBJECT_MAILS_MAX,
      send: (...answers) => void this.#acknowledge(...answers),
    })
  }

  tell({ forwarded, lost }: CarrierEvents): void {
    const { node } = this.#ports
    node.onForwarded = forwarded
    node.onLost = lost
  }

  to(destination: EndpointId): Carrier {
    return new BundleCarrier(destination, this.#options.mailService, this.#ports)
  }

  /** Before the node stops: it keeps the answers that wait until the next start. Else all that they are to would come again. */
  stop(): void {
    this.#acknowledgements.flush()
  }

  /** Takes the node's mail service over; call before the node starts. */
  register(gateway: Pick<Gateway, 'receive'>): void {
    this.#ports.node.register(
      this.#options.mailService,
      (bundle, _, how) => this.#receive(bundle, how, gateway),
      // What comes again is acknowledged again; what is taken is in the queue.
      { takesRepeats: true, isPrompt: true },
    )
  }

  /** Rejects with a Fault: temporary where the bundle has to wait, permanent where it is useless. */
  async #receive(
    { source, bundle: id, payload, expiresAt }: ReceivedBundle,
    provenance: Provenance,
    gateway: Pick<Gateway, 'receive'>,
  ): Promise<void> {
    const from = formatEndpointId(source)
    if (from.length > PEER_LENGTH_MAX || !this.#options.reaches(source)) {
      const text = `mail from ${from.slice(0, PEER_LENGTH_MAX)}, to which no plan leads`
      throw new Fault<BridgeFaultCode>('bridge/unknown-peer', text, { temporary: false })
    }
    this.#options.admit(source, provenance)
    const { answers, later } = await gateway.receive({ from, id, payload, expiresAt })
    this.#acknowledgements.add(this.to(source), answers, expiresAt)
    if (later !== undefined) throw later
  }

  async #acknowledge(
    peer: Carrier,
    answers: readonly Acknowledgement[],
    expiresAt: WallMs,
  ): Promise<void> {
    const { clock, events, reads } = this.#ports
    const now = clock.wall()
    // What arrived at the last moment has its answer on the way when its own time is over.
    const untilMs = Math.max(0, expiresAt - now) + ANSWER_GRACE_MS_MAX
    try {
      const until = addMs(now, Math.min(untilMs, LIFETIME_MAX_MS))
      const payloads = encodeAcknowledgements({ ...reads, answers })
      for (const payload of payloads) await peer.send({ payload, expiresAt: until })
    } catch (error) {
      // The sender asks again, and is answered then.
      const reason = asFault(error).message
      events({ type: 'trouble', where: `acknowledgement of ${answers.length} mails`, reason })
    }
  }
}

class BundleCarrier implements Carrier {
  readonly to: string
  readonly #destination: EndpointId
  readonly #mailService: bigint
  readonly #ports: BundleCarriersPorts

  constructor(destination: EndpointId, mailService: bigint, ports: BundleCarriersPorts) {
    this.to = formatEndpointId(destination)
    this.#destination = destination
    this.#mailService = mailService
    this.#ports = ports
  }

  get route(): string {
    return `bp:${this.to}`
  }

  send({ expiresAt, ...adu }: OutgoingAdu): Promise<string> {
    const { node, clock } = this.#ports
    return node.send({
      ...adu,
      sourceService: this.#mailService,
      destination: this.#destination,
      lifetimeMs: Math.max(1, expiresAt - clock.wall()),
    })
  }

  resend(hold: string): boolean {
    return this.#ports.node.resend(hold)
  }

  release(hold: string): Promise<void> {
    return this.#ports.node.release(hold)
  }

  opensAt(at: WallMs): WallMs {
    return this.#ports.forecast.opensAt(this.#destination, at)
  }

  oneWayDelayMs(at: WallMs): number {
    return this.#ports.forecast.oneWayDelayMs(this.#destination, at)
  }

  arrivalAt(at: WallMs, bytes: number): WallMs {
    return this.#ports.forecast.arrivalAt(this.#destination, at, bytes)
  }

  answerAt(at: WallMs): WallMs {
    return this.#ports.forecast.answerAt(this.#destination, at)
  }

  /** When also the answer to a second try should be here: the first may have been lost, or its answer. */
  lateAt(at: WallMs, bytes: number): WallMs | undefined {
    if (!this.#ports.forecast.isScheduled(this.#destination, at)) return undefined
    const arrivalAt = this.arrivalAt(at, bytes)
    const leftAt = addMs(arrivalAt, -this.oneWayDelayMs(arrivalAt))
    const secondAt = this.opensAt(this.answerAt(leftAt))
    return addMs(this.answerAt(secondAt), LATE_MARGIN_MS)
  }

  patienceMs(at: WallMs): number {
    const { forecast } = this.#ports
    // Where contacts say when it goes again, that is patience enough.
    if (forecast.isScheduled(this.#destination, at)) return 0
    return 2 * this.oneWayDelayMs(at) + PROCESSING_ALLOWANCE_MS
  }
}
