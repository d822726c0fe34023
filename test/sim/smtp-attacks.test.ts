/** What attackers say to a whole mail host, and what it comes to. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Scenario } from '../../src/config/scenario.ts'
import type { LabMachine } from '../../src/lab/machine.ts'
import { earthMoon, TestLab } from '../support/lab.ts'
import { Typist } from '../support/typist.ts'

const HOST = '172.21.0.3'
const PORTS = { smtp: 25, repairing: 2525, submission: 587, submissions: 465, lmtp: 24 } as const
const NEAR = 'user@mail-1.a.com'
const MESSAGE_BYTES_MAX = 1_000_000

type Port = keyof typeof PORTS

/** mail-1 with every port, `lmtp` repairing what others refuse; mail for mail-2 goes by SMTP. */
function attacked(): Scenario {
  const scenario = earthMoon({ oneWayDelayMs: 5 })
  const at = (port: Port) => ({ listen: { host: HOST, port: PORTS[port] } })
  return {
    ...scenario,
    hosts: scenario.hosts.map((host, index) => ({
      ...host,
      limits: { ...host.limits, messageBytesMax: MESSAGE_BYTES_MAX },
      ...(index === 0 && {
        transport: [{ domain: 'mail-2.a.com', route: 'smtp:' }],
        smtp: at('smtp'),
        submission: { ...at('submission'), plaintextAuth: 'refuse' as const },
        submissions: { ...at('submissions'), bareLineEnds: 'repair' as const },
        lmtp: { ...at('lmtp'), bareLineEnds: 'repair' as const },
      }),
    })),
  }
}

let lab: TestLab

beforeEach(async () => {
  lab = await TestLab.start(attacked())
})

afterEach(async () => {
  await lab.lab.stop()
})

function connect(port: Port = 'smtp', from: LabMachine = lab.mail2): Promise<Typist> {
  return Typist.to(lab.lab, from.machine.network, { host: HOST, port: PORTS[port] })
}

/** After the greeting and the reply to EHLO, or LHLO. */
async function greeted(port: Port = 'smtp'): Promise<Typist> {
  const typist = await connect(port)
  await typist.reply()
  await typist.say(port === 'lmtp' ? 'LHLO eve' : 'EHLO eve')
  return typist
}

async function inData(port: Port = 'smtp', to = NEAR): Promise<Typist> {
  const typist = await greeted(port)
  expect(await typist.say('MAIL FROM:<eve@x.org>', `RCPT TO:<${to}>`, 'DATA')).toEqual([
    '250 2.1.0 Ok',
    '250 2.1.5 Ok',
    '354 End data with <CR><LF>.<CR><LF>',
  ])
  return typist
}

/** Under TLS, as one of the users. */
async function loggedIn(): Promise<Typist> {
  const typist = await greeted('submission')
  await typist.say('STARTTLS')
  await typist.secure()
  const [, said] = await typist.say('EHLO eve', 'AUTH PLAIN AHVzZXIAMTIzNDU2')
  expect(said).toMatch(/^235 /)
  return typist
}

function codes(replies: readonly string[]): string {
  return replies.map((reply) => reply.slice(0, 3)).join(' ')
}

/** A session that is well is still served, by the port that was attacked. */
async function expectService(port: Port = 'smtp'): Promise<void> {
  const typist = await Typist.to(lab.lab, lab.mail1.machine.network, {
    host: HOST,
    port: PORTS[port],
  })
  expect(await typist.reply()).toMatch(/^220 /)
}

describe('smuggling', () => {
  const SECOND = `MAIL FROM:<eve@x.org>\r\nRCPT TO:<${NEAR}>\r\nDATA\r\nSubject: smuggled\r\n\r\n`
  const ENDS = [
    ...['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r\n.\r', '\r.\r\n', '\n.\r', '\r\r\n.\r\r\n'],
    ...['\r\n.\r\r\n', '\r\n.\n\r\n', '\n\r\n.\n', '\r.\n', '\r\n\r.\r\n', '\n\n.\n\n'],
  ]

  test.each(ENDS)(
    'after %j the message is refused whole, in whatever pieces it comes',
    async (end) => {
      for (const isCut of [false, true]) {
        const typist = await inData()
        const text = `Subject: x\r\n\r\nx${end}${SECOND}x\r\n.\r\n`
        if (isCut) for (const byte of text) typist.type(byte)
        else typist.type(text)
        expect(await typist.reply()).toMatch(/^550 5\.6\.11 /)
        expect(await typist.say('NOOP')).toEqual(['250 2.0.0 Ok'])
      }
      expect(await lab.mailbox(lab.mail1)).toEqual([])
    },
  )

  test.each(ENDS)('after %j a message that is repaired is one message', async (end) => {
    const typist = await inData('lmtp')
    typist.type(`Subject: x\r\n\r\nx${end}${SECOND}x\r\n.\r\n`)
    expect(await typist.reply()).toMatch(/^250 2\.0\.0 Ok: queued as/)
    expect(await typist.say('NOOP')).toEqual(['250 2.0.0 Ok'])
    const mails = await lab.mailbox(lab.mail1)
    expect(mails).toEqual([expect.stringContaining('Subject: smuggled')])
    expect(mails[0]?.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
  })

  test('a NUL before the dot makes a line like any other of it', async () => {
    const typist = await inData()
    typist.type(`Subject: x\r\n\r\nx\r\n\0.\r\n${SECOND}x\r\n.\r\n`)
    expect(await typist.reply()).toMatch(/^250 /)
    expect(await lab.mailbox(lab.mail1)).toHaveLength(1)
  })

  test('an end of data within a chunk is a line of the message, here and at the next host', async () => {
    const typist = await loggedIn()
    await typist.say(`MAIL FROM:<${NEAR}>`, 'RCPT TO:<user@mail-2.a.com>', `RCPT TO:<${NEAR}>`)
    const message = `Subject: x\r\n\r\nx\r\n.\r\n${SECOND}x\r\n.\r\n`
    typist.type(`BDAT ${message.length} LAST\r\n${message}`)
    expect(await typist.reply()).toMatch(/^250 /)
    await lab.until('mail-removed')
    for (const host of [lab.mail1, lab.mail2]) {
      const mails = await lab.mailbox(host)
      expect(mails).toHaveLength(1)
      expect(mails[0]).toContain(message)
    }
  })

  test('what begins in one state never ends in another: a command in pieces of a chunk', async () => {
    const typist = await greeted()
    await typist.say('MAIL FROM:<eve@x.org>', `RCPT TO:<${NEAR}>`)
    typist.type('BDAT 14\r\nSubject: x\r\n\r\nRSET\r\nBDAT 6 LAST\r\nQUIT\r\n')
    expect(codes([await typist.reply(), await typist.reply(), await typist.reply()])).toBe(
      '250 250 503',
    )
    expect(await typist.say('NOOP')).toEqual(['250 2.0.0 Ok'])
  })
})

describe('STARTTLS injection', () => {
  test('what is typed ahead of a handshake is never carried out (RFC 3207 §6)', async () => {
    const typist = await greeted()
    typist.type(`STARTTLS\r\nMAIL FROM:<eve@x.org>\r\nRCPT TO:<${NEAR}>\r\n`)
    expect(await typist.reply()).toBe('220 2.0.0 Ready to start TLS')
    // The bytes of its own, that the handshake then fails on, are another matter.
    typist.stream.abort()
    expect(lab.events('mail-accepted')).toEqual([])
    await expectService()
  })

  test('neither greeting nor login nor transaction survives it', async () => {
    const scenario = attacked()
    await lab.lab.stop()
    lab = await TestLab.start({
      ...scenario,
      hosts: scenario.hosts.map((host) => ({
        ...host,
        ...(host.submission && { submission: { ...host.submission, plaintextAuth: 'allow' } }),
      })),
    })
    const typist = await greeted('submission')
    await typist.say('AUTH PLAIN AHVzZXIAMTIzNDU2', `MAIL FROM:<${NEAR}>`, `RCPT TO:<${NEAR}>`)
    await typist.say('STARTTLS')
    await typist.secure()
    const said = await typist.say('DATA', `RCPT TO:<${NEAR}>`, 'EHLO eve', `MAIL FROM:<${NEAR}>`)
    expect(codes(said)).toBe('503 503 250 530')
  })
})

describe('open relay', () => {
  const ELSEWHERE = [
    'someone@elsewhere.org',
    'someone%elsewhere.org@mail-1.a.com',
    'someone%elsewhere.org%mail-2.a.com@mail-1.a.com',
    'elsewhere.org!someone@mail-1.a.com',
    'mail-1.a.com!elsewhere.org!someone@mail-1.a.com',
    '"someone@elsewhere.org"@mail-1.a.com',
    '"someone%elsewhere.org"@mail-1.a.com',
    '"elsewhere.org!someone"@mail-1.a.com',
    '"someone@elsewhere.org"',
    '@mail-1.a.com:someone@elsewhere.org',
    '@elsewhere.org,@mail-1.a.com:someone@elsewhere.org',
    '@mail-1.a.com:someone%elsewhere.org@mail-1.a.com',
    'someone@[192.0.2.1]',
    'someone@[172.22.0.3]',
    'someone%elsewhere.org@[172.21.0.3]',
    'someone@[IPv6:2001:db8::1]',
    'someone@[IPv6:::ffff:192.0.2.1]',
    'someone@[IPv6:::ffff:172.21.0.3]',
    'user@mail-2.a.com',
    'user@mail-1.a.com@elsewhere.org',
    'someone@elsewhere.org@mail-1.a.com',
    'someone@elsewhere.org.',
    'user@mail-1.a.com.elsewhere.org',
    'user@mail-1.a.com.',
    'user@.mail-1.a.com',
    'someone@elsewhere.org (user@mail-1.a.com)',
    'someone@elsewhere.org\0@mail-1.a.com',
    'someone@elsewhere.org,user@mail-1.a.com',
  ]

  test.each(ELSEWHERE)('nobody relays to <%s> by any name', async (recipient) => {
    for (const port of ['smtp', 'lmtp'] as const) {
      for (const from of ['<eve@x.org>', `<${NEAR}>`, '<>', '<user@[172.21.0.3]>']) {
        const typist = await greeted(port)
        const said = await typist.say(`MAIL FROM:${from}`, `RCPT TO:<${recipient}>`, 'DATA')
        expect(said[1]).toMatch(/^(501|550) 5\.1\.[123] |^501 5\.5\.4 |^554 5\.7\.1 /)
        expect(said[2]).toMatch(/^554 5\.5\.1 /)
        typist.stream.abort()
      }
    }
    expect(lab.events('mail-accepted')).toEqual([])
  })

  test('on the ports of users nobody says anything of a mail without a password', async () => {
    const typist = await greeted('submission')
    expect(codes(await typist.say('MAIL FROM:<>', `RCPT TO:<${NEAR}>`, 'BDAT 0 LAST'))).toBe(
      '530 503 503',
    )
  })
})

describe('oversized', () => {
  test('lines, names, paths, parameters and numbers are refused, and the session goes on', async () => {
    const typist = await greeted()
    const said = await typist.say(
      `NOOP ${'a'.repeat(1_000_000)}`,
      'a'.repeat(600),
      `EHLO ${'a'.repeat(300)}`,
      `MAIL FROM:<${'a'.repeat(400)}@x.org>`,
      'MAIL FROM:<eve@x.org> SIZE=99999999999999999999',
      `MAIL FROM:<eve@x.org> SIZE=${MESSAGE_BYTES_MAX + 1}`,
      `MAIL FROM:<eve@x.org> ENVID=${'a'.repeat(101)}`,
      `MAIL FROM:<eve@x.org> ${'X=1 '.repeat(400)}`,
      'MAIL FROM:<eve@x.org>',
      `RCPT TO:<a@${'b.'.repeat(200)}org>`,
      `RCPT TO:<${NEAR}> ORCPT=rfc822;${'a'.repeat(501)}`,
      `BDAT ${'9'.repeat(40)} LAST`,
      'NOOP',
    )
    expect(codes(said)).toBe('500 500 501 501 552 552 501 500 250 501 501 501 250')
  })

  test('recipients beyond the bound are put off, the others get the mail', async () => {
    const typist = await greeted()
    await typist.say('MAIL FROM:<eve@x.org>')
    // Pipelined, all at once.
    typist.type(`RCPT TO:<${NEAR}>\r\n`.repeat(1200))
    const said: string[] = []
    for (let i = 0; i < 1200; i++) said.push(await typist.reply())
    expect(said.filter((reply) => reply === '250 2.1.5 Ok')).toHaveLength(1000)
    expect(said.filter((reply) => reply.startsWith('452 4.5.3 '))).toHaveLength(200)
    await typist.say('DATA')
    expect(await typist.say('Subject: x\r\n\r\nx\r\n.')).toEqual([expect.stringMatching(/^250 /)])
    expect(await lab.mailbox(lab.mail1)).toHaveLength(1)
  })

  test('a message beyond its bound is read to its end and refused', async () => {
    for (const line of ['a'.repeat(998), '']) {
      const typist = await inData()
      const lines = Math.ceil((MESSAGE_BYTES_MAX + 1) / (line.length + 2))
      typist.type(`${`${line}\r\n`.repeat(lines)}.\r\n`)
      expect(await typist.reply()).toMatch(/^552 5\.3\.4 /)
      expect(await typist.say('NOOP')).toEqual(['250 2.0.0 Ok'])
    }
    expect(await lab.mailbox(lab.mail1)).toEqual([])
  })

  test('a header of nearly all of a message, a line of all of it, and no end of fields pass', async () => {
    const long = 'a'.repeat(900_000)
    for (const head of [
      `X: ${long}`,
      `X: ${'a\r\n '.repeat(200_000)}`,
      'X: y\r\n'.repeat(150_000),
    ]) {
      const typist = await inData()
      expect(await typist.say(`${head}\r\n\r\nx\r\n.`)).toEqual([expect.stringMatching(/^250 /)])
    }
    expect(await lab.mailbox(lab.mail1)).toHaveLength(3)
  })

  test('an exchange of AUTH has lines of a bounded length', async () => {
    const typist = await connect('submissions')
    await typist.secure()
    await typist.reply()
    await typist.say('EHLO eve')
    expect(codes(await typist.say(`AUTH PLAIN ${'A'.repeat(20_000)}`, 'AUTH PLAIN'))).toBe(
      '500 334',
    )
    expect(codes(await typist.say('A'.repeat(20_000), 'NOOP'))).toBe('500 250')
    expect(codes(await typist.say('AUTH LOGIN', 'A'.repeat(12_000)))).toBe('334 535')
    expect(await typist.say('NOOP')).toEqual(['250 2.0.0 Ok'])
  })

  test('chunks of any size they claim take no room, and no end of them is waited for', async () => {
    for (const size of ['1000001', '999999999999999']) {
      const typist = await greeted()
      await typist.say('MAIL FROM:<eve@x.org>', `RCPT TO:<${NEAR}>`)
      typist.type(`BDAT ${size} LAST\r\n${'a'.repeat(1_000_001)}`)
      const begun = typist.now
      expect(await typist.reply()).toMatch(size.length > 7 ? /^421 4\.4\.2 / : /^552 5\.3\.4 /)
      expect(typist.now - begun).toBeLessThan(301_000)
    }
  })

  test('chunks that are empty bring nothing and end like other idle talk', async () => {
    const typist = await greeted()
    await typist.say('MAIL FROM:<eve@x.org>', `RCPT TO:<${NEAR}>`)
    typist.type('BDAT 0\r\n'.repeat(2000))
    expect(await typist.rest()).toMatch(/\r\n421 4\.7\.0 .*\r\n$/)
  })
})

describe('slow-loris', () => {
  const LOGIN = 'AUTH LOGIN'
  /** What is dripped, a piece every four minutes, and how long that goes on at the most. */
  const DRIPS: readonly (readonly [string, readonly string[], string, number])[] = [
    ['half a command', [], 'N', 5],
    ['commands that do nothing', [], 'NOOP\r\n', 4 * 121],
    ['commands that are none', [], 'X\r\n', 4 * 21],
    ['the answers of AUTH', [LOGIN], 'A', 5],
    ['a message', ['MAIL FROM:<>', `RCPT TO:<${NEAR}>`, 'DATA'], 'x', 6],
    ['a chunk', ['MAIL FROM:<>', `RCPT TO:<${NEAR}>`, 'BDAT 999999\r\n'], 'x', 6],
    ['chunks of nothing', ['MAIL FROM:<>', `RCPT TO:<${NEAR}>`], 'BDAT 0\r\n', 4 * 121],
    ['recipients', ['MAIL FROM:<>'], `RCPT TO:<${NEAR}>\r\n`, 4 * 2021],
  ]

  test.each(DRIPS)('dripping %s comes to an end', async (_, before, piece, minutesMax) => {
    const isLogin = before[0] === LOGIN
    const typist = isLogin ? await connect('submissions') : await greeted()
    if (isLogin) {
      await typist.secure()
      await typist.reply()
      await typist.say('EHLO eve')
    }
    for (const line of before) {
      typist.type(line.endsWith('\n') ? line : `${line}\r\n`)
      await typist.runFor(1000)
    }
    const begun = typist.now
    while (!typist.isClosed && typist.now - begun < (minutesMax + 5) * 60_000) {
      typist.type(piece)
      await typist.runFor(240_000)
    }
    expect(typist.isClosed).toBe(true)
    expect(typist.now - begun).toBeLessThanOrEqual((minutesMax + 4) * 60_000)
    expect(await typist.rest()).toMatch(/^421 4\.(4\.2|7\.0) .*\r\n$/m)
  })

  test('a handshake that stands still ends, before STARTTLS and without', async () => {
    for (const port of ['submission', 'submissions'] as const) {
      const typist = port === 'submission' ? await greeted(port) : await connect(port)
      if (port === 'submission') await typist.say('STARTTLS')
      await typist.runFor(61_000)
      expect(typist.isClosed).toBe(true)
    }
  })

  test('who holds all that one place may have keeps nobody else out, and loses it', async () => {
    const slow = []
    for (let i = 0; i < 60; i++) slow.push(await connect())
    const greetings: string[] = []
    for (const typist of slow) greetings.push(await typist.reply())
    expect(greetings.filter((reply) => reply.startsWith('220 '))).toHaveLength(50)
    expect(greetings.filter((reply) => reply.startsWith('421 4.7.0 '))).toHaveLength(10)
    await expectService()
    await (slow[0] as Typist).runFor(301_000)
    expect(slow.every(({ isClosed }) => isClosed)).toBe(true)
    expect(await (await connect()).reply()).toMatch(/^220 /)
  })
})

describe('a port that becomes crowded', () => {
  test('lets who is silent go for who has something to say', async () => {
    await lab.lab.stop()
    const scenario = attacked()
    lab = await TestLab.start({
      ...scenario,
      hosts: scenario.hosts.map((host) => ({
        ...host,
        ...(host.smtp && { smtp: { ...host.smtp, sessionsMax: 8 } }),
      })),
    })
    const silent: Typist[] = []
    for (let i = 0; i < 8; i++) silent.push(await connect())
    // With all places taken nobody else comes in, but not for long.
    expect(await (await connect()).reply()).toMatch(/^421 4\.7\.0 /)
    await (silent[0] as Typist).runFor(10_000)
    expect(silent.every(({ isClosed }) => isClosed)).toBe(true)
    const typist = await inData()
    expect(await typist.say('Subject: x\r\n\r\nx\r\n.')).toEqual([expect.stringMatching(/^250 /)])
  })
})

describe('garbage', () => {
  test.each([
    ['the hello of TLS', '\x16\x03\x01\x02\0\x01garbage\r\n'],
    ['lines of nothing', '\r\n'],
    ['bare line feeds', '\n'],
    ['octets beyond ASCII', '\xff\xfe\r\n'],
    ['verbs without arguments', 'MAIL\r\nRCPT\r\nBDAT\r\nAUTH\r\n'],
  ])('%s, pipelined, end in 421', async (_, piece) => {
    const typist = await connect()
    typist.type(piece.repeat(10_000))
    const rest = await typist.rest()
    expect(rest).toMatch(/421 4\.7\.0 mail-1\.a\.com Error: too many errors\r\n$/)
    expect(rest.match(/^50\d /gm)).toHaveLength(20)
    await expectService()
  })

  test('garbage without an end of line is not kept', async () => {
    const typist = await connect()
    await typist.reply()
    for (let i = 0; i < 100; i++) typist.type('a'.repeat(65_536))
    expect(await typist.say('', 'NOOP')).toEqual(['500 5.5.2 Error: line too long', '250 2.0.0 Ok'])
  })

  test('a request of a browser ends the session before the commands that it has in its body', async () => {
    const typist = await connect()
    await typist.reply()
    typist.type(
      `POST / HTTP/1.1\r\nHost: ${HOST}\r\n\r\nEHLO eve\r\nMAIL FROM:<eve@x.org>\r\nRCPT TO:<${NEAR}>\r\n`,
    )
    expect(await typist.rest()).toBe('421 4.7.0 mail-1.a.com Error: this is no SMTP\r\n')
  })

  test('more commands than anybody sends ahead, while one is being answered, end the session', async () => {
    const typist = await inData()
    typist.type(`x\r\n.\r\n${'MAIL FROM:<a@b.com>\r\n'.repeat(20_000)}`)
    expect(await typist.rest()).toMatch(/421 4\.7\.0 .*\r\n$/)
    await expectService()
  })
})

describe('NUL', () => {
  test('in a command it is refused, and nothing of the command carried out', async () => {
    const typist = await greeted()
    const said = await typist.say(
      ...['MAIL FROM:<eve\0@x.org>', 'NO\0OP', 'RSET\0', '\0NOOP', 'EHLO a\0b'],
      ...['MAIL FROM:<eve@x.org>', `RCPT TO:<user\0x@mail-1.a.com>`, 'NOOP'],
    )
    expect(codes(said)).toBe('501 500 500 500 501 250 501 250')
  })

  test('in what a user is and knows it is no end of it', async () => {
    const typist = await connect('submissions')
    await typist.secure()
    await typist.reply()
    await typist.say('EHLO eve')
    // NUL user NUL 123456 NUL x, and NUL user NUL x NUL NUL 123456.
    const plain = (text: string): string => `AUTH PLAIN ${Buffer.from(text).toString('base64')}`
    expect(codes(await typist.say(plain('\0user\x00123456\0x')))).toBe('535')
    expect(codes(await typist.say(plain('\0user\0\x00123456')))).toBe('535')
    expect(codes(await typist.say(plain('\0user\x00123456')))).toBe('235')
  })

  test('in a message it is an octet like any other', async () => {
    const typist = await inData()
    expect(await typist.say('Subject: \0x\r\n\0: y\r\n\r\n\0\r\n.')).toEqual([
      expect.stringMatching(/^250 /),
    ])
    expect((await lab.mailbox(lab.mail1))[0]).toContain('Subject: \0x\r\n\0: y\r\n\r\n\0\r\n')
  })
})

describe('guessing', () => {
  test('passwords are tried three times in a session, each later answered than the one before', async () => {
    const typist = await connect('submissions')
    await typist.secure()
    await typist.reply()
    await typist.say('EHLO eve')
    const tookMs: number[] = []
    for (let i = 0; i < 3; i++) {
      const begun = typist.now
      expect(await typist.say('AUTH PLAIN AHVzZXIAd3Jvbmc=')).toEqual([
        expect.stringMatching(/^535 5\.7\.8 /),
      ])
      tookMs.push(Math.floor((typist.now - begun) / 1000))
    }
    expect(tookMs).toEqual([1, 2, 3])
    expect(await typist.rest()).toMatch(/^421 4\.7\.0 /)
  })

  test('recipients are guessed twenty at a time', async () => {
    const typist = await greeted()
    await typist.say('MAIL FROM:<eve@x.org>')
    typist.type(
      Array.from({ length: 100 }, (_, i) => `RCPT TO:<user${i}@mail-1.a.com>\r\n`).join(''),
    )
    const rest = await typist.rest()
    expect(rest.match(/^550 5\.1\.1 /gm)).toHaveLength(20)
    expect(rest).toMatch(/\r\n421 4\.7\.0 .*\r\n$/)
  })
})
