/** When a node tells of what it did with a bundle, and how often. RFC 9171 §5.1, §6.2. */

import { dtnMs, dtnToWall, type MonoMs, type WallMs } from '../base/time.ts'
import type { HostEvent } from '../ports/events.ts'
import { BUNDLE_FLAGS, type PrimaryBlock } from '../proto/bpv7/bundle.ts'
import {
  type EndpointId,
  formatEndpointId,
  isLocalNode,
  isNullEndpoint,
} from '../proto/bpv7/endpoint-id.ts'
import {
  describeReason,
  encodeStatusReport,
  STATUS_KINDS,
  type StatusItem,
  type StatusKind,
  type StatusReport,
} from '../proto/bpv7/status-report.ts'
import { REPORT_LIFETIME_MS_MAX, REPORT_LIFETIME_MS_MIN, STATUS_REPORTS_PER_SEC } from './limits.ts'

export interface StatusReportOptions {
  /** Which of the four; default: all. */
  readonly kinds?: readonly StatusKind[]
  /** Over all bundles together; default STATUS_REPORTS_PER_SEC. */
  readonly ratePerSec?: number
}

/** What happened to which bundle. */
export interface Happening {
  readonly primary: PrimaryBlock
  /** Length of its payload, for a fragment. */
  readonly payloadBytes: number
  readonly status: StatusKind
  /** One of `STATUS_REASONS`. */
  readonly reason: number
}

/** An administrative record that wants to be sent. */
export interface Report {
  readonly reportTo: EndpointId
  readonly record: Uint8Array
  readonly lifetimeMs: number
}

/** The flag that asks for each. RFC 9171 §4.2.3. */
export const REPORT_REQUESTS: Readonly<Record<StatusKind, bigint>> = {
  received: BUNDLE_FLAGS.reportReception,
  forwarded: BUNDLE_FLAGS.reportForwarding,
  delivered: BUNDLE_FLAGS.reportDelivery,
  deleted: BUNDLE_FLAGS.reportDeletion,
}

/** What may be told of a bundle: nothing of a record itself or of an anonymous bundle. §4.2.3. */
export function requestedReports(primary: PrimaryBlock): readonly StatusKind[] {
  if (primary.flags === 0n) return []
  return mayReport(primary)
    ? STATUS_KINDS.filter((kind) => (primary.flags & REPORT_REQUESTS[kind]) !== 0n)
    : []
}

export class StatusReporter {
  readonly #kinds: readonly StatusKind[]
  readonly #ratePerSec: number
  #allowance: number
  #allowedAt: MonoMs | undefined
  #leftOutCount = 0

  /** Undefined options: no reports, as RFC 9171 §5.1 demands of a default. */
  constructor(options: StatusReportOptions | undefined) {
    this.#kinds = options === undefined ? [] : (options.kinds ?? STATUS_KINDS)
    this.#ratePerSec = options?.ratePerSec ?? STATUS_REPORTS_PER_SEC
    this.#allowance = Math.max(1, this.#ratePerSec)
  }

  /** Reports that would have been sent but for the rate. */
  get leftOutCount(): number {
    return this.#leftOutCount
  }

  /** Whether this kind is enabled. */
  tells(status: StatusKind): boolean {
    return this.#kinds.includes(status)
  }

  /** The report that is due, or undefined where none is. Whether it was asked for, the caller knows. */
  report(
    happening: Happening,
    at: { readonly wall: WallMs | undefined; readonly now: MonoMs },
  ): Report | undefined {
    const { primary, status } = happening
    if (!this.tells(status) || !mayReport(primary)) return undefined
    if (!this.#isAllowed(at.now)) {
      this.#leftOutCount++
      return undefined
    }
    const lifetimeMs = Math.min(
      Math.max(Number(primary.lifetimeMs), REPORT_LIFETIME_MS_MIN),
      REPORT_LIFETIME_MS_MAX,
    )
    return { reportTo: primary.reportTo, record: recordOf(happening, at.wall), lifetimeMs }
  }

  #isAllowed(now: MonoMs): boolean {
    const elapsedMs = now - (this.#allowedAt ?? now)
    this.#allowedAt = now
    const refilled = this.#allowance + (elapsedMs * this.#ratePerSec) / 1000
    this.#allowance = Math.min(refilled, Math.max(1, this.#ratePerSec))
    if (this.#allowance < 1) return false
    this.#allowance--
    return true
  }
}

/** What another node's report says, as an event. */
export function reportedEvent(report: StatusReport, by: EndpointId): HostEvent {
  const status = STATUS_KINDS.filter((kind) => report[kind].asserted)
  const times = status.map((kind) => Number(report[kind].time ?? 0n))
  const { source, creationTimestamp, fragment } = report
  const { time, sequence } = creationTimestamp
  const part = fragment === undefined ? '' : `/${fragment.offset}+${fragment.payloadLength}`
  const latest = Math.max(0, ...times)
  return {
    type: 'bundle-reported',
    bundle: `${formatEndpointId(source)}/${time}-${sequence}${part}`,
    by: formatEndpointId(by),
    status,
    reason: describeReason(report.reason),
    ...(latest > 0 && { wall: dtnToWall(dtnMs(latest)) }),
  }
}

function mayReport({ flags, source, reportTo }: PrimaryBlock): boolean {
  return (
    (flags & BUNDLE_FLAGS.administrativeRecord) === 0n &&
    !isNullEndpoint(source) &&
    !isNullEndpoint(reportTo) &&
    !isLocalNode(reportTo)
  )
}

/** RFC 9171 §6.1.1: the time only where it was asked for. */
function recordOf(
  { primary, payloadBytes, status, reason }: Happening,
  wall: WallMs | undefined,
): Uint8Array {
  const { flags, source, creationTimestamp, fragment } = primary
  // 0 says that the time is unknown, as it is before the epoch: such a clock has never been set. §4.2.6.
  const time = BigInt(Math.max(0, Math.floor((wall ?? 0) - dtnToWall(dtnMs(0)))))
  const isTimed = (flags & BUNDLE_FLAGS.statusTime) !== 0n
  const item = (kind: StatusKind): StatusItem => {
    if (kind !== status) return { asserted: false }
    return isTimed ? { asserted: true, time } : { asserted: true }
  }
  return encodeStatusReport({
    received: item('received'),
    forwarded: item('forwarded'),
    delivered: item('delivered'),
    deleted: item('deleted'),
    reason,
    source,
    creationTimestamp,
    ...(fragment !== undefined && {
      fragment: { offset: fragment.offset, payloadLength: BigInt(payloadBytes) },
    }),
  })
}
