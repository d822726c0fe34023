import { describe, expect, test } from 'vitest'
import {
  connected,
  greeted,
  inData,
  SUBMISSION,
  TRANSFER,
} from '../../../test/support/smtp-talk.ts'
import { fromLatin1 } from '../../base/bytes.ts'
import type { Verdict } from './question.ts'

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
    expect(talk.lines('HELP')).not.toMatch(/AUTH|EXPN|LHLO|STARTTLS/)
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
