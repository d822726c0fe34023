import { describe, expect, it } from 'vitest'
import {
  HOST,
  mailbox,
  mailStage,
  pass,
  type Stage,
  submit,
} from '../../test/support/mail-stage.ts'
import { bench, NEAR, spooled } from '../../test/support/smtp-bench.ts'
import { fromUtf8 } from '../base/bytes.ts'
import { addMs, monoMs, wallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { maildirUsage } from './maildir-usage.ts'
import { type QuotaOptions, Quotas } from './quotas.ts'

const OTHER = `other@${HOST}`

function quotas(each: QuotaOptions['each'], whenFull: QuotaOptions['whenFull'] = 'refuse') {
  return { each, users: new Map(), whenFull }
}

async function drop(stage: Stage, path: string, text: string): Promise<void> {
  const at = `/home/user/Maildir/${path}`
  await stage.disk.makeDirectory(at.slice(0, at.lastIndexOf('/')))
  await stage.disk.writeNew(at, fromUtf8(text))
}

describe('what a user has', () => {
  it('is counted by the names of the files of all mailboxes, and by the files where names tell nothing', async () => {
    const stage = mailStage()
    expect(await maildirUsage(stage.disk, '/home/user/Maildir')).toEqual({
      usedBytes: 0,
      usedMessages: 0,
    })
    await drop(stage, 'new/1.a', 'abc')
    await drop(stage, 'cur/2.b,S=3,W=100:2,S', 'abc')
    await drop(stage, '.Lists/new/3.c,W=1000', 'abc')
    await drop(stage, 'tmp/4.d,W=5000', 'abc')
    await drop(stage, 'cur/.hidden', 'abc')
    await drop(stage, '.mailfilter', 'no folder')
    await drop(stage, 'lightlag-deleted-1/cur/5.e,W=9000', 'abc')
    expect(await maildirUsage(stage.disk, '/home/user/Maildir')).toEqual({
      usedBytes: 1103,
      usedMessages: 3,
    })
  })

  it('is counted anew once in a while, and before anybody is refused, but not for every mail', async () => {
    let now = monoMs(0)
    let counted = 0
    let used = 0
    const clock: Clock = { now: () => now, wall: () => wallMs(now), at: () => () => {} }
    const all = new Quotas(
      quotas({ bytesMax: 1000 }),
      async () => {
        counted++
        now = addMs(now, 10)
        return { usedBytes: used, usedMessages: 0 }
      },
      clock,
    )
    const take = (bytes: number): Promise<string> =>
      all.take('ann', { usedBytes: bytes, usedMessages: 1 }).then(
        () => 'room',
        ({ code }) => code,
      )
    expect([await take(600), await take(400), counted]).toEqual(['room', 'room', 1])
    used = 1000
    now = addMs(now, 1000)
    expect([await take(1), await take(1), counted]).toEqual([
      ...['mail/over-quota', 'mail/over-quota', 2],
    ])
    used = 0
    now = addMs(now, 1000)
    expect([await take(1), counted]).toEqual(['room', 3])
    used = 1000
    now = addMs(now, 60_000)
    expect([await take(1), counted]).toEqual(['mail/over-quota', 4])
  })

  it('is not counted where there is no bound', async () => {
    const count = (): Promise<never> => Promise.reject(new Error('not to be counted'))
    const all = new Quotas(quotas({}), count, mailStage().clock)
    await all.take('ann', { usedBytes: 1e12, usedMessages: 1 })
  })
})

describe('a mailbox that is full', () => {
  it('is told at RCPT, by the size where that is known, and at the end of the message', async () => {
    const { stage, connect, say } = await bench('smtp', {}, { quotas: quotas({ bytesMax: 1000 }) })
    const stream = connect()
    await say(stream, 'EHLO client.a.com', 'MAIL FROM:<ann@b.com> SIZE=1001')
    const full = '552 5.2.2 Quota exceeded (mailbox for user is full)\r\n'
    expect(await say(stream, `RCPT TO:<${NEAR}>`)).toBe(full)
    await say(stream, 'RSET', 'MAIL FROM:<ann@b.com>', `RCPT TO:<${NEAR}>`, 'DATA')
    expect(await say(stream, 'x'.repeat(990), '.')).toBe(full)
    expect(await stage.disk.list('/home/user/Maildir/tmp')).toEqual([])
    await say(stream, 'MAIL FROM:<ann@b.com>', `RCPT TO:<${NEAR}>`, 'DATA')
    expect(await say(stream, 'Hello', '.')).toMatch(/^250 /)
    await drop(stage, 'cur/1.a,W=1000:2,', 'x')
    await pass(stage, 60_000)
    await say(stream, 'MAIL FROM:<ann@b.com>')
    expect(await say(stream, `RCPT TO:<${NEAR}>`)).toBe(full)
    expect(await say(stream, `RCPT TO:<${OTHER}>`)).toMatch(/^250 /)
    expect(spooled(stage)).toEqual([])
  })

  it('by LMTP keeps the mail of that recipient alone away; deferred, it is a 452', async () => {
    const { stage, connect, say } = await bench(
      'lmtp',
      {},
      { quotas: { ...quotas({}, 'defer'), users: new Map([['user', { messagesMax: 1 }]]) } },
    )
    const mail = ['MAIL FROM:<ann@b.com>', `RCPT TO:<${NEAR}>`, `RCPT TO:<${OTHER}>`, 'DATA']
    const stream = connect()
    await say(stream, 'LHLO client.a.com', ...mail)
    await drop(stage, 'cur/1.a,W=10:2,', 'x')
    await pass(stage, 60_000)
    expect(await say(stream, 'Hello', '.')).toMatch(/^452 4\.2\.2 Quota .*\r\n250 .*\r\n$/)
    expect(await stage.inbox('other')).toHaveLength(1)
    expect(await stage.inbox('user')).toHaveLength(0)
  })

  it('has mail from the queue returned with 5.2.2, or tried again until there is room', async () => {
    for (const whenFull of ['refuse', 'defer'] as const) {
      const stage = mailStage({ quotas: quotas({ messagesMax: 1 }, whenFull) })
      await drop(stage, 'cur/1.a,W=10:2,', 'x')
      await stage.queue.open()
      stage.queue.resume()
      await submit(stage, [NEAR], 'Subject: a\r\n\r\nb\r\n', 'ann@mail-2.a.com')
      await pass(stage, 1000)
      expect(stage.sent).toHaveLength(whenFull === 'refuse' ? 1 : 0)
      if (whenFull === 'refuse') {
        expect(stage.sent[0]).toContain('Status: 5.2.2')
        continue
      }
      expect(stage.events.at(-1)).toMatchObject({ type: 'mail-deferred', dsn: '4.2.2' })
      await stage.disk.remove('/home/user/Maildir/cur/1.a,W=10:2,')
      await pass(stage, 3_600_000)
      expect(await stage.inbox('user')).toHaveLength(1)
    }
  })

  it('takes what a filter does not keep there, and room for each copy that it does', async () => {
    const stage = mailStage({
      quotas: quotas({ messagesMax: 1 }),
      filter: async ({ account }) => ({
        type: 'file',
        into: account === 'user' ? [] : Array(2).fill({ mailbox: 'INBOX', flags: [] }),
      }),
    })
    await drop(stage, 'cur/1.a,W=10:2,', 'x')
    const from = { reversePath: undefined, parameters: {} }
    const delivery = await stage.local.start({ queueId: 'ID', from })
    for (const one of [NEAR, OTHER]) await delivery.addRecipient(mailbox(one))
    expect(await delivery.commit()).toMatchObject([
      { type: 'delivered', detail: 'discarded by the filter' },
      { type: 'refused', fault: { code: 'mail/over-quota' } },
    ])
  })
})
