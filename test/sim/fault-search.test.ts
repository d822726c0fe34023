/** What a search draws, plays and leaves out; test/long/fault-search.test.ts plays many seeds. */

import { afterAll, expect, test } from 'vitest'
import { PromptSettling } from '../../src/host/settle.ts'
import { drawTrial } from '../../src/lab/search/draw.ts'
import { playTrial, search, shorten } from '../../src/lab/search/search.ts'
import { namesIn, only, type Trial } from '../../src/lab/search/trial.ts'
import { PLANTED_FAULTS } from '../support/planted-faults.ts'

const settling = new PromptSettling()
const { settle } = settling

afterAll(() => settling.end())

test('a few seeds break no promise, and each has one history', async () => {
  const played: number[] = []
  const onSeed = (seed: number): unknown => played.push(seed)
  const result = await search({ seedFirst: 20, seeds: 2, settle, isOver: () => false, onSeed })
  expect(result).toMatchObject({ seeds: 2, repeated: 1, failures: [] })
  expect(played).toEqual([20, 21])
})

test('nothing more is begun once the time is over', async () => {
  const result = await search({ seedFirst: 1, seeds: 9, settle, isOver: () => true })
  expect(result).toMatchObject({ seeds: 0, failures: [] })
})

test('of a seed is left what is named, and the hosts that it needs', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const trial = drawTrial(seed)
    expect(only(trial, new Set(namesIn(trial))).mails).toEqual(trial.mails)
    const bare = only(trial, new Set(['m0']))
    const { from, to } = trial.mails[0] as Trial['mails'][number]
    const numbers = bare.hosts.map(({ number }) => number)
    expect(numbers).toEqual(expect.arrayContaining([from, ...to.map(({ host }) => host)]))
    expect(namesIn(bare)).toEqual(['m0'])
    expect(only(trial, new Set()).hosts).toEqual([])
  }
})

test('short links carry bundles by streams as well', () => {
  const links = Array.from({ length: 100 }, (_, seed) => drawTrial(seed).links).flat()
  const streams = links.filter(({ layer }) => layer !== undefined)
  expect(new Set(streams.map(({ layer }) => layer))).toEqual(new Set(['tcp', 'stcp', 'mtcp']))
  for (const { quality } of streams) expect(quality.oneWayDelayMs).toBeLessThanOrEqual(5000)
  expect(streams.length).toBeLessThan(links.length / 2)
})

test('a host that forgets what it took is found, and what is left of the seed shows it', async () => {
  const { hardware = {} } = PLANTED_FAULTS['forgets a duplicate'] ?? {}
  const options = { settle, hardware: () => hardware, isOver: () => false }
  const trial: Trial = {
    seed: 1,
    hosts: [1, 2].map((number) => ({
      number,
      network: number,
      storeBytesMax: 67_108_864,
      patienceMs: 86_400_000,
    })),
    links: [
      {
        name: 'l0',
        between: [1, 2],
        // It is sent again long before the answer can be here.
        quality: {
          oneWayDelayMs: 1000,
          lossShare: 0,
          delays: [{ atMs: 0, oneWayDelayMs: 20_000 }],
        },
      },
    ],
    mails: [0, 1, 2].map((i) => ({
      name: `m${i}`,
      atMs: 60_000 * i,
      from: 1,
      to: [{ host: 2, user: 'user' }],
      bytes: 1000,
    })),
    visits: [{ name: 'v0', atMs: 30_000, host: 2, protocol: 'imap', removes: true }],
    faults: [{ name: 'f0', type: 'link', link: 'l0', atMs: 1_000_000, forMs: 1 }],
  }
  const { violation } = await playTrial(trial, false, options)
  expect(violation).toMatchObject({ rule: 'twice' })
  if (violation === undefined) return
  const failure = await shorten(trial, violation, options)
  expect(failure.only).toEqual(['l0', 'm0'])
  expect(failure.trial.hosts).toHaveLength(2)
  expect((await playTrial(trial, true, { settle })).violation).toBeUndefined()
})
