import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { withoutField } from './without-field.ts'

function without(message: string): string {
  return toUtf8(withoutField(fromUtf8(message), 'return-path'))
}

test.each([
  ['at the beginning', 'Return-Path: <a@b>\nFrom: c\n\nbody\n', 'From: c\n\nbody\n'],
  [
    'folded, in another case, twice',
    'A: 1\r\nRETURN-path :\r\n <a@b>\r\nB: 2\r\nReturn-Path: x\r\n\r\n',
    'A: 1\r\nB: 2\r\n\r\n',
  ],
  ['not in the body', 'A: 1\n\nReturn-Path: x\n', 'A: 1\n\nReturn-Path: x\n'],
  ['not of a longer name', 'Return-Pathology: x\n\n', 'Return-Pathology: x\n\n'],
  ['without anything behind it', 'A: 1\nReturn-Path: x', 'A: 1\n'],
  ['where there is nothing else', 'Return-Path: x\n', ''],
])('a field is left out: %s', (_, message, left) => {
  expect(without(message)).toBe(left)
})

test('property: no bytes make it throw, and nothing is added', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      expect(withoutField(bytes, 'a').length).toBeLessThanOrEqual(bytes.length)
    }),
  )
})
