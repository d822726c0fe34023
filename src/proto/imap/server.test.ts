import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromLatin1, fromUtf8, toBase64, toLatin1 } from '../../base/bytes.ts'
import { monoMs } from '../../base/time.ts'
import type { TlsSession } from '../../base/tls.ts'
import {
  APPENDED_MESSAGES_MAX,
  COMMAND_BYTES_MAX,
  DISCARDED_BYTES_MAX,
  INACTIVITY_MS,
  LOGIN_FAILURES_MAX,
  MISTAKES_MAX,
  PIPELINED_BYTES_MAX,
  SEND_WINDOW_BYTES,
  STRANGER_COMMAND_BYTES_MAX,
  STRANGER_INACTIVITY_MS,
} from './limits.ts'
import type { ImapServerOptions } from './options.ts'
import type { ImapAnswer } from './question.ts'
import { no, ok } from './response.ts'
import type { ImapServerEffect } from './responses.ts'
import { ImapServer } from './server.ts'

const OPTIONS: ImapServerOptions = {
  hostname: 'mail-1.a.com',
  plaintextAuth: 'allow',
  mechanisms: ['PLAIN'],
  messageBytesMax: 100_000_000,
  oneWayDelayMs: 0,
}

const TLS: TlsSession = {
  version: 'TLSv1.3',
  cipher: 'TLS_AES_256_GCM_SHA384',
  alpn: undefined,
  serverName: undefined,
  peer: undefined,
  channelBinding: { tlsExporter: undefined, tlsServerEndPoint: undefined },
}

/** Answers as a mailbox would of which nothing is known: each command with its verb. */
class Talk {
  readonly machine: ImapServer
  said = ''
  readonly asked: ImapServerEffect[] = []
  isClosed = false
  isPaused = false
  /** Answers nothing by itself. */
  isManual = false

  constructor(options: Partial<ImapServerOptions> = {}) {
    this.machine = new ImapServer({ ...OPTIONS, ...options })
    this.feed({ type: 'connected' })
  }

  feed(event: Parameters<ImapServer['handle']>[0], now = 0): void {
    const answers: ImapAnswer[] = []
    for (const effect of this.machine.handle(event, monoMs(now))) {
      if (effect.type === 'send') this.said += toLatin1(effect.bytes)
      else if (effect.type === 'close') this.isClosed = true
      else if (effect.type === 'pause') this.isPaused = true
      else if (effect.type === 'resume') this.isPaused = false
      else {
        this.asked.push(effect)
        const answer = this.isManual ? undefined : answerTo(effect)
        if (answer !== undefined) answers.push(answer)
      }
    }
    for (const answer of answers) this.feed(answer, now)
  }

  /** What is answered to these lines. */
  say(...lines: readonly string[]): string {
    return this.send(lines.map((line) => `${line}\r\n`).join(''))
  }

  send(octets: string): string {
    const before = this.said.length
    this.feed({ type: 'bytes', bytes: fromLatin1(octets) })
    return this.said.slice(before)
  }

  of(type: ImapServerEffect['type']): readonly ImapServerEffect[] {
    return this.asked.filter((effect) => effect.type === type)
  }
}

function answerTo(effect: ImapServerEffect): ImapAnswer | undefined {
  switch (effect.type) {
    case 'authenticate':
      return { type: 'verdict', verdict: effect.password === 'secret' ? 'accepted' : 'refused' }
    case 'run': {
      const { verb } = effect.command
      if (verb === 'IDLE') return undefined
      const selected = verb === 'SELECT' ? true : verb === 'CLOSE' ? false : undefined
      return { type: 'finished', completion: ok(verb), selected }
    }
    case 'done':
      return { type: 'finished', completion: ok('IDLE') }
    case 'append':
      return effect.mailbox === 'Full'
        ? { type: 'finished', completion: no('full', 'OVERQUOTA') }
        : { type: 'go-on' }
    case 'append-message':
      return { type: 'go-on' }
    case 'append-commit':
      return { type: 'finished', completion: ok('appended', 'APPENDUID 1 2') }
    default:
      return undefined
  }
}

function loggedIn(options: Partial<ImapServerOptions> = {}): Talk {
  const talk = new Talk(options)
  talk.say('l LOGIN ada secret')
  return talk
}

describe('the states (RFC 9051 §3)', () => {
  test('the greeting tells what is offered', () => {
    expect(new Talk().said).toMatch(
      /^\* OK \[CAPABILITY IMAP4rev1 IMAP4rev2 .*AUTH=PLAIN.*\] mail-1.a.com IMAP server ready\r\n$/,
    )
  })

  test('each command in its state, and in no other', () => {
    const talk = new Talk()
    expect(talk.say('1 SELECT INBOX')).toBe('1 BAD log in first\r\n')
    expect(talk.say('2 ENABLE CONDSTORE')).toBe('2 BAD log in first\r\n')
    expect(talk.say('3 LOGIN ada secret')).toMatch(
      /^3 OK \[CAPABILITY [^\]]*MOVE[^\]]*\] logged in\r\n$/,
    )
    expect(talk.say('4 LOGIN ada secret')).toBe('4 BAD already logged in\r\n')
    expect(talk.say('5 FETCH 1 FLAGS')).toBe('5 BAD select a mailbox first\r\n')
    expect(talk.say('6 SELECT INBOX', '7 FETCH 1 FLAGS')).toBe('6 OK SELECT\r\n7 OK FETCH\r\n')
    expect(talk.say('8 ENABLE CONDSTORE')).toMatch(/^8 BAD /)
    expect(talk.say('9 CLOSE', '10 SEARCH ALL')).toBe(
      '9 OK CLOSE\r\n10 BAD select a mailbox first\r\n',
    )
    expect(talk.say('11 LOGOUT')).toBe('* BYE until next time\r\n11 OK bye\r\n')
    expect(talk.isClosed).toBe(true)
  })

  test('a line without a tag, a word that is no command', () => {
    const talk = new Talk()
    expect(talk.say('')).toBe('* BAD expected a tag and a command\r\n')
    expect(talk.say('x')).toBe('x BAD expected a space at octet 2\r\n')
    expect(talk.say('x FROB y')).toBe('x BAD unknown command FROB\r\n')
  })
})

describe('logging in', () => {
  test('by PLAIN, in one line or in two (RFC 4959)', () => {
    const message = toBase64(fromUtf8('\0ada\0secret'))
    expect(new Talk().say(`a AUTHENTICATE PLAIN ${message}`)).toMatch(/^a OK /)
    const talk = new Talk()
    expect(talk.say('a AUTHENTICATE PLAIN')).toBe('+ \r\n')
    expect(talk.say(message)).toMatch(/^a OK /)
  })

  test('is broken off by a star, and fails with the right words', () => {
    const talk = new Talk()
    expect(talk.say('a AUTHENTICATE PLAIN', '*')).toBe('+ \r\na BAD cancelled\r\n')
    expect(talk.say('b AUTHENTICATE PLAIN', '?')).toBe('+ \r\nb BAD not in base64\r\n')
    expect(talk.say('c LOGIN ada wrong')).toBe(
      'c NO [AUTHENTICATIONFAILED] wrong user name or password\r\n',
    )
    expect(talk.say('d AUTHENTICATE SCRAM-SHA-1')).toMatch(/^d NO /)
  })

  test('no password crosses an open line, and that is said before (RFC 9051 §6.2.3)', () => {
    const talk = new Talk({ plaintextAuth: 'refuse', tls: 'offered' })
    expect(talk.said).toContain('STARTTLS LOGINDISABLED ')
    expect(talk.said).not.toContain('AUTH=PLAIN')
    expect(talk.say('a LOGIN ada secret')).toMatch(/^a NO \[PRIVACYREQUIRED\]/)
    expect(talk.say('b AUTHENTICATE PLAIN AGEAYQ==')).toMatch(/^b NO \[PRIVACYREQUIRED\]/)
    expect(talk.of('authenticate')).toEqual([])
  })

  test('five wrong passwords end it', () => {
    const talk = new Talk()
    for (let n = 1; n < LOGIN_FAILURES_MAX; n++) talk.say('a LOGIN ada wrong')
    expect(talk.isClosed).toBe(false)
    expect(talk.say('a LOGIN ada wrong')).toMatch(/\* BYE too many wrong passwords\r\n$/)
    expect(talk.isClosed).toBe(true)
  })
})

describe('TLS (RFC 9051 §11.1)', () => {
  test('STARTTLS: what came before the handshake is not believed', () => {
    const talk = new Talk({ plaintextAuth: 'refuse', tls: 'offered' })
    expect(talk.say('a STARTTLS', 'b CAPABILITY')).toBe('a OK begin the handshake\r\n')
    expect(talk.of('secure')).toHaveLength(1)
    talk.feed({ type: 'secured', session: TLS })
    expect(talk.say('c CAPABILITY')).toMatch(
      /^\* CAPABILITY (?!.*(STARTTLS|LOGINDISABLED)).*AUTH=PLAIN/,
    )
    expect(talk.say('d STARTTLS')).toBe('d BAD too late for STARTTLS\r\n')
    expect(talk.say('e LOGIN ada secret')).toMatch(/^e OK/)
  })

  test('TLS first: the greeting comes after the handshake', () => {
    const talk = new Talk({ tls: 'first' })
    expect(talk.said).toBe('')
    talk.feed({ type: 'secured', session: TLS })
    expect(talk.said).toMatch(/^\* OK /)
  })

  test('without a certificate there is none', () => {
    const talk = new Talk()
    expect(talk.said).not.toContain('STARTTLS')
    expect(talk.say('a STARTTLS')).toBe('a BAD no certificate here\r\n')
  })
})

describe('ENABLE (RFC 5161)', () => {
  test('tells what is new, and names are read by it', () => {
    const talk = loggedIn()
    expect(talk.say('a ENABLE QRESYNC X-FOO imap4rev2')).toBe(
      '* ENABLED QRESYNC IMAP4rev2\r\na OK done\r\n',
    )
    expect(talk.say('b ENABLE CONDSTORE')).toBe('* ENABLED\r\nb OK done\r\n')
    talk.say('c SELECT "\xc3\xbc"')
    expect(talk.of('run').at(-1)).toMatchObject({
      command: { mailbox: 'ü' },
      modes: { utf8: true, rev2: true, condstore: true, qresync: true },
    })
  })

  test('QRESYNC has to be enabled before it is used, and CONDSTORE is by its use (RFC 7162 §3.1)', () => {
    const talk = loggedIn()
    expect(talk.say('a SELECT INBOX (QRESYNC (1 2))')).toBe(
      'a BAD QRESYNC needs ENABLE QRESYNC\r\n',
    )
    talk.say('b SELECT INBOX', 'c FETCH 1 MODSEQ')
    expect(talk.say('d UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)')).toMatch(/^d BAD/)
    expect(talk.of('run').at(-1)).toMatchObject({ modes: { condstore: true } })
  })
})

describe('literals (RFC 9051 §4.3, RFC 7888)', () => {
  test('one that is awaited is asked for, one that is not comes at once', () => {
    const talk = new Talk()
    expect(talk.say('a LOGIN {3}')).toBe('+ go on\r\n')
    expect(talk.send('ada {6+}\r\nsecret\r\n')).toMatch(/^a OK/)
  })

  test('one too large is not asked for; one that comes anyway is read and thrown away', () => {
    const talk = new Talk()
    const size = STRANGER_COMMAND_BYTES_MAX - 10
    expect(talk.say(`a LOGIN {${size}}`)).toBe('a BAD [TOOBIG] the command is too long\r\n')
    expect(
      talk.send(`b LOGIN {${size}+}\r\n${'x'.repeat(size)} {6+}\r\nsecret\r\nc NOOP\r\n`),
    ).toBe('b BAD [TOOBIG] the command is too long\r\nc OK NOOP done\r\n')
  })

  test('one beyond all bounds ends the connection', () => {
    const talk = new Talk()
    expect(talk.say(`a LOGIN {${STRANGER_COMMAND_BYTES_MAX + 1}+}`)).toMatch(/^\* BYE \[TOOBIG\]/)
    expect(talk.isClosed).toBe(true)
    const friend = loggedIn({ messageBytesMax: 1000 })
    expect(friend.say(`a SELECT {${DISCARDED_BYTES_MAX + 1}+}`)).toMatch(/^\* BYE \[TOOBIG\]/)
  })

  test('a line beyond all bounds is answered when it ends, and nothing of it is kept', () => {
    const talk = loggedIn()
    for (let n = 0; n < 40; n++) talk.send('a'.repeat(COMMAND_BYTES_MAX / 4))
    expect(talk.say('')).toBe('* BAD [TOOBIG] the command is too long\r\n')
    expect(talk.say('b NOOP')).toBe('b OK NOOP\r\n')
  })

  test('a line that has no end ends the connection', () => {
    const talk = new Talk()
    const piece = 'a'.repeat(1_048_576)
    let count = 0
    while (!talk.isClosed && count < 100) {
      talk.send(piece)
      count++
    }
    expect(talk.said).toMatch(/\* BYE \[TOOBIG\] a line beyond all bounds\r\n$/)
    expect(count).toBe(Math.ceil(DISCARDED_BYTES_MAX / piece.length) + 1)
  })
})

describe('APPEND (RFC 9051 §6.3.12)', () => {
  test('streams its message', () => {
    const talk = loggedIn()
    expect(talk.say('a APPEND {5+}', 'Draft (\\Seen) " 1-Feb-2026 00:00:00 +0000" {10}')).toBe(
      '+ go on\r\n',
    )
    talk.send('hello')
    expect(talk.of('body')).toHaveLength(1)
    expect(talk.send('world\r\n')).toBe('a OK [APPENDUID 1 2] appended\r\n')
    expect(talk.of('append')).toMatchObject([{ mailbox: 'Draft' }])
    expect(talk.of('append-message')).toMatchObject([
      { message: { flags: ['\\Seen'], sizeBytes: 10, arrival: 1_769_904_000_000 } },
    ])
  })

  test('takes several messages, and UTF8 ones (RFC 3502, RFC 6855 §4)', () => {
    const talk = loggedIn()
    expect(talk.send('a APPEND INBOX {1+}\r\nx (\\Draft) UTF8 (~{1+}\r\ny) ~{0+}\r\n\r\n')).toBe(
      'a OK [APPENDUID 1 2] appended\r\n',
    )
    expect(talk.of('append-message')).toHaveLength(3)
  })

  test('a mailbox that takes nothing: who asks need not send, who does not ask is not heard', () => {
    const talk = loggedIn()
    expect(talk.say('a APPEND Full {10}')).toBe('a NO [OVERQUOTA] full\r\n')
    expect(talk.send('b APPEND Full {4+}\r\nb OK {2+}\r\nab\r\nc NOOP\r\n')).toBe(
      'b NO [OVERQUOTA] full\r\nc OK NOOP\r\n',
    )
    expect(talk.of('append-message')).toEqual([])
  })

  test('a mistake after the first message takes it back', () => {
    const talk = loggedIn()
    expect(talk.send('a APPEND INBOX {1+}\r\nx x\r\n')).toMatch(/^a BAD expected a literal/)
    expect(talk.send('b APPEND INBOX {1+}\r\nx (\\Foo) {3+}\r\nabc\r\nc NOOP\r\n')).toMatch(
      /^b BAD [^\r]*\r\nc OK NOOP\r\n$/,
    )
    expect(talk.of('append-abort')).toHaveLength(2)
    expect(talk.of('append-commit')).toEqual([])
  })

  test('takes no more messages than it may', () => {
    const messages = (count: number): string => `${'{1+}\r\nx '.repeat(count).trimEnd()}`
    const talk = loggedIn()
    expect(talk.say(`a APPEND Draft ${messages(APPENDED_MESSAGES_MAX)}`)).toMatch(/^a OK /)
    expect(talk.say(`b APPEND Draft ${messages(APPENDED_MESSAGES_MAX + 1)}`)).toMatch(
      /^b BAD \[TOOBIG\]/,
    )
    expect(talk.of('append-abort')).toHaveLength(1)
  })

  test('nobody appends before logging in', () => {
    expect(new Talk().say('a APPEND INBOX {10}')).toBe('a BAD log in first\r\n')
  })
})

describe('IDLE (RFC 9051 §6.3.13)', () => {
  test('ends with DONE, and with nothing else', () => {
    const talk = loggedIn()
    expect(talk.say('a IDLE')).toBe('+ idling\r\n')
    talk.feed({ type: 'piece', bytes: fromLatin1('* 3 EXISTS\r\n') })
    expect(talk.say('done', 'b NOOP')).toBe('a OK IDLE\r\nb OK NOOP\r\n')
    expect(talk.said).toContain('* 3 EXISTS\r\n')
    talk.say('c IDLE')
    expect(talk.say('d NOOP')).toBe('* BYE expected DONE\r\n')
    expect(talk.isClosed).toBe(true)
  })
})

describe('COMPRESS (RFC 4978)', () => {
  test('begins behind its answer, once', () => {
    const talk = loggedIn()
    expect(talk.said).toContain('COMPRESS=DEFLATE')
    expect(talk.say('a COMPRESS DEFLATE')).toBe('a OK from here on it is compressed\r\n')
    expect(talk.of('compress')).toHaveLength(1)
    expect(talk.say('b COMPRESS DEFLATE')).toMatch(/^b NO \[COMPRESSIONACTIVE\]/)
    expect(talk.say('c CAPABILITY')).not.toContain('COMPRESS')
  })

  test('what follows before the answer ends the session, as nobody can say what it is', () => {
    const talk = loggedIn()
    expect(talk.say('a COMPRESS DEFLATE', 'b NOOP')).toMatch(/^\* BYE /)
    expect(talk.isClosed).toBe(true)
  })

  test('there is no other mechanism', () => {
    expect(loggedIn().say('a COMPRESS LZW')).toMatch(/^a NO /)
  })
})

describe('bounds', () => {
  test('a long answer waits for the network', () => {
    const talk = loggedIn()
    talk.isManual = true
    talk.say('a LIST "" *')
    const bytes = new Uint8Array(SEND_WINDOW_BYTES / 2)
    talk.feed({ type: 'piece', bytes })
    expect(talk.of('more')).toHaveLength(1)
    talk.feed({ type: 'piece', bytes })
    expect(talk.of('more')).toHaveLength(1)
    talk.feed({ type: 'drained' })
    expect(talk.of('more')).toHaveLength(2)
  })

  test('commands wait for their turn, and beyond a bound the stream does', () => {
    const talk = loggedIn()
    talk.isManual = true
    talk.say('a LIST "" *')
    const noops = 'b NOOP\r\n'.repeat(PIPELINED_BYTES_MAX / 8 + 1)
    expect(talk.send(noops)).toBe('')
    expect(talk.isPaused).toBe(true)
    talk.isManual = false
    talk.feed({ type: 'finished', completion: ok('LIST') })
    expect(talk.isPaused).toBe(false)
    expect(talk.said.endsWith('b OK NOOP\r\n'.repeat(100))).toBe(true)
  })

  test('who reads no answers is not read either, beyond a bound', () => {
    const talk = new Talk()
    while (talk.said.length < SEND_WINDOW_BYTES) talk.say('a CAPABILITY')
    expect(talk.send('a NOOP\r\n'.repeat(PIPELINED_BYTES_MAX / 8 + 1))).toBe('')
    expect(talk.isPaused).toBe(true)
    talk.feed({ type: 'drained' })
    expect(talk.isPaused).toBe(false)
    expect(talk.said.endsWith('a OK NOOP done\r\n'.repeat(100))).toBe(true)
  })

  test('a line without end behind a message is read on, and thrown away beyond its bound', () => {
    const talk = loggedIn()
    talk.say('a APPEND INBOX {1+}')
    talk.send(`x${'y'.repeat(PIPELINED_BYTES_MAX + 1)}`)
    expect(talk.isPaused).toBe(false)
    expect(talk.send(`${'y'.repeat(COMMAND_BYTES_MAX)}\r\n`)).toMatch(/^a BAD /)
    expect(talk.say('b NOOP')).toBe('b OK NOOP\r\n')
  })

  test('twenty mistakes in a row end it', () => {
    const talk = new Talk()
    for (let n = 1; n < MISTAKES_MAX; n++) talk.say('a FROB x')
    talk.say('b NOOP')
    for (let n = 1; n < MISTAKES_MAX; n++) talk.say('a FROB x')
    expect(talk.isClosed).toBe(false)
    expect(talk.say('a FROB x')).toMatch(/\* BYE too many mistakes\r\n$/)
    expect(talk.isClosed).toBe(true)
  })

  test('silence ends it, the later the farther the client is (RFC 9051 §5.4)', () => {
    for (const oneWayDelayMs of [0, 1_200_000]) {
      const stranger = new Talk({ oneWayDelayMs })
      const patience = STRANGER_INACTIVITY_MS + 6 * oneWayDelayMs
      stranger.feed({ type: 'tick' }, patience - 1)
      expect(stranger.isClosed).toBe(false)
      stranger.feed({ type: 'tick' }, patience)
      expect(stranger.isClosed).toBe(true)
      const talk = loggedIn({ oneWayDelayMs })
      talk.feed({ type: 'tick' }, INACTIVITY_MS + 6 * oneWayDelayMs - 1)
      expect(talk.isClosed).toBe(false)
      talk.feed({ type: 'tick' }, INACTIVITY_MS + 6 * oneWayDelayMs)
      expect(talk.said).toMatch(/\* BYE idle for too long\r\n$/)
    }
  })

  test('a service that ends says so', () => {
    const talk = loggedIn()
    talk.feed({ type: 'shut-down' })
    expect(talk.said).toMatch(/\* BYE \[UNAVAILABLE\]/)
    expect(talk.isClosed).toBe(true)
  })
})

const CONVERSATION = [
  'a LOGIN {3+}\r\nada {6}\r\nsecret\r\n',
  'b APPEND INBOX (\\Seen) {11+}\r\nhello world ~{3}\r\nabc\r\n',
  'c FROB x\r\n',
  'd SELECT INBOX\r\ne UID FETCH 1:* (FLAGS BODY[HEADER.FIELDS ({2+}\r\nTo)])\r\n',
  'f IDLE\r\nDONE\r\n',
  'g LOGIN {99999+}\r\n',
  'h LOGOUT\r\n',
].join('')

test('property: cut anywhere, the same is said and asked', () => {
  const whole = new Talk()
  whole.send(CONVERSATION)
  const bytes = fromLatin1(CONVERSATION)
  const textOf = ({ said, asked }: Talk): string => {
    const others = asked.filter(({ type }) => type !== 'body')
    const bodies = asked.flatMap((one) => (one.type === 'body' ? [one.bytes] : []))
    return said + JSON.stringify(others) + toLatin1(concat(...bodies))
  }
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
      const talk = new Talk()
      let from = 0
      for (const to of [...cuts.sort((a, b) => a - b), bytes.length]) {
        talk.feed({ type: 'bytes', bytes: bytes.subarray(from, to) })
        from = to
      }
      expect(textOf(talk)).toBe(textOf(whole))
    }),
  )
})

test('property: no bytes make it throw', () => {
  const words = fc.constantFrom(
    ...'a|LOGIN|ada secret|\r\n| |{3}|{3+}|{99999999999+}|APPEND|INBOX|(|)|"|~{2+}|AUTHENTICATE PLAIN|*|IDLE|DONE|SELECT|FETCH 1:*|UID'.split(
      '|',
    ),
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(words, fc.string({ unit: 'binary-ascii' }))), (parts) => {
      const talk = loggedIn()
      for (const part of parts) talk.send(part)
      new Talk().send(parts.join(' '))
    }),
  )
})
