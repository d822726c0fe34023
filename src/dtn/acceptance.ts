/**
 * Bundles between being offered to this node, by its applications or its neighbours, and being on the
 * disk: who offered one hears then, and not before, that it is accepted. RFC 9171 §5.2, §5.6.
 */

import { assert } from '../base/assert.ts'
import { Fault } from '../base/fault.ts'
import { Piece, type Slab } from '../base/slab.ts'
import { wallMs } from '../base/time.ts'
import { Window } from '../base/window.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import type { Bundle, CreationTimestamp } from '../proto/bpv7/bundle.ts'
import { sealBundle } from '../proto/bpv7/codec.ts'
import type { Crc32c } from '../proto/bpv7/crc.ts'
import { EndpointFormatter } from '../proto/bpv7/endpoint-id.ts'
import { STATUS_REASONS } from '../proto/bpv7/status-report.ts'
import { ROOM_BYTES } from '../proto/bundle-session/limits.ts'
import type { BundleAgent } from './agent.ts'
import type { AgentEvent } from './agent-events.ts'
import { type BundleRecord, recordOf, stayOf } from './bundle-record.ts'
import type { BundleStore } from './bundle-store.ts'
import type { Counters } from './counters.ts'
import { CreationTimestamps } from './creation-timestamps.ts'
import type { DtnFaultCode } from './fault.ts'
import type { BundleNodeLimits } from './limits.ts'
import {
  newBundle,
  newRecordBundle,
  type OwnBundleOptions,
  type SendRequest,
} from './own-bundle.ts'
import type { Acceptable, Answer, Arrival } from './reception.ts'
import { type Reporting, subjectOf } from './reporting.ts'
import type { Report } from './status-reporter.ts'

export interface AcceptanceOptions extends OwnBundleOptions {
  readonly limits: BundleNodeLimits
  readonly isClockless: boolean
}

export interface AcceptancePorts {
  readonly store: BundleStore
  readonly agent: BundleAgent
  readonly clock: Clock
  readonly events: EventSink
  readonly counters: Counters
  readonly reporting: Reporting
  readonly aids: { readonly slab: Slab; readonly crc32c?: Crc32c | undefined }
  feed(event: AgentEvent): void
}

/** A bundle that is not yet on the disk. */
interface Offer extends Acceptable {
  readonly origin: Sending | Arrival
  readonly alongside?: readonly StoreChange[] | undefined
  /** Those who brought the same bundle meanwhile: what becomes of the first is their answer too. */
  others?: Answer[]
}

/** It was made here. */
interface Sending {
  readonly type: 'sent'
  stored(record: BundleRecord): void
  refused(fault: Fault): void
}

/** What a clock says that was never set. */
const NEVER_SET = wallMs(0)

const NODE_TABLE = 'bundle-node'
const TIMESTAMPS_KEY = 'creation-timestamps'

export class Acceptance {
  readonly #options: AcceptanceOptions
  readonly #ports: AcceptancePorts
  /** By the key of a bundle that is not yet on the disk. */
  readonly #offers: Window<Offer> = new Window()
  readonly #sources = new EndpointFormatter()
  readonly #destinations = new EndpointFormatter()
  /** From `open` on. */
  #timestamps: CreationTimestamps | undefined

  constructor(options: AcceptanceOptions, ports: AcceptancePorts) {
    this.#options = options
    this.#ports = ports
  }

  /** Takes up what an earlier run has left of creation timestamps; before anything is offered. */
  open(store: Store): void {
    this.#timestamps = new CreationTimestamps(store.get(NODE_TABLE, TIMESTAMPS_KEY))
  }

  /** No bundle of ours leaves before its timestamp is remembered. */
  timestampChanges(): readonly StoreChange[] {
    const value = this.#timestamps?.save()
    return value === undefined ? [] : [{ table: NODE_TABLE, key: TIMESTAMPS_KEY, value }]
  }

  /** As `BundleNode.send`, of a node that is running. */
  send(request: SendRequest): Promise<string> {
    return new Promise((resolve, refused) => {
      assert(request.lifetimeMs > 0, 'a lifetime is above 0')
      const { payload, hold, alongside } = request
      if (payload.length > this.#options.limits.aduBytesMax) {
        throw new Fault<DtnFaultCode>('dtn/adu-too-large', `ADU of ${payload.length} bytes`, {
          temporary: false,
        })
      }
      const bundle = newBundle(request, this.#options, this.#nextTimestamp())
      const stored = ({ id, destination }: BundleRecord): void => {
        this.#ports.counters.created(this.#sources.format(bundle.primary.source), payload.length)
        this.#ports.events({
          type: 'bundle-created',
          bundle: id,
          destination: this.#destinations.format(destination),
          payloadBytes: payload.length,
          lifetimeMs: request.lifetimeMs,
        })
        resolve(id)
      }
      this.#offerOwn(bundle, hold, { type: 'sent', stored, refused }, alongside)
    })
  }

  /** To whoever wants to know what became of a bundle. RFC 9171 §6.2. */
  sendReport(report: Report): void {
    const timestamp = this.#nextTimestamp()
    this.#offerOwn(newRecordBundle(report, this.#options, timestamp), undefined, {
      type: 'sent',
      stored: () => this.#ports.counters.reportSent(),
      // Nobody has a right to it, and a full store has more urgent uses.
      refused: () => {},
    })
  }

  /** What has come from a neighbour, which hears what becomes of it. */
  receive(acceptable: Acceptable, arrival: Arrival): void {
    const { bundle, piece, sizeBytes } = acceptable
    const offer = { bundle, piece, sizeBytes, origin: arrival, alongside: undefined }
    this.#offer(offer, undefined, this.#options.limits.lifetimeMsMax)
  }

  /** The agent takes it. */
  store(record: BundleRecord): void {
    const { key } = record
    const offer = this.#offers.get(key)
    assert(offer !== undefined, 'what is stored was offered')
    this.#ports.store.add(record, offer, (fault) => {
      this.#takeOffer(key)
      if (fault === undefined) {
        this.#onAccepted(offer, record)
        this.#ports.feed({ type: 'stored', key })
      } else {
        this.#ports.feed({ type: 'not-stored', key })
        this.#onRefused(offer, record, fault)
      }
      if (offer.others !== undefined) for (const answer of offer.others) answer(fault)
    })
  }

  /** The agent does not take it. */
  refuse(record: BundleRecord, fault: Fault): void {
    this.#onRefused(this.#takeOffer(record.key), record, fault)
  }

  #offerOwn(
    made: Bundle,
    hold: string | undefined,
    origin: Sending,
    alongside?: readonly StoreChange[],
  ): void {
    const { bundle, bytes, withRoom } = sealBundle(made, {
      ...this.#ports.aids,
      roomBytes: ROOM_BYTES,
    })
    const sizeBytes = bytes.length
    const piece = new Piece(withRoom, this.#ports.aids.slab)
    this.#offer({ bundle, piece, sizeBytes, origin, alongside }, hold, Number.POSITIVE_INFINITY)
  }

  #offer(offer: Offer, hold: string | undefined, lifetimeMsMax: number): void {
    const { bundle, sizeBytes, origin } = offer
    const wall = this.#ports.clock.wall()
    const stay = stayOf(bundle, {
      key: this.#ports.store.newKey(),
      own: origin.type === 'sent',
      hold,
      neighbour: origin.type === 'sent' ? undefined : origin.neighbour,
      wall,
      lifetimeMsMax,
      isClockless: this.#options.isClockless,
    })
    const record = recordOf(bundle, sizeBytes, stay)
    this.#offers.set(record.key, offer)
    this.#ports.feed({ type: 'offered', record, wall })
  }

  #onAccepted({ bundle, origin }: Offer, record: BundleRecord): void {
    if (origin.type === 'sent') origin.stored(record)
    else {
      origin.answer(undefined)
      this.#ports.reporting.tellOfArrival(subjectOf(bundle), origin.isReportable)
    }
  }

  #onRefused({ bundle, origin }: Offer, { id }: BundleRecord, fault: Fault): void {
    if (origin.type === 'sent') {
      origin.refused(fault)
      return
    }
    const { from, protocol, answer, isReportable } = origin
    this.#ports.counters.refused(protocol, fault.code)
    if (fault.code === 'dtn/duplicate') {
      this.#answerAsFirst(id, answer)
      return
    }
    // What never can be used has been received all the same.
    answer(fault.temporary ? fault : undefined)
    const status = deletionStatus(fault)
    if (status !== undefined) {
      this.#ports.reporting.tellOfArrival(subjectOf(bundle), isReportable)
      this.#ports.reporting.tell(subjectOf(bundle), 'deleted', status)
    }
    this.#ports.events({ type: 'bundle-refused', from, reason: `${id}: ${fault.message}` })
  }

  /** A bundle that has come again is acknowledged when it is on the disk, and not before. */
  #answerAsFirst(id: string, answer: Answer): void {
    const first = this.#offers.get(this.#ports.agent.keyOf(id) ?? NO_KEY)
    if (first === undefined) answer(undefined)
    else {
      first.others ??= []
      first.others.push(answer)
    }
  }

  #takeOffer(key: number): Offer {
    const offer = this.#offers.get(key)
    assert(offer !== undefined, 'every offer is answered once')
    this.#offers.delete(key)
    return offer
  }

  #nextTimestamp(): CreationTimestamp {
    assert(this.#timestamps !== undefined, 'a node that is running has opened its timestamps')
    return this.#timestamps.next(this.#options.isClockless ? NEVER_SET : this.#ports.clock.wall())
  }
}

/** Of no bundle. */
const NO_KEY = -1

/** Why a bundle that is not taken is deleted; undefined where its sender may keep or repeat it. */
function deletionStatus(fault: Fault): number | undefined {
  switch (fault.code) {
    case 'dtn/expired':
      return STATUS_REASONS.lifetimeExpired
    case 'dtn/no-destination':
      return STATUS_REASONS.destinationEndpointIdUnavailable
    case 'dtn/bad-fragment':
      return STATUS_REASONS.blockUnintelligible
    case 'dtn/adu-too-large':
      return STATUS_REASONS.depletedStorage
    default:
      return undefined
  }
}
