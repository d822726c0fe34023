/**
 * Compression that compresses nothing: DEFLATE of stored blocks, which any reader of zlib takes, and
 * the reading of those alone. A lab that wants real sizes is handed a real one. RFC 1950, RFC 1951 §3.2.4.
 */

import { concat } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type { Packing, PackingFaultCode } from '../ports/packing.ts'

const STORED_BYTES_MAX = 0xffff
const STORED_HEAD_BYTES = 5
/** Deflate with the largest window, checked, without a dictionary. RFC 1950 §2.2. */
const ZLIB_HEAD = Uint8Array.of(0x78, 0x01)
const ADLER_BYTES = 4

export const labPacking: Packing = {
  formats: ['zlib', 'deflate'],
  pack: async (bytes, { format }) =>
    format === 'zlib' ? concat(ZLIB_HEAD, store(bytes), adler32(bytes)) : store(bytes),
  unpack: async (bytes, { format, bytesMax }) => {
    if (format !== 'zlib') return restore(bytes, bytesMax).content
    if (bytes[0] !== ZLIB_HEAD[0]) throw broken('no zlib header')
    const { content, end } = restore(bytes.subarray(ZLIB_HEAD.length), bytesMax)
    const sum = bytes.subarray(ZLIB_HEAD.length + end, ZLIB_HEAD.length + end + ADLER_BYTES)
    if (String(sum) !== String(adler32(content))) throw broken('its checksum is another')
    return content
  },
}

function store(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  let at = 0
  do {
    const block = bytes.subarray(at, at + STORED_BYTES_MAX)
    at += block.length
    const [low, high] = [block.length & 0xff, block.length >> 8]
    parts.push(Uint8Array.of(at >= bytes.length ? 1 : 0, low, high, ~low, ~high), block)
  } while (at < bytes.length)
  return concat(...parts)
}

function restore(
  bytes: Uint8Array,
  bytesMax: number,
): { readonly content: Uint8Array; readonly end: number } {
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  for (let at = 0; ; ) {
    const [head = 0xff, low = 0, high = 0] = bytes.subarray(at, at + STORED_HEAD_BYTES)
    if (head > 1) throw broken('the lab reads stored blocks only')
    const from = at + STORED_HEAD_BYTES
    at = from + low + 256 * high
    if (at > bytes.length) throw broken('it ends too soon')
    sizeBytes += at - from
    if (sizeBytes > bytesMax) {
      throw new Fault<PackingFaultCode>(
        'packing/too-large',
        `unpacks to more than ${bytesMax} bytes`,
        { temporary: false },
      )
    }
    parts.push(bytes.subarray(from, at))
    if (head === 1) return { content: concat(...parts), end: at }
  }
}

/** RFC 1950 §8.2. */
function adler32(bytes: Uint8Array): Uint8Array {
  let [a, b] = [1, 0]
  for (const byte of bytes) {
    a = (a + byte) % 65_521
    b = (b + a) % 65_521
  }
  return Uint8Array.of(b >> 8, b & 0xff, a >> 8, a & 0xff)
}

function broken(what: string): Fault<PackingFaultCode> {
  return new Fault('packing/broken', `not what was packed here: ${what}`, { temporary: false })
}
