import { expect, test } from 'vitest'
import { asFault, attempt, Fault } from './fault.ts'

test('attempt turns a Fault into a value and lets a mistake of ours go on', () => {
  const fault = new Fault('test/refused', 'no', { temporary: true })
  expect(attempt(() => 1)).toEqual({ ok: true, value: 1 })
  const failed = attempt((): number => {
    throw fault
  })
  expect(!failed.ok && failed.fault).toBe(fault)
  expect(() =>
    attempt(() => {
      throw new TypeError('ours')
    }),
  ).toThrow(TypeError)
})

test('asFault hands on what is no Fault', () => {
  const fault = new Fault('test/refused', 'no', { temporary: false })
  expect(asFault(fault)).toBe(fault)
  expect(() => asFault('text')).toThrow('text')
})

test('a Fault carries its code, its detail and its cause', () => {
  const cause = new Error('deep')
  const fault = new Fault('test/full', 'full', { temporary: true, detail: { bytes: 5 }, cause })
  expect(fault).toMatchObject({ name: 'Fault', code: 'test/full', message: 'full', cause })
  expect(fault.detail).toEqual({ bytes: 5 })
  expect(new Fault('test/full', 'full', { temporary: true })).not.toHaveProperty('cause')
})
