import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addMs, type MonoMs, monoMs } from '../base/time.ts'
import { RESEND_DOUBLINGS_MAX } from './limits.ts'
import { type ObjectEffect, ObjectTimers } from './object-timers.ts'

const EXPIRES_AT = monoMs(1_000_000)
/** A round trip and the far side's allowance. */
const ANSWER_MS = 3000

function opened(): ObjectTimers {
  const machine = new ObjectTimers()
  machine.handle({ type: 'open', object: 'a', expiresAt: EXPIRES_AT }, monoMs(0))
  return machine
}

/** Its answer is due a round trip later. */
function forward(machine: ObjectTimers, object: string, at: MonoMs): readonly ObjectEffect[] {
  const answerAt = addMs(at, ANSWER_MS)
  return machine.handle({ type: 'forwarded', object, answerAt, patienceMs: ANSWER_MS }, at)
}

/** Ticks at every deadline until `until`, forwarding each resend at once. */
function run(machine: ObjectTimers, until: MonoMs): (ObjectEffect & { at: number })[] {
  const heard: (ObjectEffect & { at: number })[] = []
  for (;;) {
    const at = machine.deadline
    if (at === undefined || at > until) return heard
    for (const effect of machine.handle({ type: 'tick' }, at)) {
      heard.push({ ...effect, at })
      if (effect.type === 'resend') forward(machine, effect.object, at)
    }
  }
}

test('nothing is sent again before the bundle has been forwarded', () => {
  expect(run(opened(), monoMs(999_999))).toEqual([])
})

test('the wait is as long as an answer takes, and doubles', () => {
  const machine = opened()
  forward(machine, 'a', monoMs(100))
  const first = 100 + ANSWER_MS
  const waits = [1, 2, 4].map((times) => times * ANSWER_MS)
  expect(run(machine, monoMs(first + 20_000))).toEqual([
    { type: 'resend', object: 'a', attempt: 2, at: first },
    { type: 'resend', object: 'a', attempt: 3, at: first + (waits[1] ?? 0) },
    { type: 'resend', object: 'a', attempt: 4, at: first + (waits[1] ?? 0) + (waits[2] ?? 0) },
  ])
})

test('the wait stops doubling at its bound', () => {
  const machine = opened()
  forward(machine, 'a', monoMs(0))
  const at = run(machine, monoMs(999_999)).map((effect) => effect.at)
  const longest = ANSWER_MS * 2 ** RESEND_DOUBLINGS_MAX
  const gaps = at.slice(1).map((value, i) => value - (at[i] ?? 0))
  expect(gaps.at(-1)).toBe(longest)
  expect(gaps.at(-2)).toBe(longest)
})

test('an acknowledged object is never heard of again', () => {
  const machine = opened()
  forward(machine, 'a', monoMs(0))
  machine.handle({ type: 'close', object: 'a' }, monoMs(1))
  expect(run(machine, monoMs(2_000_000))).toEqual([])
})

test('the end of its lifetime ends it, once', () => {
  const machine = opened()
  expect(run(machine, monoMs(2_000_000))).toEqual([{ type: 'expire', object: 'a', at: EXPIRES_AT }])
})

test('alarms do not pile up behind closed objects', () => {
  const machine = new ObjectTimers()
  for (let i = 0; i < 10_000; i++) {
    const object = `t${i}`
    machine.handle({ type: 'open', object, expiresAt: EXPIRES_AT }, monoMs(0))
    machine.handle({ type: 'close', object }, monoMs(0))
  }
  let alarms = 0
  while (machine.deadline !== undefined && alarms < 10_000) {
    machine.handle({ type: 'tick' }, machine.deadline)
    alarms++
  }
  expect(alarms).toBeLessThan(200)
})

test('property: whatever happens, every open object expires exactly once or was closed', () => {
  const step = fc.record({
    type: fc.constantFrom('forwarded' as const, 'close' as const, 'tick' as const),
    object: fc.constantFrom('a', 'b', 'c'),
    after: fc.nat(50_000),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const machine = new ObjectTimers()
      const open = new Set(['a', 'b', 'c'])
      for (const object of open) {
        machine.handle({ type: 'open', object, expiresAt: EXPIRES_AT }, monoMs(0))
      }
      const hear = (effects: readonly ObjectEffect[]): void => {
        for (const effect of effects) {
          expect(open.has(effect.object)).toBe(true)
          if (effect.type === 'expire') open.delete(effect.object)
        }
      }
      let now = 0
      for (const { type, object, after } of steps) {
        now += after
        const at = monoMs(now)
        if (type === 'forwarded') hear(forward(machine, object, at))
        else hear(machine.handle(type === 'tick' ? { type } : { type, object }, at))
        if (type === 'close') open.delete(object)
      }
      hear(machine.handle({ type: 'tick' }, monoMs(5_000_000)))
      expect([...open]).toEqual([])
    }),
  )
})
