/** A mail host as a real process, read by curl over IMAP, with and without TLS, and compressed. */

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { promisify } from 'node:util'
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { mailOf } from '../support/lab.ts'
import { needs } from '../support/programs.ts'
import { ServedPair } from '../support/served.ts'

let pair: ServedPair | undefined

afterEach(() => pair?.dispose())

interface Served {
  readonly imap: number
  readonly imaps: number
  readonly pop3s: number
  readonly pair: ServedPair
}

async function served(): Promise<Served> {
  const [imaps, pop3s] = [await freePort(), await freePort()]
  const made = await ServedPair.make((text) =>
    text.concat(`imaps:\n  listen: 127.0.0.1:${imaps}\n`, `pop3s:\n  listen: 127.0.0.1:${pop3s}\n`),
  )
  pair = made
  await made.hosts[0].start()
  return { imap: made.hosts[0].ports.imap, imaps, pop3s, pair: made }
}

async function curl(...args: readonly string[]): Promise<string> {
  const all = ['--silent', '--show-error', '--user', 'user:123456', ...args]
  const { stdout } = await promisify(execFile)('curl', all)
  return stdout
}

test.skipIf(needs('curl'))(
  'curl lists, reads, searches, flags and files what was delivered',
  async () => {
    const { imap, imaps, pop3s, pair: made } = await served()
    const [host] = made.hosts
    expect(await host.submit(mailOf('one'), 'mail-1.a.com')).toBe(true)
    const url = `imap://127.0.0.1:${imap}`
    expect(await curl(`${url}/INBOX;MAILINDEX=1`)).toContain('one')
    expect(await curl(`${url}/`)).toContain('INBOX')
    expect(await curl(`${url}/INBOX?BODY%20one`)).toBe('* SEARCH 1\r\n')
    expect(await curl(`${url}/`, '-X', 'CREATE Kept')).toBe('')
    expect(await curl(`${url}/INBOX`, '-X', 'UID MOVE 1 Kept')).toContain('COPYUID')
    expect(await curl(`${url}/INBOX?ALL`)).toBe('* SEARCH\r\n')
    const secured = ['--insecure', `imaps://127.0.0.1:${imaps}/Kept;MAILINDEX=1`]
    expect(await curl(...secured)).toContain('one')
    expect(await curl('--insecure', '--ssl-reqd', `${url}/Kept;MAILINDEX=1`)).toContain('one')
    await host.submit(mailOf('two'), 'mail-1.a.com')
    expect(await curl('--insecure', `pop3s://127.0.0.1:${pop3s}/1`)).toContain('two')
    expect(await host.stop()).toBe(0)
  },
)

/** Speaks IMAP, compressed from COMPRESS on. */
class Client {
  readonly #socket: Socket
  #heard = ''
  #send: (text: string) => void
  #changed = (): void => {}

  constructor(socket: Socket) {
    this.#socket = socket
    this.#send = (text) => socket.write(text)
    socket.on('data', this.#hear)
  }

  readonly #hear = (bytes: Uint8Array): void => {
    this.#heard += Buffer.from(bytes).toString('latin1')
    this.#changed()
  }

  compress(): void {
    const deflater = createDeflateRaw()
    const inflater = createInflateRaw()
    deflater.on('data', (bytes) => this.#socket.write(bytes))
    inflater.on('data', this.#hear)
    this.#socket.off('data', this.#hear)
    this.#socket.on('data', (bytes) => inflater.write(bytes))
    this.#send = (text) => {
      deflater.write(text)
      deflater.flush(constants.Z_SYNC_FLUSH)
    }
  }

  /** What is heard until the answer that bears this tag. */
  say(tag: string, text: string): Promise<string> {
    return this.hears(`${tag} ${text}`, new RegExp(`^${tag} .*\r\n`, 'm'))
  }

  /** What is heard after `line` until there is `wanted` in it. */
  async hears(line: string, wanted: RegExp): Promise<string> {
    this.#heard = ''
    this.#send(`${line}\r\n`)
    // It is among the last that comes.
    while (!wanted.test(this.#heard.slice(-1000))) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
    }
    return this.#heard
  }
}

test('COMPRESS=DEFLATE: long messages and answers come whole, and each is flushed (RFC 4978)', async () => {
  const { imap, pair: made } = await served()
  const [host] = made.hosts
  const socket = connect(imap, '127.0.0.1')
  await once(socket, 'connect')
  const client = new Client(socket)
  expect(await client.say('a', 'LOGIN user 123456')).toContain('COMPRESS=DEFLATE')
  const message = `Subject: long\r\n\r\n${'0123456789abcdef\r\n'.repeat(3_000_000 / 18)}`
  expect(await client.say('b', 'COMPRESS DEFLATE')).toContain('b OK')
  client.compress()
  expect(await client.say('c', `APPEND INBOX {${message.length}+}\r\n${message}`)).toContain('c OK')
  expect(await client.say('d', 'SELECT INBOX')).toContain('* 1 EXISTS')
  for (const tag of ['e', 'f', 'g']) {
    expect(await client.say(tag, 'FETCH 1 BODY.PEEK[]')).toContain(
      `{${message.length}}\r\n${message})`,
    )
  }
  const ended = once(socket, 'close')
  expect(await client.say('h', 'LOGOUT')).toContain('* BYE')
  await ended
  expect(await host.stop()).toBe(0)
})

test('a delivery is told to those who wait for it', async () => {
  const { imap, pair: made } = await served()
  const [host] = made.hosts
  const socket = connect(imap, '127.0.0.1')
  await once(socket, 'connect')
  const client = new Client(socket)
  await client.say('a', 'LOGIN user 123456')
  await client.say('b', 'SELECT INBOX')
  const told = client.hears('c IDLE', /EXISTS/)
  await host.submit(mailOf('new'), 'mail-1.a.com')
  expect(await told).toContain('* 1 EXISTS')
  socket.destroy()
})
