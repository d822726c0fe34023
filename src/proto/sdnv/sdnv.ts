/** Self-Delimiting Numeric Values: seven bits in each octet, the last one without its high bit. RFC 6256. */

import { Fault } from '../../base/fault.ts'

export type SdnvFaultCode = 'sdnv/too-large'

/** Octets of 2^64 − 1. Leading zeros (0x80) are forgiven within it. */
const SDNV_BYTES_MAX = 10

const UINT64_MAX = 0xffff_ffff_ffff_ffffn
/** Octets whose value a number holds exactly. */
const EXACT_BYTES_MAX = 7

export interface DecodedSdnv {
  readonly value: bigint
  /** Index of the octet behind it. */
  readonly end: number
}

/** 0 ≤ `value` < 2^64, as short as it can be. */
export function encodeSdnv(value: bigint): Uint8Array {
  const octets = [Number(value & 0x7fn)]
  for (let rest = value >> 7n; rest > 0n; rest >>= 7n) octets.push(Number(rest & 0x7fn) | 0x80)
  return Uint8Array.from(octets.reverse())
}

/**
 * Reads the value that begins at index `at`. Undefined where its end has not come yet; throws a
 * Fault `sdnv/too-large` as soon as it cannot be below 2^64 any more.
 */
export function decodeSdnv(bytes: Uint8Array, at: number): DecodedSdnv | undefined {
  let low = 0
  for (let end = at; end < at + EXACT_BYTES_MAX; end++) {
    const octet = bytes[end]
    if (octet === undefined) return undefined
    low = low * 0x80 + (octet & 0x7f)
    if (octet < 0x80) return { value: BigInt(low), end: end + 1 }
  }
  let value = BigInt(low)
  for (let end = at + EXACT_BYTES_MAX; end < at + SDNV_BYTES_MAX; end++) {
    const octet = bytes[end]
    if (octet === undefined) return undefined
    value = (value << 7n) | BigInt(octet & 0x7f)
    if (value > UINT64_MAX) break
    if (octet < 0x80) return { value, end: end + 1 }
  }
  throw new Fault<SdnvFaultCode>('sdnv/too-large', 'a number beyond 64 bits', { temporary: false })
}
