/**
 * A mail host as a process: the phases of a session, also as programs that are not ours see them, and
 * attacks that need a real one. More programs are in `test/long/smtp-clients.test.ts`.
 */

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { needs } from '../support/programs.ts'
import { ServedPair } from '../support/served.ts'

const run = promisify(execFile)

let pair: ServedPair
let smtp = 0
let submissions = 0

beforeAll(async () => {
  submissions = await freePort()
  pair = await ServedPair.make((text) =>
    text.includes('\nhost: mail-1.')
      ? `${text}submissions: {listen: "127.0.0.1:${submissions}"}\n`
      : text,
  )
  ;({ smtp } = pair.hosts[0].ports)
  await pair.hosts[0].start()
})

afterAll(async () => {
  await pair.dispose()
})

const NEAR = 'user@mail-1.a.com'

/** What the mails of the first host say they came by, since this was asked last. */
function protocols(): readonly string[] {
  const mails = pair.hosts[0].mails()
  const fresh = mails.filter((mail) => !seen.has(mail))
  for (const mail of fresh) seen.add(mail)
  return fresh.map((mail) => /\) with\s+(\w+)\s+id\s/.exec(mail)?.[1] ?? mail)
}

const seen = new Set<string>()

/** A client that types bytes and reads replies. */
class Peer {
  readonly socket: Socket
  #heard = ''
  #wake = (): void => {}
  #isOver = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text) => {
      this.#heard += text
      this.#wake()
    })
    socket.on('close', () => {
      this.#isOver = true
      this.#wake()
    })
    socket.on('error', () => {})
  }

  static async to(port: number, isSecure = false): Promise<Peer> {
    const host = '127.0.0.1'
    const socket = isSecure
      ? connectTls({ host, port, rejectUnauthorized: false })
      : connect(port, host)
    const peer = new Peer(socket)
    await once(socket, isSecure ? 'secureConnect' : 'connect')
    return peer
  }

  /** The same connection, under TLS from now on. */
  async secure(): Promise<Peer> {
    this.socket.removeAllListeners('data')
    const socket = connectTls({ socket: this.socket, rejectUnauthorized: false })
    const peer = new Peer(socket)
    await once(socket, 'secureConnect')
    return peer
  }

  /** The next one, all its lines; what there is when the server closes. */
  async reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d\d\d-.*\r\n)*\d\d\d (?:.*)\r\n/.exec(this.#heard)
      if (match !== null || this.#isOver) {
        const reply = match?.[0] ?? this.#heard
        this.#heard = this.#heard.slice(reply.length)
        return reply.trimEnd()
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  say(text: string): Promise<string> {
    this.socket.write(text, 'latin1')
    return this.reply()
  }

  /** All that comes until the server closes. */
  async rest(): Promise<string> {
    if (!this.#isOver) await once(this.socket, 'close')
    return this.#heard
  }
}

describe('the seven phases of a session', () => {
  test('each command has the reply that Postfix gives', async () => {
    const plain = await Peer.to(smtp)
    expect(await plain.reply()).toBe('220 mail-1.a.com ESMTP Lightlag')
    const hello = await plain.say('EHLO mail-2.a.com\r\n')
    expect(hello).toMatch(
      /^250-mail-1\.a\.com\r\n250-PIPELINING\r\n250-SIZE \d+\r\n250-STARTTLS\r\n/,
    )
    expect(hello).toMatch(/\r\n250 DSN$/)
    expect(await plain.say('STARTTLS\r\n')).toBe('220 2.0.0 Ready to start TLS')
    const peer = await plain.secure()
    expect(await peer.say('EHLO mail-2.a.com\r\n')).not.toContain('STARTTLS')
    expect(await peer.say('MAIL FROM:<user1@mail-2.a.com>\r\n')).toBe('250 2.1.0 Ok')
    expect(await peer.say(`RCPT TO:<${NEAR}>\r\n`)).toBe('250 2.1.5 Ok')
    expect(await peer.say('DATA\r\n')).toBe('354 End data with <CR><LF>.<CR><LF>')
    expect(await peer.say('Subject: Test Email\r\n\r\nHello\r\n.\r\n')).toMatch(
      /^250 2\.0\.0 Ok: queued as \S+$/,
    )
    expect(await peer.say('QUIT\r\n')).toBe('221 2.0.0 Bye')
    expect(protocols()).toContain('ESMTPS')
  })

  test.skipIf(needs('openssl')).each(['-tls1_2', '-tls1_3'])(
    'openssl s_client shows them with %s',
    async (version) => {
      const promise = run('openssl', [
        ...['s_client', '-quiet', '-crlf', '-starttls', 'smtp', version],
        ...['-CAfile', join(pair.directory, 'mail-1/tls/authority.pem')],
        ...['-verify_return_error', '-verify_hostname', 'mail-1.a.com'],
        ...['-connect', `127.0.0.1:${smtp}`],
      ])
      const { stdin } = promise.child
      stdin?.end(
        `EHLO mail-2.a.com\nMAIL FROM:<a@b.com>\nRCPT TO:<${NEAR}>\nDATA\nSubject: x\n\nx\n.\nQUIT\n`,
      )
      const { stdout } = await promise
      expect(stdout.replaceAll('\r', '')).toMatch(
        /\n250 2\.1\.0 Ok\n250 2\.1\.5 Ok\n354 End data with <CR><LF>\.<CR><LF>\n250 2\.0\.0 Ok: queued as \S+\n221 2\.0\.0 Bye\n$/,
      )
    },
  )

  test.skipIf(needs('swaks'))('swaks sees all of them, in their order', async () => {
    const { stdout } = await run('swaks', [
      ...['--server', `127.0.0.1:${smtp}`, '-tls', '--ehlo', 'mail-2.a.com'],
      ...['--from', 'user1@mail-2.a.com', '--to', NEAR],
    ])
    const replies = stdout.split('\n').filter((line) => /^(<-|<~|===) /.test(line))
    const said = replies.map((line) => line.slice(4).trimStart())
    // 1: the connection; 2: greeting and extensions.
    expect(said[1]).toBe('Connected to 127.0.0.1.')
    expect(said.slice(2, 7)).toEqual([
      '220 mail-1.a.com ESMTP Lightlag',
      '250-mail-1.a.com',
      '250-PIPELINING',
      expect.stringMatching(/^250-SIZE \d+$/),
      '250-STARTTLS',
    ])
    // 3 and 4: the handshake.
    const secured = said.indexOf('220 2.0.0 Ready to start TLS')
    expect(said[secured - 1]).toBe('250 DSN')
    expect(said[secured + 1]).toMatch(/^TLS started with cipher /)
    // 5 to 7: envelope, data, and the end.
    expect(said.slice(said.lastIndexOf('250 DSN') + 1)).toEqual([
      '250 2.1.0 Ok',
      '250 2.1.5 Ok',
      '354 End data with <CR><LF>.<CR><LF>',
      expect.stringMatching(/^250 2\.0\.0 Ok: queued as [0-9A-Za-z]+$/),
      '221 2.0.0 Bye',
      'Connection closed with remote host.',
    ])
  })
})

/** All others are in `test/sim/smtp-attacks.test.ts`. */
describe('attacks that need real TLS and real connections', () => {
  test('what is typed ahead of a handshake is never carried out', async () => {
    const plain = await Peer.to(smtp)
    await plain.reply()
    await plain.say('EHLO eve\r\n')
    const injected = `MAIL FROM:<eve@x.org>\r\nRCPT TO:<${NEAR}>\r\n`
    expect(await plain.say(`STARTTLS\r\n${injected}`)).toBe('220 2.0.0 Ready to start TLS')
    const peer = await plain.secure()
    expect(await peer.say('DATA\r\n')).toBe('503 5.5.1 Error: need MAIL command')
    expect(await peer.say('MAIL FROM:<a@b.com>\r\n')).toBe('503 5.5.1 Error: send HELO/EHLO first')
    peer.socket.destroy()
  })

  test('of many connections from one place most are refused, and others still have theirs', async () => {
    const [, host] = pair.hosts
    await host.start()
    const peers = await Promise.all(Array.from({ length: 120 }, () => Peer.to(host.ports.smtp)))
    const said = await Promise.all(peers.map((peer) => peer.reply()))
    expect(said.filter((reply) => reply.startsWith('220 '))).toHaveLength(50)
    expect(said.filter((reply) => reply.startsWith('421 4.7.0 '))).toHaveLength(70)
    const other = await Peer.to(host.ports.submission)
    expect(await other.reply()).toMatch(/^220 /)
    for (const peer of [...peers, other]) peer.socket.destroy()
  })
})
