/** The administrative element of a node: tells of bundles, and hears what others tell. RFC 9171 §6. */

import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import type { Bundle } from '../proto/bpv7/bundle.ts'
import { decodePrimaryBlock } from '../proto/bpv7/codec.ts'
import type { EndpointId } from '../proto/bpv7/endpoint-id.ts'
import {
  decodeAdministrativeRecord,
  STATUS_REASONS,
  type StatusKind,
} from '../proto/bpv7/status-report.ts'
import type { Counters } from './counters.ts'
import { isOwnEndpoint, type NodeNames } from './membership.ts'
import {
  type Happening,
  type Report,
  reportedEvent,
  requestedReports,
  StatusReporter,
  type StatusReportOptions,
} from './status-reporter.ts'

export interface ReportingOptions extends NodeNames {
  readonly statusReports?: StatusReportOptions
  readonly isClockless?: boolean
}

export interface ReportingPorts {
  readonly clock: Clock
  readonly events: EventSink
  readonly counters: Counters
  /** Whether a plan leads to it. */
  hasWayTo(endpoint: EndpointId): boolean
  send(report: Report): void
}

/** What a status report says of the bundle that it is about. */
export type Subject = Pick<Happening, 'primary' | 'payloadBytes'>

export function subjectOf({ primary, payload }: Bundle): Subject {
  return { primary, payloadBytes: payload.data.length }
}

export class Reporting {
  readonly #options: ReportingOptions
  readonly #ports: ReportingPorts
  readonly #reporter: StatusReporter

  constructor(options: ReportingOptions, ports: ReportingPorts) {
    this.#options = options
    this.#ports = ports
    this.#reporter = new StatusReporter(options.statusReports)
  }

  get leftOutCount(): number {
    return this.#reporter.leftOutCount
  }

  /** RFC 9171 §5.6 steps 2 and 4; `hasUnsupported` where a block wants to be told of that. */
  tellOfArrival(subject: Subject, hasUnsupported: boolean): void {
    this.tell(subject, 'received', STATUS_REASONS.noAdditionalInformation)
    if (hasUnsupported) this.#report(subject, 'received', STATUS_REASONS.blockUnsupported)
  }

  /** What can be told of bytes that are no bundle, where their primary block still says whose. */
  tellOfUnintelligible(bytes: Uint8Array): void {
    if (!this.#reporter.tells('deleted')) return
    const primary = decodePrimaryBlock(bytes)
    // How long a fragment was meant to be is not known.
    if (primary === undefined || primary.fragment !== undefined) return
    const subject = { primary, payloadBytes: 0 }
    this.tellOfArrival(subject, false)
    this.tell(subject, 'deleted', STATUS_REASONS.blockUnintelligible)
  }

  /** Of what became of a bundle that is, or was, stored here. */
  tellOfStored(
    bundle: Bundle,
    { status, reason }: { readonly status: StatusKind; readonly reason: number },
  ): void {
    if (!this.#reporter.tells(status)) return
    const subject = subjectOf(bundle)
    // What is delivered is the whole bundle. RFC 9171 §5.9.
    const { fragment: _, ...primary } = subject.primary
    this.tell(status === 'delivered' ? { ...subject, primary } : subject, status, reason)
  }

  /** Where its source asked for this. */
  tell(subject: Subject, status: StatusKind, reason: number): void {
    if (requestedReports(subject.primary).includes(status)) this.#report(subject, status, reason)
  }

  /** A record that is none, or of a kind that we do not know, is ignored. RFC 9171 §6.1. */
  hear(payload: Uint8Array, by: EndpointId): void {
    const decoded = decodeAdministrativeRecord(payload)
    if (!decoded.ok || decoded.value.type !== 'status-report') return
    this.#ports.counters.reportReceived()
    this.#ports.events(reportedEvent(decoded.value.report, by))
  }

  /** Where it is enabled and has a way to go. */
  #report(subject: Subject, status: StatusKind, reason: number): void {
    const { isClockless } = this.#options
    const { reportTo } = subject.primary
    const isOnItsWay = isOwnEndpoint(this.#options, reportTo) || this.#ports.hasWayTo(reportTo)
    if (!isOnItsWay) return
    const { clock } = this.#ports
    const at = { wall: isClockless ? undefined : clock.wall(), now: clock.now() }
    const report = this.#reporter.report({ ...subject, status, reason }, at)
    if (report !== undefined) this.#ports.send(report)
  }
}
