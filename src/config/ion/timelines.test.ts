import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Interval, overlaps, overlapsOrTouches } from '../../base/interval.ts'
import { type WallMs, wallMs } from '../../base/time.ts'
import { Timelines } from './timelines.ts'

type Item = Interval<WallMs> & { readonly source: bigint; readonly destination: bigint }

const item = fc
  .tuple(fc.nat(20), fc.integer({ min: 1, max: 5 }), fc.bigInt(1n, 2n), fc.bigInt(1n, 2n))
  .map(([from, length, source, destination]): Item => {
    return { from: wallMs(from), until: wallMs(from + length), source, destination }
  })

test.each([
  ['overlapping', overlaps],
  ['overlapping or touching', overlapsOrTouches],
])('property: of two %s ones of a pair the first stays', (_, collide) => {
  fc.assert(
    fc.property(fc.array(item), (items) => {
      const lines = new Timelines<Item>(collide)
      const kept: Item[] = []
      for (const next of items) {
        const rivals = kept.filter((other) => isSamePair(other, next) && collide(other, next))
        const rival = lines.add(next)
        if (rival === undefined) kept.push(next)
        expect(rivals.length > 0).toBe(rival !== undefined)
        if (rival !== undefined) expect(rivals).toContain(rival)
      }
      expect(new Set(lines.values())).toEqual(new Set(kept))
    }),
  )
})

test('one is changed or deleted by the very time at which it begins', () => {
  const lines = new Timelines<Item>(overlaps)
  const pair = { source: 2n, destination: 3n }
  lines.add({ ...pair, from: wallMs(1), until: wallMs(5) })
  lines.add({ ...pair, from: wallMs(5), until: wallMs(9) })
  const other = { ...pair, source: 1n, from: wallMs(2), until: wallMs(3) }
  lines.add(other)
  const longer = (changed: Item): Item => ({ ...changed, until: wallMs(10) })
  expect(lines.change(pair, wallMs(5), longer)).toBe(true)
  expect(lines.change(pair, wallMs(2), longer)).toBe(false)
  expect(lines.delete(pair, wallMs(1))).toBe(true)
  expect(lines.delete(pair, wallMs(1))).toBe(false)
  expect(lines.values()).toEqual([other, { ...pair, from: 5, until: 10 }])
  lines.deleteAll(pair)
  expect(lines.values()).toEqual([other])
})

function isSamePair(a: Item, b: Item): boolean {
  return a.source === b.source && a.destination === b.destination
}
