import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HOST, pass, QUEUE_OPTIONS, wrapped } from '../../test/support/mail-stage.ts'
import {
  bench,
  FAR,
  LOGIN,
  NEAR,
  spooled,
  TO_NEAR,
  typesOf,
} from '../../test/support/smtp-bench.ts'
import { fromLatin1 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type { Disk } from '../ports/disk.ts'
import { UNWRITTEN_BYTES_MAX } from './limits.ts'

function newGate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

function writingAfter(disk: Disk, ready: Promise<void>): Disk {
  return {
    ...wrapped(disk),
    writeNew: (path, bytes) => ready.then(() => disk.writeNew(path, bytes)),
    create: async (path) => {
      const writer = await disk.create(path)
      return {
        append: (bytes) => ready.then(() => writer.append(bytes)),
        sync: () => writer.sync(),
        close: () => writer.close(),
      }
    },
  }
}

describe('the SMTP service', () => {
  it('delivers mail for its own users straight into the mailbox, before the 250', async () => {
    const { stage, connect, say } = await bench('smtp')
    const stream = connect()
    await say(stream, ...TO_NEAR)
    expect(await say(stream, 'Subject: hello', '', 'Hello', '.')).toMatch(
      /^250 2\.0\.0 Ok: queued as /,
    )
    const [message = ''] = await stage.inbox('user')
    const id = /queued as (\w+)/.exec(stream.heard)?.[1]
    expect(message).toBe(
      `Return-Path: <ann@b.com>\r\nDelivered-To: ${NEAR}\r\n` +
        'Received: from client.a.com ([172.21.0.4]) by mail-1.a.com (Lightlag) with\r\n' +
        `\tESMTP id ${id} for <${NEAR}>;\r\n\tMon, 23 Nov 2026 08:00:00 +0000\r\n` +
        'Subject: hello\r\n\r\nHello\r\n',
    )
    expect(spooled(stage)).toEqual([])
    expect(typesOf(stage)).toEqual([
      'listening',
      'session-opened',
      'mail-accepted',
      'mail-delivered',
    ])
  })

  it('a mail that has been at all its recipients before is refused as a loop (554 5.4.6)', async () => {
    const { connect, say } = await bench('smtp')
    const stream = connect()
    const loop = [`Delivered-To: ${NEAR.toUpperCase()}`, '', 'Hello', '.']
    await say(stream, 'EHLO c', 'MAIL FROM:<ann@b.com>', `RCPT TO:<${NEAR}>`, 'DATA')
    expect(await say(stream, ...loop)).toMatch(/^554 5\.4\.6 <.*>: mail forwarding loop\r\n$/)
  })

  it('relays for nobody who has not said who they are (554 5.7.1)', async () => {
    const { stage, connect, say } = await bench('smtp')
    const stream = connect()
    await say(stream, 'EHLO c', 'MAIL FROM:<ann@b.com>')
    expect(await say(stream, `RCPT TO:<${FAR}>`)).toMatch(/^554 5\.7\.1 /)
    expect(await say(stream, 'RCPT TO:<x@nowhere.org>')).toMatch(/^554 5\.7\.1 /)
    expect(typesOf(stage).filter((type) => type === 'command-refused')).toHaveLength(2)
  })

  it('knows its users (550 5.1.1), and its postmaster without a domain (RFC 5321 §4.5.1)', async () => {
    const { connect, say } = await bench('smtp')
    const stream = connect()
    await say(stream, 'EHLO c', 'MAIL FROM:<>')
    expect(await say(stream, `RCPT TO:<nobody@${HOST}>`)).toMatch(/^550 5\.1\.1 /)
    expect(await say(stream, 'RCPT TO:<Postmaster>')).toMatch(/^250 /)
  })

  it('delivers one copy to a recipient that is named twice, by whatever name', async () => {
    const { stage, connect, say } = await bench('smtp')
    const stream = connect()
    const again = [`RCPT TO:<USER@${HOST}>`, 'RCPT TO:<postmaster>']
    const replies = await say(stream, ...TO_NEAR.slice(0, 3), ...again, 'DATA')
    expect(replies.match(/250 2\.1\.5 Ok/g)).toHaveLength(3)
    await say(stream, 'Hello', '.')
    await pass(stage, 0)
    expect(await stage.inbox('user')).toHaveLength(1)
    expect(stage.events.find(({ type }) => type === 'mail-accepted')).toMatchObject({
      recipients: [NEAR],
    })
  })

  it('mail for several mailboxes here goes into the queue, which gives each exactly one copy', async () => {
    let broken = true
    const { stage, connect, say } = await bench(
      'smtp',
      {},
      {
        disk: (disk) => ({
          ...wrapped(disk),
          link: (from, to) =>
            broken && to.startsWith('/home/other/')
              ? Promise.reject(new Fault('disk/full', 'broken', { temporary: true }))
              : disk.link(from, to),
        }),
      },
    )
    const stream = connect()
    await say(stream, ...TO_NEAR.slice(0, 3), `RCPT TO:<other@${HOST}>`, 'DATA')
    expect(await say(stream, 'Hello', '.')).toMatch(/^250 /)
    await pass(stage, 0)
    expect(await stage.inbox('user')).toHaveLength(1)
    expect(await stage.inbox('other')).toEqual([])
    broken = false
    await pass(stage, QUEUE_OPTIONS.schedules.local.firstRetryMs)
    expect(await stage.inbox('user')).toHaveLength(1)
    expect(await stage.inbox('other')).toHaveLength(1)
    expect(spooled(stage)).toEqual([])
  })

  it('by LMTP it is delivered at once and each recipient has its own answer (RFC 2033 §4.2)', async () => {
    const { stage, connect, say } = await bench(
      'lmtp',
      {},
      {
        disk: (disk) => ({
          ...wrapped(disk),
          link: (from, to) =>
            to.startsWith('/home/other/')
              ? Promise.reject(new Fault('disk/full', 'broken', { temporary: true }))
              : disk.link(from, to),
        }),
      },
    )
    const stream = connect()
    const again = [`RCPT TO:<other@${HOST}>`, `RCPT TO:<OTHER@${HOST}>`, `RCPT TO:<${NEAR}>`]
    const from = ['LHLO client.a.com', 'MAIL FROM:<ann@b.com>', `RCPT TO:<${NEAR}>`]
    await say(stream, ...from, ...again, 'DATA')
    expect((await say(stream, 'Hello', '.')).replace(/queued as .*/g, 'queued')).toBe(
      [
        ...['250 2.0.0 Ok: queued', '452 4.3.1 Insufficient system storage'],
        ...['452 4.3.1 Insufficient system storage', '250 2.0.0 Ok: queued', ''],
      ].join('\r\n'),
    )
    expect(await stage.inbox('user')).toHaveLength(1)
    expect(await stage.inbox('other')).toEqual([])
    expect(spooled(stage)).toEqual([])
    const told = stage.events.filter(({ type }) => /mail|refused/.test(type))
    expect(told).toMatchObject([
      { type: 'mail-accepted', recipients: [NEAR] },
      { type: 'mail-delivered', recipient: NEAR },
      { type: 'command-refused', command: `end of data for <other@${HOST}>` },
    ])
  })

  it('by LMTP a mailbox that cannot be used now keeps nobody waiting: the queue has the mail', async () => {
    const { stage, connect, say } = await bench(
      'lmtp',
      {},
      {
        disk: (disk) => ({
          ...wrapped(disk),
          makeDirectory: (path) =>
            path.startsWith('/home/other/')
              ? Promise.reject(new Fault('disk/failed', 'broken', { temporary: true }))
              : disk.makeDirectory(path),
        }),
      },
    )
    const stream = connect()
    const from = ['LHLO client.a.com', 'MAIL FROM:<ann@b.com>', `RCPT TO:<${NEAR}>`]
    await say(stream, ...from, `RCPT TO:<other@${HOST}>`, 'DATA')
    expect(await say(stream, 'Hello', '.')).toMatch(/^250 .*\r\n250 .*\r\n$/)
    await pass(stage, 0)
    expect(await stage.inbox('user')).toHaveLength(1)
    expect(spooled(stage)).not.toEqual([])
  })

  it('a message that is written and cannot be placed is refused for now and leaves nothing', async () => {
    const { stage, connect, say } = await bench(
      'smtp',
      {},
      {
        disk: (disk) => ({
          ...wrapped(disk),
          rename: (from, to) =>
            to.includes('/new/')
              ? Promise.reject(new Fault('disk/failed', 'broken', { temporary: true }))
              : disk.rename(from, to),
        }),
      },
    )
    const stream = connect()
    await say(stream, ...TO_NEAR)
    expect(await say(stream, 'Hello', '.')).toMatch(/^451 /)
    expect(await stage.disk.list('/home/user/Maildir/tmp')).toEqual([])
  })

  it('a message whose place was not made durable is taken back, so that it is not there twice later', async () => {
    let isBroken = true
    const { stage, connect, say } = await bench(
      'smtp',
      {},
      {
        disk: (disk) => ({
          ...wrapped(disk),
          syncDirectory: (path) =>
            isBroken && path.endsWith('/new')
              ? Promise.reject(new Fault('disk/failed', 'broken', { temporary: true }))
              : disk.syncDirectory(path),
        }),
      },
    )
    const stream = connect()
    await say(stream, ...TO_NEAR)
    expect(await say(stream, 'Hello', '.')).toMatch(/^451 /)
    expect(await stage.inbox('user')).toEqual([])
    isBroken = false
    await say(stream, ...TO_NEAR.slice(1))
    expect(await say(stream, 'Hello', '.')).toMatch(/^250 /)
    expect(await stage.inbox('user')).toHaveLength(1)
    expect(await stage.disk.list('/home/user/Maildir/tmp')).toEqual([])
  })

  it('does not offer AUTH for transfer', async () => {
    const { connect, say } = await bench('smtp')
    expect(await say(connect(), 'EHLO c')).not.toContain('AUTH')
  })

  it('refuses a message that goes in circles (554 5.4.6, RFC 5321 §6.3)', async () => {
    const { stage, connect, say } = await bench('smtp')
    const stream = connect()
    await say(stream, ...TO_NEAR)
    const trace = Array.from({ length: 100 }, () => 'Received: by x')
    expect(await say(stream, ...trace, '', 'Hello', '.')).toMatch(/^554 5\.4\.6 /)
    expect(await stage.inbox('user')).toEqual([])
    expect(await stage.disk.list('/home/user/Maildir/tmp')).toEqual([])
    await say(stream, ...TO_NEAR.slice(1))
    expect(await say(stream, ...trace.slice(1), '', 'Hello', '.')).toMatch(/^250 /)
  })

  it.each([
    ['a small', 'Hello'],
    ['a large', 'Hello\r\n'.repeat(20_000)],
  ])(
    'a full disk is a reason to try %s message later (452 4.3.1), until it has room',
    async (_, text) => {
      const full = new Fault('disk/full', 'full', { temporary: true })
      let isFull = true
      const { stage, connect, say } = await bench(
        'smtp',
        {},
        {
          disk: (disk) => ({
            ...wrapped(disk),
            writeNew: (path, bytes) => (isFull ? Promise.reject(full) : disk.writeNew(path, bytes)),
            create: async (path) => {
              const writer = await disk.create(path)
              return isFull ? { ...writer, append: () => Promise.reject(full) } : writer
            },
          }),
        },
      )
      const stream = connect()
      await say(stream, ...TO_NEAR)
      expect(await say(stream, text, '.')).toMatch(/^452 4\.3\.1 /)
      expect(await stage.inbox('user')).toEqual([])
      expect(await stage.disk.list('/home/user/Maildir/tmp')).toEqual([])
      isFull = false
      await say(stream, ...TO_NEAR.slice(1))
      expect(await say(stream, text, '.')).toMatch(/^250 /)
      expect(await stage.inbox('user')).toHaveLength(1)
    },
  )

  it('a session that ends in the middle of a mail leaves nothing behind', async () => {
    const { stage, connect, say } = await bench('smtp')
    const stream = connect()
    await say(stream, ...TO_NEAR, 'Subject: hello', '')
    await say(stream, 'x'.repeat(100_000))
    stream.end()
    await pass(stage, 0)
    expect(await stage.disk.list('/home/user/Maildir/tmp')).toEqual([])
    expect(typesOf(stage).at(-1)).toBe('session-closed')
    expect(typesOf(stage)).not.toContain('mail-accepted')
  })

  it('has no more sessions than its bound, and none too many of one peer (421)', async () => {
    const { stage, connect } = await bench('smtp', { sessionsMax: 3, sessionsPerPeerMax: 2 })
    const first = connect('10.0.0.1')
    connect('10.0.0.1')
    expect(connect('10.0.0.1').heard).toMatch(/^421 4\.7\.0 /)
    connect('10.0.0.2')
    const refused = connect('10.0.0.3')
    expect([refused.heard.slice(0, 4), refused.state]).toEqual(['421 ', 'closed'])
    expect(stage.events.filter(({ type }) => type === 'session-refused')).toHaveLength(2)
    first.end()
    expect(connect('10.0.0.1').heard).toMatch(/^220 /)
  })

  it('takes the addresses of one IPv6 network for one peer', async () => {
    const { connect } = await bench('smtp', { sessionsPerPeerMax: 2 })
    const said = ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:0:1::1'].map((host) =>
      connect(host).heard.slice(0, 4),
    )
    expect(said).toEqual(['220 ', '220 ', '421 ', '220 '])
  })

  it('takes so many connections a minute of one peer or IPv6 network (421), and more as it goes by', async () => {
    const { stage, connect } = await bench('smtp', { connectionsPerPeerMax: 2 })
    const greeting = (host: string): string => {
      const stream = connect(host)
      stream.end()
      return stream.heard.slice(0, 4)
    }
    expect(['2001:db8::1', '2001:db8::2', '2001:db8::3'].map(greeting)).toEqual([
      ...['220 ', '220 ', '421 '],
    ])
    expect(greeting('2001:db8:0:1::1')).toBe('220 ')
    expect(stage.events).toContainEqual({
      ...{ type: 'session-refused', service: 'smtp', peer: '2001:db8::3' },
      reason: 'too many connections',
    })
    await pass(stage, 30_000)
    expect(['2001:db8::1', '2001:db8::1'].map(greeting)).toEqual(['220 ', '421 '])
  })

  it('stops reading while too much of a body is unwritten', async () => {
    const gate = newGate()
    const { stage, connect, say } = await bench(
      'smtp',
      {},
      { disk: (disk) => writingAfter(disk, gate.opened) },
    )
    const stream = connect()
    await say(stream, ...TO_NEAR, 'Subject: hello', '')
    const line = `${'x'.repeat(998)}\r\n`
    let given = 0
    while (!stream.isPaused) {
      stream.onBytes(fromLatin1(line.repeat(64)))
      given += 64_000
      expect(given).toBeLessThan(2 * UNWRITTEN_BYTES_MAX)
    }
    gate.open()
    await pass(stage, 0)
    expect(stream.isPaused).toBe(false)
    expect(await say(stream, '.')).toMatch(/^250 /)
    expect((await stage.inbox('user'))[0]?.length).toBeGreaterThan(given)
  })

  it('answers what is being accepted, then says goodbye and leaves nothing open', async () => {
    const { stage, connect, say, service } = await bench('smtp')
    const [busy, idle] = [connect(), connect()]
    await say(busy, ...TO_NEAR)
    await say(idle, ...TO_NEAR, 'Hello')
    busy.onBytes(fromLatin1('Hello\r\n.\r\n'))
    const stopped = service.stop()
    await pass(stage, 0)
    await stopped
    expect(busy.heard).toMatch(/250 2\.0\.0 Ok: queued as \w+\r\n421 4\.3\.2 [^\r]*\r\n$/)
    expect(idle.heard).toMatch(/\r\n421 4\.3\.2 [^\r]*\r\n$/)
    expect([busy.state, idle.state]).toEqual(['closed', 'closed'])
    expect(await stage.disk.list('/home/user/Maildir/tmp')).toEqual([])
    expect(await stage.inbox('user')).toHaveLength(1)
  })

  it('stops all sessions at once, and reads from none of them again', async () => {
    const gate = newGate()
    const { stage, connect, say, service } = await bench(
      'smtp',
      {},
      { disk: (disk) => writingAfter(disk, gate.opened) },
    )
    const [slow, idle] = [connect(), connect()]
    await say(slow, ...TO_NEAR, 'Subject: hello', '')
    while (!slow.isPaused) slow.onBytes(fromLatin1(`${'x'.repeat(998)}\r\n`.repeat(64)))
    const stopped = service.stop()
    await pass(stage, 0)
    expect([slow.isPaused, idle.isPaused]).toEqual([true, true])
    expect([slow.state, idle.state]).toEqual(['open', 'closed'])
    gate.open()
    await stopped
    expect([slow.isPaused, slow.state]).toEqual([true, 'closed'])
    expect(await stage.disk.list('/home/user/Maildir/tmp')).toEqual([])
  })

  it('carries out what a client sent ahead before it says goodbye', async () => {
    const { stage, connect, say, service } = await bench('smtp')
    const stream = connect()
    await say(stream, ...TO_NEAR.slice(0, 1))
    stream.onBytes(fromLatin1([...TO_NEAR.slice(1), 'Hello', '.', ''].join('\r\n')))
    const stopped = service.stop()
    await pass(stage, 0)
    await stopped
    expect(stream.heard).toMatch(/250 2\.0\.0 Ok: queued as \w+\r\n421 4\.3\.2 [^\r]*\r\n$/)
    expect(await stage.inbox('user')).toHaveLength(1)
  })

  it('property: whatever bytes come, in whatever pieces, nothing breaks and nothing is left', async () => {
    const words = fc.constantFrom(
      ...TO_NEAR,
      'RSET',
      'QUIT',
      '.',
      'Hello',
      `RCPT TO:<${FAR}>`,
      LOGIN,
    )
    const script = fc.array(fc.oneof(words, fc.string({ maxLength: 20 })), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(script, fc.array(fc.integer({ min: 1, max: 40 })), async (lines, sizes) => {
        const { stage, connect } = await bench('smtp')
        const stream = connect()
        const bytes = new TextEncoder().encode(lines.map((line) => `${line}\r\n`).join(''))
        let at = 0
        for (const size of [...sizes, bytes.length]) {
          if (stream.state === 'open') stream.onBytes(bytes.slice(at, at + size))
          at += size
          await pass(stage, 0)
        }
        stream.end()
        await pass(stage, 0)
        const accepted = typesOf(stage).filter((type) => type === 'mail-accepted').length
        expect((await stage.inbox('user')).length).toBeGreaterThanOrEqual(accepted)
        if (await stage.disk.stat('/home/user/Maildir/tmp')) {
          expect(await stage.disk.list('/home/user/Maildir/tmp')).toEqual([])
        }
      }),
      { numRuns: 50 },
    )
  })
})
