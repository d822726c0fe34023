import fc from 'fast-check'
import { expect, test } from 'vitest'
import { monoMs } from '../base/time.ts'
import { type Gathered, GivingWay } from './giving-way.ts'
import { REASSEMBLY_IDLE_MS } from './limits.ts'

/** Lower ones give way first. */
function rankOf({ isRepeat, progressAt, share }: Gathered, now: number): number {
  if (isRepeat) return -2
  return now - progressAt >= REASSEMBLY_IDLE_MS ? -1 : share
}

test('property: what gives way, and in which order, is as a sort of all would say', () => {
  const step = fc.record({
    waitedMs: fc.constantFrom(0, 1, REASSEMBLY_IDLE_MS / 2, REASSEMBLY_IDLE_MS),
    isRepeat: fc.boolean(),
    share: fc.constantFrom(0.1, 0.2, 0.5, 0.9),
    removed: fc.option(fc.nat(20), { nil: undefined }),
    asked: fc.constantFrom(0.1, 0.2, 0.6, 1),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const order = new GivingWay<Gathered>()
      let all: Gathered[] = []
      let now = 0
      for (const [number, { waitedMs, isRepeat, share, removed, asked }] of steps.entries()) {
        now += waitedMs
        const added = { isRepeat, share, progressAt: monoMs(now), number }
        order.add(added)
        all.push(added)
        const gone = all[removed ?? -1]
        if (gone !== undefined) {
          order.remove(gone)
          order.remove(gone)
          all = all.filter((other) => other !== gone)
        }
        const expected = all
          .filter((adu) => rankOf(adu, now) < asked)
          .sort((a, b) => rankOf(a, now) - rankOf(b, now) || a.progressAt - b.progressAt)
        expect([...order.inOrder(asked, monoMs(now))]).toEqual(expected)
        expect(order.isEmpty).toBe(all.length === 0)
      }
    }),
  )
})

test('of many, only those that give way are looked at', () => {
  const order = new GivingWay<Gathered>()
  let looks = 0
  for (let number = 0; number < 10_000; number++) {
    order.add({
      isRepeat: false,
      get share() {
        looks++
        return (number % 100) / 100
      },
      progressAt: monoMs(0),
      number,
    })
  }
  looks = 0
  const [first] = order.inOrder(0.5, monoMs(1))
  expect(first?.number).toBe(0)
  expect(looks).toBeLessThan(10)
})
