import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  HOST,
  mailStage,
  pass,
  QUEUE_OPTIONS,
  type Stage,
  type StageOptions,
  wrapped,
} from '../../test/support/mail-stage.ts'
import { fromLatin1, toBase64, toLatin1 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type { Disk } from '../ports/disk.ts'
import type { ByteStream, Network, SocketAddress } from '../ports/network.ts'
import { HELD_MESSAGE_BYTES_MAX, HELD_MESSAGES_BYTES_MAX, UNWRITTEN_BYTES_MAX } from './limits.ts'
import { LoginAttempts } from './login-attempts.ts'
import { InjectedFaults } from './policy/injected-faults.ts'
import { HoldBudget } from './policy/message-hold.ts'
import type { Policy, PolicyAnswer, PolicySession } from './policy/policy.ts'
import { PolicyChain } from './policy/policy-chain.ts'
import { SmtpService, type SmtpServiceOptions } from './smtp-service.ts'
import { SPOOL_TABLE } from './spool-record.ts'

const NEAR = `user@${HOST}`
const FAR = 'user@mail-2.a.com'
const LOGIN = `AUTH PLAIN ${toBase64(fromLatin1('\0user\x00123456'))}`

const OPTIONS: SmtpServiceOptions = {
  listen: { host: '172.21.0.3', port: 25 },
  sizeBytesMax: 2_000_000,
  recipientsMax: 100,
  plaintextAuth: 'allow',
}

/** The server's side of a connection, with a client that types. */
class FakeStream implements ByteStream {
  readonly local: SocketAddress = OPTIONS.listen
  readonly remote: SocketAddress
  unsentBytes = 0
  heard = ''
  isPaused = false
  state: 'open' | 'closed' | 'ended' = 'open'
  onBytes: (bytes: Uint8Array) => void = () => {}
  onSecured: () => void = () => {}
  onDrained: () => void = () => {}
  onEnd: (fault: Fault | undefined) => void = () => {}

  constructor(host: string) {
    this.remote = { host, port: 40_000 }
  }
  send(bytes: Uint8Array): void {
    if (this.state === 'open') this.heard += toLatin1(bytes)
  }
  secure(): void {}
  close(): void {
    this.state = 'closed'
  }
  abort(): void {
    this.state = 'closed'
  }
  pause(): void {
    this.isPaused = true
  }
  resume(): void {
    this.isPaused = false
  }
  end(): void {
    if (this.state === 'ended') return
    this.state = 'ended'
    this.onEnd(undefined)
  }
}

interface Bench {
  readonly stage: Stage
  readonly service: SmtpService
  readonly connect: (host?: string) => FakeStream
  /** Types lines and resolves with the replies to them. */
  readonly say: (stream: FakeStream, ...lines: readonly string[]) => Promise<string>
}

async function bench(
  service: 'smtp' | 'submission',
  options: Partial<SmtpServiceOptions> = {},
  stageOptions: StageOptions = {},
  policies: (stage: Stage) => readonly Policy[] = () => [],
): Promise<Bench> {
  const stage = mailStage(stageOptions)
  await stage.queue.open()
  let accept = (_stream: ByteStream): void => {}
  const network: Network = {
    listen: async (address, onStream) => {
      accept = onStream
      return { address, close: async () => {} }
    },
    connect: () => Promise.reject(new Error('not used')),
    bind: () => Promise.reject(new Error('not used')),
  }
  const { clock, entropy, accounts, routes, local, queue } = stage
  const smtp = new SmtpService(
    { ...OPTIONS, ...options },
    {
      ...{ service, hostname: HOST, network, clock, entropy, accounts, routes, local, queue },
      logins: new LoginAttempts(clock),
      policies: new PolicyChain(policies(stage), (event) => void stage.events.push(event)),
      holdBudget: new HoldBudget(HELD_MESSAGES_BYTES_MAX),
      events: (event) => void stage.events.push(event),
    },
  )
  await smtp.start()
  return {
    stage,
    service: smtp,
    connect: (host = '172.21.0.4') => {
      const stream = new FakeStream(host)
      accept(stream)
      return stream
    },
    say: async (stream, ...lines) => {
      const from = stream.heard.length
      stream.onBytes(fromLatin1(lines.map((line) => `${line}\r\n`).join('')))
      await pass(stage, 0)
      return stream.heard.slice(from)
    },
  }
}

function typesOf(stage: Stage): readonly string[] {
  return stage.events.map(({ type }) => type)
}

function spooled(stage: Stage): readonly string[] {
  return [...stage.store.keys(SPOOL_TABLE, {})]
}

const TO_NEAR = ['EHLO client.a.com', 'MAIL FROM:<ann@b.com>', `RCPT TO:<${NEAR}>`, 'DATA']

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
          writeNew: (path, bytes) =>
            broken && path.startsWith('/home/other/')
              ? Promise.reject(new Fault('disk/failed', 'broken', { temporary: true }))
              : disk.writeNew(path, bytes),
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

describe('the submission service', () => {
  it('takes mail for anywhere from its users, into the queue, durable before the 250', async () => {
    const { stage, connect, say } = await bench(
      'submission',
      {},
      {
        remote: () => new Promise(() => {}),
      },
    )
    const stream = connect()
    expect(await say(stream, 'EHLO client.a.com')).toContain('AUTH PLAIN LOGIN')
    expect(await say(stream, LOGIN)).toMatch(/^235 /)
    await say(stream, `MAIL FROM:<${NEAR}>`, `RCPT TO:<${FAR}>`, `RCPT TO:<${NEAR}>`, 'DATA')
    expect(await say(stream, 'Subject: hello', '', 'Hello', '.')).toMatch(/^250 /)
    expect(spooled(stage).some((key) => key.startsWith('e/'))).toBe(true)
    const [sent] = stage.sent
    expect(sent).toMatch(/with\r\n\tESMTPA id \w+; Mon, 23 Nov 2026/)
    expect(sent).toContain('\r\nDate: Mon, 23 Nov 2026 08:00:00 +0000\r\nMessage-ID: <')
    expect(typesOf(stage).slice(2)).toEqual(['authenticated', 'mail-accepted', 'mail-delivered'])
    expect(stage.events.find(({ type }) => type === 'mail-accepted')).toMatchObject({
      via: 'submission',
      from: `<${NEAR}>`,
      recipients: [FAR, NEAR],
    })
  })

  it('takes nothing without a password (530), nor with a wrong one (535)', async () => {
    const { stage, connect, say } = await bench('submission')
    const stream = connect()
    await say(stream, 'EHLO c')
    expect(await say(stream, `MAIL FROM:<${NEAR}>`)).toMatch(/^530 5\.7\.0 /)
    expect(await say(stream, `AUTH PLAIN ${toBase64(fromLatin1('\0user\0wrong'))}`)).toBe('')
    await pass(stage, 1000)
    expect(stream.heard).toMatch(/\r\n535 5\.7\.8 [^\r]*\r\n$/)
    expect(typesOf(stage)).toContain('authentication-failed')
    expect(JSON.stringify(stage.events)).not.toContain('wrong')
  })

  it('does not offer AUTH where passwords may not cross unencrypted', async () => {
    const { connect, say } = await bench('submission', { plaintextAuth: 'refuse' })
    const stream = connect()
    expect(await say(stream, 'EHLO c')).not.toContain('AUTH')
    expect(await say(stream, LOGIN)).toMatch(/^5/)
  })

  it('says that a domain is nowhere to be found (550 5.1.2)', async () => {
    const { connect, say } = await bench('submission')
    const stream = connect()
    await say(stream, 'EHLO c', LOGIN, `MAIL FROM:<${NEAR}>`)
    expect(await say(stream, 'RCPT TO:<x@nowhere.org>')).toMatch(/^550 5\.1\.2 /)
  })

  it('a full spool is a reason to try later, said at MAIL where the size is known (452 4.3.1)', async () => {
    const { stage, connect, say } = await bench(
      'submission',
      {},
      {
        queue: { ...QUEUE_OPTIONS, spool: { bytesMax: 10_000, messagesMax: 10 } },
      },
    )
    const stream = connect()
    await say(stream, 'EHLO c', LOGIN)
    expect(await say(stream, `MAIL FROM:<${NEAR}> SIZE=20000`)).toMatch(/^452 4\.3\.1 /)
    await say(stream, `MAIL FROM:<${NEAR}>`, `RCPT TO:<${FAR}>`, 'DATA')
    const lines = Array.from({ length: 20 }, () => 'x'.repeat(998))
    expect(await say(stream, ...lines, '.')).toMatch(/^452 4\.3\.1 /)
    expect(spooled(stage)).toEqual([])
    await say(stream, `MAIL FROM:<${NEAR}>`, `RCPT TO:<${FAR}>`, 'DATA')
    expect(await say(stream, 'Hello', '.')).toMatch(/^250 /)
  })
})

function newGate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

/** A disk that writes nothing before `ready`. */
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

interface Seen {
  /** The beginning of it. */
  readonly text: string
  readonly sizeBytes: number
  readonly of: PolicySession
}

describe('the policies of the SMTP service', () => {
  const seeing = (seen: Seen[]): Policy => ({
    name: 'seeing',
    reader: (session) => {
      let [text, sizeBytes] = ['', 0]
      return {
        push: (bytes) => {
          sizeBytes += bytes.length
          if (text.length < 10_000) text += toLatin1(bytes)
        },
        end: async () => {
          seen.push({ text, sizeBytes, of: session })
          return { type: 'accept', headers: ['X-Seen: yes'] }
        },
      }
    },
  })

  it('see the message before it is delivered, and add headers above it', async () => {
    const seen: Seen[] = []
    const { stage, connect, say } = await bench('smtp', {}, {}, () => [seeing(seen)])
    await say(connect(), ...TO_NEAR, 'Subject: hello', '', 'Hello', '.')
    const [message = ''] = await stage.inbox('user')
    expect(message).toMatch(/\r\nX-Seen: yes\r\nReceived: .*\r\n\r\nHello\r\n$/s)
    expect(seen).toHaveLength(1)
    expect(seen[0]?.text).toMatch(/^Received: .*Hello\r\n$/s)
    expect(seen[0]?.sizeBytes).toBe(seen[0]?.text.length)
    expect(seen[0]?.of).toMatchObject({ peer: '172.21.0.4', helo: 'client.a.com', user: undefined })
  })

  it('see one that is larger than what is held back as it passes into the queue, and add headers above it', async () => {
    const seen: Seen[] = []
    const sizeBytesMax = 2 * HELD_MESSAGE_BYTES_MAX
    const { stage, connect, say } = await bench('smtp', { sizeBytesMax }, {}, () => [seeing(seen)])
    const stream = connect()
    await say(stream, ...TO_NEAR, '')
    const line = 'x'.repeat(998)
    for (let sent = 0; sent < HELD_MESSAGE_BYTES_MAX; sent += 100_000) {
      await say(stream, ...Array.from({ length: 100 }, () => line))
    }
    expect(await say(stream, '.')).toMatch(/^250 /)
    await pass(stage, 1000)
    const [message = '', ...others] = await stage.inbox('user')
    expect(others).toEqual([])
    expect(message.length).toBeGreaterThan(HELD_MESSAGE_BYTES_MAX)
    expect(message).toMatch(/^Return-Path: .*\r\nX-Seen: yes\r\nReceived: /s)
    expect(seen[0]?.sizeBytes).toBe(message.length - message.indexOf('Received'))
    expect(await stage.disk.list('/home/user/Maildir/tmp')).toEqual([])
    expect(spooled(stage)).toEqual([])
  })

  it('refuse with their own words, and what they refused is in the log with their name', async () => {
    const reply = { code: 554, enhanced: '5.7.1', lines: ['not today'] }
    const refusing: Policy = {
      name: 'calendar',
      endOfData: async () => ({ type: 'reject', reply }),
    }
    const { stage, connect, say } = await bench('smtp', {}, {}, () => [refusing])
    const stream = connect()
    await say(stream, ...TO_NEAR)
    expect(await say(stream, 'Hello', '.')).toBe('554 5.7.1 not today\r\n')
    expect(await stage.inbox('user')).toEqual([])
    expect(await stage.disk.list('/home/user/Maildir/tmp')).toEqual([])
    expect(stage.events.find(({ type }) => type === 'command-refused')).toMatchObject({
      reply: '554 5.7.1 not today (policy: calendar)',
    })
  })

  it('defer what one of them cannot judge (451), for a check is not passed by failing it', async () => {
    const failing: Policy = {
      name: 'failing',
      mail: () => Promise.reject(new Fault('test/failed', 'no answer', { temporary: true })),
    }
    const { stage, connect, say } = await bench('smtp', {}, {}, () => [failing])
    const stream = connect()
    await say(stream, 'EHLO c')
    expect(await say(stream, 'MAIL FROM:<ann@b.com>')).toMatch(/^451 4\.3\.0 /)
    expect(stage.events).toContainEqual({
      type: 'trouble',
      where: 'policy failing',
      reason: 'no answer',
    })
  })

  it('are asked about who connects once, and in their order', async () => {
    const asked: string[] = []
    const noting = (name: string): Policy => {
      const note = (question: string) => async (): Promise<PolicyAnswer> => {
        asked.push(`${name} ${question}`)
        return { type: 'accept' }
      }
      return {
        name,
        connect: note('connect'),
        helo: note('helo'),
        mail: note('mail'),
        data: note('data'),
        ended: () => void asked.push(`${name} ended`),
      }
    }
    const { connect, say } = await bench('smtp', {}, {}, () => [noting('a'), noting('b')])
    const stream = connect()
    await say(stream, ...TO_NEAR, 'Hello', '.')
    await say(stream, 'MAIL FROM:<ann@b.com>', 'QUIT')
    stream.end()
    await say(stream)
    const each = (question: string): string[] => [`a ${question}`, `b ${question}`]
    expect(asked).toEqual(['connect', 'helo', 'mail', 'data', 'mail', 'ended'].flatMap(each))
  })

  it('answer 451 to the second RCPT for x@y, late, where a fault is injected, and say so', async () => {
    const { stage, connect, say } = await bench('smtp', {}, {}, ({ clock, events }) => {
      const faults = new InjectedFaults(clock, (event) => void events.push(event))
      const reply = { code: 451, enhanced: '4.3.0', lines: ['on purpose'] }
      faults.replace([
        { at: 'RCPT', recipient: NEAR, from: 2, until: 2, reply, delayMs: 5000 },
        { at: 'MAIL', sender: '*@slow.org', delayMs: 1000 },
      ])
      return [faults]
    })
    expect(stage.events.some((e) => e.type === 'trouble' && e.reason.startsWith('ON'))).toBe(true)
    const stream = connect()
    await say(stream, 'EHLO c', 'MAIL FROM:<ann@b.com>')
    expect(await say(stream, `RCPT TO:<${NEAR}>`)).toMatch(/^250 /)
    expect(await say(stream, `RCPT TO:<${NEAR}>`)).toBe('')
    await pass(stage, 5000)
    expect(stream.heard).toMatch(/451 4\.3\.0 on purpose\r\n$/)
    expect(await say(stream, `RCPT TO:<${NEAR}>`)).toMatch(/^250 /)
    expect(await say(stream, 'RSET', 'MAIL FROM:<ann@slow.org>')).toBe('')
    await pass(stage, 1000)
    expect(stream.heard).toMatch(/250 2\.1\.0 Ok\r\n$/)
  })

  it('a fault that delays for long holds up nobody who stops', async () => {
    let faults: InjectedFaults | undefined
    const { service, connect, say } = await bench('smtp', {}, {}, ({ clock }) => {
      faults = new InjectedFaults(clock, () => {})
      faults.replace([{ at: 'MAIL', delayMs: 86_400_000 }])
      return [faults]
    })
    expect(await say(connect(), 'EHLO c', 'MAIL FROM:<ann@b.com>')).not.toContain('2.1.0')
    faults?.stop()
    await service.stop()
  })
})
