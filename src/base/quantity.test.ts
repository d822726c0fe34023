import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatDuration, formatSize, parseDuration, parseShare, parseSize } from './quantity.ts'

test.each([
  ['0', 0],
  ['0.0', 0],
  ['500ms', 500],
  ['500 ms', 500],
  [' 1.5s ', 1500],
  ['20min', 1_200_000],
  ['20m', 1_200_000],
  ['2h', 7_200_000],
  ['5d', 432_000_000],
  ['1w', 604_800_000],
])('%s is a duration', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each([
  '',
  '5',
  '-5s',
  '5 parsecs',
  's',
  '1e3s',
  '0x1s',
  '1,5s',
  '5s5',
  'constructors',
  '1.s',
  '.5s',
])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined()
})

test('a unit is none of the names that every object has', () => {
  expect(parseDuration('5constructor')).toBeUndefined()
  expect(parseSize('5toString')).toBeUndefined()
})

test.each([
  ['0', 0],
  ['10MiB', 10_485_760],
  ['10MB', 10_000_000],
  ['1.5KiB', 1536],
  ['0.3B', 0],
  ['4GiB', 4_294_967_296],
])('%s is a size', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes)
})

test.each(['10', '10mib', '10 M', '-1B'])('%s is no size', (text) => {
  expect(parseSize(text)).toBeUndefined()
})

test('a share lies between 0% and 100%', () => {
  expect(parseShare('30%')).toBeCloseTo(0.3)
  expect(['0%', '0', '100%'].map(parseShare)).toEqual([0, 0, 1])
  expect(['101%', '-1%', '0.3', '30'].map(parseShare)).toEqual(Array(4).fill(undefined))
})

test.each([
  [0, '0ms'],
  [500, '500ms'],
  [1500, '1.5s'],
  [60_000, '1min'],
  [90_000, '1.5min'],
  [100_000, '100s'],
  [1_200_000, '20min'],
  [5_400_000, '1.5h'],
  [432_000_000, '5d'],
  [1_234_567, '1234.567s'],
])('%d ms is written in the largest unit that fits: %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

test('property: a duration in whole milliseconds that was written can be read', () => {
  fc.assert(
    fc.property(fc.nat(10 ** 10), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBeCloseTo(ms, 3)
    }),
  )
})

test('a size is told in the largest unit that it fills', () => {
  const told = [0, 1023, 1024, 1_572_864, 1_073_741_824].map(formatSize)
  expect(told).toEqual(['0B', '1023B', '1KiB', '1.5MiB', '1GiB'])
})
