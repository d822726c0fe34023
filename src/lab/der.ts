/** As much of DER (X.690) as a certificate takes to write. */

import { concat } from '../base/bytes.ts'

/** Tags of the classes that are used here. X.690 §8.1.2. */
export const DER = {
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  identifier: 0x06,
  utf8: 0x0c,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

export function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = concat(...content)
  return concat(Uint8Array.of(tag, ...lengthOctets(body.length)), body)
}

function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length]
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
}
