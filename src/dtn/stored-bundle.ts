/**
 * A bundle as it lies in the store: its bytes, and behind them what came of it here.
 *
 *     bundle … | name of the hold | arrived | expires | flags | length of the name | version
 *                                       8         8       1             2               1     octets
 */

import { toLatin1 } from '../base/bytes.ts'
import { wallMs } from '../base/time.ts'
import type { Bundle } from '../proto/bpv7/bundle.ts'
import { decodeBundle } from '../proto/bpv7/codec.ts'
import { type BundleRecord, recordOf, type Stay } from './bundle-record.ts'

export interface StoredBundle {
  readonly record: BundleRecord
  readonly bundle: Bundle
}

type Sized = Pick<BundleRecord, 'sizeBytes'>

const VERSION = 1
const FLAGS = { own: 1, held: 2, pared: 4 } as const
const TRAILER_BYTES = 20

/**
 * `withRoom` begins with the encoded bundle, `record.sizeBytes` long. Where there is room behind it
 * that is used, else the result is a copy. Names of holds are ASCII.
 */
export function encodeStored(record: Stay & Sized, withRoom: Uint8Array): Uint8Array {
  const { hold = '', sizeBytes } = record
  const at = sizeBytes + hold.length
  const length = at + TRAILER_BYTES
  const bytes = length <= withRoom.length ? withRoom.subarray(0, length) : new Uint8Array(length)
  if (length > withRoom.length) bytes.set(withRoom.subarray(0, sizeBytes))
  for (let i = 0; i < hold.length; i++) bytes[sizeBytes + i] = hold.charCodeAt(i)
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, TRAILER_BYTES)
  view.setFloat64(0, record.arrivedAt)
  view.setFloat64(8, record.expiresAt)
  view.setUint8(16, flagsOf(record))
  view.setUint16(17, hold.length)
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
  const stay: Stay = {
    key,
    own: (flags & FLAGS.own) !== 0,
    hold: (flags & FLAGS.held) === 0 ? undefined : toLatin1(bytes.subarray(bundleBytes, at)),
    arrivedAt: wallMs(arrivedAt),
    expiresAt: wallMs(expiresAt),
    pared: (flags & FLAGS.pared) !== 0,
  }
  return {
    record: recordOf(decoded.value, bundleBytes, stay),
    bundle: decoded.value,
  }
}

function flagsOf({ own, hold, pared }: Stay): number {
  return (own ? FLAGS.own : 0) | (hold === undefined ? 0 : FLAGS.held) | (pared ? FLAGS.pared : 0)
}
