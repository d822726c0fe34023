import { test } from 'vitest'
import { expectEachOnce, runFarApart } from '../support/far-apart.ts'

test.each([2, 4, 6, 8, 10])(
  'ten thousand mails, seed %i: each arrives once, or comes back once',
  async (seed) => expectEachOnce(await runFarApart({ seed, mails: 10_000, crashes: 10 })),
)
