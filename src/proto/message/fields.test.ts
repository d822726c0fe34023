import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromLatin1, fromUtf8, toBase64, toLatin1 } from '../../base/bytes.ts'
import { parseTimestamp } from '../../base/calendar.ts'
import { parseAddressList } from './address-list.ts'
import { decodeWords, encodeWords } from './encoded-word.ts'
import { formatField } from './header.ts'
import { parseMailDate } from './mail-date.ts'
import { parseMessageIds } from './message-id.ts'
import { parseParametrized } from './parameters.ts'
import { baseSubject } from './subject.ts'
import { decodeBase64Leniently, decodeTransfer } from './transfer-encoding.ts'

const anyText = fc.uint8Array({ maxLength: 200 }).map(toLatin1)
const special = fc
  .array(
    fc.constantFrom(
      '<',
      '>',
      '(',
      ')',
      '"',
      '\\',
      '@',
      ',',
      ';',
      ':',
      'a',
      ' ',
      '=?',
      '?=',
      '?Q?',
      '[',
      ']',
      '=',
      '.',
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''))

describe('addresses (RFC 5322 §3.4)', () => {
  it.each([
    ['a@b.c', [{ mailbox: 'a', host: 'b.c' }]],
    [
      '"Doe, Jo" <jo@c.org>, x@y',
      [
        { name: 'Doe, Jo', mailbox: 'jo', host: 'c.org' },
        { mailbox: 'x', host: 'y' },
      ],
    ],
    ['Jo M. Doe<jo@c.org>', [{ name: 'Jo M. Doe', mailbox: 'jo', host: 'c.org' }]],
    ['jo@c.org (Jo (the) Doe)', [{ name: 'Jo (the) Doe', mailbox: 'jo', host: 'c.org' }]],
    ['"a b"@c.d', [{ mailbox: 'a b', host: 'c.d' }]],
    ['<"a>b"@c.d>', [{ mailbox: 'a>b', host: 'c.d' }]],
    ['<@r1,@r2:a@b>', [{ route: '@r1,@r2', mailbox: 'a', host: 'b' }]],
    [
      'Friends: a@b, c@d;, e@f',
      [
        { mailbox: 'Friends' },
        { mailbox: 'a', host: 'b' },
        { mailbox: 'c', host: 'd' },
        {},
        { mailbox: 'e', host: 'f' },
      ],
    ],
    ['undisclosed-recipients:;', [{ mailbox: 'undisclosed-recipients' }, {}]],
    ['user@[IPv6:::1]', [{ mailbox: 'user', host: '[IPv6:::1]' }]],
    ['root', [{ mailbox: 'root', host: '' }]],
    [' , ,', []],
  ])('reads %s', (text, expected) => {
    expect(parseAddressList(text)).toEqual(expected)
  })

  it('property: no text makes it throw', () => {
    fc.assert(fc.property(fc.oneof(anyText, special), (text) => void parseAddressList(text)))
  })

  it('takes no time that grows faster than the text', () => {
    for (const part of ['(', '[', '"\\', '<"', 'a:', '((', '\\', ',[']) {
      parseAddressList(part.repeat(65_536))
    }
  })
})

describe('encoded words (RFC 2047)', () => {
  it.each([
    ['=?iso-8859-1?Q?Ren=E9_M?= x', 'René M x'],
    ['=?utf-8?B?R3LDvMOf?=  =?UTF-8?B?ZQ==?=', 'Grüße'],
    ['=?utf-8*de?B?w7w=?=', 'ü'],
    ['=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=', 'ü'],
    ['a =?nonsense?Q?b?= c', 'a =?nonsense?Q?b?= c'],
    ['=?utf-8?X?b?=', '=?utf-8?X?b?='],
    [toLatin1(fromUtf8('raw ü')), 'raw ü'],
    ['raw \xfc', 'raw ü'],
    ['=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=', '日本'],
  ])('reads %s', (raw, expected) => {
    expect(decodeWords(raw)).toBe(expected)
  })

  it('property: no text makes it throw', () => {
    fc.assert(fc.property(fc.oneof(anyText, special), (text) => void decodeWords(text)))
  })

  it('property: text in encoded words comes back', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        expect(decodeWords(`=?utf-8?B?${toBase64(fromUtf8(text))}?=`)).toBe(text)
      }),
    )
  })

  it('what is encoded is decoded again, in lines of 76 characters (RFC 2047 §2)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
        const words = encodeWords(text)
        expect(decodeWords(words.join(' '))).toBe(text)
        if (words.length < 2) return
        for (const line of formatField('Subject', words).split('\r\n')) {
          expect(line.length).toBeLessThanOrEqual(76)
        }
      }),
    )
  })
})

describe('transfer encodings (RFC 2045 §6)', () => {
  it('reads quoted-printable with soft breaks and with mistakes', () => {
    const text = 'Gr=C3=bc=\r\n=DF =  \r\nx=ZZ=\ny='
    expect(toLatin1(decodeTransfer(fromLatin1(text), 'quoted-printable'))).toBe(
      'Gr\xc3\xbc\xdf x=ZZy',
    )
  })

  it('property: base64 comes back, also in lines', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = toBase64(bytes).replace(/.{1,7}/g, '$&\r\n')
        expect([...decodeBase64Leniently(fromLatin1(text))]).toEqual([...bytes])
      }),
    )
  })

  it('property: no bytes make it throw', () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.constantFrom('base64', 'quoted-printable', '8bit'),
        (bytes, encoding) => {
          expect(decodeTransfer(bytes, encoding).length).toBeLessThanOrEqual(bytes.length)
        },
      ),
    )
  })
})

describe('parameters (RFC 2045 §5.1)', () => {
  it('reads quoted values, comments and what is missing', () => {
    expect(
      parseParametrized('Text/HTML (really); Charset="utf\\"8" ; x = y; junk; =; n="a;b'),
    ).toEqual({
      value: 'text/html',
      parameters: [
        ['charset', 'utf"8'],
        ['x', 'y'],
        ['n', 'a;b'],
      ],
    })
  })

  it('property: no text makes it throw', () => {
    fc.assert(fc.property(fc.oneof(anyText, special), (text) => void parseParametrized(text)))
  })
})

describe('base subjects (RFC 5256 §2.1)', () => {
  it.each([
    ['Re: moon', 'moon', true],
    ['RE[2]: [list] Fwd: moon (fwd)', 'moon', true],
    ['[list] [b] moon', 'moon', false],
    ['[fwd: Re: moon]', 'moon', true],
    ['[moon]', '[moon]', false],
    ['Re:', '', true],
    ['reply: moon', 'reply: moon', false],
  ])('of %s is %s', (subject, text, isReplyOrForward) => {
    expect(baseSubject(subject)).toEqual({ text, isReplyOrForward })
  })
})

describe('dates (RFC 5322 §3.3)', () => {
  it.each([
    ['Mon, 23 Nov 2026 08:00:00 +0100', '2026-11-23T07:00:00'],
    ['23 Nov 26 23:30 EST (winter)', '2026-11-24T04:30:00'],
    ['Fri, 1 Jan 1999 00:00:00 GMT', '1999-01-01T00:00:00'],
  ])('reads %s', (text, expected) => {
    const found = parseMailDate(text)
    expect(found?.at).toBe(parseTimestamp(`${expected}Z`))
    expect(found?.day).toBe(Math.floor((found?.day ?? 0) / 86_400_000) * 86_400_000)
  })

  it('knows no date in other texts', () => {
    for (const text of ['', 'yesterday', '32 Nov 2026 08:00', '1 Foo 2026 08:00:00']) {
      expect(parseMailDate(text)).toBeUndefined()
    }
  })
})

describe('message identifiers (RFC 5322 §3.6.4)', () => {
  it('reads those that are one', () => {
    expect(parseMessageIds('<a@b> junk <c@ d><<e@f> <g')).toEqual(['a@b', 'c@d', 'e@f'])
    expect(parseMessageIds('<x>'.repeat(5000))).toHaveLength(1000)
  })
})
