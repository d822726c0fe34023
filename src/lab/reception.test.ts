import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat } from '../base/bytes.ts'
import { type Arrival, type Piece, Reception } from './reception.ts'

const STREAM = Uint8Array.from({ length: 200 }, (_, i) => i)

function piece(from: number, to: number, isLast = false): Piece {
  return { sequence: 1000 + from, payload: STREAM.slice(from, to), isLast }
}

function accepted(pieces: readonly Piece[]): {
  bytes: Uint8Array
  arrivals: Arrival[]
  reception: Reception
} {
  const reception = new Reception(1000)
  const ready: Uint8Array[] = []
  const arrivals = pieces.map((each) =>
    reception.accept(each, ({ payload }) => ready.push(payload)),
  )
  return { bytes: concat(...ready), arrivals, reception }
}

test('what comes behind a gap is told by SACK, what grew last first, and at most three of them (RFC 2018 §4)', () => {
  const { reception, arrivals } = accepted([
    piece(20, 30),
    piece(40, 50),
    piece(60, 70),
    piece(80, 90),
    piece(30, 35),
  ])
  expect(arrivals).toEqual(['early', 'early', 'early', 'early', 'early'])
  expect(reception.sack).toEqual([
    { left: 1020, right: 1035 },
    { left: 1080, right: 1090 },
    { left: 1060, right: 1070 },
  ])
})

test('a gap that is filled leaves no block, and repeated pieces are old', () => {
  const { reception, arrivals, bytes } = accepted([
    piece(10, 20),
    piece(10, 20),
    piece(0, 10),
    piece(0, 10),
    piece(20, 30),
  ])
  expect(arrivals).toEqual(['early', 'old', 'filling', 'old', 'in-order'])
  expect([reception.sack, reception.expected]).toEqual([[], 1030])
  expect(bytes).toEqual(STREAM.slice(0, 30))
})

test('a FIN counts as one octet behind the last', () => {
  const { reception } = accepted([piece(5, 5, true), piece(0, 5)])
  expect(reception.expected).toBe(1006)
})

test('property: pieces that overlap in any order are the stream, each octet once', () => {
  const cut = fc.tuple(fc.nat(200), fc.nat(200)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)])
  fc.assert(
    fc.property(fc.array(cut, { maxLength: 40 }), (cuts) => {
      const pieces = cuts.map(([from = 0, to = 0]) => piece(from, to))
      const { bytes, reception } = accepted([...pieces, piece(0, 200)])
      expect(bytes).toEqual(STREAM)
      expect(reception.sack).toEqual([])
    }),
  )
})

test('property: blocks say what is there and nothing else', () => {
  const cut = fc.tuple(fc.nat(199), fc.integer({ min: 1, max: 30 }))
  fc.assert(
    fc.property(fc.array(cut, { maxLength: 12 }), (cuts) => {
      const pieces = cuts.map(([from, length]) => piece(from, Math.min(200, from + length)))
      const { reception } = accepted(pieces)
      const here = new Set(
        pieces.flatMap(({ sequence, payload }) => [...payload].map((_, i) => sequence + i)),
      )
      for (let at = 1000; at < reception.expected; at++) expect(here.has(at)).toBe(true)
      expect(here.has(reception.expected)).toBe(false)
      for (const { left, right } of reception.sack) {
        for (let at = left; at < right; at++) expect(here.has(at)).toBe(true)
        expect([here.has(left - 1), here.has(right)]).toEqual([false, false])
      }
    }),
  )
})
