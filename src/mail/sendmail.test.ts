import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { addressesOf, parseSendmail, takeRecipients } from './sendmail.ts'

describe('sendmail', () => {
  it('reads its command line as programs write it', () => {
    expect(parseSendmail(['-t', '-oi', '-f', 'a@b.c', '-FAnn Lee', 'x@y', '--', '-z'])).toEqual({
      type: 'submit',
      from: 'a@b.c',
      fullName: 'Ann Lee',
      recipients: ['x@y', '-z'],
      isFromHeader: true,
      endsAtDot: false,
      parameters: {},
      notify: undefined,
    })
    expect(parseSendmail(['-f<>', 'x'])).toMatchObject({ from: '', endsAtDot: true })
    expect(parseSendmail(['-bp'])).toEqual({ type: 'list' })
    expect(parseSendmail(['-q'])).toEqual({ type: 'flush' })
    expect(parseSendmail(['-bs'])).toEqual({ type: 'dialogue' })
    expect(parseSendmail(['-bi'])).toEqual({ type: 'nothing' })
    expect(parseSendmail(['-N', 'success,delay', '-R', 'full', '-VE1', 'x'])).toMatchObject({
      parameters: { ret: 'FULL', envelopeId: 'E1' },
      notify: ['success', 'delay'],
      recipients: ['x'],
    })
    expect(parseSendmail(['-N', 'never,delay', 'x'])).toEqual({
      type: 'wrong',
      message: '-N never,delay: never, or some of success,failure,delay would be right',
    })
    expect(parseSendmail(['-Rall', 'x'])).toMatchObject({ type: 'wrong' })
    expect(parseSendmail(['-odb', '-oem', '-bm', 'x'])).toMatchObject({ recipients: ['x'] })
    expect(parseSendmail(['-Z'])).toEqual({ type: 'wrong', message: 'unknown option -Z' })
  })

  it('takes the recipients from the header, and Bcc out of it', () => {
    const message = 'To: Ann <ann@a.com>,\n bob@b.com\nBcc: c@c.com\nSubject: x\n\nTo: no@one\n'
    const taken = takeRecipients(fromUtf8(message))
    expect(taken.recipients).toEqual(['ann@a.com', 'bob@b.com', 'c@c.com'])
    expect(toUtf8(taken.message)).toBe(
      'To: Ann <ann@a.com>,\n bob@b.com\nSubject: x\n\nTo: no@one\n',
    )
  })

  it.each([
    ['"Lee, Ann" <ann@a.com>, b@b.com (Bob, the)', ['ann@a.com', 'b@b.com']],
    ['team: a@a.com, b@b.com;', ['a@a.com', 'b@b.com']],
    ['', []],
  ])('of the list %s', (list, addresses) => {
    expect(addressesOf(list)).toEqual(addresses)
  })

  it('property: no bytes throw, and what has no Bcc stays as it is', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const { message } = takeRecipients(bytes)
        if (!/bcc/i.test(toUtf8(bytes)) && !bytes.includes(13)) expect(message).toEqual(bytes)
      }),
    )
  })
})
