import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Piece, Slab } from './slab.ts'

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

test('property: what has been released is used again, and nothing else is', () => {
  const steps = fc.array(fc.tuple(fc.nat(40_000), fc.nat(6)), { maxLength: 60 })
  fc.assert(
    fc.property(steps, (taken) => {
      const slab = new Slab()
      const held: { readonly piece: Piece; readonly mark: number }[] = []
      taken.forEach(([length, releases], i) => {
        const piece = slab.piece(length)
        piece.bytes.fill(i + 1)
        held.push({ piece, mark: i + 1 })
        for (let n = 0; n < releases; n++) held.shift()?.piece.release()
        for (const { piece: other, mark } of held) {
          expect(other.bytes.every((byte) => byte === mark)).toBe(true)
        }
      })
    }),
    { numRuns: 30 },
  )
})

test('many pieces that come and go take little memory, and one that stays keeps its buffer', () => {
  const slab = new Slab()
  const buffers = new Set<ArrayBufferLike>()
  const kept = slab.piece(10_000)
  const window: Piece[] = []
  for (let i = 0; i < 1000; i++) {
    window.push(slab.piece(10_000))
    buffers.add(window.at(-1)?.bytes.buffer as ArrayBufferLike)
    if (window.length > 20) window.shift()?.release()
  }
  expect(buffers.size).toBeLessThanOrEqual(6)
  for (const piece of window) piece.release()
  expect(kept.bytes.length).toBe(10_000)
  expect(() => window[0]?.release()).toThrow('released once')
})
