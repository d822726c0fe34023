/** "Delayed" reports, where a contact plan said when mail would be there. RFC 3461 §4.1. */

import { expect, test } from 'vitest'
import { wallMs } from '../../src/base/time.ts'
import type { Scenario } from '../../src/config/scenario.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'
import { Typist } from '../support/typist.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** Ten minutes of every hour, both ways, for a week. */
function hourly(change: Partial<Scenario['hosts'][number]> = {}): Scenario {
  const scenario = earthMoon({ giveUpAfterMs: 100 * HOUR_MS })
  const contacts = Array.from({ length: 168 }, (_, hour) =>
    [
      { source: 2n, destination: 3n },
      { source: 3n, destination: 2n },
    ].map((pair) => ({
      ...pair,
      from: wallMs(hour * HOUR_MS),
      until: wallMs(hour * HOUR_MS + 10 * MINUTE_MS),
      ...{ rateBytesPerSec: 10_000, confidence: 1 },
    })),
  ).flat()
  return {
    ...scenario,
    hosts: scenario.hosts.map((host) => ({
      ...host,
      contactPlan: { isFromStart: true, contacts, ranges: [] },
      ...change,
    })),
  }
}

async function reports(lab: TestLab): Promise<readonly string[]> {
  return (await lab.mailbox(lab.mail1)).filter((mail) => mail.includes('Action: delayed'))
}

/** Submits on mail-1. */
async function sendTo(lab: TestLab, ...recipients: readonly string[]): Promise<void> {
  const { submission } = lab.mail1.options
  if (submission === undefined) throw new Error('no submission service')
  const typist = await Typist.to(lab.lab, lab.mail1.machine.network, submission.listen)
  await typist.reply()
  await typist.say('EHLO client.a.com')
  await typist.say('AUTH PLAIN AHVzZXIAMTIzNDU2')
  await typist.say('MAIL FROM:<user@mail-1.a.com>')
  for (const one of recipients) {
    expect(await typist.say(`RCPT TO:${one}`)).toEqual(['250 2.1.5 Ok'])
  }
  await typist.say('DATA')
  typist.type('Subject: hi\r\n\r\nHello\r\n.\r\n')
  expect(await typist.reply()).toMatch(/^250 2\.0\.0 Ok/)
}

test('the sender is told once that a mail is late, whatever is restarted, and nothing more when it arrives', async () => {
  const lab = await TestLab.start(hourly())
  lab.mail2.kill()
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.runFor(30_000)
  // By now its answer could be here, if nothing had been lost; it is tried once more first.
  expect(await reports(lab)).toEqual([])
  await lab.lab.perform(lab.mail1.crash())
  await lab.runFor(3 * HOUR_MS)
  const [report = '', ...others] = await reports(lab)
  expect(others).toEqual([])
  expect(report).toContain('Final-Recipient: rfc822; user@mail-2.a.com\r\n')
  expect(report).toContain('Subject: Delayed Mail')
  await lab.lab.perform(lab.mail1.crash())
  await lab.runFor(6 * HOUR_MS)
  expect(await reports(lab)).toHaveLength(1)
  await lab.lab.perform(lab.mail2.start())
  await lab.runFor(3 * HOUR_MS)
  expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
  expect(await lab.mailbox(lab.mail1)).toHaveLength(1)
  expect(lab.events('mail-failed')).toEqual([])
  await lab.lab.stop()
})

test('the time that was predicted at first holds, also where the host restarts before it', async () => {
  const lab = await TestLab.start(hourly())
  lab.mail2.kill()
  await lab.submitted(lab.mail1, mailOf('Hello'))
  // Counted anew from each start it would not be late yet.
  for (let starts = 0; starts < 3; starts++) {
    await lab.runFor(20_000)
    expect(await reports(lab)).toEqual([])
    await lab.lab.perform(lab.mail1.crash())
  }
  await lab.runFor(20_000)
  expect(await reports(lab)).toHaveLength(1)
  await lab.lab.stop()
})

test('a mail that arrives in time, or after one loss, is not late', async () => {
  const lab = await TestLab.start(hourly())
  const between = [lab.mail1.options.network, lab.mail2.options.network] as const
  lab.lab.network.setLink(between, { lossShare: 1 })
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.runFor(5000)
  lab.lab.network.setLink(between, { lossShare: 0 })
  await lab.runFor(10 * HOUR_MS)
  expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
  expect(await lab.mailbox(lab.mail1)).toEqual([])
  await lab.lab.stop()
})

test('where NOTIFY asks for something else nobody is told of a delay', async () => {
  const lab = await TestLab.start(hourly())
  lab.mail2.kill()
  await sendTo(lab, '<user@mail-2.a.com> NOTIFY=NEVER', '<x@mail-2.a.com> NOTIFY=FAILURE')
  await lab.runFor(10 * HOUR_MS)
  expect(await reports(lab)).toEqual([])
  await sendTo(lab, '<user@mail-2.a.com> NOTIFY=DELAY', '<x@mail-2.a.com> NOTIFY=NEVER')
  await lab.runFor(10 * HOUR_MS)
  const [report = '', ...others] = await reports(lab)
  expect(others).toEqual([])
  expect(report).toContain('Final-Recipient: rfc822; user@mail-2.a.com')
  expect(report).not.toContain('x@mail-2.a.com')
  await lab.lab.stop()
})

test('retry.warnAfter and a passed prediction are one report together', async () => {
  const retry = { giveUpAfterMs: 100 * HOUR_MS, warnAfterMs: 30 * MINUTE_MS, routes: [] }
  const lab = await TestLab.start(hourly({ retry }))
  lab.mail2.kill()
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.runFor(20 * HOUR_MS)
  expect(await reports(lab)).toHaveLength(1)
  await lab.lab.stop()
})

test('without a contact plan there is no prediction, and nothing that could be late', async () => {
  const lab = await TestLab.start(earthMoon({ giveUpAfterMs: 100 * HOUR_MS }))
  lab.mail2.kill()
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.runFor(50 * HOUR_MS)
  expect(await reports(lab)).toEqual([])
  await lab.lab.stop()
})
