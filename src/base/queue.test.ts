import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Queue } from './queue.ts'

test('property: what was pushed comes out in its order, whatever was taken in between', () => {
  const step = fc.constantFrom('push', 'shift', 'shift', 'clear')
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant('push'), step), { maxLength: 60 }), (steps) => {
      const queue = new Queue<number>()
      let model: number[] = []
      steps.forEach((name, i) => {
        if (name === 'push') {
          queue.push(i)
          model.push(i)
        } else if (name === 'shift') expect(queue.shift()).toBe(model.shift())
        else {
          queue.clear()
          model = []
        }
        expect([queue.size, queue.peek(), [...queue]]).toEqual([model.length, model[0], model])
      })
    }),
  )
})
