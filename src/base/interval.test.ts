import { expect, test } from 'vitest'
import { isWithin, overlaps, overlapsOrTouches } from './interval.ts'

const hour = { from: 10, until: 20 }

test('an interval holds its first instant and not its last', () => {
  expect([9, 10, 19, 20].map((at) => isWithin(hour, at))).toEqual([false, true, true, false])
})

test.each([
  [{ from: 0, until: 9 }, false, false],
  [{ from: 0, until: 10 }, false, true],
  [{ from: 0, until: 11 }, true, true],
  [{ from: 12, until: 15 }, true, true],
  [{ from: 20, until: 30 }, false, true],
  [{ from: 21, until: 30 }, false, false],
])('%o overlaps 10 to 20: %s; or touches it: %s', (other, overlap, touch) => {
  expect([overlaps(hour, other), overlaps(other, hour)]).toEqual([overlap, overlap])
  expect([overlapsOrTouches(hour, other), overlapsOrTouches(other, hour)]).toEqual([touch, touch])
})
