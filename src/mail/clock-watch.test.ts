import { expect, test } from 'vitest'
import { addMs } from '../base/time.ts'
import { HostClock, World } from '../lab/world.ts'
import type { HostEvent } from '../ports/events.ts'
import { watchClock } from './clock-watch.ts'

const HOUR_MS = 3_600_000

test('a clock that is set is told of once, and one that drifts not at all', async () => {
  const world = new World({ settle: async () => {} })
  const clock = new HostClock(world)
  const told: string[] = []
  const stop = watchClock(clock, (event: HostEvent) => {
    if (event.type === 'trouble') told.push(`${event.where}: ${event.reason}`)
  })
  const pass = (durationMs: number): Promise<void> => world.run(addMs(world.now(), durationMs))
  await pass(HOUR_MS)
  for (let i = 0; i < 60; i++) {
    clock.aheadMs += 500
    await pass(60_000)
  }
  expect(told).toEqual([])
  clock.aheadMs += 2 * HOUR_MS
  await pass(HOUR_MS)
  clock.aheadMs -= 366 * 24 * HOUR_MS
  await pass(HOUR_MS)
  expect(told).toEqual([
    expect.stringMatching(/^clock: the clock of this machine was set forward by 2h: sessions and/),
    expect.stringMatching(/^clock: the clock of this machine was set back by 366d: /),
  ])
  stop()
  clock.aheadMs = 0
  await pass(HOUR_MS)
  expect(told).toHaveLength(2)
})
