import { expect, test } from 'vitest'
import { monoMs, wallMs } from '../base/time.ts'
import { HostClock, World } from '../lab/world.ts'
import { ContactGates } from './contact-gates.ts'
import type { Contact, ContactPlan } from './contact-plan.ts'
import type { ContactWindow } from './contact-window.ts'
import { CLOCK_LOOK_MS } from './limits.ts'

const WALL = 1_000_000_000

function contact(fromMs: number, untilMs: number, more: Partial<Contact> = {}): Contact {
  const [from, until] = [wallMs(WALL + fromMs), wallMs(WALL + untilMs)]
  return { source: 2n, destination: 3n, from, until, rateBytesPerSec: 9, confidence: 1, ...more }
}

/** Node 2, whose clock may be set. */
function stage(contacts: readonly Contact[]) {
  const world = new World({ settle: () => Promise.resolve() })
  const setBy = { ms: 0 }
  const clock = {
    now: () => world.now(),
    wall: () => wallMs(WALL + world.now() + setBy.ms),
    at: world.at.bind(world) as World['at'],
  }
  const told: (readonly [at: number, neighbour: bigint, window: ContactWindow | undefined])[] = []
  const gates = new ContactGates(planOf(contacts), {
    node: 2n,
    clock,
    onWindow: (neighbour, window) => void told.push([world.now(), neighbour, window]),
  })
  return { world, setBy, told, gates }
}

function planOf(contacts: readonly Contact[]): ContactPlan {
  return { contacts, ranges: [] }
}

const window = (from: number, until: number) => ({ from, until, rateBytesPerSec: 9 })

test('tells the contact that is open, then the next, and that none is left', async () => {
  const { world, told, gates } = stage([contact(5000, 6000), contact(-100, 900)])
  expect(gates.watch(3n)).toEqual(window(-100, 900))
  expect(gates.watch(4n)).toBeUndefined()
  await world.run()
  expect(told).toEqual([
    [900, 3n, window(5000, 6000)],
    [6000, 3n, undefined],
  ])
})

test('contacts in the other direction, and between others, mean nothing', () => {
  const back = { source: 3n, destination: 2n }
  const { gates } = stage([contact(0, 9, back), contact(0, 9, { destination: 4n })])
  expect(gates.watch(3n)).toBeUndefined()
})

test('a change of the plan is told of whom it concerns', () => {
  const { told, gates } = stage([contact(0, 900)])
  gates.watch(3n)
  gates.watch(4n)
  gates.setPlan(planOf([contact(0, 900, { destination: 4n })]))
  expect(told).toEqual([
    [0, 3n, undefined],
    [0, 4n, window(0, 900)],
  ])
  gates.setPlan(planOf([contact(0, 900, { destination: 4n }), contact(5, 6)]))
  expect(told.slice(2)).toEqual([[0, 3n, window(5, 6)]])
})

test('a clock that was set is noticed, and contacts move with it', async () => {
  const { world, told, setBy, gates } = stage([contact(60_000, 90_000)])
  expect(gates.watch(3n)).toEqual(window(60_000, 90_000))
  setBy.ms = 55_000
  await world.run(monoMs(CLOCK_LOOK_MS))
  expect(told).toEqual([[CLOCK_LOOK_MS, 3n, window(5000, 35_000)]])
  setBy.ms = -10_000
  await world.run(monoMs(2 * CLOCK_LOOK_MS))
  expect(told.slice(1)).toEqual([[2 * CLOCK_LOOK_MS, 3n, window(70_000, 100_000)]])
})

test('a clock that tells when it is set is not looked at', async () => {
  const world = new World({ settle: () => Promise.resolve(), wallAtStart: wallMs(WALL) })
  const clock = new HostClock(world)
  const told: unknown[] = []
  const gates = new ContactGates(planOf([contact(60_000, 90_000)]), {
    node: 2n,
    clock,
    onWindow: (...what) => void told.push(what),
  })
  gates.watch(3n)
  await world.run(monoMs(50_000))
  expect(world.eventCount).toBe(0)
  clock.aheadMs = 5000
  expect(told).toEqual([[3n, window(55_000, 85_000)]])
  gates.stop()
  clock.aheadMs = 0
  expect(told).toHaveLength(1)
})

test('clocks that drift a little apart change nothing', async () => {
  const { world, told, setBy, gates } = stage([contact(60_000, 90_000)])
  gates.watch(3n)
  setBy.ms = 3
  await world.run(monoMs(CLOCK_LOOK_MS))
  expect(told).toEqual([])
})

test('who is not watched any more is not told, and nothing wakes for it', async () => {
  const { world, told, gates } = stage([contact(5000, 6000)])
  gates.watch(3n)
  gates.unwatch(3n)
  await world.run()
  expect([told, world.now()]).toEqual([[], 0])
})

test('the end of the contact that is open is told in civil time, and nothing before it and after', async () => {
  const { world, gates } = stage([contact(5000, 6000)])
  gates.watch(3n)
  expect(gates.openUntil(3n)).toBeUndefined()
  await world.run(monoMs(5500))
  expect(gates.openUntil(3n)).toBe(WALL + 6000)
  expect(gates.openUntil(4n)).toBeUndefined()
  await world.run(monoMs(6000))
  expect(gates.openUntil(3n)).toBeUndefined()
})
