/** What `lightlag sim search` has found, each as it was left when it could be made no shorter. */

import { afterAll, expect, test } from 'vitest'
import { PromptSettling } from '../../src/host/settle.ts'
import { playTrial } from '../../src/lab/search/search.ts'
import type { Trial } from '../../src/lab/search/trial.ts'

const settling = new PromptSettling()
const { settle } = settling

afterAll(() => settling.end())

const DAY_MS = 86_400_000
const ROOMY = { storeBytesMax: 67_108_864, patienceMs: 80 * DAY_MS }

test('two mails that fit into the bundle store one by one, and not together, both leave', async () => {
  const mail = (name: string, bytes: number) => ({
    ...{ name, bytes, from: 2, to: [{ host: 1, user: 'user' as const }] },
    atMs: 60_000,
  })
  const trial: Trial = {
    seed: 37,
    hosts: [
      { number: 1, network: 1, ...ROOMY },
      { number: 2, network: 2, ...ROOMY, storeBytesMax: 25_000 },
    ],
    links: [
      {
        name: 'l0',
        between: [1, 2],
        quality: {
          oneWayDelayMs: 1000,
          lossShare: 0,
          contacts: [{ fromMs: 200_000, untilMs: 1000 * DAY_MS }],
        },
      },
    ],
    mails: [mail('m8', 3100), mail('m9', 4000)],
    visits: [],
    faults: [],
  }
  expect((await playTrial(trial, false, { settle })).violation).toBeUndefined()
})
