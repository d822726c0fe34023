/** What a sender asks to be told (RFC 3461) goes with the mail over a gateway, and comes back. */

import { expect, test } from 'vitest'
import type { Scenario } from '../../src/config/scenario.ts'
import { parseMailbox } from '../../src/proto/smtp/path.ts'
import { earthMoon, TestLab } from '../support/lab.ts'
import { Typist } from '../support/typist.ts'

type Host = Scenario['hosts'][number]

const LOGIN = 'AUTH PLAIN AHVzZXIAMTIzNDU2'
const MESSAGE = ['Subject: hi', '', 'all of the text', '.']

async function started(change: (host: Host) => Partial<Host>, loss = 0): Promise<TestLab> {
  const scenario = earthMoon({ loss })
  const hosts = scenario.hosts.map((host) => ({ ...host, ...change(host) }))
  return TestLab.start({ ...scenario, hosts })
}

/** Submits on the first host. */
async function send(lab: TestLab, from: string, ...to: readonly string[]): Promise<void> {
  const { submission } = lab.mail1.options
  if (submission === undefined) throw new Error('no submission service')
  const typist = await Typist.to(lab.lab, lab.mail1.machine.network, submission.listen)
  await typist.reply()
  await typist.say('EHLO client.a.com')
  await typist.say(LOGIN)
  await typist.say(`MAIL FROM:${from}`)
  for (const one of to) expect(await typist.say(`RCPT TO:${one}`)).toEqual(['250 2.1.5 Ok'])
  await typist.say('DATA')
  typist.type(MESSAGE.map((line) => `${line}\r\n`).join(''))
  expect(await typist.reply()).toMatch(/^250 2\.0\.0 Ok/)
}

test('delivered: the far host reports with the names that the sender gave', async () => {
  const lab = await started(() => ({}))
  const to = '<user@mail-2.a.com> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;boss+2B1@b.org'
  await send(lab, '<user@mail-1.a.com> RET=HDRS ENVID=QQ+2B314', to)
  await lab.until('mail-removed', 4)
  const [report = '', ...others] = await lab.mailbox(lab.mail1)
  expect(others).toEqual([])
  for (const line of [
    'Original-Envelope-Id: QQ+314',
    'Reporting-MTA: dns; mail-2.a.com',
    'Original-Recipient: rfc822; boss+1@b.org',
    'Final-Recipient: rfc822; user@mail-2.a.com',
    'Action: delivered',
    'Status: 2.0.0',
  ]) {
    expect(report.split('\r\n')).toContain(line)
  }
  expect(report).not.toContain('all of the text')
  await lab.lab.stop()
})

test('failed: whoever is refused by the far host, with the whole mail where it was asked for', async () => {
  const lab = await started(() => ({}))
  const quiet = '<quiet@mail-2.a.com> NOTIFY=NEVER'
  await send(lab, '<user@mail-1.a.com> RET=FULL', '<nobody@mail-2.a.com>', quiet)
  await lab.until('mail-removed', 2)
  const [report = '', ...others] = await lab.mailbox(lab.mail1)
  expect(others).toEqual([])
  expect(report).toContain('Final-Recipient: rfc822; nobody@mail-2.a.com\r\nAction: failed\r\n')
  expect(report).toContain('Status: 5.1.1\r\n')
  expect(report).toContain('all of the text')
  expect(report).not.toContain('quiet@')
  await lab.lab.stop()
})

test('delayed: at the time that is set, while the far side is silent', async () => {
  const retry = { giveUpAfterMs: 86_400_000, warnAfterMs: 600_000, routes: [] }
  const lab = await started(() => ({ retry }), 1)
  await send(lab, '<user@mail-1.a.com>', '<user@mail-2.a.com>', '<x@mail-2.a.com> NOTIFY=FAILURE')
  await lab.runFor(590_000)
  expect(await lab.mailbox(lab.mail1)).toEqual([])
  await lab.runFor(20_000)
  const [report = '', ...others] = await lab.mailbox(lab.mail1)
  expect(others).toEqual([])
  expect(report).toContain('Final-Recipient: rfc822; user@mail-2.a.com\r\nAction: delayed\r\n')
  expect(report).toContain('\r\nWill-Retry-Until: ')
  expect(report).not.toContain('x@mail-2')
  await lab.lab.stop()
})

test('expanded: of an alias for several at the far host', async () => {
  const members = ['user@mail-2.a.com', 'user@mail-1.a.com'].flatMap(
    (name) => parseMailbox(name) ?? [],
  )
  const lab = await started(({ host }) => ({
    aliases: host === 'mail-2.a.com' ? [{ address: 'all@mail-2.a.com', members }] : [],
  }))
  await send(lab, '<user@mail-1.a.com>', '<all@mail-2.a.com> NOTIFY=SUCCESS')
  await lab.until('mail-removed', 5)
  const mails = await lab.mailbox(lab.mail1)
  const reports = mails.filter((mail) => mail.includes('Action: '))
  expect(mails).toHaveLength(2)
  expect(reports).toEqual([
    expect.stringContaining('Final-Recipient: rfc822; all@mail-2.a.com\r\nAction: expanded\r\n'),
  ])
  await lab.lab.stop()
})

test('of a report nothing is reported (RFC 5321 §4.5.5)', async () => {
  const lab = await started(() => ({}))
  await send(lab, '<>', '<nobody@mail-2.a.com>')
  await lab.until('mail-removed')
  await lab.runFor(60_000)
  expect(lab.events('mail-accepted')).toHaveLength(1)
  await lab.lab.stop()
})
