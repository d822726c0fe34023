/**
 * A bundle as it lies in the store: its bytes, and behind them what came of it here.
 *
 *     bundle … | name of the hold | arrived | expires | flags | length of the name | version
 *                                       8         8       1             2               1     octets
 */

import { fromLatin1, toLatin1 } from '../base/bytes.ts'
import type { Slab } from '../base/slab.ts'
import { wallMs } from '../base/time.ts'
import type { Bundle } from '../proto/bpv7/bundle.ts'
import { decodeBundle } from '../proto/bpv7/codec.ts'
import { type BundleRecord, recordOf, type Stay } from './bundle-record.ts'

export interface StoredBundle {
  readonly record: BundleRecord
  readonly bundle: Bundle
}

const VERSION = 1
const FLAGS = { own: 1, held: 2, pared: 4 } as const
const TRAILER_BYTES = 20

/** `bundle` is its encoding; names of holds are ASCII. */
export function encodeStored(stay: Stay, bundle: Uint8Array, slab: Slab): Uint8Array {
  const name = fromLatin1(stay.hold ?? '')
  const bytes = slab.allocate(bundle.length + name.length + TRAILER_BYTES)
  bytes.set(bundle)
  bytes.set(name, bundle.length)
  const at = bytes.length - TRAILER_BYTES
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, TRAILER_BYTES)
  view.setFloat64(0, stay.arrivedAt)
  view.setFloat64(8, stay.expiresAt)
  view.setUint8(16, flagsOf(stay))
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
