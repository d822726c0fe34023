/** Administrative records, of which RFC 9171 has one kind: bundle status reports. RFC 9171 §6.1. */

import { Fault, type Result } from '../../base/fault.ts'
import { decodeCbor } from '../cbor/decode.ts'
import type { CborReader } from '../cbor/reader.ts'
import { CborWriter } from '../cbor/writer.ts'
import {
  type CreationTimestamp,
  readCreationTimestamp,
  writeCreationTimestamp,
} from './creation-timestamp.ts'
import { type EndpointId, readEndpointId, writeEndpointId } from './endpoint-id.ts'
import type { Bpv7FaultCode } from './fault.ts'

/** RFC 9171 §9.5. */
export const STATUS_REASONS = {
  noAdditionalInformation: 0,
  lifetimeExpired: 1,
  forwardedOverUnidirectionalLink: 2,
  transmissionCanceled: 3,
  depletedStorage: 4,
  destinationEndpointIdUnavailable: 5,
  noKnownRoute: 6,
  noTimelyContact: 7,
  blockUnintelligible: 8,
  hopLimitExceeded: 9,
  trafficPared: 10,
  blockUnsupported: 11,
} as const

/** In words, for the log: `lifetime expired`; `reason 99` of one that we do not know. */
export function describeReason(reason: number): string {
  return REASON_TEXTS[reason] ?? `reason ${reason}`
}

export interface StatusItem {
  readonly asserted: boolean
  /** DTN time in milliseconds; only of what is asserted, and only where the subject asked for it. */
  readonly time?: bigint
}

/** What a report can assert, in the order in which it does. RFC 9171 §6.1.1. */
export const STATUS_KINDS = ['received', 'forwarded', 'delivered', 'deleted'] as const
export type StatusKind = (typeof STATUS_KINDS)[number]

/** RFC 9171 §6.1.1. */
export interface StatusReport {
  readonly received: StatusItem
  readonly forwarded: StatusItem
  readonly delivered: StatusItem
  readonly deleted: StatusItem
  /** One of `STATUS_REASONS`, or one that we do not know. */
  readonly reason: number
  /** Source node ID of the bundle that this is about. */
  readonly source: EndpointId
  readonly creationTimestamp: CreationTimestamp
  /** Where that bundle is a fragment. */
  readonly fragment?: {
    readonly offset: bigint
    /** Of the fragment, not of its ADU. */
    readonly payloadLength: bigint
  }
}

export type AdministrativeRecord =
  | { readonly type: 'status-report'; readonly report: StatusReport }
  /** To be ignored. */
  | { readonly type: 'unknown'; readonly code: number }

/** RFC 9171 §9.2. */
const STATUS_REPORT = 1

/** By their numbers. RFC 9171 §6.1.1. */
const REASON_TEXTS: readonly string[] = [
  'no additional information',
  'lifetime expired',
  'forwarded over unidirectional link',
  'transmission canceled',
  'depleted storage',
  'destination endpoint unavailable',
  'no known route to destination',
  'no timely contact with next node',
  'block unintelligible',
  'hop limit exceeded',
  'traffic pared',
  'block unsupported',
]

/** The payload of a bundle with the flag `administrativeRecord`. */
export function encodeStatusReport(report: StatusReport): Uint8Array {
  const { fragment } = report
  const writer = new CborWriter(128)
  writer.array(2)
  writer.uint(STATUS_REPORT)
  writer.array(fragment === undefined ? 4 : 6)
  writer.array(4)
  writeStatusItem(writer, report.received)
  writeStatusItem(writer, report.forwarded)
  writeStatusItem(writer, report.delivered)
  writeStatusItem(writer, report.deleted)
  writer.uint(report.reason)
  writeEndpointId(writer, report.source)
  writeCreationTimestamp(writer, report.creationTimestamp)
  if (fragment !== undefined) {
    writer.uint(fragment.offset)
    writer.uint(fragment.payloadLength)
  }
  return writer.written()
}

/** What the payload of a bundle with the flag `administrativeRecord` says. */
export function decodeAdministrativeRecord(payload: Uint8Array): Result<AdministrativeRecord> {
  return decodeCbor(payload, readAdministrativeRecord)
}

function readAdministrativeRecord(reader: CborReader): AdministrativeRecord {
  const length = reader.openArray()
  const code = reader.safeUint()
  let record: AdministrativeRecord
  if (code === STATUS_REPORT) {
    record = { type: 'status-report', report: readStatusReport(reader) }
  } else {
    reader.skipItem()
    record = { type: 'unknown', code }
  }
  reader.closeArray(length, 2)
  return record
}

function readStatusReport(reader: CborReader): StatusReport {
  const length = reader.openArray()
  const items = readStatusItems(reader)
  const reason = reader.safeUint()
  const source = readEndpointId(reader)
  const creationTimestamp = readCreationTimestamp(reader)
  const report = { ...items, reason, source, creationTimestamp }
  if (reader.isArrayAtEnd(length, 4)) {
    reader.closeArray(length, 4)
    return report
  }
  const fragment = { offset: reader.uint(), payloadLength: reader.uint() }
  reader.closeArray(length, 6)
  return { ...report, fragment }
}

function readStatusItems(
  reader: CborReader,
): Pick<StatusReport, 'received' | 'forwarded' | 'delivered' | 'deleted'> {
  const length = reader.openArray()
  const received = readStatusItem(reader)
  const forwarded = readStatusItem(reader)
  const delivered = readStatusItem(reader)
  const deleted = readStatusItem(reader)
  // "At least four": what later documents may add says nothing to us.
  let count = 4
  for (; !reader.isArrayAtEnd(length, count); count++) reader.skipItem()
  reader.closeArray(length, count)
  return { received, forwarded, delivered, deleted }
}

function writeStatusItem(writer: CborWriter, item: StatusItem): void {
  writer.array(item.time === undefined ? 1 : 2)
  writer.boolean(item.asserted)
  if (item.time !== undefined) writer.uint(item.time)
}

function readStatusItem(reader: CborReader): StatusItem {
  const length = reader.openArray()
  const asserted = reader.boolean()
  if (reader.isArrayAtEnd(length, 1)) {
    reader.closeArray(length, 1)
    return { asserted }
  }
  const time = reader.uint()
  reader.closeArray(length, 2)
  if (!asserted) {
    const code: Bpv7FaultCode = 'bpv7/bad-record'
    throw new Fault(code, 'the time of what did not happen', { temporary: false })
  }
  return { asserted, time }
}
