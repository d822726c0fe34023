/** A mail host as a real process, read by curl over IMAP, with and without TLS. */

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { mailOf } from '../support/lab.ts'
import { needs } from '../support/programs.ts'
import { freePort, ServedPair } from '../support/served.ts'

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

/** Speaks IMAP. */
class Client {
  readonly #socket: Socket
  #heard = ''

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', this.#hear)
  }

  readonly #hear = (bytes: Uint8Array): void => {
    this.#heard += Buffer.from(bytes).toString('latin1')
  }

  /** What is heard until the answer that bears this tag. */
  say(tag: string, text: string): Promise<string> {
    return this.hears(`${tag} ${text}`, new RegExp(`^${tag} .*\r\n`, 'm'))
  }

  /** What is heard after `line` until there is `wanted` in it. */
  async hears(line: string, wanted: RegExp): Promise<string> {
    const from = this.#heard.length
    this.#socket.write(`${line}\r\n`)
    while (!wanted.test(this.#heard.slice(from))) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    return this.#heard.slice(from)
  }
}

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
