/** Bundles that come from neighbours, up to where the agent is asked. RFC 9171 §5.6. */

import type { Fault } from '../base/fault.ts'
import { Piece } from '../base/slab.ts'
import type { EventSink } from '../ports/events.ts'
import { aduId, type Bundle, bundleId } from '../proto/bpv7/bundle.ts'
import { type CodecAids, decodeBundle, encodeBundle } from '../proto/bpv7/codec.ts'
import { type EndpointId, isSingleton } from '../proto/bpv7/endpoint-id.ts'
import { describeReason, STATUS_REASONS } from '../proto/bpv7/status-report.ts'
import { hasReportableBlock, processReceived, readPreviousNode } from './block-processing.ts'
import type { Counters } from './counters.ts'
import type { DeliveredAdus } from './delivered.ts'
import { isOwnEndpoint, type NodeNames } from './membership.ts'
import { type Reporting, subjectOf } from './reporting.ts'
import type { StaticPlan } from './static-plan.ts'

/** How a bundle came. */
export interface Arrival {
  readonly type: 'received'
  /** For the log. */
  readonly from: string
  /** Of the convergence layer. */
  readonly protocol: string
  readonly answer: Answer
  /** Who handed it over, as a certificate shows. */
  readonly neighbour: EndpointId | undefined
  /** A block of it wants to be told of. */
  isReportable: boolean
}

export type Answer = (fault: Fault | undefined) => void

/** A bundle that may be taken; the piece begins with its encoding, which has `sizeBytes`. */
export interface Acceptable {
  readonly bundle: Bundle
  readonly piece: Piece
  readonly sizeBytes: number
}

export interface ReceptionPorts {
  readonly events: EventSink
  readonly aids: CodecAids
  readonly delivered: DeliveredAdus
  readonly counters: Counters
  readonly reporting: Reporting
  planTo(destination: EndpointId): StaticPlan | undefined
  /** Answers when what has been delivered is noted on the disk. */
  whenDurable(answer: Answer): void
}

export class Reception {
  readonly #names: NodeNames
  readonly #ports: ReceptionPorts

  constructor(names: NodeNames, ports: ReceptionPorts) {
    this.#names = names
    this.#ports = ports
  }

  /** What has come, the first `sizeBytes` of `arrived`; undefined where it is answered for already. */
  receive(arrived: Piece, sizeBytes: number, arrival: Arrival): Acceptable | undefined {
    const { from, protocol, answer } = arrival
    const { events, aids, delivered, counters, reporting } = this.#ports
    const received = arrived.bytes.subarray(0, sizeBytes)
    counters.received(protocol, received.length)
    const decoded = decodeBundle(received, aids)
    if (!decoded.ok) {
      counters.refused(protocol, decoded.fault.code)
      events({ type: 'bundle-refused', from, reason: decoded.fault.message })
      answer(decoded.fault)
      reporting.tellOfUnintelligible(received)
      return undefined
    }
    const adu = aduId(decoded.value)
    const id = decoded.value.primary.fragment === undefined ? adu : bundleId(decoded.value)
    events({ type: 'bundle-received', bundle: id, from, wireBytes: received.length })
    this.#countNeighbour(decoded.value, received.length)
    arrival.isReportable = hasReportableBlock(decoded.value)
    const processed = processReceived(decoded.value)
    if (!processed.ok) {
      this.#refuseForGood(decoded.value, arrival, processed.status)
      return undefined
    }
    const { bundle } = processed
    if (this.#mayBeForUs(bundle) && delivered.has(adu)) {
      counters.refused(protocol, 'dtn/duplicate')
      this.#ports.whenDurable(answer)
      // Whoever sends it again may have missed what it was told.
      reporting.tellOfStored(bundle, DELIVERED)
      return undefined
    }
    if (bundle === decoded.value) return { bundle, piece: arrived, sizeBytes }
    // The decoded bundle refers to what has arrived, which nobody releases.
    const changed = encodeBundle(bundle, aids)
    return { bundle, piece: new Piece(changed), sizeBytes: changed.length }
  }

  #mayBeForUs({ primary: { destination } }: Bundle): boolean {
    return isOwnEndpoint(this.#names, destination) || !isSingleton(destination)
  }

  #refuseForGood(bundle: Bundle, { answer, isReportable }: Arrival, status: number): void {
    const { counters, reporting } = this.#ports
    counters.deleted(status)
    const reason = describeReason(status)
    this.#ports.events({ type: 'bundle-deleted', bundle: bundleId(bundle), reason })
    answer(undefined)
    reporting.tellOfArrival(subjectOf(bundle), isReportable)
    reporting.tell(subjectOf(bundle), 'deleted', status)
  }

  #countNeighbour(bundle: Bundle, wireBytes: number): void {
    const previous = readPreviousNode(bundle)
    const plan = previous && this.#ports.planTo(previous)
    if (plan !== undefined) this.#ports.counters.receivedFrom(plan, wireBytes)
  }
}

const DELIVERED = {
  status: 'delivered',
  reason: STATUS_REASONS.noAdditionalInformation,
} as const
