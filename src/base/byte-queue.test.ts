import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteQueue } from './byte-queue.ts'
import { concat, fromLatin1, toLatin1 } from './bytes.ts'

test('a line is returned without its LF, and only once it is complete', () => {
  const queue = new ByteQueue()
  queue.append(fromLatin1('one\r'))
  expect(queue.takeLine()).toBeUndefined()
  queue.append(fromLatin1('\ntwo'))
  expect(toLatin1(queue.takeLine() ?? fromLatin1('none'))).toBe('one\r')
  expect(queue.takeLine()).toBeUndefined()
  expect(toLatin1(queue.view)).toBe('two')
})

test('skip lets go of the first bytes, and of no more than there are', () => {
  const queue = new ByteQueue()
  queue.append(fromLatin1('abc\ndef'))
  queue.skip(2)
  expect(toLatin1(queue.view)).toBe('c\ndef')
  expect(toLatin1(queue.takeLine() ?? fromLatin1('none'))).toBe('c')
  queue.skip(100)
  expect(queue.length).toBe(0)
})

test('what was appended is a copy', () => {
  const queue = new ByteQueue()
  const bytes = fromLatin1('abc')
  queue.append(bytes)
  bytes.fill(0)
  expect(toLatin1(queue.takeAll())).toBe('abc')
})

test('what was taken is not overwritten by what comes later', () => {
  const queue = new ByteQueue()
  queue.append(fromLatin1('abc\n'))
  const line = queue.takeLine()
  queue.append(fromLatin1('xyz\n'))
  expect(line && toLatin1(line)).toBe('abc')
})

test('clear forgets everything, the search for a line too', () => {
  const queue = new ByteQueue()
  queue.append(fromLatin1('no line end'))
  expect(queue.takeLine()).toBeUndefined()
  queue.clear()
  expect(queue.length).toBe(0)
  queue.append(fromLatin1('a\n'))
  expect(queue.takeLine()).toEqual(fromLatin1('a'))
})

test('property: it gives back what was put in, in any pieces', () => {
  const put = fc.uint8Array({ maxLength: 900 }).map((bytes) => ({ type: 'put' as const, bytes }))
  const take = fc.nat(700).map((count) => ({ type: 'take' as const, count }))
  const skip = fc.nat(300).map((count) => ({ type: 'skip' as const, count }))
  const line = fc.constant({ type: 'line' as const })
  fc.assert(
    fc.property(fc.array(fc.oneof(put, take, skip, line)), (steps) => {
      const queue = new ByteQueue()
      let model = new Uint8Array(0)
      for (const step of steps) {
        if (step.type === 'put') {
          queue.append(step.bytes)
          model = new Uint8Array(concat(model, step.bytes))
        } else if (step.type === 'take') {
          expect([...queue.take(step.count)]).toEqual([...model.subarray(0, step.count)])
          model = model.slice(step.count)
        } else if (step.type === 'skip') {
          queue.skip(step.count)
          model = model.slice(step.count)
        } else {
          const end = model.indexOf(0x0a)
          const taken = queue.takeLine()
          expect(taken && [...taken]).toEqual(end < 0 ? undefined : [...model.subarray(0, end)])
          model = model.slice(end + 1)
        }
        expect(queue.length).toBe(model.length)
        expect([...queue.view]).toEqual([...model])
      }
    }),
  )
})
