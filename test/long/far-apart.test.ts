import { expect, test } from 'vitest'
import { expectEachOnce, runFarApart } from '../support/far-apart.ts'

/** More on request: `LIGHTLAG_SEEDS=3,4,5`. */
const [FIRST = 11, ...MORE] = (process.env['LIGHTLAG_SEEDS'] ?? '11').split(',').map(Number)

test('ten seeds: each mail arrives once, or comes back once, across crashes and losses', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    expectEachOnce(await runFarApart({ seed, mails: 33, crashes: 10 }))
  }
})

test('ten thousand mails: each arrives once, or comes back once', async () => {
  for (const seed of [FIRST, ...MORE]) {
    const run = await runFarApart({ seed, mails: 10_000, crashes: 10 })
    expect(run.accepted).toHaveLength(10_000)
    expectEachOnce(run)
  }
})
