import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatMailbox,
  formatPath,
  parseForwardPath,
  parseMailbox,
  parseReversePath,
} from './path.ts'

describe('mailbox (RFC 5321 §4.1.2)', () => {
  test('the domain becomes lower case, the local part stays as it is', () => {
    expect(parseMailbox('User.Name@Mail-2.A.com')).toEqual({
      localPart: 'User.Name',
      domain: 'mail-2.a.com',
    })
  })

  test('all quoted forms of a local part mean the same', () => {
    for (const text of ['"user"@a.com', '"us\\er"@a.com', 'user@A.COM']) {
      expect(parseMailbox(text)).toEqual({ localPart: 'user', domain: 'a.com' })
    }
  })

  test('a local part is quoted only where it must be', () => {
    expect(formatMailbox({ localPart: 'a.b', domain: 'a.com' })).toBe('a.b@a.com')
    expect(formatMailbox({ localPart: 'a b', domain: 'a.com' })).toBe('"a b"@a.com')
    expect(formatMailbox({ localPart: 'a"\\', domain: 'a.com' })).toBe('"a\\"\\\\"@a.com')
    expect(formatMailbox({ localPart: '', domain: 'a.com' })).toBe('""@a.com')
  })

  test.each([
    'user',
    'user@',
    '@a.com',
    'a..b@a.com',
    '.a@a.com',
    'a.@a.com',
    'a b@a.com',
    'a@b@a.com',
    'a@under_score.com',
    'a@-a.com',
    'a@a-.com',
    'a@a..com',
    'a@a.com.',
    '\u0085@a.com',
    'a@\u00a0.com',
    '"a@a.com',
    '"a"b@a.com',
    '"\n"@a.com',
    'a@[1.2.3]',
    'a@[1.2.3.256]',
    'a@[IPv6:1:2]',
    'a@[IPv6:1::2::3]',
    'a@[IPv6:1::2.3.4.999]',
    'a@[1.2.3.4',
  ])('%j is none', (text) => {
    expect(parseMailbox(text)).toBeUndefined()
  })

  test.each([
    'a@[127.0.0.1]',
    'a@[ipv6:::1]',
    'a@[ipv6:2001:db8::1]',
    'a@[ipv6:1:2:3:4:5:6:7:8]',
    'a@[ipv6:::ffff:1.2.3.4]',
  ])('%s has an address literal (RFC 5321 §4.1.3)', (text) => {
    expect(formatMailbox(parseMailbox(text) ?? { localPart: '', domain: '' })).toBe(text)
  })
})

describe('path', () => {
  test('what follows it is left over', () => {
    expect(parseReversePath('<a@a.com> SIZE=3')).toEqual({
      path: { localPart: 'a', domain: 'a.com' },
      rest: ' SIZE=3',
    })
    expect(parseReversePath('<>')).toEqual({ path: undefined, rest: '' })
  })

  test('a source route is ignored (RFC 5321 Appendix C)', () => {
    expect(parseForwardPath('<@hosta.int,@jkl.org:userc@d.bar.org>')?.path).toEqual({
      localPart: 'userc',
      domain: 'd.bar.org',
    })
  })

  test('a bracket within quotes does not end it', () => {
    expect(parseForwardPath('<"a>b"@a.com>x')).toEqual({
      path: { localPart: 'a>b', domain: 'a.com' },
      rest: 'x',
    })
  })

  test('it has at most 256 octets (RFC 5321 §4.5.3.1.3)', () => {
    const local = 'a'.repeat(248)
    expect(parseForwardPath(`<${local}@a.com>`)?.path.localPart).toBe(local)
    expect(parseForwardPath(`<${local}a@a.com>`)).toBeUndefined()
  })

  test('only a reverse-path may be null, only a forward-path may lack its domain', () => {
    expect(parseForwardPath('<>')).toBeUndefined()
    expect(parseReversePath('<Postmaster>')).toBeUndefined()
  })
})

const localPart = fc.string({ unit: 'grapheme-ascii', maxLength: 40 })
const label = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,8}[a-z0-9])?$/)
const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
const mailbox = fc.record({ localPart, domain })

test('property: parsing gives back what was formatted', () => {
  fc.assert(
    fc.property(mailbox, (given) => {
      expect(parseMailbox(formatMailbox(given))).toEqual(given)
      expect(parseReversePath(`${formatPath(given)} x`)).toEqual({ path: given, rest: ' x' })
    }),
  )
})

test('property: no text makes it throw', () => {
  const almost = fc.string({ unit: fc.constantFrom(...'<>@.,:"\\[]a1-IPv6 é\0'), maxLength: 40 })
  fc.assert(
    fc.property(almost, (text) => {
      parseMailbox(text)
      parseForwardPath(text)
      parseReversePath(text)
    }),
  )
})
