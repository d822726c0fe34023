import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Slab } from './slab.ts'

test('property: no piece shares a byte with another, whatever their sizes', () => {
  const sizes = fc.array(fc.oneof(fc.nat(100), fc.nat(40_000)), { maxLength: 40 })
  fc.assert(
    fc.property(sizes, (lengths) => {
      const slab = new Slab()
      const pieces = lengths.map((length, i) => slab.copy(new Uint8Array(length).fill(i + 1)))
      pieces.forEach((piece, i) => {
        expect(piece).toHaveLength(lengths[i] as number)
        expect(piece.every((byte) => byte === i + 1)).toBe(true)
      })
    }),
    { numRuns: 30 },
  )
})
