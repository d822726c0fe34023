import { describe, expect, test } from 'vitest'
import { fromLatin1, fromUtf8, toBase64, toLatin1 } from '../../base/bytes.ts'
import { monoMs } from '../../base/time.ts'
import type { TlsSession } from '../../base/tls.ts'
import { AUTHENTICATION_LINE_MAX, INACTIVITY_MS, LOGIN_FAILURES_MAX } from './limits.ts'
import type { Pop3ServerOptions } from './options.ts'
import { Pop3Server, type Pop3ServerEvent } from './server.ts'

const TLS: TlsSession = {
  version: 'TLSv1.3',
  cipher: 'TLS_AES_256_GCM_SHA384',
  alpn: undefined,
  serverName: undefined,
  peer: undefined,
  channelBinding: { tlsExporter: undefined, tlsServerEndPoint: undefined },
}

class Talk {
  readonly server: Pop3Server
  said = ''
  isSecuring = false
  isClosed = false

  constructor(options: Partial<Pop3ServerOptions> = {}) {
    this.server = new Pop3Server({
      hostname: 'mail.a.com',
      plaintextAuth: 'allow',
      mechanisms: ['SCRAM-SHA-256', 'PLAIN', 'LOGIN'],
      oneWayDelayMs: 0,
      loginDelaySec: 0,
      ...options,
    })
    this.feed({ type: 'connected' })
  }

  feed(event: Pop3ServerEvent, now = 0): void {
    for (const effect of this.server.handle(event, monoMs(now))) {
      if (effect.type === 'send') this.said += toLatin1(effect.bytes)
      else if (effect.type === 'secure') this.isSecuring = true
      else if (effect.type === 'close') this.isClosed = true
      else if (effect.type === 'open') {
        const isRight = effect.user === 'ada' && effect.password === 'secret'
        if (isRight) this.feed({ type: 'opened', messages: [{ uid: 'u', sizeBytes: 5 }] })
        else this.feed({ type: 'not-opened', reason: 'credentials' })
      }
    }
  }

  /** What is answered to these lines. */
  say(...lines: readonly string[]): string {
    const before = this.said.length
    this.feed({ type: 'bytes', bytes: fromLatin1(lines.map((line) => `${line}\r\n`).join('')) })
    return this.said.slice(before)
  }
}

const PLAIN = toBase64(fromUtf8('\0ada\0secret'))

describe('AUTH (RFC 1734)', () => {
  test('opens the maildrop, in one line or in several', () => {
    expect(new Talk().say(`AUTH PLAIN ${PLAIN}`)).toMatch(/^\+OK 1 message/)
    const talk = new Talk()
    expect(talk.say('AUTH PLAIN')).toBe('+ \r\n')
    expect(talk.say(PLAIN, 'STAT')).toMatch(/^\+OK 1 message.*\r\n\+OK 1 5\r\n$/)
    const login = new Talk()
    login.say('AUTH LOGIN', 'YWRh', 'c2VjcmV0')
    expect(login.say('STAT')).toBe('+OK 1 5\r\n')
  })

  test('is broken off by a star, and refuses what is no base64, no mechanism or too long', () => {
    const talk = new Talk()
    expect(talk.say('AUTH PLAIN', '*', 'NOOP')).toBe(
      '+ \r\n-ERR cancelled\r\n-ERR log in first\r\n',
    )
    expect(talk.say('AUTH PLAIN', '?')).toBe('+ \r\n-ERR not in base64\r\n')
    expect(talk.say('AUTH GSSAPI')).toMatch(/^-ERR not by this mechanism/)
    expect(talk.say('AUTH')).toMatch(/^-ERR/)
    expect(talk.say('AUTH PLAIN', 'A'.repeat(AUTHENTICATION_LINE_MAX + 10))).toMatch(/\r\n-ERR /)
    expect(talk.say(`AUTH PLAIN ${PLAIN}`)).toMatch(/^\+OK/)
  })

  test('fails as PASS does, and counts', () => {
    const talk = new Talk()
    for (let n = 0; n < LOGIN_FAILURES_MAX; n++) {
      expect(talk.say('AUTH PLAIN AGFkYQBhZGE=')).toMatch(/^-ERR \[AUTH\]/)
    }
    expect(talk.isClosed).toBe(true)
  })

  test('where passwords may not cross the network, they are not offered', () => {
    const talk = new Talk({ plaintextAuth: 'refuse', tls: 'offered' })
    expect(talk.say('CAPA')).toMatch(/\r\nSASL SCRAM-SHA-256\r\nSTLS\r\n/)
    expect(talk.say(`AUTH PLAIN ${PLAIN}`)).toMatch(/^-ERR not by this mechanism/)
  })
})

describe('STLS (RFC 2595 §4)', () => {
  test('nothing that came before the handshake is believed, and then passwords are taken', () => {
    const talk = new Talk({ plaintextAuth: 'refuse', tls: 'offered' })
    expect(talk.say('USER ada', 'STLS', 'NOOP')).toMatch(
      /^-ERR [^\r]*\r\n\+OK begin the handshake\r\n$/,
    )
    expect(talk.isSecuring).toBe(true)
    talk.feed({ type: 'secured', session: TLS })
    expect(talk.say('CAPA')).toMatch(/\r\nUSER\r\nSASL SCRAM-SHA-256 PLAIN LOGIN\r\n(?!STLS)/)
    expect(talk.say('STLS')).toBe('-ERR no TLS to begin here\r\n')
    expect(talk.say('USER ada', 'PASS secret')).toMatch(/\+OK 1 message/)
  })

  test('a user that was named before is forgotten', () => {
    const talk = new Talk({ tls: 'offered' })
    talk.say('USER ada', 'STLS')
    talk.feed({ type: 'secured', session: TLS })
    expect(talk.say('PASS secret')).toBe('-ERR USER comes first\r\n')
  })

  test('TLS first: the greeting comes after the handshake', () => {
    const talk = new Talk({ tls: 'first' })
    expect(talk.said).toBe('')
    talk.feed({ type: 'secured', session: TLS })
    expect(talk.said).toMatch(/^\+OK mail.a.com/)
  })

  test('without a certificate there is none', () => {
    expect(new Talk().say('STLS')).toBe('-ERR no TLS to begin here\r\n')
    expect(new Talk().say('CAPA')).not.toContain('STLS')
  })
})

test('UTF8 comes before the login (RFC 6856 §2)', () => {
  const talk = new Talk()
  expect(talk.say('UTF8')).toMatch(/^\+OK/)
  talk.say('USER ada', 'PASS secret')
  expect(talk.say('UTF8')).toBe('-ERR already logged in\r\n')
})

test('silence ends it, the later the farther the client is', () => {
  const oneWayDelayMs = 1_200_000
  const talk = new Talk({ oneWayDelayMs })
  talk.feed({ type: 'tick' }, INACTIVITY_MS + 6 * oneWayDelayMs - 1)
  expect(talk.isClosed).toBe(false)
  talk.feed({ type: 'tick' }, INACTIVITY_MS + 6 * oneWayDelayMs)
  expect(talk.isClosed).toBe(true)
})
