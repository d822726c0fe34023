/** How often the bundle was forwarded, and how often it may be, block type 10. RFC 9171 §4.4.3. */

import { Fault, type Result } from '../../../base/fault.ts'
import { decodeCbor } from '../../cbor/decode.ts'
import type { CborReader } from '../../cbor/reader.ts'
import { CborWriter } from '../../cbor/writer.ts'
import type { Bpv7FaultCode } from '../fault.ts'

export interface HopCount {
  /** 1 to 255. */
  readonly limit: number
  /** A bundle whose count exceeds its limit is to be deleted. */
  readonly count: number
}

/** Block-type-specific data. */
export function encodeHopCount(hopCount: HopCount): Uint8Array {
  const writer = new CborWriter(12)
  writer.array(2)
  writer.uint(hopCount.limit)
  writer.uint(hopCount.count)
  return writer.written()
}

export function decodeHopCount(data: Uint8Array): Result<HopCount> {
  return decodeCbor(data, readHopCount)
}

function readHopCount(reader: CborReader): HopCount {
  const length = reader.openArray()
  const limit = reader.safeUint()
  const count = reader.safeUint()
  reader.closeArray(length, 2)
  if (limit < 1 || limit > 255) {
    const code: Bpv7FaultCode = 'bpv7/bad-extension'
    throw new Fault(code, `hop limit ${limit}`, { temporary: false })
  }
  return { limit, count }
}
