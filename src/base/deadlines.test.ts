import { expect, test } from 'vitest'
import { Deadlines } from './deadlines.ts'
import { monoMs } from './time.ts'

test('the earliest of all deadlines is the one that counts', () => {
  const deadlines = new Deadlines<'idle' | 'retry'>()
  expect(deadlines.earliest).toBeUndefined()
  deadlines.set('idle', monoMs(20))
  deadlines.set('retry', monoMs(10))
  expect(deadlines.earliest).toBe(10)
  deadlines.set('retry', monoMs(30))
  expect(deadlines.earliest).toBe(20)
  deadlines.clear('idle')
  expect(deadlines.earliest).toBe(30)
  deadlines.clearAll()
  expect(deadlines.earliest).toBeUndefined()
})

test('a deadline is taken once, not before its moment', () => {
  const deadlines = new Deadlines<'idle'>()
  expect(deadlines.take('idle', monoMs(0))).toBe(false)
  deadlines.set('idle', monoMs(10))
  expect(deadlines.has('idle')).toBe(true)
  expect(deadlines.take('idle', monoMs(9))).toBe(false)
  expect(deadlines.take('idle', monoMs(10))).toBe(true)
  expect(deadlines.take('idle', monoMs(11))).toBe(false)
  expect(deadlines.has('idle')).toBe(false)
  expect(deadlines.earliest).toBeUndefined()
})
