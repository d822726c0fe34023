import fc from 'fast-check'
import { expect, test } from 'vitest'
import { monoMs } from '../../base/time.ts'
import { FOLDS_MAX, FoldedTime } from './folded-time.ts'

const flight = (sentAt: number, delayMs = 500) => ({
  sentAt: monoMs(sentAt),
  arrivesAt: monoMs(sentAt + delayMs),
})

test('a pause in which nothing moves is folded away, and what is on both sides has one scale', () => {
  const time = new FoldedTime([flight(0), flight(600), flight(3_600_000)])
  expect(time.folds).toEqual([{ from: 1100, until: 3_600_000 }])
  const slant = time.pxAt(500) - time.pxAt(0)
  expect(time.pxAt(3_600_500) - time.pxAt(3_600_000)).toBeCloseTo(slant)
  expect(time.pxAt(3_600_000) - time.pxAt(1100)).toBeLessThan(60)
  expect(time.ticks().some(({ value }) => value >= 3_600_000)).toBe(true)
})

test('there are so many folds and no more', () => {
  const flights = Array.from({ length: 3 * FOLDS_MAX }, (_, i) => flight(i * i * 10_000))
  expect(new FoldedTime(flights).folds.length).toBeLessThanOrEqual(FOLDS_MAX)
  expect(new FoldedTime(flights).length).toBeLessThan(5000)
})

test('property: time only goes down, within the picture', () => {
  const flights = fc.array(
    fc.tuple(fc.nat(10_000_000), fc.nat(2_000)).map(([at, delay]) => flight(at, delay)),
  )
  fc.assert(
    fc.property(flights, (flights) => {
      const time = new FoldedTime(flights)
      const moments = flights.flatMap(({ sentAt, arrivesAt }) => [sentAt, arrivesAt])
      const places = moments.sort((a, b) => a - b).map((at) => time.pxAt(at))
      expect(places).toEqual(places.toSorted((a, b) => a - b))
      expect(places.every((px) => px >= 0 && px <= time.length + 1e-6)).toBe(true)
    }),
  )
})
