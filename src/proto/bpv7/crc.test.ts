import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromLatin1 } from '../../base/bytes.ts'
import { blockCrc } from './crc.ts'

/** The plainest way to compute a CRC. */
function bitwise(polynomial: number, ones: number, bytes: Uint8Array): number {
  let crc = ones
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
  }
  return (crc ^ ones) >>> 0
}

const x25 = (bytes: Uint8Array) => bitwise(0x8408, 0xffff, bytes)
const crc32c = (bytes: Uint8Array) => bitwise(0x82f6_3b78, 0xffff_ffff, bytes)

test('the bit-by-bit CRCs used below give the published check values', () => {
  expect(x25(fromLatin1('123456789'))).toBe(0x906e)
  expect(crc32c(fromLatin1('123456789'))).toBe(0xe306_9283)
})

test('they give those of RFC 7143 Appendix A.4, the only examples of RFC 9171 (RFC 9171 §4.2.2)', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a91_36aa)
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8_ab43)
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd_794e)
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113f_db5c)
})

test("a CRC's own bytes count as zeros (RFC 9171 §4.3.1)", () => {
  const bytes = fromLatin1('123456789....')
  const block = { start: 0, end: 13, crcAt: 9 }
  expect(blockCrc(2, bytes, block)).toBe(crc32c(fromLatin1('123456789\0\0\0\0')))
})

test('property: eight bytes a step give what one bit a step gives', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 4, maxLength: 200 }),
      fc.nat(),
      fc.nat(),
      (bytes, a, b) => {
        const crcAt = a % (bytes.length - 3)
        const start = b % (crcAt + 1)
        for (const [crcType, width, reference] of [
          [1, 2, x25],
          [2, 4, crc32c],
        ] as const) {
          const zeroed = bytes.slice().fill(0, crcAt, crcAt + width)
          const block = { start, end: bytes.length, crcAt }
          expect(blockCrc(crcType, bytes, block)).toBe(reference(zeroed.subarray(start)))
        }
      },
    ),
  )
})
