import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { addMs } from '../base/time.ts'
import { hostClock } from './clock.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => vi.useRealTimers())

it('waits in several pieces for what setTimeout cannot hold, and calls back once', () => {
  const waitMs = 3 * 2 ** 31
  let calls = 0
  hostClock.at(addMs(hostClock.now(), waitMs), () => calls++)
  vi.advanceTimersByTime(waitMs - 1)
  expect(calls).toBe(0)
  vi.advanceTimersByTime(2)
  expect(calls).toBe(1)
  vi.advanceTimersByTime(waitMs)
  expect(calls).toBe(1)
})

it('calls back in a turn of its own where the time has come already, unless it is cancelled', async () => {
  const calls: string[] = []
  hostClock.at(hostClock.now(), () => calls.push('due'))
  hostClock.at(hostClock.now(), () => calls.push('cancelled'))()
  calls.push('now')
  await setImmediate()
  expect(calls).toEqual(['now', 'due'])
})

it('goes on where nothing else happens in the process', async () => {
  let turns = 1000
  await new Promise<void>((resolve) => {
    const turn = (): void => {
      if (--turns === 0) resolve()
      else hostClock.at(hostClock.now(), turn)
    }
    turn()
  })
  expect(turns).toBe(0)
})

it('forgets a long wait that is cancelled between two of its pieces', () => {
  const waitMs = 3 * 2 ** 31
  let calls = 0
  const cancel = hostClock.at(addMs(hostClock.now(), waitMs), () => calls++)
  vi.advanceTimersByTime(2 ** 32)
  cancel()
  vi.advanceTimersByTime(waitMs)
  expect(calls).toBe(0)
})
