import { expect, test } from 'vitest'
import { addMs, dtnMs, dtnToWall, earlier, monoMs, wallMs, wallToDtn } from './time.ts'

/** 2000-01-01T00:00:00Z. */
const DTN_EPOCH = 946_684_800_000

test('the DTN epoch is the year 2000 (RFC 9171 §4.2.6)', () => {
  expect(dtnToWall(dtnMs(0))).toBe(DTN_EPOCH)
  expect(wallToDtn(wallMs(DTN_EPOCH))).toBe(0)
  expect(wallToDtn(wallMs(1_795_392_000_000))).toBe(1_795_392_000_000 - DTN_EPOCH)
})

test('an instant before the DTN epoch has no DTN time', () => {
  expect(() => wallToDtn(wallMs(DTN_EPOCH - 1))).toThrow(RangeError)
})

test('the earlier of two deadlines, where undefined means never', () => {
  expect(earlier(monoMs(1), monoMs(2))).toBe(1)
  expect(earlier(monoMs(2), monoMs(1))).toBe(1)
  expect(earlier(undefined, monoMs(1))).toBe(1)
  expect(earlier(monoMs(1), undefined)).toBe(1)
  expect(earlier(undefined, undefined)).toBeUndefined()
})

test('addMs stays on its clock', () => {
  expect(addMs(monoMs(1), 2)).toBe(3)
})
