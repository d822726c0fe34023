import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, toHex } from '../../base/bytes.ts'
import { attempt } from '../../base/fault.ts'
import { decodeSdnv, encodeSdnv } from './sdnv.ts'

test('numbers of the capture: 78, 266, 65536 (ION-DTN 4.1.3)', () => {
  expect([78n, 266n, 65_536n].map((value) => toHex(encodeSdnv(value)))).toEqual([
    '4e',
    '820a',
    '848000',
  ])
})

test('what is encoded decodes to itself, whatever stands around it', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.uint8Array({ maxLength: 3 }),
      fc.uint8Array({ maxLength: 3 }),
      (value, before, after) => {
        const encoded = encodeSdnv(value)
        const decoded = decodeSdnv(concat(before, encoded, after), before.length)
        expect(decoded).toEqual({ value, end: before.length + encoded.length })
        for (let cut = 0; cut < encoded.length; cut++) {
          expect(decodeSdnv(encoded.subarray(0, cut), 0)).toBeUndefined()
        }
      },
    ),
  )
})

test('leading zeros are forgiven up to ten octets', () => {
  expect(decodeSdnv(Uint8Array.from([0x80, 0x80, 0x4e]), 0)).toEqual({ value: 78n, end: 3 })
})

test('a number beyond 64 bits is refused before it ends', () => {
  const endless = new Uint8Array(10).fill(0xff)
  expect(attempt(() => decodeSdnv(endless, 0))).toMatchObject({
    ok: false,
    fault: { code: 'sdnv/too-large' },
  })
})

test('no bytes throw anything but a Fault', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      attempt(() => decodeSdnv(bytes, 0))
    }),
  )
})
