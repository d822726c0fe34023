import { expect, test } from 'vitest'
import { wallMs } from '../../src/base/time.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

const MINUTE_MS = 60_000

test('mail waits for a contact, and its acknowledgement for one the other way', async () => {
  const contact = (source: bigint, destination: bigint, fromMs: number) => ({
    source,
    destination,
    from: wallMs(fromMs),
    until: wallMs(fromMs + MINUTE_MS),
    rateBytesPerSec: 10_000,
    confidence: 1,
  })
  const scenario = earthMoon()
  const lab = await TestLab.start({
    ...scenario,
    hosts: scenario.hosts.map((host) => ({
      ...host,
      contactPlan: {
        isFromStart: true,
        contacts: [contact(2n, 3n, 10 * MINUTE_MS), contact(3n, 2n, 20 * MINUTE_MS)],
        ranges: [],
      },
    })),
  })
  await lab.submitted(lab.mail1, mailOf('Hello'))
  const { at: deliveredAt } = await lab.until('mail-delivered')
  expect(deliveredAt).toBeGreaterThan(10 * MINUTE_MS)
  expect(deliveredAt).toBeLessThan(11 * MINUTE_MS)
  const { at: removedAt } = await lab.until('mail-removed', 2)
  expect(removedAt).toBeGreaterThan(20 * MINUTE_MS)
  expect(removedAt).toBeLessThan(21 * MINUTE_MS)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
})
