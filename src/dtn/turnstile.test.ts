import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Fault } from '../base/fault.ts'
import { monoMs } from '../base/time.ts'
import { World } from '../lab/world.ts'
import type { ContactWindow } from './contact-window.ts'
import { PACING_CREDIT_MS } from './limits.ts'
import { Turnstile } from './turnstile.ts'

function stage() {
  const world = new World({ settle: () => new Promise((resolve) => setImmediate(resolve)) })
  const turnstile = new Turnstile(world)
  const passed: { readonly name: string; readonly at: number }[] = []
  const refused: string[] = []
  const pass = (name: string, sizeBytes: number): void => {
    const note = (): void => void passed.push({ name, at: world.now() })
    const turn = turnstile.pass(sizeBytes)
    if (turn === undefined) note()
    else turn.then(note, (fault: Fault) => void refused.push(`${name}: ${fault.code}`))
  }
  return { world, turnstile, passed, refused, pass }
}

function contact(from: number, until: number, rateBytesPerSec: number): ContactWindow {
  return { from: monoMs(from), until: monoMs(until), rateBytesPerSec }
}

test('without a rate and without contacts everything goes at once', () => {
  const { pass, passed } = stage()
  for (const name of ['a', 'b', 'c']) pass(name, 1e9)
  expect(passed.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
})

test("the plan's rate holds where no contact says, the contact's where one does", async () => {
  const { world, turnstile, pass, passed } = stage()
  turnstile.setRate(1000)
  turnstile.setWindow(contact(0, 1000, 10_000))
  for (const name of ['a', 'b', 'c']) pass(name, 1000)
  await world.run(monoMs(400))
  expect(passed.map(({ at }) => Math.round(at / 100))).toEqual([0, 1, 2])
  turnstile.setWindow(undefined)
  for (const name of ['d', 'e', 'f']) pass(name, 1000)
  await world.run(monoMs(4000))
  expect(passed.slice(3).map(({ at }) => Math.round(at / 1000))).toEqual([0, 1, 2])
})

test('what has not begun when its contact ends waits for the next one', async () => {
  const { world, turnstile, pass, passed } = stage()
  turnstile.setWindow(contact(0, 250, 10_000))
  for (const name of ['a', 'b', 'c', 'd']) pass(name, 1000)
  await world.run(monoMs(1000))
  expect(passed.map(({ name }) => name)).toEqual(['a', 'b'])
  turnstile.setWindow(contact(2000, 3000, 10_000))
  await world.run(monoMs(3000))
  expect(passed.slice(2)).toMatchObject([{ name: 'c', at: 2000 }, { name: 'd' }])
})

test('a rate that changes counts for what waits already', async () => {
  const { world, turnstile, pass, passed } = stage()
  turnstile.setRate(1)
  for (const name of ['a', 'b', 'c']) pass(name, 1000)
  await world.run(monoMs(500))
  expect(passed).toHaveLength(1)
  turnstile.setRate(undefined)
  await world.run(monoMs(501))
  expect(passed).toHaveLength(3)
})

test('closed it lets nobody through any more; stopped it lets everybody', async () => {
  const closed = stage()
  closed.turnstile.setWindow(contact(1000, 2000, 1000))
  closed.pass('waiting', 1)
  closed.turnstile.close(new Fault('dtn/no-plan', 'gone', { temporary: true }))
  closed.pass('late', 1)
  await closed.world.run(monoMs(3000))
  expect(closed.refused).toEqual(['waiting: dtn/no-plan', 'late: dtn/no-plan'])
  const stopped = stage()
  stopped.turnstile.setWindow(contact(1000, 2000, 1000))
  stopped.pass('waiting', 1)
  stopped.turnstile.stop()
  stopped.pass('late', 1)
  await stopped.world.run(monoMs(0))
  expect(stopped.passed.map(({ at }) => at)).toEqual([0, 0])
})

test('property: nothing passes outside a contact, nor faster than its rate', async () => {
  const turns = fc.array(
    fc.record({ atMs: fc.nat({ max: 5000 }), sizeBytes: fc.integer({ min: 1, max: 5000 }) }),
    { maxLength: 40 },
  )
  const contacts = fc
    .uniqueArray(fc.integer({ min: 0, max: 6000 }), { minLength: 2, maxLength: 6 })
    .map((ends) => ends.sort((a, b) => a - b))
  await fc.assert(
    fc.asyncProperty(
      turns,
      contacts,
      fc.integer({ min: 1, max: 50_000 }),
      async (wanted, ends, rateBytesPerSec) => {
        const { world, turnstile, pass, passed } = stage()
        const windows = Array.from({ length: ends.length >> 1 }, (_, i) =>
          contact(ends[2 * i] ?? 0, ends[2 * i + 1] ?? 0, rateBytesPerSec),
        )
        turnstile.setWindow(windows[0])
        for (const [i, { until }] of windows.entries()) {
          const next = windows[i + 1]
          if (next !== undefined) world.at(until, () => turnstile.setWindow(next))
        }
        for (const [i, { atMs, sizeBytes }] of wanted.entries()) {
          world.at(monoMs(atMs), () => pass(String(i), sizeBytes))
        }
        await world.run(monoMs(7000))
        for (const { from, until } of windows) {
          const inside = passed.filter(({ at }) => at >= from && at < until)
          const bytes = inside.map(({ name }) => wanted[Number(name)]?.sizeBytes ?? 0)
          const total = bytes.reduce((sum, size) => sum + size, 0)
          const capacity = (rateBytesPerSec * (until - from + PACING_CREDIT_MS)) / 1000
          expect(total).toBeLessThanOrEqual(capacity + Math.max(0, ...bytes))
        }
        const outside = passed.filter(
          ({ at }) => !windows.some(({ from, until }) => at >= from && at < until),
        )
        expect(outside).toEqual([])
      },
    ),
    { numRuns: 50 },
  )
})
