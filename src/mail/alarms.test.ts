import fc from 'fast-check'
import { expect, it } from 'vitest'
import { addMs, monoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { Alarms } from './alarms.ts'

/** A clock that is moved by hand. */
function handClock(): { readonly clock: Clock; pass(ms: number): void; timers(): number } {
  let now = monoMs(0)
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>()
  const clock: Clock = {
    now: () => now,
    wall: () => {
      throw new Error('not asked for')
    },
    at: (at, callback) => {
      const timer = { at, callback }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
  }
  return {
    clock,
    timers: () => timers.size,
    pass: (ms) => {
      now = addMs(now, ms)
      for (const timer of [...timers]) {
        if (timer.at > now || !timers.delete(timer)) continue
        timer.callback()
      }
    },
  }
}

it('property: each name rings once, at the latest instant that was set for it, if it was not cleared', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd')
  const step = fc.oneof(
    fc.record({ type: fc.constant('set' as const), name, in: fc.nat(100) }),
    fc.record({ type: fc.constant('clear' as const), name }),
    fc.record({ type: fc.constant('pass' as const), ms: fc.nat(50) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const { clock, pass, timers } = handClock()
      const rung: string[] = []
      const alarms = new Alarms(clock, (id) => void rung.push(id))
      const expected = new Map<string, number>()
      for (const step of steps) {
        if (step.type === 'set') {
          expected.set(step.name, clock.now() + step.in)
          alarms.set(step.name, addMs(clock.now(), step.in))
        } else if (step.type === 'clear') {
          expected.delete(step.name)
          alarms.clear(step.name)
        } else {
          pass(step.ms)
          const due = [...expected].filter(([, at]) => at <= clock.now()).map(([id]) => id)
          for (const id of due) expected.delete(id)
          expect([...rung].sort()).toEqual(due.sort())
          rung.length = 0
        }
        expect(timers()).toBeLessThanOrEqual(1)
      }
      alarms.stop()
      expect(timers()).toBe(0)
    }),
  )
})

it('sets nothing any more once it was stopped: work that ends after it may want to', () => {
  const { clock, timers } = handClock()
  const alarms = new Alarms(clock, () => {})
  alarms.stop()
  alarms.set('a', addMs(clock.now(), 100))
  expect(timers()).toBe(0)
})
