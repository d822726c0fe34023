import { describe, expect, it } from 'vitest'
import { seededRandom } from '../base/random.ts'
import { monoMs, wallMs } from '../base/time.ts'
import { labEntropy } from '../lab/entropy.ts'
import type { Clock } from '../ports/clock.ts'
import { madeAt, newQueueId } from './queue-id.ts'

function at(wall: number): Clock {
  return { now: () => monoMs(0), wall: () => wallMs(wall), at: () => () => {} }
}

describe('newQueueId', () => {
  it('is 16 plain characters', () => {
    const id = newQueueId(at(1_795_420_800_000), labEntropy(seededRandom(1)))
    expect(id).toMatch(/^[0-9A-HJKMNP-TV-Z]{16}$/)
  })

  it('differs within one millisecond, and sorts by time', () => {
    const entropy = labEntropy(seededRandom(1))
    const ids = Array.from({ length: 1000 }, () => newQueueId(at(1_795_420_800_000), entropy))
    expect(new Set(ids).size).toBe(1000)
    const times = [0, 1, 31, 32, 1_795_420_800_000, 1_795_420_800_001, 32 ** 9 - 1]
    const inOrder = times.map((time) => newQueueId(at(time), entropy))
    expect([...inOrder].sort()).toEqual(inOrder)
    expect(inOrder.map(madeAt)).toEqual(times)
  })
})
