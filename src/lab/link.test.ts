import { expect, test } from 'vitest'
import { parseTimestamp } from '../base/calendar.ts'
import { seededRandom } from '../base/random.ts'
import { monoMs } from '../base/time.ts'
import { distanceKm } from '../config/light-time.ts'
import type { LinkQuality } from '../config/link-quality.ts'
import { Link, type LinkOptions, type Transit } from './link.ts'
import { normalQuantile } from './normal.ts'

function linkOf(quality: Partial<LinkQuality>, options: Partial<LinkOptions> = {}): Link {
  return new Link(
    { oneWayDelayMs: 100, lossShare: 0, ...quality },
    { random: seededRandom(1), ...options },
  )
}

/** What becomes of packets of 1000 bytes, one every second. */
function transits(quality: Partial<LinkQuality>, count: number): readonly Transit[] {
  const link = linkOf(quality)
  return Array.from({ length: count }, (_, second) => link.transmit(1000, monoMs(second * 1000)))
}

/** How long each took that arrived. */
function delays(quality: Partial<LinkQuality>, count = 20_000): readonly number[] {
  return transits(quality, count).flatMap(({ arrivals }, second) =>
    arrivals.map(({ at }) => at - second * 1000),
  )
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

function deviation(values: readonly number[]): number {
  const middle = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)))
}

test('uniform jitter lies within its width on both sides, and is even', () => {
  const taken = delays({ jitterMs: 20 })
  expect(Math.min(...taken)).toBeGreaterThanOrEqual(80)
  expect(Math.max(...taken)).toBeLessThan(120)
  expect(mean(taken)).toBeCloseTo(100, 0)
  expect(deviation(taken)).toBeCloseTo(20 / Math.sqrt(3), 0)
})

test('normal jitter has the standard deviation that was said, and ends at four of them', () => {
  const taken = delays({ jitterMs: 10, jitterDistribution: 'normal' }, 50_000)
  expect(mean(taken)).toBeCloseTo(100, 0)
  expect(deviation(taken)).toBeCloseTo(10, 0)
  expect(Math.min(...taken)).toBeGreaterThanOrEqual(60)
  expect(Math.max(...taken)).toBeLessThanOrEqual(140)
})

test('pareto jitter has the quantiles of the table in iproute2', () => {
  const taken = [...delays({ jitterMs: 10, jitterDistribution: 'pareto' })].sort((a, b) => a - b)
  const quantile = (share: number): number => taken[Math.floor(share * taken.length)] ?? Number.NaN
  // Of its 4096 values, the first, and those at a quarter, half, nine tenths and the end.
  expect(quantile(0)).toBeCloseTo(100 - 6.666, 1)
  expect(quantile(0.25)).toBeCloseTo(100 - 5.325, 0)
  expect(quantile(0.5)).toBeCloseTo(100 - 3.201, 0)
  expect(Math.abs(quantile(0.9) - (100 + 8.717))).toBeLessThan(0.5)
  expect(taken.at(-1)).toBeCloseTo(140, 1)
})

test('no jitter makes a packet arrive before it was sent', () => {
  const taken = delays({ oneWayDelayMs: 5, jitterMs: 20 })
  expect(Math.min(...taken)).toBe(0)
})

test('losses of a Gilbert-Elliott link come in bursts, as often and as long as its shares say', () => {
  const gilbertElliott = { toBad: 0.02, toGood: 0.25, badLoss: 0.9, goodLoss: 0.01 }
  const fates = transits({ gilbertElliott }, 200_000).map(({ arrivals }) => arrivals.length)
  const badShare = 0.02 / (0.02 + 0.25)
  const lossShare = badShare * 0.9 + (1 - badShare) * 0.01
  expect(Math.abs(1 - mean(fates) - lossShare)).toBeLessThan(0.005)
  // After a loss the next is far likelier than after none.
  const after = (fate: number): number =>
    1 - mean(fates.filter((_, index) => index > 0 && fates[index - 1] === fate))
  expect(after(0)).toBeGreaterThan(0.6)
  expect(after(1)).toBeLessThan(0.04)
})

test('packets arrive twice, at once, or with a wrong bit, as often as was said', () => {
  const count = (of: readonly boolean[]): number => of.filter(Boolean).length / of.length
  const twice = transits({ duplicateShare: 0.3 }, 10_000)
  expect(count(twice.map(({ arrivals }) => arrivals.length === 2))).toBeCloseTo(0.3, 1)
  expect(count(delays({ reorderShare: 0.2 }).map((taken) => taken === 0))).toBeCloseTo(0.2, 1)
  const wrong = transits({ corruptShare: 0.1 }, 10_000).flatMap(({ arrivals }) => arrivals)
  expect(count(wrong.map(({ wrongBitAt }) => wrongBitAt !== undefined))).toBeCloseTo(0.1, 1)
})

test('a queue takes what fits while the link is busy, and what finds it full is lost to it', () => {
  const link = linkOf({ rateBytesPerSec: 1000, queueBytesMax: 2500 })
  const sent = Array.from({ length: 5 }, () => link.transmit(1000, monoMs(0)))
  expect(sent.map(({ arrivals, lostTo }) => arrivals[0]?.at ?? lostTo)).toEqual([
    1100,
    2100,
    'queue',
    'queue',
    'queue',
  ])
})

test('outside of its contacts a link carries nothing, nor what does not leave within one', () => {
  const link = linkOf({
    rateBytesPerSec: 1000,
    contacts: [{ fromMs: 10_000, untilMs: 12_000, everyMs: 60_000 }],
  })
  const at = (ms: number) => {
    const { arrivals, lostTo } = link.transmit(1000, monoMs(ms))
    return arrivals[0]?.at ?? lostTo
  }
  expect(at(0)).toBe('contact')
  expect(at(10_000)).toBe(11_100)
  expect(at(10_000)).toBe(12_100)
  expect(at(10_000)).toBe('contact')
  expect(at(12_000)).toBe('contact')
  expect(at(71_000)).toBe(72_100)
  expect(at(71_001)).toBe('contact')
})

test('a contact may have a rate and a delay of its own', () => {
  const link = linkOf({
    contacts: [
      { fromMs: 0, untilMs: 1000, oneWayDelayMs: 5 },
      { fromMs: 1000, untilMs: 9000, rateBytesPerSec: 500 },
    ],
  })
  expect(link.transmit(1000, monoMs(500)).arrivals).toEqual([{ at: 505 }])
  expect(link.transmit(1000, monoMs(1000)).arrivals).toEqual([{ at: 3100 }])
})

test('a table of delays is followed in straight lines, and stays as it is beyond its ends', () => {
  const link = linkOf({
    delays: [
      { atMs: 1000, oneWayDelayMs: 200 },
      { atMs: 3000, oneWayDelayMs: 400 },
    ],
  })
  const taken = [0, 1000, 2000, 3000, 9000].map(
    (at) => (link.transmit(1, monoMs(at)).arrivals[0]?.at ?? Number.NaN) - at,
  )
  expect(taken).toEqual([200, 200, 300, 400, 400])
})

test('a delay may be the time of light on that day, until one is set', () => {
  const startsAt = parseTimestamp('2026-11-23T08:00:00Z')
  if (startsAt === undefined) throw new Error('no date')
  const link = linkOf({ lightTime: ['earth', 'mars'] }, { startsAt })
  const lightMs = distanceKm(['earth', 'mars'], startsAt) / 299.792458
  const taken = link.transmit(1, monoMs(0)).arrivals[0]?.at ?? Number.NaN
  expect(Math.abs(taken - lightMs) / lightMs).toBeLessThan(0.0003)
  link.change({ oneWayDelayMs: 7 })
  expect(link.transmit(1, monoMs(0)).arrivals).toEqual([{ at: 7 }])
})

test('a link that is down takes nothing, and is as it was when it is up again', () => {
  const link = linkOf({ lossShare: 0 })
  link.change({ isDown: true })
  expect(link.transmit(1, monoMs(0))).toEqual({ arrivals: [], lostTo: 'down' })
  link.change({ isDown: false })
  expect(link.transmit(1, monoMs(0)).arrivals).toEqual([{ at: 100 }])
})

test('the same seed makes the same of everything', () => {
  const quality: Partial<LinkQuality> = {
    lossShare: 0.1,
    gilbertElliott: { toBad: 0.1, toGood: 0.5, badLoss: 1, goodLoss: 0 },
    jitterMs: 50,
    jitterDistribution: 'pareto',
    duplicateShare: 0.1,
    reorderShare: 0.1,
    corruptShare: 0.1,
  }
  expect(transits(quality, 1000)).toEqual(transits(quality, 1000))
})

test.each([
  { jitterMs: -1 },
  { duplicateShare: 1.1 },
  { corruptShare: -0.1 },
  { gilbertElliott: { toBad: 2, toGood: 0, badLoss: 0, goodLoss: 0 } },
])('a quality that cannot be is a mistake of the program: %o', (quality) => {
  expect(() => linkOf(quality)).toThrow()
})

test('paretonormal jitter has the quantiles of the table in iproute2', () => {
  const taken = [...delays({ jitterMs: 10, jitterDistribution: 'paretonormal' })].sort(
    (a, b) => a - b,
  )
  const quantile = (share: number): number => taken[Math.floor(share * taken.length)] ?? Number.NaN
  // (normal + 3 pareto) / 4, as its generator has it.
  expect(quantile(0.25)).toBeCloseTo(100 - (6.745 + 3 * 5.325) / 4, 0)
  expect(quantile(0.5)).toBeCloseTo(100 - (3 * 3.201) / 4, 0)
  expect(Math.abs(quantile(0.9) - (100 + (12.816 + 3 * 8.717) / 4))).toBeLessThan(0.5)
  expect(Math.max(...taken)).toBeLessThanOrEqual(140)
})

test('the normal distribution has the quantiles of the tables in books', () => {
  const known = { 0.5: 0, 0.8413447461: 1, 0.975: 1.959964, 0.99: 2.326348, 0.999968329: 4 }
  for (const [share, deviation] of Object.entries(known)) {
    expect(normalQuantile(Number(share))).toBeCloseTo(deviation, 5)
    expect(normalQuantile(1 - Number(share))).toBeCloseTo(-deviation, 5)
  }
  expect([normalQuantile(0), normalQuantile(1)]).toEqual([-Infinity, Infinity])
})

test.each(['uniform', 'normal', 'pareto', 'paretonormal'] as const)(
  '%s jitter stays within four deviations, whatever is drawn',
  (jitterDistribution) => {
    for (const drawn of [0, Number.MIN_VALUE, 0.5, 1 - 2 ** -53]) {
      const options = { random: { next: () => drawn } }
      const link = linkOf({ jitterMs: 10, jitterDistribution }, options)
      const [arrival] = link.transmit(1000, monoMs(0)).arrivals
      expect(Math.abs((arrival?.at ?? Number.NaN) - 100)).toBeLessThanOrEqual(40)
    }
  },
)

test('with a correlation each number is so much of the one before, of delays and of losses', () => {
  const taken = delays({ jitterMs: 20, correlations: { jitter: 0.75 } })
  const off = taken.map((ms) => ms - 100)
  const products = off.slice(1).map((ms, i) => ms * (off[i] ?? 0))
  expect(mean(products) / deviation(taken) ** 2).toBeCloseTo(0.75, 1)
  // What is averaged scatters less: by √((1 - ρ) / (1 + ρ)).
  expect(deviation(taken)).toBeCloseTo((20 / Math.sqrt(3)) * Math.sqrt(0.25 / 1.75), 0)
  const isLost = transits({ lossShare: 0.4, correlations: { loss: 0.5 } }, 20_000).map(
    ({ arrivals }) => arrivals.length === 0,
  )
  const losses = isLost.filter((lost) => lost).length
  const again = isLost.filter((lost, i) => lost && isLost[i - 1]).length
  expect(again / losses).toBeGreaterThan((1.3 * losses) / isLost.length)
})
