import { expect, test } from 'vitest'
import { monoMs } from '../base/time.ts'
import type { HostEvent } from '../ports/events.ts'
import { REFUSALS_TOLD_MAX, REFUSALS_WINDOW_MS } from './limits.ts'
import { limitRefusals } from './refusal-notices.ts'

const refused = { type: 'bundle-refused', from: 'peer', reason: 'no bundle' } as const

test('of many refusals in a while some are told, and the next one says how many were not', () => {
  const told: HostEvent[] = []
  let now = 0
  const clock = { now: () => monoMs(now), wall: () => never(), at: () => never() }
  const events = limitRefusals((event) => told.push(event), clock)
  for (let i = 0; i < REFUSALS_TOLD_MAX + 1000; i++) events(refused)
  expect(told).toEqual(Array.from({ length: REFUSALS_TOLD_MAX }, () => refused))
  const other: HostEvent = { type: 'trouble', where: 'x', reason: 'y' }
  events(other)
  expect(told.at(-1)).toBe(other)
  now += REFUSALS_WINDOW_MS
  events(refused)
  events(refused)
  expect(told.slice(-2)).toEqual([
    { ...refused, reason: 'no bundle (and 1000 others before it that are not told)' },
    refused,
  ])
})

function never(): never {
  throw new Error('not asked')
}
