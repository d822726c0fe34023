import { test } from 'vitest'
import { expectEachOnce, runFarApart } from '../support/far-apart.ts'

/** The others of the first ten are in far-apart-even.test.ts, so that two workers share them. */
const SEEDS = process.env['LIGHTLAG_SEEDS'] ?? '1,3,5,7,9'

test.each(SEEDS.split(',').map(Number))(
  'ten thousand mails, seed %i: each arrives once, or comes back once',
  async (seed) => expectEachOnce(await runFarApart({ seed, mails: 10_000, crashes: 10 })),
)
