import { expect, test } from 'vitest'
import { wallMs } from '../base/time.ts'
import { formatQueueCost } from './format-queue-cost.ts'
import { type LinkCost, sumOf } from './queue-cost.ts'

const NOTHING = { mails: 0, mailsLeft: 0, linkBytes: 0 }
const MOON: LinkCost = {
  ...{ route: 'bp:ipn:3.2525', mails: 12, mailsLeft: 1, linkBytes: 1_500_000 },
  ...{ bundledBytes: 400_000, triedBytes: 1_000_000, reckonedBytes: 100_000 },
  ...{ rateBytesPerSec: 12_500, seconds: 120, money: { amount: 6.3, currency: 'EUR' } },
  budget: { bytes: 20_971_520, periodMs: 86_400_000, usedBytes: 1_048_576, until: wallMs(0) },
}
const MARS: LinkCost = {
  ...{ route: 'bp:ipn:4.2525', mails: 1, mailsLeft: 0, linkBytes: 1000 },
  ...{ bundledBytes: 0, triedBytes: 1000, reckonedBytes: 0 },
  money: { amount: 0.5, currency: 'USD' },
}

test('each next hop is told with what its figures rest on, and the sum', () => {
  expect(formatQueueCost([MOON, MARS]).split('\n')).toEqual([
    'bp:ipn:3.2525: 12 mails, about 1.4MiB, 120 s of contact, 6.30 EUR, at 12.2KiB/s',
    '    390.6KiB in bundles that wait, 976.6KiB packed now to see, 97.7KiB reckoned by those that were packed',
    '    left already, and waiting for the answer: 1 mail',
    '    budget: 1MiB of 20MiB in 1d used, until 1970-01-01T00:00:00.000Z',
    'bp:ipn:4.2525: 1 mail, about 1000B, 0.50 USD; nobody says at what rate, so seconds are unknown',
    '    1000B packed now to see',
    'in all: 13 mails, about 1.4MiB, 120 s of contact, 6.30 EUR, 0.50 USD; without the seconds of bp:ipn:4.2525',
    expect.stringContaining('an estimate'),
    expect.stringContaining('acknowledgements'),
    '',
  ])
  expect(formatQueueCost([])).toBe('No mail waits for a far gateway\n')
})

test('what waits for nobody is no unknown', () => {
  const empty = { ...MARS, ...NOTHING, triedBytes: 0 }
  expect(sumOf([empty]).unknown).toEqual([])
  expect(sumOf([MOON, MARS, { ...MOON, money: { amount: 1, currency: 'EUR' } }]).money).toEqual([
    { amount: 7.3, currency: 'EUR' },
    { amount: 0.5, currency: 'USD' },
  ])
})
