/**
 * How a bundle is marked off in the stream.
 *
 * `stcp` is ION's Simple TCP: the length in four octets, most significant first. `mtcp` is dtn7's and
 * µD3TN's Minimal TCP (draft-ietf-dtn-mtcpcl): the bundle is a CBOR byte string of definite length.
 * In both a length of 0 means nothing and keeps the connection alive.
 */

import { Fault } from '../../base/fault.ts'
import type { StcpFaultCode } from './fault.ts'

export type Framing = 'stcp' | 'mtcp'

export interface FrameHead {
  /** Of the bundle; 0 for a keepalive. */
  readonly bundleBytes: number
  readonly headBytes: number
}

/** CBOR's major type 2 in the upper three bits. */
const BYTE_STRING = 0x40
/** From here to 27 the length follows in 1, 2, 4 or 8 octets. */
const LENGTH_FOLLOWS = 24

export function encodeFrameHead(framing: Framing, bundleBytes: number): Uint8Array {
  if (framing === 'stcp') return bigEndian(bundleBytes, 4)
  if (bundleBytes < LENGTH_FOLLOWS) return Uint8Array.of(BYTE_STRING | bundleBytes)
  const width = [1, 2, 4, 8].find((octets) => bundleBytes < 2 ** (8 * octets)) ?? 8
  const head = bigEndian(bundleBytes, width + 1)
  head[0] = BYTE_STRING | (LENGTH_FOLLOWS + Math.log2(width))
  return head
}

/**
 * Reads the head that begins at index `at`; undefined where it is not all there. Throws a Fault for
 * what is none and for a bundle of more than `bundleBytesMax`.
 */
export function decodeFrameHead(
  framing: Framing,
  bytes: Uint8Array,
  at: number,
  bundleBytesMax: number,
): FrameHead | undefined {
  const first = bytes[at]
  if (first === undefined) return undefined
  let width = 4
  let start = at
  if (framing === 'mtcp') {
    const information = first & 0x1f
    if ((first & 0xe0) !== BYTE_STRING || information > LENGTH_FOLLOWS + 3) {
      throw fault('stcp/bad-frame', 'not a byte string of definite length')
    }
    if (information < LENGTH_FOLLOWS) return checked(information, 1, bundleBytesMax)
    width = 2 ** (information - LENGTH_FOLLOWS)
    start = at + 1
  }
  const end = start + width
  if (bytes.length < end) return undefined
  let bundleBytes = 0
  for (let i = start; i < end; i++) bundleBytes = bundleBytes * 0x100 + (bytes[i] ?? 0)
  return checked(bundleBytes, end - at, bundleBytesMax)
}

function checked(bundleBytes: number, headBytes: number, bundleBytesMax: number): FrameHead {
  if (bundleBytes > bundleBytesMax) {
    throw fault('stcp/too-large', `a bundle of ${bundleBytes} bytes`)
  }
  return { bundleBytes, headBytes }
}

function bigEndian(value: number, width: number): Uint8Array {
  const bytes = new Uint8Array(width)
  let rest = value
  for (let i = width - 1; i >= 0; i--) {
    bytes[i] = rest % 0x100
    rest = Math.floor(rest / 0x100)
  }
  return bytes
}

function fault(code: StcpFaultCode, message: string): Fault<StcpFaultCode> {
  return new Fault(code, message, { temporary: false })
}
