/** What hostile programs send to a real host by IMAP: answered rightly, in bounded time and memory. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { createDeflateRaw } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needsProc } from '../support/programs.ts'
import { ServedPair } from '../support/served.ts'

/** Each answer within this, also where other work goes on. */
const PATIENCE_MS = 20_000
/** Of the host's memory at its highest: what V8 has not yet collected, and nothing that an attack has to say alone. */
const GROWTH_MAX_KB = 600_000
const MILLION = 1_000_000

let pair: ServedPair
let startKb: number

beforeAll(async () => {
  pair = await ServedPair.make()
  await pair.hosts[0].start()
  const calm = await Client.login()
  calm.socket.destroy()
  startKb = memoryKb('VmRSS')
})

afterAll(() => pair.dispose())

function memoryKb(which: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pair.hosts[0].pid}/status`, 'utf8')
  return Number(new RegExp(`^${which}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
}

class Client {
  readonly socket: Socket
  heard = ''
  isClosed = false
  /** To look for something in all of it each time would be slow. */
  #tail = ''
  #changed = (): void => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes) => {
      const text = bytes.toString('latin1')
      this.heard += text
      this.#tail = (this.#tail + text).slice(-2000)
      this.#changed()
    })
    // A host that has said BYE need not read on.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isClosed = true
      this.#changed()
    })
  }

  static async open(): Promise<Client> {
    const socket = connect(pair.hosts[0].ports.imap, '127.0.0.1')
    const client = new Client(socket)
    await once(socket, 'connect')
    await client.hears(/^\* OK /)
    return client
  }

  static async login(): Promise<Client> {
    const client = await Client.open()
    expect(await client.says('l LOGIN user 123456')).toContain('l OK')
    return client
  }

  /** What is heard until there is `wanted` in its end, or the connection is closed. */
  async hears(wanted: RegExp): Promise<string> {
    const until = Date.now() + PATIENCE_MS
    while (!wanted.test(this.#tail) && !this.isClosed) {
      const left = until - Date.now()
      if (left <= 0) throw new Error(`no answer: ${this.heard.slice(-200)}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#changed = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.heard
  }

  /** The answer to one command, in pieces that may repeat. */
  async says(...text: readonly (string | Buffer)[]): Promise<string> {
    this.heard = this.#tail = ''
    const tag = String(text[0]).slice(0, 1)
    const bytes = Buffer.concat([...text.map((part) => Buffer.from(part)), Buffer.from('\r\n')])
    this.socket.write(bytes)
    return this.hears(new RegExp(`^(${tag} (OK|NO|BAD)|\\* BYE) .*\r\n`, 'm'))
  }

  /** As APPEND takes it from a client that does not wait; its UID. */
  async append(message: string): Promise<number> {
    const answer = await this.says(`a APPEND INBOX {${message.length}+}\r\n`, message)
    return Number(/APPENDUID \d+ (\d+)/.exec(answer)?.[1])
  }
}

describe.skipIf(needsProc())('bombs', () => {
  test('literals that strangers announce', async () => {
    const client = await Client.open()
    expect(await client.says('a LOGIN {4294967295}')).toMatch(/^a BAD \[TOOBIG\]/)
    expect(await client.says('b LOGIN {99999999999999999999}')).toMatch(/^b BAD /)
    expect(await client.says('c LOGIN {20000}')).toMatch(/^c BAD \[TOOBIG\]/)
    expect(await client.says('d APPEND INBOX {100}')).toMatch(/^d BAD /)
    expect(await client.says('e LOGIN {999999999+}')).toMatch(/^\* BYE \[TOOBIG\]/)
    await client.hears(/never/)
  })

  test('literals of users: thrown away, or too large for that', async () => {
    const client = await Client.login()
    expect(await client.says('a APPEND INBOX {4000000000}')).toMatch(/^a NO \[TOOBIG\]/)
    expect(await client.says('b SEARCH SUBJECT {60000000}')).toMatch(/^b BAD \[TOOBIG\]/)
    const thrown = Buffer.alloc(60 * MILLION, 'x')
    expect(await client.says('c SEARCH SUBJECT {60000000+}\r\n', thrown)).toMatch(
      /^c BAD \[TOOBIG\]/,
    )
    const many = 'OR SUBJECT {10+}\r\n0123456789 '.repeat(20_000)
    expect(await client.says('d SEARCH ', many)).toMatch(/^d BAD \[TOOBIG\]/)
    const messages = '{1+}\r\nx '.repeat(2000).trimEnd()
    expect(await client.says('e APPEND INBOX ', messages)).toMatch(/^e BAD \[TOOBIG\]/)
    expect(await client.says('f APPEND INBOX {4000000000+}')).toMatch(/^\* BYE \[TOOBIG\]/)
  })

  test('a gigabyte in a megabyte that is compressed', async () => {
    const client = await Client.login()
    expect(await client.says('a COMPRESS DEFLATE')).toContain('a OK')
    const deflater = createDeflateRaw()
    deflater.on('data', (bytes) => client.socket.write(bytes))
    const zeros = Buffer.alloc(MILLION, 'x')
    for (let i = 0; i < 1000; i++) deflater.write(zeros)
    deflater.flush()
    await once(client.socket, 'close')
  })
})

describe.skipIf(needsProc())('what has no end', () => {
  test('a line: of a stranger, and of a user', async () => {
    for (const client of [await Client.open(), await Client.login()]) {
      const piece = Buffer.alloc(MILLION, 'a')
      for (let i = 0; i < 100 && !client.isClosed; i++) client.socket.write(piece)
      expect(await client.hears(/BYE/)).toMatch(/^\* BYE \[TOOBIG\]/m)
    }
  })

  test('strings, lists and literals: the command ends at its line, or never comes', async () => {
    const client = await Client.login()
    for (const text of ['LIST "" "abc', 'SELECT (', 'LIST (', 'STATUS INBOX (', 'ID ("a"']) {
      expect(await client.says(`a ${text}`)).toMatch(/^a BAD /)
      expect(await client.says('b NOOP')).toMatch(/^b OK/)
    }
    const half = await Client.login()
    half.socket.end('a APPEND INBOX {1000+}\r\nabc')
    const idle = await Client.login()
    idle.socket.end('a SEARCH SUBJECT {1000+}\r\nabc')
    expect(await client.says('c STATUS INBOX (MESSAGES)')).toContain('c OK')
  })
})

describe.skipIf(needsProc())('nesting a million deep', () => {
  test.each([
    'SEARCH ',
    'FETCH 1 ',
    'STORE 1 FLAGS ',
    'STATUS INBOX ',
    'LIST ',
    'ID ',
    'THREAD REFERENCES UTF-8 ',
  ])('of parentheses in %s', async (command) => {
    const client = await Client.login()
    await client.says('s SELECT INBOX')
    expect(await client.says(`a ${command}`, '('.repeat(MILLION))).toMatch(/^a BAD \[TOOBIG\]/)
    expect(await client.says(`b ${command}`, '('.repeat(250_000))).toMatch(/^b BAD /)
    expect(await client.says(`c ${command}`, '('.repeat(60_000), 'ALL')).toMatch(/^c BAD /)
    expect(await client.says('d NOOP')).toContain('d OK')
    client.socket.destroy()
  })

  test('of NOT and OR', async () => {
    const client = await Client.login()
    await client.says('s SELECT INBOX')
    expect(await client.says('a SEARCH ', 'NOT '.repeat(65_000), 'ALL')).toMatch(
      /^a BAD \[TOOBIG\]/,
    )
    expect(await client.says('b SEARCH ', 'OR ALL '.repeat(37_000), 'ALL')).toMatch(
      /^b BAD \[TOOBIG\]/,
    )
  })

  test.each([
    ['messages in messages', `${'Content-Type: message/rfc822\r\n\r\n'.repeat(MILLION)}end\r\n`],
    ['multiparts', nestedMultiparts(MILLION)],
    ['parts beside each other', `${multipart('b')}${'--b\r\n\r\nx\r\n'.repeat(MILLION)}--b--\r\n`],
    [
      'comments',
      `From: ${'('.repeat(MILLION)} a@b.c\r\nTo: ${'(a'.repeat(MILLION)}\r\n\r\nend\r\n`,
    ],
    ['groups', `To: ${'a:'.repeat(MILLION)}b@c.d${';'.repeat(MILLION)}\r\n\r\nend\r\n`],
    ['quotes', `To: "${'\\"'.repeat(MILLION)}\r\nSubject: ${'=?'.repeat(MILLION)}\r\n\r\nend\r\n`],
  ])(
    'of a mail: %s',
    async (_, message) => {
      const client = await Client.login()
      const uid = await client.append(message)
      expect(uid).toBeGreaterThan(0)
      await client.says('s SELECT INBOX')
      const fetched = await client.says(`b UID FETCH ${uid} (ENVELOPE BODYSTRUCTURE RFC822.SIZE)`)
      expect(fetched).toContain(`RFC822.SIZE ${message.length}`)
      expect(fetched).toMatch(/^b OK/m)
      expect(fetched.length).toBeLessThan(10 * MILLION)
      const deep = Array.from({ length: 90 }, () => '1').join('.')
      expect(await client.says(`c UID FETCH ${uid} (BODY.PEEK[${deep}]<0.100>)`)).toMatch(/^c OK/m)
      expect(await client.says('d UID SEARCH TEXT absent')).toMatch(/^\* SEARCH\r\nd OK /)
      expect(await client.says('e SORT (SUBJECT FROM) UTF-8 ALL')).toMatch(/^e OK/m)
      expect(await client.says('f THREAD REFERENCES UTF-8 ALL')).toMatch(/^f OK/m)
      await client.says(`g UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`)
      expect(await client.says(`h UID EXPUNGE ${uid}`)).toMatch(/^h OK/m)
      client.socket.destroy()
    },
    6 * PATIENCE_MS,
  )
})

test.skipIf(needsProc())(
  'lines of a header of ten megabytes, and a million of them',
  async () => {
    const client = await Client.login()
    const long = 'word '.repeat(2 * MILLION)
    const many = 'X-Field: value of it\r\n'.repeat(MILLION)
    const references = '<a@b.c> '.repeat(MILLION)
    for (const header of [
      `Subject: ${long}\r\n`,
      `References: ${references}\r\nIn-Reply-To: ${references}\r\n`,
      `${many}Subject: behind them\r\n`,
      'x'.repeat(10 * MILLION),
    ]) {
      const uid = await client.append(`${header}\r\nText\r\n`)
      expect(await client.says('s SELECT INBOX')).toContain('* 1 EXISTS')
      expect(await client.says(`b UID FETCH ${uid} (ENVELOPE BODYSTRUCTURE)`)).toMatch(/^b OK/m)
      const fields = await client.says(`c UID FETCH ${uid} (BODY.PEEK[HEADER.FIELDS (SUBJECT)])`)
      expect(fields).toMatch(/^c OK/m)
      const whole = await client.says(`d UID FETCH ${uid} (BODY.PEEK[HEADER])`)
      expect(Number(/\{(\d+)\}/.exec(whole)?.[1])).toBeGreaterThanOrEqual(header.length)
      expect(await client.says('e UID SEARCH HEADER SUBJECT absent')).toContain('e OK')
      expect(await client.says('f THREAD REFERENCES UTF-8 ALL')).toMatch(/^f OK/m)
      await client.says(`g UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`)
      expect(await client.says(`h UID EXPUNGE ${uid}`)).toMatch(/^h OK/m)
    }
  },
  10 * PATIENCE_MS,
)

test.skipIf(needsProc())('sequence sets as long as a command may be', async () => {
  const client = await Client.login()
  await client.append('Subject: one\r\n\r\n')
  await client.append('Subject: two\r\n\r\n')
  await client.says('s SELECT INBOX')
  const ones = '1,'.repeat(130_000)
  expect(await client.says(`a FETCH ${ones}1 (UID)`)).toBe(
    '* 1 FETCH (UID 5)\r\na OK FETCH done\r\n'.replace('5', uidOf(client)),
  )
  const ranges = '1:4294967295,'.repeat(20_000)
  expect(await client.says(`b UID FETCH ${ranges}* (FLAGS)`)).toMatch(/^b OK/m)
  expect(await client.says(`c UID SEARCH UID ${ranges}*`)).toMatch(/^\* SEARCH \d+ \d+\r\n/)
  const descending = Array.from({ length: 30_000 }, (_, i) => 4_000_000_000 - 2 * i).join(',')
  expect(
    await client.says(
      `d UID STORE ${descending.slice(0, 250_000).replace(/,\d*$/, '')} +FLAGS (\\Seen)`,
    ),
  ).toBe('d OK STORE done\r\n')
  expect(await client.says(`e FETCH ${'1,'.repeat(MILLION)}1 (UID)`)).toMatch(/^e BAD \[TOOBIG\]/)
  expect(await client.says('f FETCH 4294967296 (UID)')).toMatch(/^f BAD /)
})

test.skipIf(needsProc())('all of it has left no memory behind, and the host serves', async () => {
  const client = await Client.login()
  expect(await client.says('a SELECT INBOX')).toContain('a OK')
  expect(memoryKb('VmHWM') - startKb).toBeLessThan(GROWTH_MAX_KB)
})

function uidOf(client: Client): string {
  return /UID (\d+)/.exec(client.heard)?.[1] ?? ''
}

function multipart(boundary: string): string {
  return `Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n`
}

function nestedMultiparts(depth: number): string {
  const parts: string[] = []
  for (let i = 0; i < depth; i++) {
    const boundary = i.toString(36)
    parts.push(`Content-Type:multipart/a;boundary=${boundary}\n\n--${boundary}\n`)
  }
  return parts
    .join('')
    .replaceAll('\n', '\r\n')
    .slice(0, 50 * MILLION)
}
