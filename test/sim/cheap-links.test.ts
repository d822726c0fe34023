import { expect, test } from 'vitest'
import { costs, nearHost } from '../support/cheap-lab.ts'
import { mailOf, TestLab } from '../support/lab.ts'

const DAY_MS = 86_400_000
const ROUTE = 'bp:ipn:3.2525'
const PRICE = { currency: 'EUR', perMegabyte: 4, perSecond: 0 }

test('a mail larger than its next hop carries comes back with the reason, and nothing crosses', async () => {
  const lab = await TestLab.start(nearHost({ links: [{ route: ROUTE, mailBytesMax: 5000 }] }))
  await lab.submitted(lab.mail1, mailOf('x'.repeat(900).concat('\r\n').repeat(6)))
  await lab.submitted(lab.mail1, mailOf('small'))
  await lab.runFor(10_000)
  expect(await lab.maildrop(lab.mail2)).toEqual([expect.stringContaining('small')])
  const [report = ''] = await lab.maildrop(lab.mail1)
  expect(report).toContain('a mail of 5.6KiB, and bp:ipn:3.2525 carries mails of up to 4.9KiB')
  expect(report).toContain('Status: 5.3.4')
  expect(lab.events('object-sent').filter(({ to }) => `bp:${to}` === ROUTE)).toHaveLength(1)
})

test('mail beyond the budget waits for the next period, over a crash, and the queue says why', async () => {
  const lab = await TestLab.start(
    nearHost({ links: [{ route: ROUTE, budget: { bytes: 3000, periodMs: DAY_MS } }] }),
  )
  const body = 'x'.repeat(900).concat('\r\n').repeat(2)
  await lab.submitted(lab.mail1, mailOf(`first\r\n${body}`))
  await lab.runFor(10_000)
  await lab.lab.perform(lab.mail1.crash())
  await lab.submitted(lab.mail1, mailOf(`second\r\n${body}`))
  await lab.runFor(3_600_000)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
  const [deferred] = lab.events('mail-deferred')
  expect(deferred?.reason).toMatch(
    /^a mail of 2\.1KiB waits for the budget of 2\.9KiB in 1d for bp:ipn:3\.2525: 8\d\dB left until \d{4}-/,
  )
  await lab.runFor(DAY_MS)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(2)
  expect(lab.events('mail-failed')).toEqual([])
})

test('a mail that the budget of its sender never lets go comes back when the queue gives up', async () => {
  const lab = await TestLab.start(
    nearHost(
      { links: [{ route: ROUTE, userBudget: { bytes: 3000, periodMs: 300 * DAY_MS } }] },
      { giveUpAfterMs: DAY_MS },
    ),
  )
  const body = 'x'.repeat(900).concat('\r\n').repeat(2)
  await lab.submitted(lab.mail1, mailOf(`first\r\n${body}`))
  await lab.submitted(lab.mail1, mailOf(`second\r\n${body}`))
  // The far side's mail crosses the same link, and is nobody's of the near host.
  await lab.submitted(lab.mail2, mailOf(`third\r\n${body}`))
  await lab.runFor(2 * DAY_MS)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
  const mails = await lab.maildrop(lab.mail1)
  expect(mails).toHaveLength(2)
  const report = mails.find((mail) => mail.includes('Undelivered'))
  expect(report?.replace(/\s+/g, ' ')).toContain(
    'waits for the budget of 2.9KiB in 300d of user for bp:ipn:3.2525',
  )
  expect(report).toContain('Status: 5.4.7')
})

test('what is carried on a stick has bounds as well', async () => {
  const route = 'carry:mail-2.a.com'
  const lab = await TestLab.start(
    nearHost({
      peers: [{ name: 'mail-2.a.com' }],
      transport: [{ domain: 'mail-2.a.com', route }],
      links: [{ route, mailBytesMax: 5000, price: PRICE }],
    }),
  )
  await lab.submitted(lab.mail1, mailOf('x'.repeat(900).concat('\r\n').repeat(6)))
  await lab.submitted(lab.mail1, mailOf('small'))
  await lab.runFor(10_000)
  const [report = ''] = await lab.maildrop(lab.mail1)
  expect(report.replace(/\s+/g, ' ')).toContain('carry:mail-2.a.com carries mails of up to 4.9KiB')
  const [cost] = await costs(lab)
  expect(cost).toMatchObject({ route, mails: 1 })
  expect(cost?.money?.amount).toBeCloseTo(((cost?.linkBytes ?? 0) / 1e6) * 4)
})
