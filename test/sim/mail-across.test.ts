import { expect, test } from 'vitest'
import { Fault } from '../../src/base/fault.ts'
import { seededRandom } from '../../src/base/random.ts'
import { labDns } from '../../src/lab/dns.ts'
import type { SrvRecord } from '../../src/ports/dns.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

const DAY_MS = 86_400_000

test('a mail takes one flight and its acknowledgement another', async () => {
  const lab = await TestLab.start(earthMoon({ oneWayDelayMs: 1_200_000 }))
  expect(await lab.submitted(lab.mail1, mailOf('Hello'))).toMatchObject([{ code: 250 }])
  const delivered = await lab.until('mail-delivered')
  expect(delivered.event).toMatchObject({ route: 'local', recipient: 'user@mail-2.a.com' })
  expect(delivered.at).toBeGreaterThanOrEqual(1_200_000)
  expect(delivered.at).toBeLessThan(1_200_100)
  const removed = await lab.until('mail-removed', 2)
  expect(removed.at).toBeLessThan(2_400_200)
  expect(lab.events('transaction-resent')).toEqual([])
  expect(await lab.maildrop(lab.mail2)).toEqual([expect.stringContaining(mailOf('Hello'))])
})

test('the trace fields tell the whole way', async () => {
  const lab = await TestLab.start(earthMoon())
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.until('mail-removed', 2)
  const [mail = ''] = await lab.maildrop(lab.mail2)
  expect(mail).toMatch(
    /^Return-Path: <user@mail-1\.a\.com>\r\nDelivered-To: user@mail-2\.a\.com\r\n/,
  )
  expect(mail.match(/^Received: /gm)).toHaveLength(2)
  expect(mail).toMatch(/by mail-2\.a\.com \(Lightlag\) with\s+BSMTP id/)
  expect(mail).toMatch(/by mail-1\.a\.com \(Lightlag\) with\s+ESMTPA id/)
})

test('a mail program finds the services of its domain by SRV, and what there is not (RFC 6186)', async () => {
  const lab = await TestLab.start(earthMoon())
  const dns = labDns(lab.lab.names)
  const found = async (service: string): Promise<readonly SrvRecord[]> =>
    (await dns.resolveSrv(`_${service}._tcp.mail-2.a.com`)).records
  const { pop3, submission } = lab.mail2.options
  const target = 'mail-2.a.com'
  expect(await found('pop3')).toEqual([
    { priority: 10, weight: 1, port: pop3?.listen.port, target },
  ])
  expect(await found('submission')).toMatchObject([{ port: submission?.listen.port, target }])
  expect(await found('imaps')).toEqual([{ priority: 0, weight: 0, port: 0, target: '' }])
  for (const service of ['imap', 'pop3s', 'submissions'])
    expect(await found(service)).toHaveLength(1)
})

test('however much the link loses, each mail arrives exactly once', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const lab = await TestLab.start(earthMoon({ seed, loss: 0.4 }))
    for (const body of ['one', 'two', 'three']) {
      await lab.submitted(lab.mail1, mailOf(body))
      await lab.submitted(lab.mail2, mailOf(body))
    }
    await lab.until('mail-removed', 12)
    for (const host of [lab.mail1, lab.mail2]) {
      expect(await lab.maildrop(host), `seed ${seed}`).toHaveLength(3)
    }
  }
})

test('whenever either host loses power, what was answered 250 arrives exactly once', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed)
    const lab = await TestLab.start(earthMoon({ seed, loss: 0.1 }))
    const answered: string[] = []
    for (let i = 0; i < 4; i++) {
      const body = `mail ${i} of seed ${seed}`
      const answer = lab.submit(lab.mail1, mailOf(body)).then(
        () => answered.push(body),
        () => {},
      )
      void answer
      await lab.runFor(random.next() * (i % 2 === 0 ? 8 : 1500))
      await lab.lab.perform((random.next() < 0.5 ? lab.mail1 : lab.mail2).crash())
    }
    await lab.runFor(DAY_MS)
    const maildrop = await lab.maildrop(lab.mail2)
    const counts = new Map(answered.map((body) => [body, 0]))
    for (const mail of maildrop) {
      const body = mail.slice(mail.indexOf('\r\n\r\n')).trim()
      counts.set(body, (counts.get(body) ?? 0) + 1)
    }
    for (const [body, count] of counts) expect(count, body).toBe(1)
  }
})

test('a recipient that the far side does not know comes back as a report', async () => {
  const lab = await TestLab.start(earthMoon())
  await lab.submitted(lab.mail1, mailOf('Hello'), ['nobody@mail-2.a.com', 'user@mail-2.a.com'])
  await lab.runFor(10_000)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
  const [report = ''] = await lab.maildrop(lab.mail1)
  expect(report).toContain('Return-Path: <>')
  expect(report).toMatch(/Final-Recipient: rfc822; ?nobody@mail-2\.a\.com/i)
  expect(report).toMatch(/Action: failed/i)
  expect(report).toContain('5.1.1')
})

test('a link that is down for three days delays the mail and loses nothing', async () => {
  const lab = await TestLab.start(earthMoon())
  lab.lab.network.setLink(['earth', 'moon'], { lossShare: 1 })
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.runFor(3 * DAY_MS)
  expect(await lab.maildrop(lab.mail2)).toEqual([])
  lab.lab.network.setLink(['earth', 'moon'], { lossShare: 0 })
  await lab.runFor(3_600_000)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
  await lab.runFor(10_000)
  expect(await lab.maildrop(lab.mail1)).toEqual([])
})

test('a host that may send nothing for a minute loses nothing', async () => {
  // Temporary is how the host reports it; permanent makes the node give its bundles up.
  for (const temporary of [true, false]) {
    const lab = await TestLab.start(earthMoon())
    const { machine } = lab.mail1
    machine.datagramFault = new Fault('network/permission-denied', 'EPERM', { temporary })
    await lab.submitted(lab.mail1, mailOf('Hello'))
    await lab.runFor(60_000)
    expect(lab.events('bundle-deleted').length > 0).toBe(!temporary)
    machine.datagramFault = undefined
    await lab.runFor(3_600_000)
    expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
    expect(await lab.maildrop(lab.mail1)).toEqual([])
  }
})

test('a mail that nobody acknowledges in its lifetime is reported to its sender', async () => {
  const lab = await TestLab.start(earthMoon({ giveUpAfterMs: 2 * DAY_MS }))
  lab.lab.network.setLink(['earth', 'moon'], { lossShare: 1 })
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.runFor(3 * DAY_MS)
  const [report = '', ...others] = await lab.maildrop(lab.mail1)
  expect(others).toEqual([])
  expect(report).toMatch(/Final-Recipient: rfc822; ?user@mail-2\.a\.com/i)
})

test('what arrives less than a flight before its lifetime ends is not reported as failed', async () => {
  const lab = await TestLab.start(earthMoon({ oneWayDelayMs: 1_200_000, giveUpAfterMs: 1_800_000 }))
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.runFor(3 * DAY_MS)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
  expect(await lab.maildrop(lab.mail1)).toEqual([])
})

test('the last acknowledgement is lost at the end of a lifetime: no report of what was delivered', async () => {
  const lab = await TestLab.start(earthMoon({ oneWayDelayMs: 1_200_000, giveUpAfterMs: 1_800_000 }))
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.runFor(60_000)
  lab.lab.network.setLink(['earth', 'moon'], { lossShare: 1 })
  await lab.runFor(2_400_000)
  lab.lab.network.setLink(['earth', 'moon'], { lossShare: 0 })
  await lab.runFor(3 * DAY_MS)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
  expect(await lab.maildrop(lab.mail1)).toEqual([])
})

test('a mail larger than a datagram crosses a lossy link in fragments', async () => {
  // Each bundle is a datagram of 45 packets: about a third of them are lost.
  const lab = await TestLab.start(earthMoon({ loss: 0.01 }))
  const body = Array.from({ length: 12_000 }, (_, i) => `line ${i} ${'x'.repeat(60)}`).join('\r\n')
  await lab.submitted(lab.mail1, mailOf(body))
  await lab.until('mail-removed', 2)
  const [mail = '', ...others] = await lab.maildrop(lab.mail2)
  expect(others).toEqual([])
  expect(mail.endsWith(`\r\n\r\n${body}\r\n`)).toBe(true)
})

test('one seed gives one history, another seed another', async () => {
  const hashOf = async (seed: number): Promise<string> => {
    const lab = await TestLab.start(earthMoon({ seed, loss: 0.3 }))
    await lab.submitted(lab.mail1, mailOf('Hello'))
    await lab.submitted(lab.mail2, mailOf('Hello'))
    await lab.until('mail-removed', 4)
    return lab.lab.network.capture.hash()
  }
  expect(await hashOf(7)).toBe(await hashOf(7))
  expect(await hashOf(7)).not.toBe(await hashOf(8))
})
