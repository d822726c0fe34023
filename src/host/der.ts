/** As much of DER (X.690) as certificates take: values of a tag, a length and a content. */

import { concat } from '../base/bytes.ts'

export interface DerValue {
  readonly tag: number
  readonly content: Uint8Array
}

export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** Of context-specific values, which hold other values or do not. */
export const CONSTRUCTED = 0xa0
export const PRIMITIVE = 0x80

/** The values that `bytes` are made of, which they share; undefined where they are not made of such. */
export function readDer(bytes: Uint8Array): readonly DerValue[] | undefined {
  const values: DerValue[] = []
  for (let at = 0; at < bytes.length; ) {
    const value = readValue(bytes, at)
    if (value === undefined) return undefined
    values.push(value)
    at = value.content.byteOffset - bytes.byteOffset + value.content.length
  }
  return values
}

function readValue(bytes: Uint8Array, at: number): DerValue | undefined {
  const [tag, first] = bytes.subarray(at, at + 2)
  // A tag of several octets is nowhere in a certificate.
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
  let length = first
  let start = at + 2
  if (first > 0x7f) {
    const size = first & 0x7f
    // Without a length (0x80) is BER; more than four octets is more than there are.
    if (size === 0 || size > 4) return undefined
    length = bytes.subarray(start, start + size).reduce((sum, octet) => sum * 256 + octet, 0)
    start += size
  }
  if (start + length > bytes.length) return undefined
  return { tag, content: bytes.subarray(start, start + length) }
}

/** One value, whose content is `parts` one after the other. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  if (length < 0x80) return concat(Uint8Array.of(tag, length), ...parts)
  const octets: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  return concat(Uint8Array.of(tag, 0x80 | octets.length, ...octets), ...parts)
}

/** Of the octets of a number that is not negative. */
export function derInteger(octets: Uint8Array): Uint8Array {
  const start = octets.findIndex((octet) => octet !== 0)
  const digits = start < 0 ? Uint8Array.of(0) : octets.subarray(start)
  return der(DER.integer, (digits[0] ?? 0) > 0x7f ? concat(Uint8Array.of(0), digits) : digits)
}

/** `1.3.6.1.5.5.7.8.11`. */
export function derOid(text: string): Uint8Array {
  const [first = 0, second = 0, ...others] = text.split('.').map(Number)
  const octets = [40 * first + second, ...others].flatMap((arc) => {
    const base128 = [arc % 128]
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
      base128.unshift(0x80 | (rest % 128))
    }
    return base128
  })
  return der(DER.oid, Uint8Array.from(octets))
}
