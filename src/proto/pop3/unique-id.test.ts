import { expect, test } from 'vitest'
import { toUniqueId } from './unique-id.ts'

test('a name of 1 to 70 visible ASCII characters is its own unique-id (RFC 1939 §7)', () => {
  expect(toUniqueId('1795420800.M000001P7.mail-1.a.com')).toBe('1795420800.M000001P7.mail-1.a.com')
  expect(toUniqueId('~'.repeat(70))).toBe('~'.repeat(70))
})

test('any other name gets one that is as valid, always the same and not its neighbour’s', () => {
  const names = ['', 'a b', 'ä', 'x'.repeat(71), 'x'.repeat(72)]
  const ids = names.map(toUniqueId)
  for (const id of ids) expect(id).toMatch(/^[!-~]{1,70}$/)
  expect(new Set(ids).size).toBe(names.length)
  expect(names.map(toUniqueId)).toEqual(ids)
  // Published vectors of FNV-1a.
  expect(ids[0]).toBe('~cbf29ce484222325')
})
