import { expect, test } from 'vitest'
import { expectEachOnce, runFarApart } from '../support/far-apart.ts'

test('20 minutes away, with two contacts a day, a fifth of all lost and ten crashes, each mail arrives once', async () => {
  const { accepted, lab, ...run } = await runFarApart({ seed: 1, mails: 22, crashes: 5 })
  expect(accepted).toHaveLength(22)
  expectEachOnce({ accepted, lab, ...run })
  // They travelled together.
  expect(lab.events('object-sent').some(({ mails }) => mails > 1)).toBe(true)
})
