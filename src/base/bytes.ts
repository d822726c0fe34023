/** Bytes and text, without Node's Buffer, so that the cores run anywhere. */

/**
 * The one facility of the host that pure code may use: every host has it, it holds no state, and a
 * coder of our own would be slower.
 */
declare const TextEncoder: { new (): { encode(text: string): Uint8Array } }
declare const TextDecoder: {
  new (
    label: string,
    options: { readonly fatal: boolean; readonly ignoreBOM: boolean },
  ): { decode(bytes: Uint8Array): string }
}

export const NO_BYTES: Uint8Array = new Uint8Array(0)

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** From so many octets on the host's coders are faster than ours, for what is ASCII. */
const DECODED_MIN = 32

const utf8Encoder = new TextEncoder()
const utf8Decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })
const utf8FatalDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function fromUtf8(text: string): Uint8Array {
  return utf8Encoder.encode(text)
}

/** Malformed sequences become U+FFFD. */
export function toUtf8(bytes: Uint8Array): string {
  return utf8Decoder.decode(bytes)
}

/**
 * In one of the charsets of the web's Encoding standard, by any of its names; undefined where the
 * host knows no such charset. Malformed sequences become U+FFFD.
 */
export function toText(bytes: Uint8Array, charset: string): string | undefined {
  try {
    return new TextDecoder(charset, { fatal: false, ignoreBOM: false }).decode(bytes)
  } catch {
    return undefined
  }
}

/** The text, or undefined where the bytes are not well-formed UTF-8. */
export function toUtf8Strict(bytes: Uint8Array): string | undefined {
  try {
    return utf8FatalDecoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** One byte per character; throws RangeError for a character above U+00FF. */
export function fromLatin1(text: string): Uint8Array {
  if (text.length >= DECODED_MIN) {
    const bytes = utf8Encoder.encode(text)
    if (bytes.length === text.length) return bytes
  }
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0xff) throw new RangeError(`not Latin-1 at ${i}`)
    bytes[i] = code
  }
  return bytes
}

/** Arguments per call that every engine takes. */
const APPLY_MAX = 4096

export function toLatin1(bytes: Uint8Array): string {
  if (bytes.length >= DECODED_MIN) {
    const text = utf8Decoder.decode(bytes)
    // Of as many characters as octets, and none in the place of a malformed one: it was all ASCII.
    if (text.length === bytes.length && !text.includes('\ufffd')) return text
  }
  if (bytes.length <= APPLY_MAX) return charactersOf(bytes)
  let text = ''
  for (let at = 0; at < bytes.length; at += APPLY_MAX) {
    text += charactersOf(bytes.subarray(at, at + APPLY_MAX))
  }
  return text
}

function charactersOf(bytes: ArrayLike<number>): string {
  // Spreading the bytes would go through an iterator: seven times slower.
  return String.fromCharCode.apply(null, bytes as number[])
}

export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/** Undefined where `text` is not an even number of hexadecimal digits. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  }
  return bytes
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** RFC 4648 §4, padded. */
export function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    text += BASE64.charAt(group >> 18) + BASE64.charAt((group >> 12) & 63)
    text += left > 1 ? BASE64.charAt((group >> 6) & 63) : '='
    text += left > 2 ? BASE64.charAt(group & 63) : '='
  }
  return text
}

/** RFC 4648 §4, padding required; undefined where `text` is anything else. */
export function fromBase64(text: string): Uint8Array | undefined {
  const match = /^([A-Za-z0-9+/]*)(={0,2})$/.exec(text)
  if (match === null || text.length % 4 !== 0) return undefined
  const digits = match[1] ?? ''
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4))
  let group = 0
  let at = 0
  for (let i = 0; i < digits.length; i++) {
    group = ((group << 6) | BASE64.indexOf(digits.charAt(i))) & 0xffffff
    const bitsHeld = ((i % 4) * 6 + 6) % 24
    if (bitsHeld === 12) bytes[at++] = (group >> 4) & 0xff
    else if (bitsHeld === 18) bytes[at++] = (group >> 2) & 0xff
    else if (bitsHeld === 0) bytes[at++] = group & 0xff
  }
  return bytes
}
