import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { wallMs } from '../../src/base/time.ts'
import { formatEvent } from '../../src/host/log.ts'
import type { HostEvent } from '../../src/ports/events.ts'
import { needs } from '../support/programs.ts'

test.skipIf(needs('pflogsumm'))('pflogsumm counts what became of mails', () => {
  const mail = { queueId: '1PRT2M4T0XKQ7A5B', recipient: 'user@b.com', relay: 'bp:ipn:3.2525' }
  const times = { relay: mail.relay, delayMs: 2345 }
  const events: readonly HostEvent[] = [
    {
      ...{ type: 'mail-accepted', queueId: mail.queueId, via: 'smtp', from: '<a@b.com>' },
      ...{ recipients: [mail.recipient], sizeBytes: 431 },
      client: { service: 'smtp', session: 's1', peer: '127.0.0.1' },
    },
    {
      ...{ type: 'command-refused', service: 'smtp', session: 's1', peer: '127.0.0.1' },
      ...{ command: 'RCPT TO:<x@b.com>', reply: '550 5.1.1 <x@b.com>: User unknown' },
    },
    { type: 'mail-delivered', ...mail, ...times, route: 'bp', detail: 'ipn:3.2525' },
    { type: 'mail-deferred', ...mail, ...times, reason: 'no answer', retryInMs: 60_000 },
    { type: 'mail-failed', ...mail, ...times, reason: 'no user', dsn: '5.1.1' },
    { type: 'mail-removed', queueId: mail.queueId },
  ]
  const context = { wall: wallMs(1_795_420_800_000), host: 'mail-1', pid: 1 }
  const input = events.flatMap((event) => formatEvent(event, context)).join('\n')
  const { stdout } = spawnSync('pflogsumm', ['--syslog_name=lightlag'], { input, encoding: 'utf8' })
  for (const count of ['received', 'delivered', 'deferred', 'bounced', 'rejected']) {
    expect(stdout).toMatch(new RegExp(`^ +1 +${count}`, 'm'))
  }
  expect(stdout).toMatch(/^ +431 +bytes delivered$/m)
})
