import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type MonoMs, monoMs } from '../base/time.ts'
import { PROCESSING_ALLOWANCE_MS, RESEND_DOUBLINGS_MAX } from './limits.ts'
import { type TransactionEffect, Transactions } from './transactions.ts'

const EXPIRES_AT = monoMs(1_000_000)

function opened(): Transactions {
  const machine = new Transactions()
  machine.handle(
    { type: 'open', transaction: 'a', roundTripMs: 1000, expiresAt: EXPIRES_AT },
    monoMs(0),
  )
  return machine
}

/** Ticks at every deadline until `until`, forwarding each resend at once. */
function run(machine: Transactions, until: MonoMs): (TransactionEffect & { at: number })[] {
  const heard: (TransactionEffect & { at: number })[] = []
  for (;;) {
    const at = machine.deadline
    if (at === undefined || at > until) return heard
    for (const effect of machine.handle({ type: 'tick' }, at)) {
      heard.push({ ...effect, at })
      if (effect.type === 'resend') machine.handle({ ...effect, type: 'forwarded' }, at)
    }
  }
}

test('nothing is sent again before the bundle has been forwarded', () => {
  expect(run(opened(), monoMs(999_999))).toEqual([])
})

test('the wait is a round trip and an allowance, and doubles', () => {
  const machine = opened()
  machine.handle({ type: 'forwarded', transaction: 'a' }, monoMs(100))
  const first = 100 + 1000 + PROCESSING_ALLOWANCE_MS
  const waits = [1, 2, 4].map((times) => times * (1000 + PROCESSING_ALLOWANCE_MS))
  expect(run(machine, monoMs(first + 20_000))).toEqual([
    { type: 'resend', transaction: 'a', attempt: 2, at: first },
    { type: 'resend', transaction: 'a', attempt: 3, at: first + (waits[1] ?? 0) },
    { type: 'resend', transaction: 'a', attempt: 4, at: first + (waits[1] ?? 0) + (waits[2] ?? 0) },
  ])
})

test('the wait stops doubling at its bound', () => {
  const machine = opened()
  machine.handle({ type: 'forwarded', transaction: 'a' }, monoMs(0))
  const at = run(machine, monoMs(999_999)).map((effect) => effect.at)
  const longest = (1000 + PROCESSING_ALLOWANCE_MS) * 2 ** RESEND_DOUBLINGS_MAX
  const gaps = at.slice(1).map((value, i) => value - (at[i] ?? 0))
  expect(gaps.at(-1)).toBe(longest)
  expect(gaps.at(-2)).toBe(longest)
})

test('an acknowledged transaction is never heard of again', () => {
  const machine = opened()
  machine.handle({ type: 'forwarded', transaction: 'a' }, monoMs(0))
  machine.handle({ type: 'close', transaction: 'a' }, monoMs(1))
  expect(run(machine, monoMs(2_000_000))).toEqual([])
})

test('the end of its lifetime ends it, once', () => {
  const machine = opened()
  expect(run(machine, monoMs(2_000_000))).toEqual([
    { type: 'expire', transaction: 'a', at: EXPIRES_AT },
  ])
})

test('alarms do not pile up behind closed transactions', () => {
  const machine = new Transactions()
  for (let i = 0; i < 10_000; i++) {
    const transaction = `t${i}`
    machine.handle({ type: 'open', transaction, roundTripMs: 1, expiresAt: EXPIRES_AT }, monoMs(0))
    machine.handle({ type: 'close', transaction }, monoMs(0))
  }
  let alarms = 0
  while (machine.deadline !== undefined && alarms < 10_000) {
    machine.handle({ type: 'tick' }, machine.deadline)
    alarms++
  }
  expect(alarms).toBeLessThan(200)
})

test('property: whatever happens, every open transaction expires exactly once or was closed', () => {
  const step = fc.record({
    type: fc.constantFrom('forwarded' as const, 'close' as const, 'tick' as const),
    transaction: fc.constantFrom('a', 'b', 'c'),
    after: fc.nat(50_000),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const machine = new Transactions()
      const open = new Set(['a', 'b', 'c'])
      for (const transaction of open) {
        machine.handle(
          { type: 'open', transaction, roundTripMs: 500, expiresAt: EXPIRES_AT },
          monoMs(0),
        )
      }
      const hear = (effects: readonly TransactionEffect[]): void => {
        for (const effect of effects) {
          expect(open.has(effect.transaction)).toBe(true)
          if (effect.type === 'expire') open.delete(effect.transaction)
        }
      }
      let now = 0
      for (const { type, transaction, after } of steps) {
        now += after
        hear(machine.handle(type === 'tick' ? { type } : { type, transaction }, monoMs(now)))
        if (type === 'close') open.delete(transaction)
      }
      hear(machine.handle({ type: 'tick' }, monoMs(5_000_000)))
      expect([...open]).toEqual([])
    }),
  )
})
