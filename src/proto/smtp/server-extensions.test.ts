/** What a session can do beyond the plain one: TLS, chunks, LMTP, addresses in UTF-8, SCRAM. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromBase64, fromLatin1, fromUtf8, toBase64, toLatin1, toUtf8 } from '../../base/bytes.ts'
import { ANSWER_ROUND_TRIPS, HANDSHAKE_ROUND_TRIPS } from '../../base/round-trips.ts'
import { hmacSha256, sha256 } from '../../base/sha256.ts'
import { addMs, monoMs } from '../../base/time.ts'
import type { TlsSession } from '../../base/tls.ts'
import {
  HANDSHAKE_TIMEOUT_MS,
  HURRIED_DATA_BYTES_PER_SEC_MIN,
  HURRIED_ERRORS_MAX,
  HURRIED_IDLE_COMMANDS_MAX,
  HURRIED_TIMEOUT_MS,
  IDLE_COMMANDS_MAX,
  SERVER_TIMEOUT_MS,
} from './limits.ts'
import type { SmtpQuestion, SmtpServerOptions, Verdict } from './question.ts'
import { SmtpServer } from './server.ts'

const T0 = monoMs(1000)
const OPTIONS: SmtpServerOptions = {
  hostname: 'mail-1.a.com',
  role: 'transfer',
  sizeBytesMax: 1000,
  recipientsMax: 100,
  mechanisms: [],
  requireAuthentication: false,
  tls: 'offered',
  extensions: ['SMTPUTF8', 'DSN', 'BINARYMIME', 'REQUIRETLS'],
}
const SUBMISSION: SmtpServerOptions = {
  ...OPTIONS,
  role: 'submission',
  mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN'],
  plaintextAuth: 'refuse',
  requireAuthentication: true,
}
const TLS: TlsSession = {
  version: 'TLSv1.3',
  cipher: 'TLS_AES_256_GCM_SHA384',
  alpn: undefined,
  serverName: undefined,
  peer: undefined,
  channelBinding: { tlsExporter: fromLatin1('exported'), tlsServerEndPoint: undefined },
}
const KEYS = keysOf('pencil')

/** All questions are answered yes, at once. */
class Talk {
  readonly server: SmtpServer
  readonly heard: SmtpQuestion[] = []
  readonly flow: string[] = []
  sent = ''
  body = ''
  /** The verdict on the next message; default: it is taken. */
  final: Verdict | undefined

  constructor(options: SmtpServerOptions) {
    this.server = new SmtpServer(options)
    this.hear({ type: 'connected' })
  }

  hear(event: Parameters<SmtpServer['handle']>[0]): string {
    const before = this.sent.length
    const inbox = [event]
    for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
      for (const effect of this.server.handle(next, T0)) {
        if (effect.type === 'send') this.sent += toLatin1(effect.bytes)
        else if (effect.type === 'body') this.body += toLatin1(effect.bytes)
        else if (['close', 'pause', 'resume', 'secure'].includes(effect.type)) {
          this.flow.push(effect.type)
        } else {
          const question = effect as SmtpQuestion
          this.heard.push(question)
          if (question.type === 'scram-keys') {
            inbox.push({ type: 'scram-keys', keys: KEYS, nonce: 'server' })
          } else if (question.type === 'look-up') {
            const isKnown = question.argument === 'list'
            const reply = isKnown
              ? { code: 250, enhanced: '2.1.5', lines: ['<a@b.com>', '<c@d.com>'] }
              : { code: 550, enhanced: '5.1.1', lines: ['No'] }
            inbox.push({ type: 'looked-up', reply })
          } else if (!['reset', 'refused'].includes(question.type)) {
            const verdict = question.type === 'end-of-data' ? this.final : undefined
            inbox.push({ type: 'verdict', verdict: verdict ?? verdictOn(question) })
          }
        }
      }
    }
    return this.sent.slice(before)
  }

  say(text: string): string {
    return this.hear({ type: 'bytes', bytes: fromUtf8(text) })
  }

  lines(...lines: string[]): string {
    return this.say(lines.map((line) => `${line}\r\n`).join(''))
  }

  secure(): Talk {
    this.lines('EHLO a.com', 'STARTTLS')
    this.hear({ type: 'secured', session: TLS })
    this.lines('EHLO a.com')
    return this
  }
}

function verdictOn(question: SmtpQuestion) {
  if (question.type === 'authenticate' && typeof question.password !== 'string') {
    const reply = { code: 535, lines: ['no'] }
    return question.password.isProven ? ({ ok: true } as const) : ({ ok: false, reply } as const)
  }
  return { ok: true } as const
}

const ENVELOPE = ['MAIL FROM:<a@a.com>', 'RCPT TO:<b@b.com>'] as const

describe('STARTTLS (RFC 3207)', () => {
  test('what was said in the clear is forgotten, and what was typed ahead thrown away', () => {
    const talk = new Talk(SUBMISSION)
    expect(talk.lines('EHLO a.com')).toContain('250-STARTTLS\r\n')
    expect(talk.lines('STARTTLS', 'MAIL FROM:<eve@a.com>', 'RSET')).toBe(
      '220 2.0.0 Ready to start TLS\r\n',
    )
    expect(talk.lines('NOOP')).toBe('')
    expect(talk.hear({ type: 'secured', session: TLS })).toBe('')
    expect(talk.lines('MAIL FROM:<a@a.com>')).toBe('503 5.5.1 Error: send HELO/EHLO first\r\n')
    const hello = talk.lines('EHLO a.com')
    expect(hello).not.toContain('STARTTLS')
    expect(hello).toContain('250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN\r\n')
    expect(talk.lines('STARTTLS')).toBe('554 5.5.1 Error: TLS already active\r\n')
    expect(talk.heard.filter(({ type }) => type === 'mail')).toEqual([])
  })

  test('an open transaction does not survive it', () => {
    const talk = new Talk(OPTIONS)
    talk.lines('EHLO a.com', ...ENVELOPE, 'STARTTLS')
    expect(talk.heard.at(-1)).toEqual({ type: 'reset' })
    expect(talk.flow).toEqual(['secure'])
  })

  test('it takes no argument, comes after EHLO, and only where it was offered', () => {
    const talk = new Talk(OPTIONS)
    expect(talk.lines('STARTTLS')).toBe('503 5.5.1 Error: send EHLO first\r\n')
    expect(talk.lines('EHLO a.com', 'STARTTLS now')).toContain('501 5.5.4 Syntax: STARTTLS\r\n')
    const { tls: _, ...without } = OPTIONS
    expect(new Talk(without).lines('EHLO a.com', 'STARTTLS')).toContain('502 5.5.1')
  })

  test('AUTH and mail of users wait for it where passwords may not cross in the clear', () => {
    const talk = new Talk(SUBMISSION)
    expect(talk.lines('EHLO a.com')).not.toContain('AUTH')
    expect(talk.lines('AUTH PLAIN AGEAYg==')).toContain('538 5.7.11')
    expect(talk.lines(ENVELOPE[0])).toBe('530 5.7.0 Must issue a STARTTLS command first\r\n')
  })

  test('TLS that comes first is greeted over', () => {
    const talk = new Talk({ ...OPTIONS, tls: 'first' })
    expect(talk.sent).toBe('')
    expect(talk.server.deadline).toBe(addMs(T0, HANDSHAKE_TIMEOUT_MS))
    expect(talk.hear({ type: 'secured', session: TLS })).toBe('220 mail-1.a.com ESMTP Lightlag\r\n')
    talk.lines('EHLO a.com', ENVELOPE[0])
    expect(talk.heard[0]).toMatchObject({ type: 'mail', protocol: 'ESMTPS', tls: TLS })
  })

  test('a handshake that never ends is given up', () => {
    const talk = new Talk({ ...OPTIONS, tls: 'first' })
    const effects = talk.server.handle({ type: 'tick' }, addMs(T0, HANDSHAKE_TIMEOUT_MS))
    expect(effects).toEqual([{ type: 'close' }])
  })

  test('REQUIRETLS is offered and taken under TLS only (RFC 8689)', () => {
    const talk = new Talk(OPTIONS)
    expect(talk.lines('EHLO a.com')).not.toContain('REQUIRETLS')
    expect(talk.lines('MAIL FROM:<a@a.com> REQUIRETLS')).toContain('555 5.5.4')
    expect(talk.secure().lines('MAIL FROM:<a@a.com> REQUIRETLS')).toContain('250 2.1.0')
  })
})

describe('BDAT (RFC 3030 §2)', () => {
  test('chunks become the message, dots and all', () => {
    const talk = new Talk(OPTIONS)
    talk.lines('EHLO a.com', ...ENVELOPE)
    expect(talk.say('BDAT 8\r\n.\r\nabc\r\nBDAT 3 LAST\r\nd\r\n')).toBe(
      '250 2.0.0 Ok: 8 bytes\r\n250 2.0.0 Ok\r\n',
    )
    expect(talk.body).toBe('.\r\nabc\r\nd\r\n')
    expect(talk.heard.at(-1)).toEqual({ type: 'end-of-data', sizeBytes: 11 })
    expect(talk.flow).toEqual(['pause', 'resume'])
  })

  test('the octets of a chunk that is refused are no commands', () => {
    const talk = new Talk(OPTIONS)
    talk.lines('EHLO a.com')
    expect(talk.say('BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n')).toBe(
      '503 5.5.1 Error: need MAIL command\r\n250 2.0.0 Ok\r\n',
    )
  })

  test('DATA and RCPT do not mix with it, an empty last chunk ends it', () => {
    const talk = new Talk(OPTIONS)
    talk.lines('EHLO a.com', ...ENVELOPE)
    talk.say('BDAT 3\r\na\r\n')
    expect(talk.lines('DATA', 'RCPT TO:<c@b.com>')).toBe(
      '503 5.5.1 Error: DATA after BDAT\r\n503 5.5.1 Error: message has begun\r\n',
    )
    expect(talk.lines('BDAT 0 LAST')).toBe('250 2.0.0 Ok\r\n')
  })

  test('a CR or LF alone and too many octets are refused, BINARYMIME takes them as they are', () => {
    const of = (from: string, chunk: string): string => {
      const talk = new Talk(OPTIONS)
      talk.lines('EHLO a.com', `MAIL FROM:<a@a.com>${from}`, ENVELOPE[1])
      return talk.say(`BDAT ${chunk.length} LAST\r\n${chunk}`)
    }
    expect(of('', 'a\nb\r\n')).toContain('550 5.6.11')
    expect(of('', 'a\rb\r\n')).toContain('550 5.6.11')
    expect(of('', 'a\r')).toContain('550 5.6.11')
    expect(of('', 'a'.repeat(1001))).toContain('552 5.3.4')
    expect(of(' BODY=BINARYMIME', 'a\nb\rc')).toBe('250 2.0.0 Ok\r\n')
  })

  test('BINARYMIME cannot come by DATA (RFC 3030 §3)', () => {
    const talk = new Talk(OPTIONS)
    talk.lines('EHLO a.com', 'MAIL FROM:<a@a.com> BODY=BINARYMIME', ENVELOPE[1])
    expect(talk.lines('DATA')).toBe('503 5.5.1 Error: BINARYMIME needs BDAT\r\n')
  })
})

describe('VRFY and EXPN (RFC 5321 §7.3)', () => {
  test('by default VRFY tells nothing, and EXPN is refused', () => {
    const talk = new Talk(OPTIONS)
    expect(talk.lines('VRFY list', 'EXPN list')).toMatch(/^252 2\.0\.0 .*\r\n502 5\.5\.1 .*\r\n$/)
    expect(talk.lines('EHLO a.com')).not.toContain('EXPN')
  })

  test('VRFY may be refused', () => {
    expect(new Talk({ ...OPTIONS, vrfy: 'refuse' }).lines('VRFY list')).toMatch(/^502 5\.5\.1 /)
  })

  test('both may be answered, and EXPN is then listed (RFC 5321 §3.5.2)', () => {
    const talk = new Talk({ ...OPTIONS, vrfy: 'answer', expn: 'answer' })
    expect(talk.lines('EHLO a.com')).toContain('250-EXPN\r\n')
    const list = '250-2.1.5 <a@b.com>\r\n250 2.1.5 <c@d.com>\r\n'
    expect(talk.lines('EXPN list', 'VRFY list', 'VRFY nobody')).toBe(
      `${list}${list}550 5.1.1 No\r\n`,
    )
    expect(talk.heard.map(({ type }) => type)).toEqual(['look-up', 'look-up', 'look-up'])
  })

  test('where users log in nobody else learns who there is', () => {
    const talk = new Talk({ ...SUBMISSION, vrfy: 'answer', expn: 'answer' })
    expect(talk.lines('VRFY list', 'EXPN list')).toMatch(/^530 5\.7\.0 .*\r\n530 5\.7\.0 .*\r\n$/)
  })

  test('who guesses is sent away as for other mistakes', () => {
    const talk = new Talk({ ...OPTIONS, vrfy: 'answer' })
    const said = talk.lines(...Array.from({ length: 30 }, () => 'VRFY nobody'))
    expect(said.match(/^550 /gm)).toHaveLength(20)
    expect(said).toMatch(/421 4\.7\.0 .*\r\n$/)
  })
})

test('commands that bring no mail count as mistakes beyond their bound', () => {
  const talk = new Talk(OPTIONS)
  const said = talk.lines('EHLO a.com', ...Array.from({ length: 200 }, () => 'NOOP'))
  expect(said.match(/^250 2\.0\.0 Ok/gm)).toHaveLength(IDLE_COMMANDS_MAX + 20 - 1)
  expect(said).toMatch(/421 4\.7\.0 mail-1\.a\.com Error: too many errors\r\n$/)
})

describe('a session that others wait for', () => {
  test('has ten seconds for whatever it is about, and less is borne of it', () => {
    const talk = new Talk(OPTIONS)
    talk.lines('EHLO a.com')
    expect(talk.hear({ type: 'hurry' })).toBe('')
    expect(talk.server.deadline).toBe(addMs(T0, HURRIED_TIMEOUT_MS))
    talk.lines(...ENVELOPE, 'DATA', 'x'.repeat(HURRIED_DATA_BYTES_PER_SEC_MIN))
    expect(talk.server.deadline).toBe(addMs(T0, HURRIED_TIMEOUT_MS))
    talk.lines('.')
    const said = talk.lines(...Array.from({ length: 40 }, () => 'NOOP'))
    expect(said.match(/^250 /gm)).toHaveLength(HURRIED_IDLE_COMMANDS_MAX + HURRIED_ERRORS_MAX)
    expect(said).toMatch(/\r\n421 4\.7\.0 .*\r\n$/)
  })

  test('also in a handshake, and with its round trips where it is far away', () => {
    const talk = new Talk({ ...OPTIONS, tls: 'first', oneWayDelayMs: 1000 })
    talk.hear({ type: 'hurry' })
    const roundTripsMs = HANDSHAKE_ROUND_TRIPS * 2000
    expect(talk.server.deadline).toBe(addMs(T0, HURRIED_TIMEOUT_MS + roundTripsMs))
  })

  test('has all its time where it is a user', () => {
    const talk = new Talk(SUBMISSION).secure()
    talk.lines('AUTH PLAIN AGEAYg==')
    talk.hear({ type: 'hurry' })
    expect(talk.server.deadline).toBe(addMs(T0, SERVER_TIMEOUT_MS))
  })
})

describe('a client that is far away', () => {
  const oneWayDelayMs = 600_000
  const far = { ...OPTIONS, oneWayDelayMs }

  test('has its round trips on top of every time limit (RFC 5321 §4.5.3.2.7)', () => {
    const talk = new Talk(far)
    expect(talk.server.deadline).toBe(
      addMs(T0, SERVER_TIMEOUT_MS + ANSWER_ROUND_TRIPS * 2 * oneWayDelayMs),
    )
    talk.lines('EHLO a.com', 'STARTTLS')
    const handshakeMs = HANDSHAKE_TIMEOUT_MS + HANDSHAKE_ROUND_TRIPS * 2 * oneWayDelayMs
    expect(talk.server.deadline).toBe(addMs(T0, handshakeMs))
    talk.hear({ type: 'secured', session: TLS })
    expect(talk.server.deadline).toBe(
      addMs(T0, SERVER_TIMEOUT_MS + ANSWER_ROUND_TRIPS * 2 * oneWayDelayMs),
    )
    talk.lines('EHLO a.com', ...ENVELOPE, 'DATA', 'x'.repeat(98))
    expect(talk.server.deadline).toBe(
      addMs(T0, SERVER_TIMEOUT_MS + ANSWER_ROUND_TRIPS * 2 * oneWayDelayMs),
    )
  })
})

describe('LMTP (RFC 2033)', () => {
  test('every recipient that was taken has its own reply', () => {
    const talk = new Talk({ ...OPTIONS, role: 'lmtp' })
    expect(talk.lines('EHLO a.com')).toContain('502 5.5.1')
    talk.lines('LHLO a.com', ...ENVELOPE, 'RCPT TO:<c@b.com>', 'DATA')
    expect(talk.lines('text', '.')).toBe('250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n')
    talk.lines(...ENVELOPE, 'RCPT TO:<c@b.com>', 'DATA')
    expect(talk.say('a\nb\r\n.\r\n').match(/550 5\.6\.11/g)).toHaveLength(2)
    expect(talk.heard[1]).toMatchObject({ protocol: 'LMTP' })
  })

  test('recipients that do not fare alike hear of it in their order (RFC 2033 §4.2)', () => {
    const talk = new Talk({ ...OPTIONS, role: 'lmtp' })
    const full = { code: 552, enhanced: '5.2.2', lines: ['full'] }
    talk.lines('LHLO a.com', ...ENVELOPE, 'RCPT TO:<c@b.com>', 'DATA')
    talk.final = {
      ok: true,
      each: [
        { ok: false, reply: full },
        { ok: true, queueId: 'ID' },
      ],
    }
    expect(talk.lines('text', '.')).toBe('552 5.2.2 full\r\n250 2.0.0 Ok: queued as ID\r\n')
  })

  test('others do not know LHLO', () => {
    expect(new Talk(OPTIONS).lines('LHLO a.com')).toContain('502 5.5.1')
  })
})

describe('SMTPUTF8 (RFC 6531)', () => {
  test('addresses beyond ASCII need it', () => {
    const talk = new Talk(OPTIONS)
    talk.lines('EHLO a.com')
    expect(talk.lines('MAIL FROM:<jürgen@a.com>')).toContain('550 5.6.7')
    talk.lines('MAIL FROM:<a@a.com>')
    expect(talk.lines('RCPT TO:<用户@例子.com>')).toContain('553 5.6.7')
    talk.lines('RSET', 'MAIL FROM:<jürgen@a.com> SMTPUTF8')
    expect(talk.lines('RCPT TO:<用户@例子.com>')).toBe('250 2.1.5 Ok\r\n')
    expect(talk.heard.at(-1)).toMatchObject({
      recipient: { localPart: '用户', domain: '例子.com' },
    })
    expect(talk.heard.at(-2)).toMatchObject({ protocol: 'UTF8SMTP' })
  })

  test('what is not UTF-8 is no address', () => {
    const talk = new Talk(OPTIONS)
    talk.lines('EHLO a.com')
    const bytes = fromLatin1('MAIL FROM:<j\xfcrgen@a.com> SMTPUTF8\r\n')
    expect(talk.hear({ type: 'bytes', bytes })).toContain('501 5.5.4')
  })
})

describe('SCRAM (RFC 5802, RFC 7677)', () => {
  test('the example of RFC 7677 §3', () => {
    const first = 'n=user,r=rOprNGfwEbeRWgbNEkqO'
    const nonce = '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'
    const server = `r=rOprNGfwEbeRWgbNEkqO${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`
    const keys = keysOf('pencil', fromBase64('W22ZaJ0SNY7soEsUEjb6gQ=='), 4096)
    const final = `c=biws,r=rOprNGfwEbeRWgbNEkqO${nonce}`
    expect(proofOf(keys.clientKey, `${first},${server},${final}`)).toBe(
      'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    )
  })

  test.each([
    ['SCRAM-SHA-256', 'n,,', ''],
    ['SCRAM-SHA-256-PLUS', 'p=tls-exporter,,', 'exported'],
  ])('%s proves both sides', (mechanism, header, bound) => {
    const talk = new Talk(SUBMISSION).secure()
    expect(authenticate(talk, mechanism, header, bound)).toMatch(/^334 /)
    const final = toUtf8(fromBase64(talk.sent.trimEnd().split('334 ').at(-1) ?? '') as Uint8Array)
    expect(final).toMatch(/^v=/)
    expect(talk.lines('')).toBe('235 2.7.0 Authentication successful\r\n')
    expect(talk.lines('MAIL FROM:<a@a.com>')).toBe('250 2.1.0 Ok\r\n')
    expect(talk.heard.at(-1)).toMatchObject({ user: 'user', protocol: 'ESMTPSA' })
  })

  test('the binding of another channel, a binding that was kept quiet, and a wrong proof fail', () => {
    const of = (mechanism: string, header: string, bound: string, key = KEYS.clientKey): string =>
      authenticate(new Talk(SUBMISSION).secure(), mechanism, header, bound, key)
    expect(of('SCRAM-SHA-256-PLUS', 'p=tls-exporter,,', 'other')).toMatch(/^535 /)
    expect(of('SCRAM-SHA-256-PLUS', 'p=tls-unique,,', 'exported')).toMatch(/^535 /)
    expect(of('SCRAM-SHA-256-PLUS', 'n,,', '')).toMatch(/^535 /)
    expect(of('SCRAM-SHA-256', 'y,,', '')).toMatch(/^535 /)
    expect(of('SCRAM-SHA-256', 'n,,', '', new Uint8Array(32))).toMatch(/^535 /)
  })
})

/** The reply to the client's proof, or to its first message where that is refused. */
function authenticate(
  talk: Talk,
  mechanism: string,
  header: string,
  bound: string,
  clientKey: Uint8Array = KEYS.clientKey,
): string {
  const bare = 'n=user,r=client'
  const challenge = talk.lines(`AUTH ${mechanism} ${toBase64(fromUtf8(header + bare))}`)
  if (!challenge.startsWith('334 ')) return challenge
  const said = toUtf8(fromBase64(challenge.slice(4).trimEnd()) as Uint8Array)
  const final = `c=${toBase64(fromUtf8(header + bound))},r=clientserver`
  const proof = proofOf(clientKey, `${bare},${said},${final}`)
  return talk.lines(toBase64(fromUtf8(`${final},p=${proof}`)))
}

/** RFC 5802 §3. */
function keysOf(password: string, salt = fromLatin1('salt'), iterations = 10) {
  const key = fromUtf8(password)
  let round = hmacSha256(key, Uint8Array.of(...(salt ?? []), 0, 0, 0, 1))
  let salted = round
  for (let i = 1; i < iterations; i++) {
    round = hmacSha256(key, round)
    const last = round
    salted = salted.map((byte, k) => byte ^ (last[k] as number))
  }
  const clientKey = hmacSha256(salted, fromUtf8('Client Key'))
  const serverKey = hmacSha256(salted, fromUtf8('Server Key'))
  return { salt: salt ?? key, iterations, clientKey, serverKey, storedKey: sha256(clientKey) }
}

function proofOf(clientKey: Uint8Array, signed: string): string {
  const signature = hmacSha256(sha256(clientKey), fromUtf8(signed))
  return toBase64(clientKey.map((byte, i) => byte ^ (signature[i] as number)))
}

const piece = fc.constantFrom(
  'EHLO a.com\r\n',
  'LHLO a.com\r\n',
  'STARTTLS\r\n',
  'MAIL FROM:<a@a.com> BODY=BINARYMIME\r\n',
  'MAIL FROM:<ü@a.com> SMTPUTF8\r\n',
  'RCPT TO:<b@b.com> NOTIFY=NEVER\r\n',
  'BDAT 3\r\n',
  'BDAT 5 LAST\r\n',
  'BDAT 0 LAST\r\n',
  'abc',
  'a\r\nbc',
  '\r',
  '\n',
  'AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9Y2xpZW50\r\n',
  '*\r\n',
  'RSET\r\n',
  'DATA\r\n',
  '.\r\n',
)
const dialogue = fc.array(piece, { maxLength: 25 }).map((parts) => parts.join(''))
const chosen = fc.constantFrom<SmtpServerOptions>(
  OPTIONS,
  { ...SUBMISSION, plaintextAuth: 'allow', requireAuthentication: false },
  { ...OPTIONS, role: 'lmtp', bareLineEnds: 'repair' },
)

test('property: how the bytes are cut into chunks changes nothing', () => {
  fc.assert(
    fc.property(chosen, dialogue, fc.array(fc.nat(400)), (options, text, cuts) => {
      const whole = new Talk(options)
      whole.say(text)
      const cut = new Talk(options)
      const bytes = fromUtf8(text)
      const places = [0, ...cuts.map((at) => at % (bytes.length + 1)), bytes.length]
      places.sort((a, b) => a - b)
      for (const [i, at] of places.entries()) {
        cut.hear({ type: 'bytes', bytes: bytes.subarray(places[i - 1] ?? 0, at) })
      }
      expect(done(cut)).toEqual(done(whole))
    }),
    { numRuns: 500 },
  )
})

function done({ sent, body, heard, flow }: Talk): unknown {
  return { sent, body, heard, flow }
}
