import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { type NodeConfig, parseNodeConfig } from './node-config.ts'

const SAMPLE = readFileSync('etc/mail-1.yaml', 'utf8')

function read(more: string): NodeConfig | string {
  const parsed = parseNodeConfig(`${SAMPLE}${more}`, 'mail-1.yaml')
  return parsed.ok ? parsed.value : parsed.fault.message
}

it('reads limits for senders', () => {
  expect(
    read(
      'senderLimits: {perUser: {mails: 500/h, bytes: 1MiB/h}, perPeer: {recipients: 9/h, sessions: 2}}',
    ),
  ).toMatchObject({
    senderLimits: {
      perUser: { mailsPerHour: 500, bytesPerHour: 1_048_576 },
      perPeer: { recipientsPerHour: 9, sessions: 2 },
    },
  })
})

it('reads faults: 451 to the second RCPT for x@y', () => {
  const fault =
    'faults: [{at: RCPT, recipient: x@y, times: 2, reply: 451 4.3.0 Not now, delay: 5s}]'
  expect(read(fault)).toMatchObject({
    faults: [
      {
        at: 'RCPT',
        recipient: 'x@y',
        from: 2,
        until: 2,
        reply: { code: 451, enhanced: '4.3.0', lines: ['Not now'] },
        delayMs: 5000,
      },
    ],
  })
  expect(read("faults: [{at: MAIL, times: '3-', delay: 1s}]")).toMatchObject({
    faults: [{ from: 3 }],
  })
})

it('says what would be right', () => {
  for (const [text, right] of [
    ['senderLimits: {perUser: {mails: 500}}', 'a number an hour such as 500/h'],
    ['senderLimits: {perUser: {bytes: 5/s}}', 'a size an hour such as 1GiB/h'],
    ['faults: [{at: RSET, delay: 1s}]', 'EHLO or MAIL or RCPT or DATA or end-of-data'],
    ['faults: [{at: MAIL}]', 'without reply and delay: one of them'],
    ['faults: [{at: MAIL, recipient: x@y, delay: 1s}]', 'at: RCPT'],
    ['faults: [{at: MAIL, reply: 250 2.0.0 Ok}]', 'a reply such as 451 4.3.0 Try again'],
    ['faults: [{at: MAIL, reply: 451 5.0.0 Ok}]', 'a reply such as 451 4.3.0 Try again'],
    ['faults: [{at: MAIL, delay: 1s, times: 3-2}]', '2, 2-4 or 2-'],
    [`faults: [${'{at: MAIL, delay: 1s},'.repeat(101)}]`, 'at most 100'],
  ] as const) {
    const said = read(text)
    expect(said).toMatch(/^mail-1\.yaml:\d+:\d+: /)
    expect(said).toContain(`${right}`)
  }
})
