// biome-ignore-all lint/style/noRestrictedGlobals: the calendar of JavaScript is the oracle here.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  formatLogTime,
  formatMailDate,
  formatTimestamp,
  fromCivil,
  parseTimestamp,
  toCivil,
} from './calendar.ts'
import { wallMs } from './time.ts'

/** From year 0 to 9999: what has four digits. */
const instant = fc.integer({ min: -62_167_219_200_000, max: Date.UTC(9999, 11, 31) })

test('property: the calendar is that of Date', () => {
  fc.assert(
    fc.property(instant, (ms) => {
      const date = new Date(ms)
      expect(toCivil(wallMs(ms))).toEqual({
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
        hour: date.getUTCHours(),
        minute: date.getUTCMinutes(),
        second: date.getUTCSeconds(),
        millisecond: date.getUTCMilliseconds(),
        weekday: date.getUTCDay(),
      })
      expect(formatTimestamp(wallMs(ms))).toBe(date.toISOString())
    }),
    { numRuns: 2000 },
  )
})

test('every day from 1895 to 2105 is the one that Date names, leap days among them', () => {
  for (let ms = Date.UTC(1895, 0, 1); ms < Date.UTC(2105, 0, 1); ms += 86_400_000) {
    if (formatTimestamp(wallMs(ms)) !== new Date(ms).toISOString()) expect(ms).toBe('another day')
  }
})

test('property: fromCivil undoes toCivil to the second', () => {
  fc.assert(
    fc.property(instant, (ms) => {
      const civil = toCivil(wallMs(ms))
      expect(fromCivil(civil)).toBe(ms - civil.millisecond)
    }),
  )
})

test('fields beyond their range carry over', () => {
  const day = { year: 2026, month: 11, day: 30, hour: 25, minute: 61, second: 60 }
  expect(formatTimestamp(fromCivil(day))).toBe('2026-12-01T02:02:00.000Z')
})

test('the three forms of a date (RFC 5322 §3.3, RFC 3339 §5.6, RFC 3164 §4.1.2)', () => {
  const wall = fromCivil({ year: 2026, month: 3, day: 5, hour: 8, minute: 7, second: 9 })
  expect(formatMailDate(wall)).toBe('Thu, 5 Mar 2026 08:07:09 +0000')
  expect(formatTimestamp(wall)).toBe('2026-03-05T08:07:09.000Z')
  expect(formatLogTime(wall)).toBe('Mar  5 08:07:09')
})

test('property: an instant is read as it is written (RFC 3339 §5.6)', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
      expect(parseTimestamp(formatTimestamp(wallMs(ms)))).toBe(ms)
    }),
  )
  expect(parseTimestamp('2026-11-23T08:00:00Z')).toBe(Date.UTC(2026, 10, 23, 8))
})

test.each([
  '2026-11-23',
  '2026-11-23T08:00:00',
  '2026-11-23T08:00:00+01:00',
  '2026-11-31T08:00:00Z',
  '2026-02-29T08:00:00Z',
  '2026-13-01T08:00:00Z',
  '2026-11-23T24:00:00Z',
  '2026-11-23T08:60:00Z',
  '2026-11-23T08:00:60Z',
  '2026-11-23T08:00:00.0000Z',
])('%s is no instant that can be read', (text) => {
  expect(parseTimestamp(text)).toBeUndefined()
})
