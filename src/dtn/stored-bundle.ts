/**
 * A bundle as it lies in the store: its bytes, and behind them what came of it here.
 *
 *     bundle … | name | arrived | expires | flags | length of the name | version
 *                           8         8       1             2               1     octets
 *
 * The name is that of the hold, or of the neighbour that handed it over: what is held was made here.
 */

import { toLatin1 } from '../base/bytes.ts'
import { wallMs } from '../base/time.ts'
import type { Bundle } from '../proto/bpv7/bundle.ts'
import { decodeBundle } from '../proto/bpv7/codec.ts'
import { formatEndpointId, parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import { type BundleRecord, recordOf, type Stay } from './bundle-record.ts'

export interface StoredBundle {
  readonly record: BundleRecord
  readonly bundle: Bundle
}

type Sized = Pick<BundleRecord, 'sizeBytes'>

const VERSION = 1
const FLAGS = { own: 1, held: 2, pared: 4, proven: 8 } as const
const TRAILER_BYTES = 20

/**
 * `withRoom` begins with the encoded bundle, `record.sizeBytes` long. Where there is room behind it
 * that is used, else the result is a copy. Names of holds are ASCII.
 */
export function encodeStored(record: Stay & Sized, withRoom: Uint8Array): Uint8Array {
  const { sizeBytes } = record
  const name = nameOf(record)
  const at = sizeBytes + name.length
  const length = at + TRAILER_BYTES
  const bytes = length <= withRoom.length ? withRoom.subarray(0, length) : new Uint8Array(length)
  if (length > withRoom.length) bytes.set(withRoom.subarray(0, sizeBytes))
  for (let i = 0; i < name.length; i++) bytes[sizeBytes + i] = name.charCodeAt(i)
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, TRAILER_BYTES)
  view.setFloat64(0, record.arrivedAt)
  view.setFloat64(8, record.expiresAt)
  view.setUint8(16, flagsOf(record))
  view.setUint16(17, name.length)
  view.setUint8(19, VERSION)
  return bytes
}

/** Undefined where the bytes are no stored bundle of ours, or a damaged one. */
export function decodeStored(key: number, bytes: Uint8Array): StoredBundle | undefined {
  const at = bytes.length - TRAILER_BYTES
  if (at < 0) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, TRAILER_BYTES)
  const bundleBytes = at - view.getUint16(17)
  if (view.getUint8(19) !== VERSION || bundleBytes < 0) return undefined
  const [arrivedAt, expiresAt] = [view.getFloat64(0), view.getFloat64(8)]
  const decoded = decodeBundle(bytes.subarray(0, bundleBytes))
  if (!decoded.ok || Number.isNaN(arrivedAt) || Number.isNaN(expiresAt)) return undefined
  const flags = view.getUint8(16)
  const name = toLatin1(bytes.subarray(bundleBytes, at))
  const stay: Stay = {
    key,
    own: (flags & FLAGS.own) !== 0,
    hold: (flags & FLAGS.held) === 0 ? undefined : name,
    neighbour: (flags & FLAGS.proven) === 0 ? undefined : parseEndpointId(name),
    arrivedAt: wallMs(arrivedAt),
    expiresAt: wallMs(expiresAt),
    pared: (flags & FLAGS.pared) !== 0,
  }
  return {
    record: recordOf(decoded.value, bundleBytes, stay),
    bundle: decoded.value,
  }
}

function nameOf({ hold, neighbour }: Stay): string {
  return hold ?? (neighbour === undefined ? '' : formatEndpointId(neighbour))
}

function flagsOf({ own, hold, neighbour, pared }: Stay): number {
  const named = hold === undefined ? (neighbour === undefined ? 0 : FLAGS.proven) : FLAGS.held
  return (own ? FLAGS.own : 0) | named | (pared ? FLAGS.pared : 0)
}
