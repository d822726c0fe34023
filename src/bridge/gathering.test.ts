import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type MonoMs, monoMs } from '../base/time.ts'
import { Gathering, type GatheringEffect, type GatheringEvent } from './gathering.ts'

const HOP = 'ipn:3.2525'

interface Stage {
  readonly mailsMax?: number
  readonly bytesMax?: number
  readonly waitMs?: number
  readonly gatheredBytesMax?: number
  readonly opensAt?: number
}

function stage(options: Stage = {}) {
  const { opensAt = 0, bytesMax = 1000, ...limits } = options
  const machine = new Gathering({
    ...{ mailsMax: 100, waitMs: 0, gatheredBytesMax: 100_000, lookMs: 60_000 },
    ...limits,
    bytesMax: () => bytesMax,
    opensAt: () => monoMs(opensAt),
  })
  const feed = (event: GatheringEvent, at = 0): readonly (readonly string[])[] =>
    machine.handle(event, monoMs(at)).map(({ ids }) => ids)
  const add = (id: string, sizeBytes = 10, priority = 0, at = 0) =>
    feed({ type: 'add', hop: HOP, mail: { id, sizeBytes, priority } }, at)
  return { machine, feed, add }
}

test('what comes in one turn goes together, and at once', () => {
  const { machine, feed, add } = stage()
  expect([...add('a'), ...add('b')]).toEqual([])
  expect(machine.deadline).toBe(0)
  expect(feed({ type: 'tick' })).toEqual([['a', 'b']])
})

test('while an object is on its way to the disk the next ones wait, and go together then', () => {
  const { machine, feed, add } = stage()
  add('a')
  feed({ type: 'tick' })
  expect([...add('b'), ...add('c'), ...feed({ type: 'tick' }, 50)]).toEqual([])
  expect(machine.deadline).toBeUndefined()
  expect(feed({ type: 'written', hop: HOP }, 60)).toEqual([['b', 'c']])
})

test('a mail waits for others as long as it should', () => {
  const { machine, feed, add } = stage({ waitMs: 500 })
  add('a', 10, 0, 100)
  add('b', 10, 0, 400)
  expect(feed({ type: 'tick' }, 599)).toEqual([])
  expect(machine.deadline).toBe(600)
  expect(feed({ type: 'tick' }, 600)).toEqual([['a', 'b']])
})

test('an object that is full goes at once, by count or by octets', () => {
  const count = stage({ mailsMax: 2, waitMs: 500 })
  expect([...count.add('a'), ...count.add('b'), ...count.add('c')]).toEqual([['a', 'b']])
  const octets = stage({ bytesMax: 100, waitMs: 500 })
  expect([...octets.add('a', 60), ...octets.add('b', 60)]).toEqual([['a']])
  expect(octets.add('large', 5000)).toEqual([['b'], ['large']])
  expect(octets.feed({ type: 'remove', id: 'nothing' })).toEqual([])
})

test('the highest priority goes first, then the smallest', () => {
  const { feed, add } = stage({ mailsMax: 2, opensAt: 1000 })
  add('large', 300)
  add('small', 5)
  add('urgent', 400, 2)
  add('small too', 5)
  expect(feed({ type: 'tick' }, 1000)).toEqual([
    ['urgent', 'small'],
    ['small too', 'large'],
  ])
})

test('nothing is formed before a contact opens, unless too much waits', () => {
  const { machine, feed, add } = stage({ opensAt: 10_000, gatheredBytesMax: 2000 })
  expect([...add('a', 900), ...add('b', 901)]).toEqual([])
  expect(machine.deadline).toBe(10_000)
  expect(add('c', 902)).toEqual([['a']])
  expect(feed({ type: 'tick' }, 9999)).toEqual([])
  expect(feed({ type: 'written', hop: HOP }, 9999)).toEqual([])
  expect(feed({ type: 'tick' }, 10_000)).toEqual([['b']])
  expect(feed({ type: 'written', hop: HOP }, 10_001)).toEqual([['c']])
})

test('property: each mail is formed once or removed, in objects within the bounds', () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('add' as const), hop: fc.nat(2), sizeBytes: fc.nat(400) }),
    fc.record({ type: fc.constant('remove' as const), which: fc.nat(20) }),
    fc.record({ type: fc.constant('tick' as const), after: fc.nat(100) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const { machine } = stage({ mailsMax: 5, waitMs: 30 })
      const waiting = new Map<string, number>()
      let [now, count] = [0, 0]
      const hear = (effects: readonly GatheringEffect[]): void => {
        for (const { hop, ids } of effects) {
          expect(ids.length).toBeLessThanOrEqual(5)
          const bytes = ids.reduce((sum, id) => sum + (waiting.get(id) ?? Number.NaN), 0)
          expect(ids.length === 1 || bytes <= 1000).toBe(true)
          for (const id of ids) expect(waiting.delete(id)).toBe(true)
          hear(machine.handle({ type: 'written', hop }, monoMs(now)))
        }
      }
      for (const one of steps) {
        if (one.type === 'add') {
          const id = `mail ${count++}`
          waiting.set(id, one.sizeBytes)
          const mail = { id, sizeBytes: one.sizeBytes, priority: one.hop }
          hear(machine.handle({ type: 'add', hop: `hop ${one.hop}`, mail }, monoMs(now)))
        } else if (one.type === 'remove') {
          const id = `mail ${one.which}`
          waiting.delete(id)
          hear(machine.handle({ type: 'remove', id }, monoMs(now)))
        } else {
          now += one.after
          hear(machine.handle({ type: 'tick' }, monoMs(now)))
        }
      }
      for (let at: MonoMs | undefined = machine.deadline; at !== undefined; at = machine.deadline) {
        now = Math.max(now, at)
        hear(machine.handle({ type: 'tick' }, monoMs(now)))
      }
      expect(waiting.size).toBe(0)
      expect(machine.bytes).toBe(0)
    }),
  )
})
