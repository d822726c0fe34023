import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import type { Authentication } from '../../ports/mail-authentication.ts'
import { HeaderReader } from '../../proto/message/header.ts'
import { forgedResultsFilter, formatResults } from './results-field.ts'

const HOST = 'mail-1.a.com'

const RESULTS: Authentication = {
  spf: { result: 'pass', identity: 'mailfrom', domain: 'b.com' },
  dkim: [
    {
      result: 'pass',
      domain: 'b.com',
      selector: 's1',
      algorithm: 'rsa-sha256',
      signature: 'AbC/+123',
    },
    { result: 'policy', reason: 'body length limit', domain: 'c.com' },
  ],
  arc: { result: 'none' },
  dmarc: { result: 'fail', domain: 'b.com', policy: 'reject' },
}

describe('Authentication-Results', () => {
  it('says what was found out, one method after the other', () => {
    expect(formatResults(HOST, RESULTS)).toBe(
      [
        'Authentication-Results: mail-1.a.com; spf=pass smtp.mailfrom=b.com; dkim=pass',
        '\theader.d=b.com header.s=s1 header.a=rsa-sha256 header.b="AbC/+123";',
        '\tdkim=policy reason="body length limit" header.d=c.com; dmarc=fail',
        '\tpolicy.dmarc=reject header.from=b.com',
      ].join('\r\n'),
    )
  })

  it('tells of so many signatures', () => {
    const dkim = Array.from({ length: 1000 }, () => ({ result: 'fail' as const }))
    expect(formatResults(HOST, { ...RESULTS, dkim }).length).toBeLessThan(1000)
  })

  it('property: nothing that a stranger says ends its value, its field or the header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (said) => {
        const dkim = [{ result: 'fail' as const, reason: said, domain: said, selector: said }]
        const spf = { ...RESULTS.spf, domain: said }
        const text = formatResults(HOST, { ...RESULTS, spf, dkim })
        const reader = new HeaderReader()
        reader.push(fromLatin1(`${text}\r\n\r\n`))
        expect(reader.fields).toHaveLength(1)
        const bare = (reader.fields[0]?.value ?? '').replace(/"(?:[^"\\]|\\.)*"/g, 'quoted')
        expect(bare).not.toMatch(/["\\()]/)
        expect(bare.split(';')).toHaveLength(4)
      }),
    )
  })
})

function filtered(...parts: readonly string[]): string {
  const filter = forgedResultsFilter((authority) => authority === HOST)
  const out = parts.map((part) => filter.push(fromLatin1(part)))
  return toLatin1(concat(...out, filter.end()))
}

describe('a message from outside', () => {
  it.each([
    'Authentication-Results: mail-1.a.com; dkim=pass\r\n',
    'authentication-results : MAIL-1.A.COM; dkim=pass\r\n',
    'Authentication-Results:\r\n mail-1.a.com 1;\r\n\tdkim=pass\r\n \r\n more\r\n',
    'Authentication-Results: (a (b) \\) c) "mail-1.\\a.com" (x); dkim=pass\r\n',
    'Authentication-Results: mail-1.a.com.; none\r\n',
    'Authentication-Results: ; nobody knows whose\r\n',
    `Authentication-Results: ${'('.repeat(70_000)}\r\n`,
  ])('loses what claims to be of us: %.70j', (forged) => {
    const rest = [
      'Subject: x\r\n y\r\n',
      'From: a@b.com\r\n\r\nAuthentication-Results: mail-1.a.com\r\n',
    ]
    expect(filtered(rest.join(forged))).toBe(rest.join(''))
    expect(filtered(`${forged}${rest[1]}`)).toBe(rest[1])
  })

  it.each([
    'Authentication-Results: mx.b.com; dkim=pass\r\n\theader.d=mail-1.a.com\r\n',
    'Authentication-Results: mail-1.a.com.b.com; dkim=pass\r\n',
    'X-Authentication-Results: mail-1.a.com; dkim=pass\r\n',
    `Subject: ${'x'.repeat(10_000)}Authentication-Results: mail-1.a.com\r\n`,
  ])('keeps all else: %.70j', (field) => {
    const message = `From: a@b.com\r\n${field}To: c@d.com\r\n\r\nHello\r\n`
    expect(filtered(message)).toBe(message)
    expect(filtered(field.slice(0, -2))).toBe(field.slice(0, -2))
  })

  it('property: cut the bytes anywhere, the same message', () => {
    const part = fc.constantFrom(
      'Authentication-Results:',
      ' mail-1.a.com;',
      '\r\n',
      '\r\n ',
      'Subject: x\r\n',
      ' ',
      'a',
    )
    fc.assert(
      fc.property(fc.array(part), fc.array(fc.nat(100)), (parts, cuts) => {
        const message = parts.join('')
        const at = [0, ...cuts.map((cut) => Math.min(cut, message.length)), message.length]
        at.sort((a, b) => a - b)
        const pieces = at.slice(1).map((end, i) => message.slice(at[i], end))
        expect(filtered(...pieces)).toBe(filtered(message))
      }),
      { numRuns: 1000 },
    )
  })
})
