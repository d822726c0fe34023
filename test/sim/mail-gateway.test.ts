/** What a gateway makes of mail in bundles: aliases, loops, and what policies say. */

import { expect, test } from 'vitest'
import type { Scenario } from '../../src/config/scenario.ts'
import { promptPacking } from '../../src/host/packing.ts'
import { parseMailbox } from '../../src/proto/smtp/path.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

type Host = Scenario['hosts'][number]

function earthMoonWith(change: (host: Host) => Partial<Host>): Scenario {
  const scenario = earthMoon()
  return { ...scenario, hosts: scenario.hosts.map((host) => ({ ...host, ...change(host) })) }
}

function alias(address: string, member: string): Host['aliases'][number] {
  const mailbox = parseMailbox(member)
  if (mailbox === undefined) throw new Error(`${member} is no address`)
  return { address, members: [mailbox] }
}

test('an alias at the far side is taken there, and says where the mail was', async () => {
  const info = alias('info@mail-2.a.com', 'user@mail-2.a.com')
  const lab = await TestLab.start(
    earthMoonWith(({ host }) => ({ aliases: host === 'mail-2.a.com' ? [info] : [] })),
  )
  await lab.submitted(lab.mail1, mailOf('Hello'), ['info@mail-2.a.com'])
  await lab.until('mail-removed', 2)
  const [mail] = await lab.maildrop(lab.mail2)
  expect(mail).toMatch(
    /^Return-Path: .*\r\nDelivered-To: user@mail-2.a.com\r\nDelivered-To: info@mail-2.a.com\r\nReceived: /,
  )
  await lab.lab.stop()
})

test('a mail that is forwarded round in circles comes back once, and its sender hears why', async () => {
  const lab = await TestLab.start(
    earthMoonWith(({ host }) => {
      const other = host === 'mail-1.a.com' ? 'mail-2.a.com' : 'mail-1.a.com'
      return { aliases: [alias(`loop@${host}`, `loop@${other}`)] }
    }),
  )
  await lab.submitted(lab.mail1, mailOf('Hello'), ['loop@mail-1.a.com'])
  const failed = await lab.until('mail-failed')
  expect(failed.event).toMatchObject({
    dsn: '5.4.6',
    reason: expect.stringContaining('<loop@mail-1.a.com>: mail forwarding loop'),
  })
  await lab.runFor(10_000)
  expect(await lab.mailbox(lab.mail1)).toEqual([
    expect.stringContaining('Final-Recipient: rfc822; loop@mail-1.a.com\r\nAction: failed\r\n'),
  ])
  expect(lab.events('transaction-sent').length).toBeLessThan(5)
  await lab.lab.stop()
})

test('policies are asked of mail in a bundle: one refuses a recipient, one puts a mail off', async () => {
  const no = { code: 550, enhanced: '5.7.1', lines: ['on purpose'] }
  const later = { code: 451, enhanced: '4.3.0', lines: ['on purpose'] }
  const lab = await TestLab.start(
    earthMoonWith(({ host }) => ({
      faults:
        host === 'mail-1.a.com'
          ? []
          : [
              { at: 'RCPT', recipient: 'user+no@mail-2.a.com', reply: no },
              { at: 'end-of-data', until: 1, reply: later },
            ],
    })),
  )
  await lab.submitted(lab.mail1, mailOf('Hello'), ['user+no@mail-2.a.com', 'user@mail-2.a.com'])
  const failed = await lab.until('mail-failed')
  expect(failed.event).toMatchObject({ dsn: '5.7.1', recipient: 'user+no@mail-2.a.com' })
  await lab.runFor(10_000)
  expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
  await lab.lab.stop()
})

test('no more mails go together than the far side says that it takes, and a mail that is larger comes back at once', async () => {
  const MIB = 1_048_576
  const lab = await TestLab.start(
    earthMoonWith(({ host, limits }) =>
      host === 'mail-1.a.com'
        ? { batch: { bytesMax: 8 * MIB, waitMs: 60_000 } }
        : { limits: { ...limits, messageBytesMax: 3 * MIB } },
    ),
    { packing: promptPacking },
  )
  const large = mailOf(`${'x'.repeat(70)}\r\n`.repeat(12_000))
  for (const most of [2 * MIB, 3 * MIB]) {
    const before = lab.events('object-sent').length
    for (let mail = 0; mail < 4; mail++) await lab.submitted(lab.mail1, large)
    await lab.runFor(120_000)
    const sent = lab.events('object-sent').slice(before)
    const largest = Math.max(...sent.map(({ messageBytes }) => messageBytes))
    expect(largest).toBeLessThan(most)
    expect(largest).toBeGreaterThan(most - MIB)
  }
  expect(await lab.mailbox(lab.mail2)).toHaveLength(8)
  await lab.submitted(lab.mail1, mailOf(`${'x'.repeat(70)}\r\n`.repeat(50_000)))
  expect((await lab.until('mail-failed')).event).toMatchObject({
    dsn: '5.3.4',
    reason: expect.stringContaining('ipn:3.2525 takes 3145728 at the most'),
  })
  await lab.lab.stop()
})

test.each([
  ['the node of a host whose messages are small takes', { messageBytesMax: 2_000_000 }, {}, 20_000],
  ['a small store at the far side has room for', {}, { storeBytesMax: 8_000_000 }, 9000],
] as const)('on a slow way no more goes together than %s', async (_, near, far, lines) => {
  const lab = await TestLab.start(
    earthMoonWith(({ host, limits, plans }) => ({
      plans: plans.map((plan) => ({ ...plan, rateBytesPerSec: 100_000 })),
      batch: { waitMs: 60_000 },
      limits: { ...limits, ...(host === 'mail-1.a.com' ? near : far) },
    })),
  )
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.until('mail-removed', 2)
  const large = mailOf(`${'x'.repeat(70)}\r\n`.repeat(lines))
  for (let mail = 0; mail < 4; mail++) await lab.submitted(lab.mail1, large)
  await lab.runFor(600_000)
  expect(lab.events('mail-failed')).toEqual([])
  expect(await lab.mailbox(lab.mail2)).toHaveLength(5)
  await lab.lab.stop()
})
