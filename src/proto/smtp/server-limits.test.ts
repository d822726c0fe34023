import { describe, expect, test } from 'vitest'
import { greeted, inData, T0, TRANSFER } from '../../../test/support/smtp-talk.ts'
import { addMs } from '../../base/time.ts'
import {
  DATA_BYTES_PER_SEC_MIN,
  ERRORS_MAX,
  PENDING_BYTES_MAX,
  SERVER_TIMEOUT_MS,
} from './limits.ts'
import type { SmtpQuestion } from './question.ts'

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

  test('nothing follows the end of a session, however many mistakes its last chunk was', () => {
    const reply = { code: 554, enhanced: '5.7.1', lines: ['no'] }
    const talk = greeted(TRANSFER, ({ type }) =>
      type === 'data' ? { ok: false, reply } : { ok: true },
    )
    talk.lines('MAIL FROM:<a@a.com>', 'RCPT TO:<user@b.com>')
    for (let i = 1; i < ERRORS_MAX; i++) talk.lines('WHAT')
    expect(talk.lines('BDAT 0 LAST')).toBe(
      '554 5.7.1 no\r\n421 4.7.0 mail-1.a.com Error: too many errors\r\n',
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
