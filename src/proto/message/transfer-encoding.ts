/** The content transfer encodings, read as leniently as programs have to. RFC 2045 §6.7, §6.8. */

const EQUALS = 0x3d
const CR = 0x0d
const LF = 0x0a

/** `encoding` in lower case; bytes in any other than the two are returned as they are. */
export function decodeTransfer(bytes: Uint8Array, encoding: string): Uint8Array {
  if (encoding === 'base64') return decodeBase64Leniently(bytes)
  if (encoding === 'quoted-printable') return decodeQuotedPrintable(bytes)
  return bytes
}

/** What is no digit of base64 is passed over; the first `=` ends it, as it may stand only there. */
export function decodeBase64Leniently(bytes: Uint8Array): Uint8Array {
  const decoded = new Uint8Array(Math.floor((bytes.length * 3) / 4) + 3)
  let at = 0
  let group = 0
  let held = 0
  for (const byte of bytes) {
    if (byte === EQUALS) break
    const digit = base64Digit(byte)
    if (digit < 0) continue
    group = (group << 6) | digit
    held += 6
    if (held < 8) continue
    held -= 8
    decoded[at++] = (group >> held) & 0xff
    group &= (1 << held) - 1
  }
  return decoded.subarray(0, at)
}

/** An `=` that begins no octet and no soft line break stays as it is. */
export function decodeQuotedPrintable(bytes: Uint8Array): Uint8Array {
  const decoded = new Uint8Array(bytes.length)
  let at = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number
    if (byte !== EQUALS) {
      decoded[at++] = byte
      continue
    }
    const high = hexDigit(bytes[i + 1])
    const low = hexDigit(bytes[i + 2])
    if (high >= 0 && low >= 0) {
      decoded[at++] = (high << 4) | low
      i += 2
      continue
    }
    const end = softBreakEnd(bytes, i + 1)
    if (end === undefined) decoded[at++] = byte
    else i = end - 1
  }
  return decoded.subarray(0, at)
}

/** Spaces may have been put behind the `=` on the way. RFC 2045 §6.7 (3). */
function softBreakEnd(bytes: Uint8Array, from: number): number | undefined {
  let at = from
  while (at < from + BREAK_SPACES_MAX && (bytes[at] === 0x20 || bytes[at] === 0x09)) at++
  if (at >= bytes.length) return at
  if (bytes[at] === CR) at++
  return bytes[at] === LF ? at + 1 : undefined
}

/** A line of quoted-printable has at most 76 characters. RFC 2045 §6.7 (5). */
const BREAK_SPACES_MAX = 76

function base64Digit(byte: number): number {
  if (byte >= 0x41 && byte <= 0x5a) return byte - 0x41
  if (byte >= 0x61 && byte <= 0x7a) return byte - 0x61 + 26
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30 + 52
  if (byte === 0x2b) return 62
  return byte === 0x2f ? 63 : -1
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1
}
