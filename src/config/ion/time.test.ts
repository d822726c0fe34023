import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wallMs } from '../../base/time.ts'
import { TIME_SEC_MAX } from './limits.ts'
import { formatInstant, formatIonTime, parseIonTime, resolveIonTime } from './time.ts'

const NOW = wallMs(1_795_420_800_000)

test('a relative time counts from the reference time', () => {
  const time = parseIonTime('+60')
  expect(time).toEqual({ kind: 'relative', offsetSec: 60 })
  expect(time && resolveIonTime(time, NOW)).toBe(NOW + 60_000)
})

test('an absolute time is UTC', () => {
  expect(parseIonTime('2026/11/23-08:00:00')).toEqual({ kind: 'absolute', at: NOW })
  expect(formatInstant(NOW)).toBe('2026/11/23-08:00:00')
})

test('the last second that ION can hold is read, the next is not', () => {
  expect(parseIonTime('2038/01/19-03:14:07')).toBeDefined()
  expect(parseIonTime('2038/01/19-03:14:08')).toBeUndefined()
  expect(parseIonTime(`+${TIME_SEC_MAX}`)).toBeDefined()
  expect(parseIonTime(`+${TIME_SEC_MAX + 1}`)).toBeUndefined()
  expect(resolveIonTime({ kind: 'relative', offsetSec: TIME_SEC_MAX }, NOW)).toBeUndefined()
})

test.each([
  '',
  '60',
  '-60',
  '+',
  '+1.5',
  '+1h',
  '2026/02/30-00:00:00',
  '2026/13/01-00:00:00',
  '2026/11/23-24:00:00',
  '2026/11/23-08:60:00',
  '2026/11/23-08:00:60',
  '2026/11/23',
  '2026-11-23T08:00:00Z',
  '1969/12/31-23:59:59',
])('%j is no time', (text) => {
  expect(parseIonTime(text)).toBeUndefined()
})

test('property: no text throws, and what is written is read again', () => {
  fc.assert(fc.property(fc.string(), (text) => void parseIonTime(text)))
  const time = fc.oneof(
    fc.nat(TIME_SEC_MAX).map((offsetSec) => ({ kind: 'relative' as const, offsetSec })),
    fc.nat(TIME_SEC_MAX).map((sec) => ({ kind: 'absolute' as const, at: wallMs(sec * 1000) })),
  )
  fc.assert(
    fc.property(time, (value) => {
      expect(parseIonTime(formatIonTime(value))).toEqual(value)
    }),
  )
})
