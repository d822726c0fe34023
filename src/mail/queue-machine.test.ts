import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addMs, monoMs } from '../base/time.ts'
import {
  type QueueEffect,
  type QueueJob,
  QueueMachine,
  type RetrySchedule,
} from './queue-machine.ts'

const SCHEDULE: RetrySchedule = {
  firstRetryMs: 60_000,
  retryMaxMs: 240_000,
  giveUpAfterMs: 600_000,
  attemptsMax: 2,
}

function machine(handingOverMax = 10): QueueMachine {
  return new QueueMachine({ handingOverMax, schedule: () => SCHEDULE })
}

function job(id: string, hop = 'bp:ipn:3.2525'): QueueJob {
  return {
    id,
    hop,
    attempts: 0,
    dueAt: monoMs(0),
    expiresAt: monoMs(SCHEDULE.giveUpAfterMs),
    priority: 0,
  }
}

function ids(effects: readonly QueueEffect[]): readonly string[] {
  return effects.map((effect) => `${effect.type} ${effect.id}`)
}

describe('QueueMachine', () => {
  it('starts what is due at once', () => {
    const queue = machine()
    expect(ids(queue.handle({ type: 'added', job: job('a') }, monoMs(0)))).toEqual(['attempt a'])
    expect(queue.deadline).toBeUndefined()
  })

  it('waits longer after each failure, up to a bound (RFC 5321 §4.5.4.1)', () => {
    const queue = machine()
    queue.handle({ type: 'added', job: { ...job('a'), expiresAt: monoMs(1e9) } }, monoMs(0))
    let now = monoMs(0)
    const waits: number[] = []
    for (let i = 0; i < 5; i++) {
      const [effect] = queue.handle({ type: 'finished', id: 'a', settled: false }, now)
      if (effect?.type === 'defer') waits.push(effect.retryInMs)
      now = queue.deadline ?? now
      expect(ids(queue.handle({ type: 'tick' }, now))).toEqual(['attempt a'])
    }
    expect(waits).toEqual([60_000, 120_000, 240_000, 240_000, 240_000])
  })

  it('a tick that comes early starts nothing', () => {
    const queue = machine()
    queue.handle({ type: 'added', job: { ...job('a'), dueAt: monoMs(1000) } }, monoMs(0))
    expect(queue.handle({ type: 'tick' }, monoMs(999))).toEqual([])
    expect(queue.deadline).toBe(1000)
  })

  it('makes a last attempt when the time is over and then gives up (RFC 5321 §4.5.4.1)', () => {
    const queue = machine()
    queue.handle({ type: 'added', job: job('a') }, monoMs(0))
    const [defer] = queue.handle({ type: 'finished', id: 'a', settled: false }, monoMs(590_000))
    expect(defer).toEqual({ type: 'defer', id: 'a', attempts: 1, retryInMs: 10_000 })
    expect(ids(queue.handle({ type: 'tick' }, monoMs(600_000)))).toEqual(['attempt a'])
    const last = queue.handle({ type: 'finished', id: 'a', settled: false }, monoMs(600_001))
    expect(ids(last)).toEqual(['give-up a'])
    expect(queue.handle({ type: 'finished', id: 'a', settled: true }, monoMs(600_002))).toEqual([])
    expect(queue.deadline).toBeUndefined()
  })

  it('gives up again, without an attempt, where giving up could not be recorded', () => {
    const queue = machine()
    queue.handle({ type: 'added', job: job('a') }, monoMs(0))
    queue.handle({ type: 'finished', id: 'a', settled: false }, monoMs(700_000))
    const [defer] = queue.handle({ type: 'finished', id: 'a', settled: false }, monoMs(700_000))
    expect(defer?.type).toBe('defer')
    const due = queue.deadline ?? monoMs(0)
    expect(due).toBeGreaterThan(700_000)
    expect(ids(queue.handle({ type: 'tick' }, due))).toEqual(['give-up a'])
  })

  it('what is put off waits as after an attempt, beside those that are under way', () => {
    const queue = machine()
    queue.handle({ type: 'added', job: job('a') }, monoMs(0))
    const effects = queue.handle({ type: 'put-off', job: job('b') }, monoMs(0))
    expect(effects).toEqual([{ type: 'defer', id: 'b', attempts: 1, retryInMs: 60_000 }])
    expect(queue.deadline).toBe(60_000)
    expect(ids(queue.handle({ type: 'tick' }, monoMs(60_000)))).toEqual(['attempt b'])
    const [next] = queue.handle({ type: 'finished', id: 'b', settled: false }, monoMs(60_000))
    expect(next).toMatchObject({ attempts: 2, retryInMs: 120_000 })
  })

  it('what is put off when its time is nearly over has its last attempt at the end of it', () => {
    const queue = machine()
    const late = { ...job('a'), expiresAt: monoMs(5000) }
    const effects = queue.handle({ type: 'put-off', job: late }, monoMs(0))
    expect(effects).toMatchObject([{ type: 'defer', retryInMs: 5000 }])
  })

  it('has no more attempts to one next hop under way than its bound', () => {
    const queue = machine()
    for (const id of ['a', 'b', 'c']) queue.handle({ type: 'added', job: job(id) }, monoMs(0))
    expect(queue.deadline).toBeUndefined()
    const effects = queue.handle({ type: 'finished', id: 'a', settled: true }, monoMs(1))
    expect(ids(effects)).toEqual(['attempt c'])
  })

  it('an attempt that has handed its message over makes room for one to another next hop', () => {
    const queue = machine(1)
    queue.handle({ type: 'added', job: job('a', 'x') }, monoMs(0))
    expect(queue.handle({ type: 'added', job: job('b', 'y') }, monoMs(0))).toEqual([])
    expect(ids(queue.handle({ type: 'handed-over', id: 'a' }, monoMs(0)))).toEqual(['attempt b'])
  })

  it('next hops take turns, so that a long queue for one does not hold up the others', () => {
    const queue = machine(1)
    const order: string[] = []
    let running: string | undefined
    const note = (effects: readonly QueueEffect[]): void => {
      for (const { id } of effects) {
        order.push(id)
        running = id
      }
    }
    for (let i = 0; i < 4; i++)
      note(queue.handle({ type: 'added', job: job(`x${i}`, 'x') }, monoMs(0)))
    for (let i = 0; i < 2; i++)
      note(queue.handle({ type: 'added', job: job(`y${i}`, 'y') }, monoMs(0)))
    while (order.length < 6 && running !== undefined) {
      note(queue.handle({ type: 'finished', id: running, settled: true }, monoMs(0)))
    }
    expect(order).toEqual(['x0', 'x1', 'y0', 'x2', 'y1', 'x3'])
  })

  it('of those that are due the one with the highest priority goes first (RFC 6710)', () => {
    const queue = machine(1)
    queue.handle({ type: 'added', job: job('a') }, monoMs(0))
    queue.handle({ type: 'added', job: job('b') }, monoMs(0))
    queue.handle({ type: 'added', job: { ...job('c'), priority: 3 } }, monoMs(0))
    const settle = (id: string): readonly string[] =>
      ids(queue.handle({ type: 'finished', id, settled: true }, monoMs(1)))
    expect(settle('a')).toEqual(['attempt c'])
    expect(settle('c')).toEqual(['attempt b'])
  })

  it('what is withdrawn is not tried, and keeps no clock waiting', () => {
    const queue = machine()
    queue.handle({ type: 'added', job: { ...job('a'), dueAt: monoMs(1000) } }, monoMs(0))
    queue.handle({ type: 'added', job: { ...job('b'), dueAt: monoMs(2000) } }, monoMs(0))
    queue.handle({ type: 'withdrawn', id: 'a' }, monoMs(0))
    expect(queue.deadline).toBe(2000)
    expect(ids(queue.handle({ type: 'tick' }, monoMs(2000)))).toEqual(['attempt b'])
    queue.handle({ type: 'withdrawn', id: 'b' }, monoMs(2000))
    expect(queue.handle({ type: 'finished', id: 'b', settled: true }, monoMs(2000))).toEqual([])
  })

  it('a job that is withdrawn and added again a thousand times is tried once', () => {
    const queue = machine()
    const later = { ...job('a'), dueAt: monoMs(1000) }
    for (let i = 0; i < 1000; i++) {
      queue.handle({ type: 'added', job: later }, monoMs(0))
      queue.handle({ type: 'withdrawn', id: 'a' }, monoMs(0))
    }
    queue.handle({ type: 'added', job: later }, monoMs(0))
    expect(ids(queue.handle({ type: 'tick' }, monoMs(1000)))).toEqual(['attempt a'])
    expect(queue.deadline).toBeUndefined()
  })

  it('of many next hops only those that are due are looked at', () => {
    let looks = 0
    const queue = new QueueMachine({
      handingOverMax: 10,
      schedule: () => {
        looks++
        return SCHEDULE
      },
    })
    const hops = 10_000
    for (let i = 0; i < hops; i++) {
      const later = { ...job(`j${i}`, `smtp:d${i}.com`), dueAt: monoMs(1000 + (i % 100)) }
      queue.handle({ type: 'added', job: later }, monoMs(0))
      expect(queue.deadline).toBe(1000)
    }
    expect(looks).toBeLessThan(5 * hops)
    const started = queue.handle({ type: 'tick' }, monoMs(1000))
    expect(ids(started).slice(0, 2)).toEqual(['attempt j0', 'attempt j100'])
    expect(started).toHaveLength(10)
  })

  const steps = fc.array(
    fc.record({
      hop: fc.constantFrom('x', 'y', 'z'),
      action: fc.constantFrom('add', 'put-off', 'settle', 'fail', 'hand-over', 'tick', 'withdraw'),
      afterMs: fc.nat(400_000),
      pick: fc.nat(),
    }),
    { maxLength: 80 },
  )

  it('property: whatever happens in whatever order, bounds hold and every job ends', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const queue = machine(3)
        const active = new Map<string, string>()
        const open = new Set<string>()
        let now = monoMs(0)
        const take = (effects: readonly QueueEffect[]): void => {
          for (const effect of effects) {
            if (effect.type === 'defer') continue
            expect(active.has(effect.id), 'no job runs twice at once').toBe(false)
            active.set(effect.id, effect.id.slice(0, 1))
          }
          for (const hop of ['x', 'y', 'z']) {
            const count = [...active.values()].filter((name) => name === hop).length
            expect(count).toBeLessThanOrEqual(SCHEDULE.attemptsMax)
          }
        }
        const finish = (id: string, settled: boolean): void => {
          active.delete(id)
          if (settled) open.delete(id)
          take(queue.handle({ type: 'finished', id, settled }, now))
        }
        for (const [i, { hop, action, afterMs, pick }] of script.entries()) {
          now = addMs(now, afterMs)
          const running = [...active.keys()]
          const picked = running[pick % Math.max(1, running.length)]
          if (action === 'add' || action === 'put-off') {
            const id = `${hop}${i}`
            open.add(id)
            const expiresAt = addMs(now, SCHEDULE.giveUpAfterMs)
            const type = action === 'add' ? 'added' : 'put-off'
            take(queue.handle({ type, job: { ...job(id, hop), dueAt: now, expiresAt } }, now))
          } else if (action === 'withdraw') {
            const id = [...open][pick % Math.max(1, open.size)] ?? ''
            if (!queue.isActive(id)) open.delete(id)
            take(queue.handle({ type: 'withdrawn', id }, now))
          } else if (action === 'tick' || picked === undefined) {
            take(queue.handle({ type: 'tick' }, now))
          } else if (action === 'hand-over') {
            take(queue.handle({ type: 'handed-over', id: picked }, now))
          } else {
            finish(picked, action === 'settle')
          }
        }
        for (let rounds = 0; open.size > 0 && rounds < 1000; rounds++) {
          for (const id of [...active.keys()]) finish(id, true)
          now = queue.deadline ?? now
          take(queue.handle({ type: 'tick' }, now))
        }
        expect(open.size).toBe(0)
        expect(queue.deadline).toBeUndefined()
      }),
    )
  })
})
