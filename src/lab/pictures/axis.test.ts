import fc from 'fast-check'
import { expect, test } from 'vitest'
import { monoMs } from '../../base/time.ts'
import { timeTicks, valueLabel, valueTicks } from './axis.ts'

const labels = (from: number, until: number): readonly string[] =>
  timeTicks({ from: monoMs(from), until: monoMs(until) }, 6).map(({ label }) => label)

test('times are told in units that people count in', () => {
  expect(labels(0, 4500)).toEqual(['0', '1 s', '2 s', '3 s', '4 s'])
  expect(labels(0, 250)).toEqual(['0', '50 ms', '100 ms', '150 ms', '200 ms', '250 ms'])
  expect(labels(60_000, 3_600_000)).toEqual([
    '10 min',
    '20 min',
    '30 min',
    '40 min',
    '50 min',
    '60 min',
  ])
  expect(labels(0, 3 * 86_400_000)).toEqual(['0', '12 h', '24 h', '36 h', '48 h', '60 h', '72 h'])
})

test('values reach to their largest, and mails are not told by halves', () => {
  expect(valueTicks(48_000, 4, false).map(({ label }) => label)).toEqual([
    '0',
    '20 k',
    '40 k',
    '60 k',
  ])
  expect(valueTicks(2, 4, true).map(({ value }) => value)).toEqual([0, 1, 2])
  expect(valueTicks(0, 4, false).length).toBeLessThan(7)
  expect(valueLabel(1_234_567)).toBe('1.23 M')
})

test('property: never more than a few, whatever the span', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e13, noNaN: true }),
      fc.double({ min: 1, max: 1e13, noNaN: true }),
      (from, length) => {
        expect(
          timeTicks({ from: monoMs(from), until: monoMs(from + length) }, 10).length,
        ).toBeLessThan(13)
        const ticks = valueTicks(length, 4, false)
        expect(ticks.length).toBeLessThan(8)
        expect(ticks.at(-1)?.value).toBeGreaterThanOrEqual(length * 0.999)
      },
    ),
  )
})
