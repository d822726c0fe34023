/** How long ago the bundle was created, for nodes without a clock, block type 7. RFC 9171 §4.4.2. */

import type { Result } from '../../../base/fault.ts'
import { decodeCbor } from '../../cbor/decode.ts'
import { CborWriter } from '../../cbor/writer.ts'

/** Block-type-specific data; 0 ≤ `ageMs` < 2^64. */
export function encodeBundleAge(ageMs: bigint): Uint8Array {
  const writer = new CborWriter(9)
  writer.uint(ageMs)
  return writer.written()
}

/** Milliseconds. */
export function decodeBundleAge(data: Uint8Array): Result<bigint> {
  return decodeCbor(data, (reader) => reader.uint())
}
