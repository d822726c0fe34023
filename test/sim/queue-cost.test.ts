import { expect, test } from 'vitest'
import { BUNDLE_OVERHEAD_BYTES } from '../../src/bridge/limits.ts'
import { costs, nearHost, oneContact, ROUTE, withPhoto } from '../support/cheap-lab.ts'
import { mailOf, TestLab } from '../support/lab.ts'

const HOUR_MS = 3_600_000
const RATE = 12_500
const PRICE = { currency: 'EUR', perMegabyte: 4, perSecond: 0.5 }

test('what waits for a contact is told before it leaves, as it is on the link when it has', async () => {
  const links = [{ route: ROUTE, price: PRICE, budget: { bytes: 100_000, periodMs: HOUR_MS } }]
  const lab = await TestLab.start(
    nearHost({ links, batch: { mailsMax: 1 }, contactPlan: oneContact(RATE) }),
  )
  expect(await costs(lab)).toMatchObject([{ route: ROUTE, mails: 0, linkBytes: 0 }])
  for (const body of ['one', 'two', 'three'])
    await lab.submitted(lab.mail1, mailOf(body.repeat(300)))
  await lab.runFor(60_000)
  const [cost] = await costs(lab)
  expect(cost).toMatchObject({ mails: 3, mailsLeft: 0, rateBytesPerSec: RATE, bundledBytes: 0 })
  expect(cost?.budget?.usedBytes).toBeGreaterThan(3000)
  const bytes = cost?.linkBytes ?? 0
  expect(cost?.seconds).toBeCloseTo(bytes / RATE)
  expect(cost?.money?.amount).toBeCloseTo((bytes / 1e6) * 4 + (bytes / RATE) * 0.5)
  await lab.until('object-sent', 3)
  const bundles = lab.events('object-sent').map((one) => one.payloadBytes + BUNDLE_OVERHEAD_BYTES)
  const [first = 0, second = 0, third = 0] = bundles
  expect(Math.abs(first + second + third - bytes)).toBeLessThan(30)
  // The first has left, the others wait for their turn at the contact's rate.
  const bundledBytes = second + third
  expect(await costs(lab)).toMatchObject([
    { mails: 2, mailsLeft: 1, linkBytes: bundledBytes, bundledBytes, triedBytes: 0 },
  ])
  await lab.until('transaction-taken', 3)
  const [after] = await costs(lab)
  expect(after).toMatchObject({ mails: 0, linkBytes: 0 })
})

test('where nobody says a rate there are no seconds, and no price of them', async () => {
  const lab = await TestLab.start(nearHost({ links: [{ route: ROUTE, price: PRICE }] }))
  lab.lab.network.setLink(['earth', 'moon'], { lossShare: 1 })
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.runFor(1)
  const [cost] = await costs(lab)
  expect(cost).not.toHaveProperty('seconds')
  expect(cost).not.toHaveProperty('money')
})

test('attachments that will be held back cost nothing, and nothing is kept for having asked', async () => {
  const links = [{ route: ROUTE, holdBackAbove: 2000, price: PRICE }]
  const lab = await TestLab.start(nearHost({ links, contactPlan: oneContact(RATE) }))
  await lab.submitted(lab.mail1, withPhoto('See the photo.', 'QUJD'.repeat(18).repeat(200)))
  const [cost] = await costs(lab)
  expect(cost?.mails).toBe(1)
  expect(cost?.linkBytes).toBeLessThan(3000)
  await lab.runFor(HOUR_MS / 2)
  const kinds = [...lab.mail1.store.keys('bridge-held', {})].map(([kind]) => kind)
  expect(kinds.filter((kind) => kind === 'r')).toHaveLength(1)
})
