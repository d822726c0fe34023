import { expect, test } from 'vitest'
import { costs, nearHost, oneContact, ROUTE, withPhoto } from '../support/cheap-lab.ts'
import { mailOf, TestLab } from '../support/lab.ts'

test('beyond what is packed to see the rest is reckoned by that', async () => {
  const lab = await TestLab.start(
    nearHost({
      links: [{ route: ROUTE, budget: { bytes: 40_000_000, periodMs: 3_600_000 } }],
      contactPlan: oneContact(12_500),
    }),
  )
  const body = 'x'.repeat(998).concat('\r\n').repeat(1500)
  for (let i = 0; i < 4; i++) await lab.submitted(lab.mail1, mailOf(body))
  const [cost] = await costs(lab)
  expect(cost?.mails).toBe(4)
  expect(cost?.reckonedBytes).toBeGreaterThan(1_400_000)
  expect(cost?.linkBytes).toBe(
    (cost?.bundledBytes ?? 0) + (cost?.triedBytes ?? 0) + (cost?.reckonedBytes ?? 0),
  )
})

test('one mail that is larger than what is packed to see is reckoned in full', async () => {
  const lab = await TestLab.start(nearHost({ contactPlan: oneContact(12_500) }))
  await lab.submitted(lab.mail1, mailOf('x'.repeat(998).concat('\r\n').repeat(4500)))
  const [cost] = await costs(lab)
  expect(cost).toMatchObject({ route: ROUTE, mails: 1, triedBytes: 0 })
  expect(cost?.reckonedBytes).toBeGreaterThan(4_500_000)
})

test('beyond what is looked through for attachments the rest is reckoned by that', async () => {
  const links = [{ route: ROUTE, holdBackAbove: 2000 }]
  const lab = await TestLab.start(nearHost({ links, contactPlan: oneContact(12_500) }))
  const photo = 'QUJD'.repeat(18).concat('\r\n').repeat(120_000)
  for (let i = 0; i < 5; i++) await lab.submitted(lab.mail1, withPhoto('See the photo.', photo))
  const [cost] = await costs(lab)
  expect(cost?.mails).toBe(5)
  expect(cost?.reckonedBytes).toBeGreaterThan(0)
  expect(cost?.linkBytes).toBeLessThan(20_000)
})
