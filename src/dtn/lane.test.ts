import fc from 'fast-check'
import { expect, test } from 'vitest'
import { monoMs } from '../base/time.ts'
import { type ContactWindow, pieceBytesMax } from './contact-window.ts'
import { Lane } from './lane.ts'
import { RETRY_FIRST_MS, RETRY_MAX_MS } from './limits.ts'

const t0 = monoMs(0)

function lane(pause: 'lane' | 'item' = 'item'): Lane {
  return new Lane({ underWayMax: 2, underWayBytesMax: 100, pause })
}

test('no more are under way than the bound, in the order of arrival', () => {
  const l = lane()
  for (const key of [1, 2, 3]) l.add(key, 10)
  expect(l.take(t0)).toEqual([1, 2])
  expect(l.take(t0)).toEqual([])
  l.finish(1)
  expect(l.take(t0)).toEqual([3])
})

test('no more bytes are under way than the bound, but one that is larger goes alone', () => {
  const l = lane()
  l.add(1, 1)
  l.add(2, 1000)
  l.add(3, 1)
  expect(l.take(t0)).toEqual([1])
  l.finish(1)
  expect(l.take(t0)).toEqual([2])
  l.finish(2)
  expect(l.take(t0)).toEqual([3])
})

test('an item that failed waits, the others go on', () => {
  const l = lane('item')
  for (const key of [1, 2, 3]) l.add(key, 1)
  l.take(t0)
  l.postpone(1, t0)
  expect(l.take(t0)).toEqual([3])
  expect(l.deadline).toBe(RETRY_FIRST_MS)
  l.finish(2)
  expect(l.take(monoMs(RETRY_FIRST_MS - 1))).toEqual([])
  expect(l.take(monoMs(RETRY_FIRST_MS))).toEqual([1])
})

test('after a failure of the whole lane one goes ahead, and the rest when it has succeeded', () => {
  const l = lane('lane')
  for (const key of [1, 2, 3, 4]) l.add(key, 1)
  l.take(t0)
  l.postpone(1, t0)
  l.postpone(2, t0)
  expect(l.take(t0)).toEqual([])
  const later = monoMs(RETRY_FIRST_MS)
  expect(l.deadline).toBe(later)
  expect(l.take(later)).toEqual([3])
  expect(l.take(later)).toEqual([])
  l.finish(3)
  expect(l.take(later)).toEqual([4, 1])
})

test('the pause doubles up to its bound', () => {
  const l = lane('lane')
  l.add(1, 1)
  let now = 0
  const pauses: number[] = []
  for (let i = 0; i < 10; i++) {
    expect(l.take(monoMs(now))).toEqual([1])
    l.postpone(1, monoMs(now))
    pauses.push((l.deadline ?? 0) - now)
    now = l.deadline ?? 0
  }
  expect(pauses.slice(0, 3)).toEqual([1000, 2000, 4000])
  expect(pauses.at(-1)).toBe(RETRY_MAX_MS)
})

test('what is forgotten never comes, and what was under way frees its place when it ends', () => {
  const l = lane()
  for (const key of [1, 2, 3, 4]) l.add(key, 1)
  l.take(t0)
  for (const key of [1, 3]) l.forget(key)
  expect(l.take(t0)).toEqual([])
  l.finish(1)
  expect(l.take(t0)).toEqual([4])
})

function contact(from: number, until: number, rateBytesPerSec: number): ContactWindow {
  return { from: monoMs(from), until: monoMs(until), rateBytesPerSec }
}

test('nothing is taken before its contact opens, which is when time is up', () => {
  const l = lane()
  l.add(1, 10)
  l.setWindow(contact(500, 1500, 1000))
  expect(l.deadline).toBe(500)
  expect(l.take(monoMs(499))).toEqual([])
  expect(l.take(monoMs(500))).toEqual([1])
  expect(l.deadline).toBeUndefined()
})

test('what cannot leave before the contact ends waits for the next one', () => {
  const l = new Lane({ underWayMax: 9, underWayBytesMax: 9000, pause: 'lane' })
  for (const key of [1, 2, 3, 4]) l.add(key, 400)
  l.setWindow(contact(0, 1000, 1000))
  expect(l.take(t0)).toEqual([1, 2])
  expect(l.take(monoMs(999))).toEqual([])
  expect(l.take(monoMs(1000))).toEqual([])
  l.setWindow(contact(5000, 6000, 1000))
  expect(l.deadline).toBe(5000)
  expect(l.take(monoMs(5000))).toEqual([3, 4])
})

test('what has failed takes no time from the rest of the contact', () => {
  const l = new Lane({ underWayMax: 9, underWayBytesMax: 9000, pause: 'item' })
  for (const key of [1, 2, 3]) l.add(key, 400)
  l.setWindow(contact(0, 1000, 1000))
  expect(l.take(t0)).toEqual([1, 2])
  l.postpone(1, monoMs(10))
  l.postpone(2, monoMs(10))
  expect(l.take(monoMs(10))).toEqual([3])
})

test('without contacts nothing is held back', () => {
  const l = lane()
  l.setWindow(contact(500, 1500, 1000))
  l.add(1, 10)
  l.setWindow(undefined)
  expect(l.take(t0)).toEqual([1])
})

test('what is larger than a contact goes first in one', () => {
  const l = new Lane({ underWayMax: 9, underWayBytesMax: 90_000, pause: 'lane' })
  l.add(1, 100)
  l.add(2, 5000)
  l.setWindow(contact(0, 1000, 1000))
  expect(l.take(t0)).toEqual([1])
  l.setWindow(contact(2000, 3000, 1000))
  expect(l.take(monoMs(2000))).toEqual([2])
})

test('a contact that opens ends the pause after a failure', () => {
  const l = lane('lane')
  l.setWindow(contact(0, 100, 1_000_000))
  l.add(1, 1)
  expect(l.take(t0)).toEqual([1])
  l.setWindow(contact(200, 300, 1_000_000))
  l.postpone(1, monoMs(150))
  expect(l.deadline).toBe(200)
  expect(l.take(monoMs(200))).toEqual([1])
})

test('property: after whatever happens the deadline is the one that would be found now, and nothing comes before it', () => {
  const key = fc.integer({ min: 0, max: 5 })
  const step = fc.oneof(
    fc.record({ type: fc.constant('add' as const), key }),
    fc.record({ type: fc.constantFrom('take', 'finish', 'postpone', 'forget'), key }),
    fc.record({ type: fc.constant('window' as const), key, lengthMs: fc.integer({ max: 5000 }) }),
  )
  const steps = fc.array(fc.tuple(step, fc.integer({ min: 0, max: 2000 })), { maxLength: 60 })
  fc.assert(
    fc.property(steps, fc.constantFrom('lane', 'item'), (all, pause) => {
      const l = lane(pause)
      const known = new Set<number>()
      let now = 0
      for (const [event, passMs] of all) {
        now += passMs
        const at = monoMs(now)
        if (event.type === 'add') {
          if (!known.has(event.key)) l.add(event.key, 10)
          known.add(event.key)
        } else if (event.type === 'take') l.take(at)
        else if (event.type === 'finish') l.finish(event.key)
        else if (event.type === 'postpone') l.postpone(event.key, at)
        else if (event.type === 'forget') l.forget(event.key)
        else if ('lengthMs' in event) {
          const { lengthMs } = event
          l.setWindow(lengthMs < 0 ? undefined : contact(now + 100, now + 101 + lengthMs, 1000))
        }
        const { deadline } = l
        // Of nothing that is here: it changes nothing, but has the deadline found anew.
        l.forget(NO_KEY)
        expect(l.deadline).toBe(deadline)
      }
      l.take(monoMs(now))
      const { deadline = now + 1e9 } = l
      if (deadline > now) expect(l.take(monoMs(deadline - 1))).toEqual([])
    }),
  )
})

const NO_KEY = -1

test('property: nothing leaves outside a contact, and in one no more than its rate allows and one', () => {
  const gaps = fc.array(
    fc.record({
      gapMs: fc.integer({ min: 1, max: 3000 }),
      lengthMs: fc.integer({ min: 1, max: 3000 }),
      rateBytesPerSec: fc.integer({ min: 1, max: 100_000 }),
    }),
    { minLength: 1, maxLength: 5 },
  )
  const sizes = fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 60 })
  fc.assert(
    fc.property(gaps, sizes, fc.integer({ min: 1, max: 500 }), (plan, sizeOf, stepMs) => {
      const l = new Lane({ underWayMax: 1024, underWayBytesMax: 1e9, pause: 'lane' })
      for (const [key, size] of sizeOf.entries()) l.add(key, size)
      let now = 0
      const taken: number[] = []
      for (const { gapMs, lengthMs, rateBytesPerSec } of plan) {
        const window = contact(now + gapMs, now + gapMs + lengthMs, rateBytesPerSec)
        l.setWindow(window)
        const inThis: number[] = []
        for (; now < window.until + 2 * stepMs; now += stepMs) {
          for (const key of l.take(monoMs(now))) {
            expect(now).toBeGreaterThanOrEqual(window.from)
            expect(now).toBeLessThan(window.until)
            l.finish(key)
            taken.push(key)
            inThis.push(sizeOf[key] ?? 0)
          }
        }
        const bytes = inThis.reduce((sum, size) => sum + size, 0)
        const capacity = (rateBytesPerSec * lengthMs) / 1000
        // Only what could never go otherwise outlasts a contact, and then it goes first.
        if (bytes > capacity) {
          const [first = 0, ...rest] = inThis
          expect(first).toBeGreaterThan(Math.min(capacity, pieceBytesMax(window)))
          expect(rest.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(capacity)
        }
      }
      expect(taken).toEqual(sizeOf.map((_, key) => key).slice(0, taken.length))
    }),
  )
})
