import { expect, it } from 'vitest'
import { addMs, monoMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import { inTurns } from './turns.ts'

function* steps(count: number, each: () => void): Generator<undefined, string> {
  for (let i = 0; i < count; i++) {
    each()
    yield
  }
  return 'done'
}

it('gives up its turn each time when it has taken long, and goes on in the next', async () => {
  let now = monoMs(0)
  let turns = 0
  const clock: Clock = {
    now: () => now,
    wall: () => {
      throw new Error('not asked for')
    },
    at: (_, callback) => {
      turns++
      queueMicrotask(callback)
      return () => {}
    },
  }
  const work = steps(30, () => {
    now = addMs(now, 5)
  })
  expect(await inTurns(work, clock)).toBe('done')
  expect(turns).toBe(15)
  expect(
    await inTurns(
      steps(1000, () => {}),
      clock,
    ),
  ).toBe('done')
  expect(turns).toBe(15)
})
