import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { addMs, monoMs } from '../../base/time.ts'
import {
  AUTH_FAILURES_MAX,
  DATA_BYTES_PER_SEC_MIN,
  ERRORS_MAX,
  PENDING_BYTES_MAX,
  SERVER_TIMEOUT_MS,
} from './limits.ts'
import {
  type SmtpAnswer,
  type SmtpQuestion,
  SmtpServer,
  type SmtpServerOptions,
  type Verdict,
} from './server.ts'

const T0 = monoMs(1000)

const TRANSFER: SmtpServerOptions = {
  hostname: 'mail-1.a.com',
  role: 'transfer',
  sizeBytesMax: 10_000,
  recipientsMax: 100,
  mechanisms: [],
  requireAuthentication: false,
}
const SUBMISSION: SmtpServerOptions = {
  ...TRANSFER,
  role: 'submission',
  mechanisms: ['PLAIN', 'LOGIN'],
  requireAuthentication: true,
}
const BATCH: SmtpServerOptions = { ...TRANSFER, role: 'batch' }

type Effect = ReturnType<SmtpServer['handle']>[number]
type Policy = (question: SmtpQuestion) => Verdict | 'later'

const QUESTIONS = ['authenticate', 'mail', 'recipient', 'data', 'end-of-data']

/** Knows `user`, has no room for `full`, takes the rest. */
function policy(question: SmtpQuestion): Verdict {
  if (question.type === 'recipient' && question.recipient.localPart === 'nobody') {
    return { ok: false, reply: { code: 550, enhanced: '5.1.1', lines: ['User unknown'] } }
  }
  if (question.type === 'authenticate' && question.password !== '123456') {
    return {
      ok: false,
      reply: { code: 535, enhanced: '5.7.8', lines: ['Error: authentication failed'] },
    }
  }
  return question.type === 'end-of-data' ? { ok: true, queueId: 'Q1' } : { ok: true }
}

/** A session with what it did, questions answered at once unless the policy says `later`. */
class Talk {
  readonly server: SmtpServer
  now = T0
  readonly heard: SmtpQuestion[] = []
  sent = ''
  sendCount = 0
  closed = false
  readonly flow: string[] = []
  body = ''
  readonly #policy: Policy

  constructor(options: SmtpServerOptions, decide: Policy = policy) {
    this.server = new SmtpServer(options)
    this.#policy = decide
  }

  /** What is sent in return. */
  hear(event: Parameters<SmtpServer['handle']>[0]): string {
    const before = this.sent.length
    const inbox = [event]
    for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
      for (const effect of this.server.handle(next, this.now)) {
        const answer = this.#carryOut(effect)
        if (answer !== undefined) inbox.push(answer)
      }
    }
    return this.sent.slice(before)
  }

  say(text: string): string {
    return this.hear({ type: 'bytes', bytes: fromLatin1(text) })
  }

  /** Several lines, CRLF after each. */
  lines(...lines: string[]): string {
    return this.say(lines.map((line) => `${line}\r\n`).join(''))
  }

  of<Type extends SmtpQuestion['type']>(type: Type): Extract<SmtpQuestion, { type: Type }>[] {
    return this.heard.filter((q): q is Extract<SmtpQuestion, { type: Type }> => q.type === type)
  }

  #carryOut(effect: Effect): SmtpAnswer | undefined {
    if (effect.type === 'send') {
      this.sent += toLatin1(effect.bytes)
      this.sendCount++
    } else if (effect.type === 'close') this.closed = true
    else if (effect.type === 'secure' || effect.type === 'pause' || effect.type === 'resume') {
      this.flow.push(effect.type)
    } else {
      this.heard.push(effect)
      if (effect.type === 'body') this.body += toLatin1(effect.bytes)
      if (!QUESTIONS.includes(effect.type)) return undefined
      const verdict = this.#policy(effect)
      return verdict === 'later' ? undefined : { type: 'verdict', verdict }
    }
    return undefined
  }
}

function connected(options: SmtpServerOptions = TRANSFER, decide?: Policy): Talk {
  const talk = new Talk(options, decide)
  talk.hear({ type: 'connected' })
  return talk
}

function greeted(options: SmtpServerOptions = TRANSFER, decide?: Policy): Talk {
  const talk = connected(options, decide)
  talk.lines('EHLO client.a.com')
  return talk
}

function inData(options: SmtpServerOptions = TRANSFER): Talk {
  const talk = greeted(options)
  talk.lines('MAIL FROM:<a@a.com>', 'RCPT TO:<user@b.com>', 'DATA')
  return talk
}

describe('session', () => {
  test('the greeting names the host first (RFC 5321 §4.3.1)', () => {
    expect(connected().sent).toBe('220 mail-1.a.com ESMTP Lightlag\r\n')
  })

  test('EHLO is answered with the extensions, one on each line (RFC 5321 §4.1.1.1)', () => {
    expect(connected().lines('EHLO client.a.com')).toBe(
      [
        '250-mail-1.a.com',
        '250-PIPELINING',
        '250-SIZE 10000',
        '250-ENHANCEDSTATUSCODES',
        '250-8BITMIME',
        '250-CHUNKING',
        '250-LIMITS RCPTMAX=100',
        '250 HELP\r\n',
      ].join('\r\n'),
    )
    expect(connected(SUBMISSION).lines('EHLO x')).toContain('250-AUTH PLAIN LOGIN\r\n')
  })

  test('HELO is answered with one line (RFC 5321 §3.2)', () => {
    expect(connected().lines('HELO client.a.com')).toBe('250 mail-1.a.com\r\n')
  })

  test('a whole mail', () => {
    const talk = greeted()
    expect(talk.lines('MAIL FROM:<a@a.com> SIZE=12 BODY=8BITMIME')).toBe('250 2.1.0 Ok\r\n')
    expect(talk.lines('RCPT TO:<User@B.com>')).toBe('250 2.1.5 Ok\r\n')
    expect(talk.lines('DATA')).toBe('354 End data with <CR><LF>.<CR><LF>\r\n')
    expect(talk.lines('A: b', '', 'text', '.')).toBe('250 2.0.0 Ok: queued as Q1\r\n')
    expect(talk.lines('QUIT')).toBe('221 2.0.0 Bye\r\n')
    expect(talk.closed).toBe(true)
    expect(talk.heard).toEqual([
      {
        type: 'mail',
        from: {
          reversePath: { localPart: 'a', domain: 'a.com' },
          parameters: { sizeBytes: 12, body: '8BITMIME' },
        },
        helo: 'client.a.com',
        user: undefined,
        protocol: 'ESMTP',
      },
      { type: 'recipient', recipient: { localPart: 'User', domain: 'b.com' }, parameters: {} },
      { type: 'data' },
      { type: 'body', bytes: fromLatin1('A: b\r\n\r\ntext\r\n') },
      { type: 'end-of-data', sizeBytes: 14 },
    ])
  })

  test('after HELO the protocol is SMTP', () => {
    const talk = connected()
    talk.lines('HELO client.a.com', 'MAIL FROM:<>')
    expect(talk.of('mail')[0]).toMatchObject({ protocol: 'SMTP', from: { reversePath: undefined } })
  })

  test('several mails follow one another', () => {
    const talk = inData()
    talk.lines('one', '.')
    expect(talk.lines('MAIL FROM:<b@a.com>', 'RCPT TO:<user@b.com>', 'DATA')).toContain('354 ')
    expect(talk.lines('two', '.')).toContain('250 2.0.0')
    expect(talk.body).toBe('one\r\ntwo\r\n')
  })

  test('NOOP, HELP, VRFY, EXPN and RSET are answered before EHLO (RFC 5321 §4.1.4)', () => {
    const talk = connected()
    expect(talk.lines('NOOP anything')).toBe('250 2.0.0 Ok\r\n')
    expect(talk.lines('HELP')).toMatch(
      /^214-2\.0\.0 EHLO hostname\r\n(214-.*\r\n)*214 2\.0\.0 .*\r\n$/,
    )
    expect(talk.lines('VRFY user')).toMatch(/^252 2\.0\.0 /)
    expect(talk.lines('EXPN list')).toBe('502 5.5.1 Error: EXPN not implemented\r\n')
    expect(talk.lines('RSET')).toBe('250 2.0.0 Ok\r\n')
  })

  test('a command that nobody knows is answered 500 (RFC 5321 §4.2.4)', () => {
    expect(greeted().lines('XYZZY a')).toBe('500 5.5.2 Error: command not recognized\r\n')
    expect(greeted().lines('')).toBe('500 5.5.2 Error: command not recognized\r\n')
  })

  test('arguments where none belong are answered 501 (RFC 5321 §4.3.2)', () => {
    expect(greeted().lines('QUIT now')).toBe('501 5.5.4 Syntax: QUIT\r\n')
    expect(greeted().lines('DATA x')).toBe('501 5.5.4 Syntax: DATA\r\n')
  })
})

describe('order of commands (RFC 5321 §4.1.4)', () => {
  test('MAIL needs EHLO', () => {
    expect(connected().lines('MAIL FROM:<a@a.com>')).toBe(
      '503 5.5.1 Error: send HELO/EHLO first\r\n',
    )
  })

  test('RCPT and DATA need MAIL', () => {
    expect(greeted().lines('RCPT TO:<a@a.com>')).toBe('503 5.5.1 Error: need MAIL command\r\n')
    expect(greeted().lines('DATA')).toBe('503 5.5.1 Error: need MAIL command\r\n')
  })

  test('MAIL within a transaction is refused and changes nothing', () => {
    const talk = greeted()
    talk.lines('MAIL FROM:<a@a.com>')
    expect(talk.lines('MAIL FROM:<b@a.com>')).toBe('503 5.5.1 Error: nested MAIL command\r\n')
    expect(talk.lines('RCPT TO:<user@b.com>')).toBe('250 2.1.5 Ok\r\n')
  })

  test('DATA without a valid recipient is refused (RFC 2920 §3.2)', () => {
    const talk = greeted()
    expect(talk.lines('MAIL FROM:<a@a.com>', 'RCPT TO:<nobody@b.com>', 'DATA')).toBe(
      '250 2.1.0 Ok\r\n550 5.1.1 User unknown\r\n554 5.5.1 Error: no valid recipients\r\n',
    )
  })

  test.each(['RSET', 'EHLO again', 'QUIT'])('%s abandons the transaction', (command) => {
    const talk = greeted()
    talk.lines('MAIL FROM:<a@a.com>', 'RCPT TO:<user@b.com>', command)
    expect(talk.of('reset')).toHaveLength(1)
    if (command !== 'QUIT') {
      expect(talk.lines('DATA')).toBe('503 5.5.1 Error: need MAIL command\r\n')
    }
  })

  test('an EHLO that is refused changes nothing', () => {
    const talk = greeted()
    talk.lines('MAIL FROM:<a@a.com>')
    expect(talk.lines('EHLO')).toBe('501 5.5.4 Syntax: EHLO hostname\r\n')
    expect(talk.lines('RCPT TO:<user@b.com>')).toBe('250 2.1.5 Ok\r\n')
  })

  test('RSET without a transaction does nothing (RFC 5321 §4.1.1.5)', () => {
    const talk = greeted()
    talk.lines('RSET')
    expect(talk.heard).toEqual([])
  })

  test('a refused MAIL opens no transaction, a refused DATA ends none', () => {
    const no: Verdict = { ok: false, reply: { code: 451, enhanced: '4.3.0', lines: ['later'] } }
    const sender = greeted(TRANSFER, (q) => (q.type === 'mail' ? no : { ok: true }))
    expect(sender.lines('MAIL FROM:<a@a.com>', 'RCPT TO:<b@b.com>')).toBe(
      '451 4.3.0 later\r\n503 5.5.1 Error: need MAIL command\r\n',
    )
    const data = greeted(TRANSFER, (q) => (q.type === 'data' ? no : { ok: true }))
    expect(data.lines('MAIL FROM:<a@a.com>', 'RCPT TO:<b@b.com>', 'DATA')).toContain('451 4.3.0')
    data.lines('RSET')
    expect(data.of('reset')).toHaveLength(1)
  })

  test('a connection that breaks in mid-transaction abandons it (RFC 5321 §4.1.1.5)', () => {
    const talk = inData()
    talk.say('half a mess')
    talk.hear({ type: 'ended' })
    expect(talk.heard.at(-1)).toEqual({ type: 'reset' })
  })

  test('a connection that breaks after the end of data does not undo the mail', () => {
    const talk = greeted(TRANSFER, (q) => (q.type === 'end-of-data' ? 'later' : { ok: true }))
    talk.lines('MAIL FROM:<a@a.com>', 'RCPT TO:<b@b.com>', 'DATA')
    talk.lines('text', '.')
    talk.hear({ type: 'ended' })
    expect(talk.of('reset')).toEqual([])
  })
})

describe('paths', () => {
  test('<Postmaster> is at the server itself (RFC 5321 §4.1.1.3)', () => {
    const talk = greeted()
    talk.lines('MAIL FROM:<>', 'RCPT TO:<POSTMASTER>')
    expect(talk.of('recipient')[0]?.recipient).toEqual({
      localPart: 'POSTMASTER',
      domain: 'mail-1.a.com',
    })
  })

  test('a path that is none is answered 501 with what is wrong (RFC 5321 §4.1.4)', () => {
    expect(greeted().lines('MAIL FROM:a@a.com')).toBe(
      '501 5.1.7 Error: bad sender address syntax\r\n',
    )
    const talk = greeted()
    talk.lines('MAIL FROM:<a@a.com>')
    expect(talk.lines('RCPT TO:<under_score@under_score.com>')).toBe(
      '501 5.1.3 Error: bad recipient address syntax\r\n',
    )
    expect(talk.lines('RCPT TO:<>')).toContain('501 5.1.3')
    expect(talk.lines('RCPT FROM:<a@a.com>')).toBe('501 5.5.4 Syntax: RCPT TO:<address>\r\n')
  })

  test('parameters that were not offered are answered 555 (RFC 5321 §4.1.1.11)', () => {
    expect(greeted().lines('MAIL FROM:<a@a.com> RET=FULL')).toBe(
      '555 5.5.4 Unsupported option: RET\r\n',
    )
    const talk = greeted()
    talk.lines('MAIL FROM:<a@a.com>')
    expect(talk.lines('RCPT TO:<b@b.com> NOTIFY=NEVER')).toContain('555 5.5.4')
  })

  test('what was offered is handed over with its path (RFC 3461 §4)', () => {
    const talk = greeted({ ...TRANSFER, extensions: ['DSN'] })
    talk.lines('MAIL FROM:<a@a.com> ENVID=x+20y', 'RCPT TO:<b@b.com> NOTIFY=NEVER')
    expect(talk.heard).toMatchObject([
      { type: 'mail', from: { parameters: { envelopeId: 'x y' } } },
      { type: 'recipient', parameters: { notify: ['never'] } },
    ])
  })
})

describe('limits', () => {
  test('recipients beyond the limit are answered 452, the others stay (RFC 5321 §4.5.3.1.10)', () => {
    const talk = greeted({ ...TRANSFER, recipientsMax: 2 })
    talk.lines('MAIL FROM:<a@a.com>', 'RCPT TO:<b@b.com>', 'RCPT TO:<c@b.com>')
    expect(talk.lines('RCPT TO:<d@b.com>')).toBe('452 4.5.3 Error: too many recipients\r\n')
    expect(talk.lines('DATA')).toContain('354')
    expect(talk.of('recipient')).toHaveLength(2)
  })

  test('a declared size beyond the limit is refused at MAIL (RFC 1870 §6.1)', () => {
    expect(greeted().lines('MAIL FROM:<a@a.com> SIZE=10001')).toBe(
      '552 5.3.4 Message size exceeds fixed limit\r\n',
    )
    expect(greeted().lines('MAIL FROM:<a@a.com> SIZE=99999999999999999999')).toContain('552')
    expect(greeted().lines('MAIL FROM:<a@a.com> SIZE=10000')).toContain('250')
  })

  test('data beyond the limit is read to its end and refused (RFC 1870 §6.3)', () => {
    const talk = inData()
    for (let i = 0; i < 101; i++) expect(talk.lines('x'.repeat(98))).toBe('')
    expect(talk.of('reset')).toHaveLength(1)
    expect(talk.lines('.')).toBe('552 5.3.4 Message size exceeds fixed limit\r\n')
    expect(talk.body).toHaveLength(10_000)
    expect(talk.of('end-of-data')).toEqual([])
    expect(talk.lines('MAIL FROM:<a@a.com>')).toBe('250 2.1.0 Ok\r\n')
  })

  test('data of exactly the limit is taken; doubled dots do not count (RFC 1870 §5)', () => {
    const talk = inData()
    for (let i = 0; i < 100; i++) talk.lines(`..${'x'.repeat(97)}`)
    expect(talk.lines('.')).toContain('250 2.0.0')
    expect(talk.of('end-of-data')[0]?.sizeBytes).toBe(10_000)
  })

  test('a command line may have 512 octets (RFC 5321 §4.5.3.1.4)', () => {
    expect(greeted().lines(`NOOP ${'x'.repeat(505)}`)).toBe('250 2.0.0 Ok\r\n')
    expect(greeted().lines(`NOOP ${'x'.repeat(506)}`)).toBe('500 5.5.2 Error: line too long\r\n')
  })

  test('MAIL may be longer by the parameters of the extensions (RFC 1870 §3, RFC 2554 §3)', () => {
    const mail = `MAIL FROM:<a@a.com> SIZE=1 AUTH=${'x'.repeat(490)}`
    expect(greeted().lines(mail)).toBe('250 2.1.0 Ok\r\n')
  })

  test('a line without end is thrown away as it comes', () => {
    const talk = greeted()
    for (let i = 0; i < 100; i++) expect(talk.say('x'.repeat(1000))).toBe('')
    expect(talk.say('\r\nNOOP\r\n')).toBe('500 5.5.2 Error: line too long\r\n250 2.0.0 Ok\r\n')
  })

  test('too many mistakes end the session', () => {
    const talk = greeted()
    for (let i = 1; i < ERRORS_MAX; i++) expect(talk.lines('WHAT')).toMatch(/^500 /)
    expect(talk.lines('WHAT', 'NOOP')).toBe(
      '500 5.5.2 Error: command not recognized\r\n421 4.7.0 mail-1.a.com Error: too many errors\r\n',
    )
    expect(talk.closed).toBe(true)
  })

  test('a mail that was taken makes good for mistakes', () => {
    const talk = greeted()
    for (let i = 1; i < ERRORS_MAX; i++) talk.lines('WHAT')
    talk.lines('MAIL FROM:<a@a.com>', 'RCPT TO:<user@b.com>', 'DATA')
    talk.lines('x', '.')
    talk.lines('WHAT')
    expect(talk.closed).toBe(false)
  })

  test('who guesses recipients or senders is sent away as for mistakes', () => {
    const talk = greeted()
    talk.lines('MAIL FROM:<a@a.com>', 'RCPT TO:<user@b.com>')
    for (let i = 1; i < ERRORS_MAX; i++) talk.lines('RCPT TO:<nobody@b.com>')
    expect(talk.closed).toBe(false)
    expect(talk.lines('RCPT TO:<nobody@b.com>', 'DATA')).toBe(
      '550 5.1.1 User unknown\r\n421 4.7.0 mail-1.a.com Error: too many errors\r\n',
    )
    expect(talk.closed).toBe(true)
    expect(talk.of('reset')).toHaveLength(1)
    const reply = { code: 550, enhanced: '5.1.8', lines: ['no'] }
    const sender = greeted(TRANSFER, () => ({ ok: false, reply }))
    for (let i = 0; i < ERRORS_MAX; i++) sender.lines('MAIL FROM:<a@a.com>')
    expect(sender.closed).toBe(true)
    expect(sender.of('reset')).toEqual([])
  })

  test('silence ends the session after five minutes (RFC 5321 §4.5.3.2.7)', () => {
    const talk = greeted()
    talk.lines('MAIL FROM:<a@a.com>')
    expect(talk.server.deadline).toBe(addMs(T0, SERVER_TIMEOUT_MS))
    talk.now = addMs(T0, SERVER_TIMEOUT_MS - 1)
    expect(talk.hear({ type: 'tick' })).toBe('')
    talk.now = addMs(T0, SERVER_TIMEOUT_MS)
    expect(talk.hear({ type: 'tick' })).toBe('421 4.4.2 mail-1.a.com Error: timeout exceeded\r\n')
    expect(talk.closed).toBe(true)
    expect(talk.of('reset')).toHaveLength(1)
    expect(talk.server.deadline).toBeUndefined()
  })

  test('half a command does not put off the end of patience, message data does', () => {
    const talk = greeted()
    talk.now = addMs(T0, 1000)
    talk.say('NO')
    expect(talk.server.deadline).toBe(addMs(T0, SERVER_TIMEOUT_MS))
    const data = inData()
    data.now = addMs(T0, 1000)
    data.say('te'.repeat(50))
    expect(data.server.deadline).toBe(addMs(T0, SERVER_TIMEOUT_MS + 1000))
  })

  test('message data that drips ends the session all the same', () => {
    const data = inData()
    data.now = addMs(T0, SERVER_TIMEOUT_MS - 1)
    data.say('t')
    expect(data.server.deadline).toBe(addMs(T0, SERVER_TIMEOUT_MS + 1000 / DATA_BYTES_PER_SEC_MIN))
  })

  test('nobody is blamed for silence while a question is open', () => {
    const talk = greeted(TRANSFER, () => 'later')
    talk.lines('MAIL FROM:<a@a.com>')
    expect(talk.server.deadline).toBeUndefined()
  })

  test('a client that floods an open question is sent away', () => {
    const talk = greeted(TRANSFER, () => 'later')
    talk.lines('MAIL FROM:<a@a.com>')
    expect(talk.say('x'.repeat(PENDING_BYTES_MAX))).toBe('')
    expect(talk.say('x')).toMatch(/^421 4\.7\.0 /)
    expect(talk.closed).toBe(true)
    expect(talk.of('reset')).toHaveLength(1)
  })
})

describe('pipelining (RFC 2920 §3.2)', () => {
  test('the replies to a group leave as one', () => {
    const talk = greeted()
    const before = talk.sendCount
    expect(
      talk.lines(
        'RSET',
        'MAIL FROM:<a@a.com>',
        'RCPT TO:<b@b.com>',
        'RCPT TO:<nobody@b.com>',
        'DATA',
      ),
    ).toBe(
      '250 2.0.0 Ok\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n550 5.1.1 User unknown\r\n' +
        '354 End data with <CR><LF>.<CR><LF>\r\n',
    )
    expect(talk.sendCount - before).toBe(1)
  })

  test('commands behind the end of data wait for its answer and are then carried out', () => {
    const open: SmtpQuestion[] = []
    const talk = greeted(TRANSFER, (question) => {
      if (question.type !== 'end-of-data') return { ok: true }
      open.push(question)
      return 'later'
    })
    talk.lines('MAIL FROM:<a@a.com>', 'RCPT TO:<b@b.com>', 'DATA')
    expect(talk.lines('one', '.', 'MAIL FROM:<c@a.com>', 'RCPT TO:<b@b.com>', 'DATA')).toBe('')
    expect(open).toHaveLength(1)
    expect(talk.hear({ type: 'verdict', verdict: { ok: true } })).toBe(
      '250 2.0.0 Ok\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n',
    )
  })

  test('the answer to a mail does not wait for a question that follows it', () => {
    let mails = 0
    const talk = greeted(TRANSFER, (q) =>
      q.type === 'mail' && ++mails === 2 ? 'later' : { ok: true },
    )
    talk.lines('MAIL FROM:<a@a.com>', 'RCPT TO:<b@b.com>', 'DATA')
    expect(talk.lines('one', '.', 'MAIL FROM:<c@a.com>')).toBe('250 2.0.0 Ok\r\n')
  })

  test('a client that does not wait for 354 is understood all the same', () => {
    const talk = greeted()
    talk.lines('MAIL FROM:<a@a.com>', 'RCPT TO:<b@b.com>', 'DATA', 'text', '.', 'QUIT')
    expect(talk.body).toBe('text\r\n')
    expect(talk.sent).toMatch(/250 2\.0\.0 Ok: queued as Q1\r\n221 2\.0\.0 Bye\r\n$/)
  })
})

describe('line ends', () => {
  test('a command that ends in a bare LF is refused, and nothing is taken from it (RFC 5321 §2.3.8)', () => {
    const talk = greeted()
    expect(talk.say('MAIL FROM:<a@a.com>\nNOOP\r\n')).toBe(
      '500 5.5.2 Error: lines must end in <CR><LF>\r\n250 2.0.0 Ok\r\n',
    )
    expect(talk.of('mail')).toEqual([])
  })

  test('a bare CR within a command is refused (RFC 5321 §4.1.2)', () => {
    expect(greeted().say('MAIL FROM:<a@a.com>\rRSET\r\n')).toBe(
      '501 5.5.4 Syntax: MAIL FROM:<address>\r\n',
    )
  })

  test.each([
    '\n.\n',
    '\n.\r\n',
    '\r\n.\n',
    '\r.\r',
    '\r.\r\n',
    '\r\n.\r',
    '\r\n.\r\r\n',
    '\n\r\n.\rx\r\n',
  ])('%j does not end the data, and the mail is refused (RFC 5321 §4.1.1.4)', (end) => {
    const talk = inData()
    const smuggled = 'MAIL FROM:<evil@a.com>\r\nRCPT TO:<b@b.com>\r\nDATA\r\nsmuggled\r\n.\r\n'
    expect(talk.say(`text${end}${smuggled}`)).toBe(
      '550 5.6.11 Error: bare <CR> or <LF> in message, lines must end in <CR><LF>\r\n',
    )
    expect(talk.of('mail')).toHaveLength(1)
    expect(talk.of('end-of-data')).toEqual([])
    expect(talk.of('reset')).toHaveLength(1)
  })

  test('what was refused in the data is told to the log', () => {
    const talk = inData()
    talk.say('a\nb\r\n.\r\n')
    expect(talk.of('refused')[0]).toMatchObject({ command: '(data)', reply: { code: 550 } })
  })
})

describe('AUTH (RFC 2554 §4)', () => {
  const PLAIN = 'AHVzZXIAMTIzNDU2'
  const WRONG = 'AHVzZXIAd3Jvbmc='

  test('PLAIN with an initial response', () => {
    const talk = greeted(SUBMISSION)
    expect(talk.lines(`AUTH PLAIN ${PLAIN}`)).toBe('235 2.7.0 Authentication successful\r\n')
    expect(talk.of('authenticate')).toEqual([
      { type: 'authenticate', mechanism: 'PLAIN', user: 'user', password: '123456' },
    ])
    talk.lines('MAIL FROM:<user@a.com>')
    expect(talk.of('mail')[0]).toMatchObject({ user: 'user', protocol: 'ESMTPA' })
  })

  test('PLAIN without an initial response', () => {
    const talk = greeted(SUBMISSION)
    expect(talk.lines('auth plain')).toBe('334 \r\n')
    expect(talk.lines(PLAIN)).toBe('235 2.7.0 Authentication successful\r\n')
  })

  test('LOGIN, with and without the user name in the command (draft-murchison-sasl-login §2.2)', () => {
    const talk = greeted(SUBMISSION)
    expect(talk.lines('AUTH LOGIN')).toBe('334 VXNlcm5hbWU6\r\n')
    expect(talk.lines('dXNlcg==')).toBe('334 UGFzc3dvcmQ6\r\n')
    expect(talk.lines('MTIzNDU2')).toContain('235')
    const short = greeted(SUBMISSION)
    expect(short.lines('AUTH LOGIN dXNlcg==')).toBe('334 UGFzc3dvcmQ6\r\n')
    expect(short.lines('MTIzNDU2')).toContain('235')
  })

  test('`*` cancels with 501', () => {
    const talk = greeted(SUBMISSION)
    talk.lines('AUTH PLAIN')
    expect(talk.lines('*')).toBe('501 5.7.0 Authentication aborted\r\n')
    expect(talk.lines(`AUTH PLAIN ${PLAIN}`)).toContain('235')
  })

  test('what is no base64 is answered 501, what the mechanism does not know 535', () => {
    const talk = greeted(SUBMISSION)
    expect(talk.lines('AUTH PLAIN abc')).toBe('501 5.5.2 Error: cannot decode base64 response\r\n')
    expect(talk.lines('AUTH PLAIN =')).toBe('535 5.7.8 Error: authentication failed\r\n')
    expect(talk.lines('AUTH PLAIN AAAA')).toBe('535 5.7.8 Error: authentication failed\r\n')
  })

  test('a wrong password is answered 535, and the third is the last', () => {
    const talk = greeted(SUBMISSION)
    for (let failures = 1; failures <= AUTH_FAILURES_MAX; failures++) {
      expect(talk.lines(`AUTH PLAIN ${WRONG}`, 'NOOP')).toBe(
        failures < AUTH_FAILURES_MAX
          ? '535 5.7.8 Error: authentication failed\r\n250 2.0.0 Ok\r\n'
          : '535 5.7.8 Error: authentication failed\r\n421 4.7.0 mail-1.a.com Error: too many errors\r\n',
      )
    }
    expect(talk.closed).toBe(true)
    expect(talk.server.deadline).toBeUndefined()
  })

  test('after a wrong password the right one is taken, and the session waits for as long as ever', () => {
    const talk = greeted(SUBMISSION)
    talk.lines(`AUTH PLAIN ${WRONG}`)
    expect(talk.server.deadline).toBe(addMs(talk.now, SERVER_TIMEOUT_MS))
    expect(talk.lines(`AUTH PLAIN ${PLAIN}`)).toContain('235')
  })

  test('mail before it is answered 530 (RFC 2554 §6)', () => {
    expect(greeted(SUBMISSION).lines('MAIL FROM:<a@a.com>')).toBe(
      '530 5.7.0 Authentication required\r\n',
    )
  })

  test('it is refused twice, in a transaction, after HELO, and where it is not offered', () => {
    const twice = greeted(SUBMISSION)
    twice.lines(`AUTH PLAIN ${PLAIN}`)
    expect(twice.lines(`AUTH PLAIN ${PLAIN}`)).toContain('503 5.5.1')
    const late = greeted({ ...SUBMISSION, requireAuthentication: false })
    late.lines('MAIL FROM:<a@a.com>')
    expect(late.lines(`AUTH PLAIN ${PLAIN}`)).toContain('503 5.5.1')
    const old = connected(SUBMISSION)
    old.lines('HELO x')
    expect(old.lines(`AUTH PLAIN ${PLAIN}`)).toContain('503 5.5.1')
    expect(greeted().lines(`AUTH PLAIN ${PLAIN}`)).toContain('502 5.5.1')
  })

  test('a mechanism that is not offered is answered 504', () => {
    expect(greeted(SUBMISSION).lines('AUTH CRAM-MD5')).toBe(
      '504 5.5.4 Unrecognized authentication type\r\n',
    )
    expect(greeted({ ...SUBMISSION, mechanisms: ['PLAIN'] }).lines('AUTH LOGIN')).toContain('504')
  })

  test('its lines may be longer than other commands', () => {
    const long = 'A'.repeat(4000)
    expect(greeted(SUBMISSION).lines(`AUTH PLAIN ${long}`)).toContain('535')
    const talk = greeted(SUBMISSION)
    talk.lines('AUTH PLAIN')
    expect(talk.lines('A'.repeat(12_287))).toBe('500 5.5.2 Error: line too long\r\n')
    expect(talk.lines('NOOP')).toBe('250 2.0.0 Ok\r\n')
  })

  test('no secret reaches the log', () => {
    const talk = greeted(SUBMISSION)
    talk.lines(`AUTH CRAM-MD5 ${PLAIN}`, PLAIN, 'AUTH PLAIN', `!${PLAIN}`)
    expect(talk.of('refused').map((refused) => refused.command)).toEqual([
      'AUTH',
      '(unknown)',
      'AUTH',
    ])
  })
})

describe('batch (RFC 2442)', () => {
  const MAIL = 'MAIL FROM:<a@a.com>\r\nRCPT TO:<b@b.com>\r\nDATA\r\n..x\r\n.\r\n'

  function batch(text: string, decide?: Policy): Talk {
    const talk = new Talk(BATCH, decide)
    talk.hear({ type: 'connected' })
    talk.say(text)
    talk.hear({ type: 'ended' })
    return talk
  }

  test('there is no greeting and no patience to lose', () => {
    const talk = new Talk(BATCH)
    expect(talk.hear({ type: 'connected' })).toBe('')
    talk.lines('EHLO a.com')
    expect(talk.server.deadline).toBeUndefined()
  })

  test('several mails in one object, ended by QUIT', () => {
    const talk = batch(`EHLO a.com\r\n${MAIL}${MAIL}QUIT\r\n`)
    expect(talk.of('end-of-data')).toHaveLength(2)
    expect(talk.body).toBe('.x\r\n.x\r\n')
    expect(talk.of('mail')[0]).toMatchObject({ helo: 'a.com', protocol: 'ESMTP' })
    expect(talk.closed).toBe(true)
  })

  test('an object that begins with MAIL and ends without QUIT is taken', () => {
    const talk = batch(MAIL)
    expect(talk.of('end-of-data')).toHaveLength(1)
    expect(talk.of('mail')[0]?.helo).toBe('')
    expect(talk.closed).toBe(true)
  })

  test('answers may come after the end of the object', () => {
    const talk = batch(MAIL, () => 'later')
    for (let i = 0; i < 4; i++) {
      expect(talk.closed).toBe(false)
      talk.hear({ type: 'verdict', verdict: { ok: true } })
    }
    expect(talk.of('end-of-data')).toHaveLength(1)
    expect(talk.closed).toBe(true)
  })

  test('an object that ends within a mail leaves nothing of it', () => {
    const talk = batch('MAIL FROM:<a@a.com>\r\nRCPT TO:<b@b.com>\r\nDATA\r\nhalf')
    expect(talk.heard.at(-1)).toEqual({ type: 'reset' })
    expect(talk.closed).toBe(true)
  })

  test('an object may be larger than what a session may send ahead', () => {
    const text = `${'x'.repeat(98)}\r\n`.repeat(90)
    const one = `MAIL FROM:<a@a.com>\r\nRCPT TO:<b@b.com>\r\nDATA\r\n${text}.\r\n`
    const talk = batch(one.repeat(40), (question) => policy(question))
    expect(talk.of('end-of-data')).toHaveLength(40)
  })
})

// What follows draws whole dialogues, good and bad.

const line = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom('MAIL FROM:<a@a.com>', 'RCPT TO:<b@b.com>', 'DATA', '.'),
  },
  fc.constantFrom(
    'EHLO a.com',
    'HELO a.com',
    'MAIL FROM:<> SIZE=5',
    'MAIL FROM:<a@a.com> SIZE=99999',
    'RCPT TO:<nobody@b.com>',
    'RSET',
    'NOOP',
    'QUIT',
    'VRFY x',
    'EXPN x',
    'HELP',
    'AUTH PLAIN AHVzZXIAMTIzNDU2',
    'AUTH PLAIN',
    'AUTH LOGIN',
    'AHVzZXIAMTIzNDU2',
    'dXNlcg==',
    '*',
    'what',
    '',
    '..',
    '.a',
    'x'.repeat(600),
  ),
)
const ending = fc.oneof({ weight: 20, arbitrary: fc.constant('\r\n') }, fc.constantFrom('\n', '\r'))
const dialogue = fc
  .array(fc.tuple(line, ending), { maxLength: 25 })
  .map((lines) => `EHLO x\r\n${lines.map((pair) => pair.join('')).join('')}`)
const options = fc.constantFrom(
  TRANSFER,
  BATCH,
  { ...TRANSFER, sizeBytesMax: 6, recipientsMax: 1 },
  { ...SUBMISSION, requireAuthentication: false },
  SUBMISSION,
)

function pieces(text: string, cuts: readonly number[]): string[] {
  const at = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b)
  return [0, ...at].map((from, i) => text.slice(from, [...at, text.length][i]))
}

/** Everything that was done, with what may be cut differently put together. */
function done(talk: Talk): unknown {
  const others = talk.heard.filter(({ type }) => type !== 'body')
  return { sent: talk.sent, body: talk.body, others, closed: talk.closed }
}

test('property: how the bytes are cut into chunks changes nothing', () => {
  fc.assert(
    fc.property(options, dialogue, fc.array(fc.nat()), (chosen, text, cuts) => {
      const whole = connected(chosen)
      whole.say(text)
      const cut = connected(chosen)
      for (const piece of pieces(text, cuts)) cut.say(piece)
      expect(done(cut)).toEqual(done(whole))
    }),
    { numRuns: 500 },
  )
})

test('property: no bytes make the machine throw, and what it sends are reply lines', () => {
  const noise = fc.array(fc.oneof(dialogue, fc.string({ unit: 'binary-ascii' })), { maxLength: 6 })
  fc.assert(
    fc.property(options, noise, (chosen, chunks) => {
      const talk = connected(chosen)
      for (const chunk of chunks) talk.say(chunk)
      expect(talk.sent).toMatch(/^(?:[2345]\d\d[ -][\t -~]*\r\n)*$/)
    }),
  )
})

test('property: every mail that was not refused ends in exactly one end-of-data or reset', () => {
  const late = fc.array(fc.constantFrom<'yes' | 'no' | 'later'>('yes', 'yes', 'yes', 'no', 'later'))
  fc.assert(
    fc.property(options, dialogue, late, (chosen, text, answers) => {
      let next = 0
      let refused = 0
      const talk = connected(chosen, (question) => {
        const answer = answers[next++] ?? 'yes'
        if (question.type === 'mail' && answer === 'no') refused++
        if (answer === 'later') return 'later'
        return answer === 'yes'
          ? { ok: true }
          : { ok: false, reply: { code: 450, lines: ['not now'] } }
      })
      talk.say(text)
      talk.hear({ type: 'ended' })
      if (chosen.role === 'batch' && !talk.closed) return
      const ends = talk.of('end-of-data').length + talk.of('reset').length
      expect(ends).toBe(talk.of('mail').length - refused)
    }),
    { numRuns: 500 },
  )
})
