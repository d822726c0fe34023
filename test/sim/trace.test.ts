import { expect, test } from 'vitest'
import { formatTrace } from '../../src/bridge/format-trace.ts'
import { MailClient } from '../../src/bridge/mail-client.ts'
import { connectNode } from '../../src/dtn/control/node-client.ts'
import type { LabMachine } from '../../src/lab/machine.ts'
import { formatQueue } from '../../src/mail/format-queue.ts'
import { farApart, runFarApart } from '../support/far-apart.ts'
import { mailOf, TestLab } from '../support/lab.ts'

const CONTROL = { host: '/run/lightlag/control.sock', port: 0 }
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** What `lightlag trace` says on a host, without the numbers that nobody foresees. */
async function traced(lab: TestLab, host: LabMachine, name: string): Promise<string> {
  const trace = async () => {
    const { network, clock } = host.machine
    const client = new MailClient(await connectNode(CONTROL, { network, clock }))
    const found = await client.trace(name)
    client.close()
    return found.map(formatTrace).join('\n')
  }
  return lab.lab.perform(trace())
}

/** What `mailq` says on a host. */
async function listed(lab: TestLab, host: LabMachine): Promise<string> {
  const list = async () => {
    const { network, clock } = host.machine
    const client = new MailClient(await connectNode(CONTROL, { network, clock }))
    const entries = await client.queue()
    client.close()
    return formatQueue(entries, 0)
  }
  return lab.lab.perform(list())
}

test('the story of a mail is told at every stage, on both sides, across crashes', async () => {
  const lab = await TestLab.start(farApart(1))
  const id = '<4711@mail-1.a.com>'
  lab.lab.network.setLink(['earth', 'moon'], { lossShare: 0 })
  await lab.submitted(lab.mail1, `Message-ID: ${id}\r\n${mailOf('Hello')}`)
  await lab.runFor(MINUTE_MS)
  const waiting = await traced(lab, lab.mail1, id)
  expect(waiting).toMatch(
    /accepted by submission from <user@mail-1\.a\.com> for user@mail-2\.a\.com/,
  )
  expect(waiting).toMatch(/gathering, for bp:ipn:3\.2525: predicted to arrive \S+T14:20:0/)
  expect(await listed(lab, lab.mail1)).toMatch(/\(predicted to arrive Mon Nov 23 14:20:0\d\)/)
  await lab.lab.perform(lab.mail1.crash())
  // The contact opens after six hours.
  await lab.runFor(6 * HOUR_MS)
  const forwarded = await traced(lab, lab.mail1, id)
  expect(forwarded).toMatch(/transaction \w+\.\d+ in object \S+, bundle \S+, for ipn:3\.2525/)
  expect(forwarded).toMatch(
    /handed to 172\.22\.0\.3:3113 in the contact until \S+T14:10:00\S* with bundle \S+, \d+ bytes/,
  )
  expect(forwarded).toMatch(/waits for the acknowledgement of bp:ipn:3\.2525: predicted to arrive/)
  await lab.runFor(30 * MINUTE_MS)
  await lab.lab.perform(lab.mail2.crash())
  const arrived = await traced(lab, lab.mail2, id)
  expect(arrived).toMatch(/taken from ipn:2\.2525 as transaction/)
  expect(arrived).toMatch(/delivered for user@mail-2\.a\.com by local: \S+/)
  expect(arrived).toContain('is no longer in the queue')
  // The acknowledgement comes with the next contact, and perhaps the one after.
  await lab.runFor(25 * HOUR_MS)
  const [queueId = ''] = forwarded.split(' ')
  const done = await traced(lab, lab.mail1, queueId)
  expect(done).toContain('acknowledged by ipn:3.2525')
  expect(done).toMatch(/delivered for user@mail-2\.a\.com by bp: ipn:3\.2525/)
  expect(done).toMatch(/left the queue\n {2}is no longer in the queue/)
  expect(await traced(lab, lab.mail1, '<nothing@mail-1.a.com>')).toBe('')
})

/** Of each mail that was submitted on mail-1. */
function submittedIds(lab: TestLab): readonly string[] {
  return lab.happenings.flatMap(({ host, event }) =>
    host === 'mail-1.a.com' && event.type === 'mail-accepted' && event.via === 'submission'
      ? [event.messageId ?? '']
      : [],
  )
}

/** A line of a story without what differs from mail to mail. */
function kindOf(line: string): string {
  return line
    .trim()
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/\b[0-9a-f]{12}[./]\d+/g, 'NAME')
    .replace(/ipn:2\.2525\/\d+-\d+/g, 'BUNDLE')
    .replace(/(?<=Maildir\/new\/)\S+/g, 'FILE')
    .replace(/\d+(?= bytes| fragments)|(?<=attempt )\d+/g, 'N')
}

test('where each mail is is told at every stage, whatever is lost and whoever loses power', async () => {
  const stages = { 'mail-1.a.com': new Set<string>(), 'mail-2.a.com': new Set<string>() }
  const stories = new Map<string, string>()
  const look = async (lab: TestLab): Promise<void> => {
    for (const id of submittedIds(lab)) {
      const near = await traced(lab, lab.mail1, id)
      stories.set(id, near)
      // Wherever it is, it began somewhere, and either waits for something or is gone.
      const [, first = '', ...more] = near.trimEnd().split('\n')
      expect(first).toContain('accepted by submission')
      expect(more.at(-1)).toMatch(
        /^ {2}(gathering|waiting for|waits for|is no longer in the queue)/,
      )
      const far = await traced(lab, lab.mail2, id)
      for (const line of [first, ...more]) stages['mail-1.a.com'].add(kindOf(line))
      const told = far === '' ? [] : far.trimEnd().split('\n').slice(1)
      for (const line of told) stages['mail-2.a.com'].add(kindOf(line))
    }
  }
  const { accepted, forNobody } = await runFarApart({ seed: 1, mails: 33, crashes: 10, look })
  expect(stages['mail-1.a.com']).toEqual(
    new Set([
      ...both('TIME  accepted by submission from <user@mail-1.a.com> for WHOM, N bytes'),
      'gathering, for bp:ipn:3.2525: predicted to arrive TIME, acknowledged TIME',
      'TIME  transaction NAME in object NAME, bundle BUNDLE, for ipn:3.2525; predicted to arrive TIME',
      'waiting for its contact, for bp:ipn:3.2525: predicted to arrive TIME, acknowledged TIME',
      'TIME  handed to 172.22.0.3:3113 in the contact until TIME with bundle BUNDLE, N bytes',
      'waits for the acknowledgement of bp:ipn:3.2525: predicted to arrive TIME, acknowledged TIME',
      'TIME  sent to ipn:3.2525 again, attempt N',
      'waits for user@mail-2.a.com: not delivered yet; tried again TIME',
      'TIME  acknowledged by ipn:3.2525',
      'TIME  delivered for user@mail-2.a.com by bp: ipn:3.2525',
      'TIME  failed for nobody@mail-2.a.com: ipn:3.2525 said: 550 5.1.1 <nobody@mail-2.a.com>: Recipient address rejected: User unknown',
      'TIME  left the queue',
      'is no longer in the queue',
    ]),
  )
  expect(stages['mail-2.a.com']).toEqual(
    new Set([
      'TIME  taken from ipn:2.2525 as transaction NAME',
      'TIME  accepted by ipn:2.2525 from <user@mail-1.a.com> for user@mail-2.a.com, N bytes',
      'TIME  delivered for user@mail-2.a.com by local: /home/user/Maildir/new/FILE',
      'TIME  left the queue',
      'is no longer in the queue',
    ]),
  )
  expect(forNobody).not.toEqual([])
  expect(stories.size).toBe(accepted.length)
  for (const story of stories.values()) {
    expect(story).toMatch(/acknowledged by ipn:3\.2525\n/)
    expect(story).toContain('is no longer in the queue')
  }
})

/** What is said of mails to somebody, and to nobody. */
function both(line: string): readonly string[] {
  return ['user', 'nobody'].map((name) => line.replace('WHOM', `${name}@mail-2.a.com`))
}
