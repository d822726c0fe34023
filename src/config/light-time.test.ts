import { expect, test } from 'vitest'
import { parseTimestamp } from '../base/calendar.ts'
import { wallMs } from '../base/time.ts'
import { distanceKm, lightTimeMs } from './light-time.ts'

const at = (text: string) => parseTimestamp(text) ?? wallMs(Number.NaN)

// Published by NASA/JPL and IMCCE for these oppositions. The Earth is up to 4700 km from where the table has it,
// and the table itself is good to some ten thousand kilometres.
test.each([
  ['2003-08-27T09:51:13Z', 55_758_006],
  ['2016-05-30T21:35:00Z', 75_279_709],
])('Mars at %s is %d km from the Earth, to a thousandth', (when, km) => {
  expect(Math.abs(distanceKm(['earth', 'mars'], at(when)) - km) / km).toBeLessThan(0.001)
})

test('the closest approach of 2003 falls on 27 August', () => {
  const days = Array.from(
    { length: 120 },
    (_, day) => at('2003-07-01T12:00:00Z') + day * 86_400_000,
  )
  const closest = days.reduce((best, day) =>
    distanceKm(['earth', 'mars'], wallMs(day)) < distanceKm(['earth', 'mars'], wallMs(best))
      ? day
      : best,
  )
  expect(closest).toBe(at('2003-08-27T12:00:00Z'))
})

test('light needs between 3 and 22.4 minutes to Mars, whenever', () => {
  const months = Array.from({ length: 400 }, (_, month) =>
    lightTimeMs(['earth', 'mars'], wallMs(at('2000-01-01T00:00:00Z') + month * 30 * 86_400_000)),
  )
  expect(Math.min(...months)).toBeGreaterThan(3.09 * 60_000)
  expect(Math.max(...months)).toBeLessThan(22.4 * 60_000)
  expect(Math.max(...months)).toBeGreaterThan(22 * 60_000)
})

test('light meets a planet where that is when it arrives, so the two ways differ a little', () => {
  const when = at('2026-11-23T08:00:00Z')
  const [there, back] = [lightTimeMs(['earth', 'mars'], when), lightTimeMs(['mars', 'earth'], when)]
  expect(there).not.toBe(back)
  expect(Math.abs(there - back) / there).toBeLessThan(0.0003)
})

// Means over a year or more: semi-major axes, which anybody knows.
test.each([
  ['mercury', 0.387],
  ['venus', 0.723],
  ['jupiter', 5.2],
  ['saturn', 9.54],
  ['uranus', 19.19],
  ['neptune', 30.07],
] as const)('%s is where its orbit is: about %f au from the Sun', (planet, au) => {
  // Seen from the Earth over years, the mean of the squares is the sum of both orbits' squares.
  const squares = Array.from({ length: 6000 }, (_, week) => {
    const when = wallMs(at('1935-01-01T00:00:00Z') + week * 7 * 86_400_000)
    return (distanceKm(['earth', planet], when) / 149_597_870.7) ** 2
  })
  const mean = squares.reduce((sum, square) => sum + square, 0) / squares.length
  expect(Math.sqrt(mean - 1)).toBeCloseTo(au, au > 9 ? 0 : 1)
})
