import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Window } from './window.ts'

interface Item {
  readonly number: number
}

test('property: it holds what a Map would hold, whatever the gaps and the order of leaving', () => {
  const step = fc.record({
    kind: fc.constantFrom('add', 'add', 'add', 'delete', 'oldest', 'set', 'clear'),
    gap: fc.oneof(fc.constant(1), fc.constant(1), fc.nat(5), fc.nat(5000)),
    pick: fc.nat(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const window = new Window<Item>()
      const model = new Map<number, Item>()
      let next = 0
      for (const { kind, gap, pick } of steps) {
        const known = [...model.keys()]
        const number = kind === 'oldest' ? known[0] : known[pick % Math.max(1, known.length)]
        if (kind === 'add' || (kind === 'set' && number === undefined)) {
          next += gap
          window.set(next, { number: next })
          model.set(next, { number: next })
        } else if (kind === 'set' && number !== undefined) {
          window.set(number, { number })
          model.set(number, { number })
        } else if (kind === 'clear' && pick % 20 === 0) {
          window.clear()
          model.clear()
        } else if (number !== undefined) expect(window.delete(number)).toBe(model.delete(number))
        expect(window.size).toBe(model.size)
        expect([window.has(next + 1), window.delete(next + 1), window.get(-1)]).toEqual([
          false,
          false,
          undefined,
        ])
      }
      const sorted = [...window.values()].sort((a, b) => a.number - b.number)
      expect(sorted).toEqual([...model.values()].sort((a, b) => a.number - b.number))
      for (const number of model.keys()) expect(window.get(number)).toEqual({ number })
    }),
  )
})

test('one that stays for ever keeps no place for the million that pass', () => {
  const window = new Window<Item>()
  window.set(0, { number: 0 })
  for (let number = 1; number < 1_000_000; number++) {
    window.set(number, { number })
    if (number > 10) window.delete(number - 10)
  }
  expect(window.size).toBe(11)
  expect(window.get(0)).toEqual({ number: 0 })
})
