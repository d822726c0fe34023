import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat } from './bytes.ts'
import { gathered, partOf, sizeOf } from './scattered.ts'

test('property: a part is what it would be of the bytes in one place', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 5 })
  fc.assert(
    fc.property(pieces, fc.nat(40), fc.nat(40), (bytes, start, length) => {
      const whole = concat(...bytes)
      expect(sizeOf(bytes)).toBe(whole.length)
      expect(gathered(bytes)).toEqual(whole)
      expect(gathered(partOf(bytes, start, start + length))).toEqual(
        whole.slice(start, start + length),
      )
      expect(gathered(partOf(whole, start, start + length))).toEqual(
        whole.slice(start, start + length),
      )
    }),
  )
})

test('one piece is itself', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  expect([sizeOf(bytes), gathered(bytes)]).toEqual([3, bytes])
  expect(partOf(bytes, 0, 9)[0]).toBe(bytes)
})
