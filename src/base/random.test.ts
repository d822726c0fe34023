import { expect, test } from 'vitest'
import { randomBytes, seededRandom } from './random.ts'

const draw = (seed: number, count: number): number[] => {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => random.next())
}

test('the same seed gives the same run, for ever: these three numbers never change', () => {
  expect(draw(1, 3)).toEqual([0.09156953264027834, 0.5061978038866073, 0.8881928145419806])
  expect(draw(1, 100)).toEqual(draw(1, 100))
  expect(draw(1, 10)).not.toEqual(draw(2, 10))
})

test('numbers lie in 0 ≤ x < 1 and fill that range evenly', () => {
  const counts = new Array<number>(10).fill(0)
  for (const x of draw(42, 20_000)) {
    expect(x >= 0 && x < 1).toBe(true)
    counts[Math.floor(x * 10)] = (counts[Math.floor(x * 10)] ?? 0) + 1
  }
  // 2000 expected in each; the standard deviation is 42.
  for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(210)
})

test('random bytes take every value', () => {
  const seen = new Set(randomBytes(seededRandom(3), 5000))
  expect(seen.size).toBe(256)
})
