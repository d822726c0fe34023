import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Heap } from './heap.ts'

test('an empty heap has nothing to give', () => {
  const heap = new Heap<number>((a, b) => a < b)
  expect([heap.peek(), heap.pop(), heap.size]).toEqual([undefined, undefined, 0])
})

test('property: the least comes out first, whatever was pushed and popped before', () => {
  const step = fc.option(fc.integer({ min: 0, max: 20 }), { nil: 'pop' as const })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const heap = new Heap<number>((a, b) => a < b)
      const model: number[] = []
      for (const value of steps) {
        if (value === 'pop') expect(heap.pop()).toBe(model.shift())
        else {
          heap.push(value)
          model.push(value)
          model.sort((a, b) => a - b)
        }
        expect([heap.size, heap.peek()]).toEqual([model.length, model[0]])
        expect([...heap].sort((a, b) => a - b)).toEqual(model)
      }
    }),
  )
})
