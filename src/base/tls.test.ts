import { expect, test } from 'vitest'
import { type CertificateNames, certifiesHost } from './tls.ts'

function names(dns: readonly string[], ip: readonly string[] = []): CertificateNames {
  return { dns, ip, nodeIds: [] }
}

test('a certificate speaks for the DNS names that it bears, whatever their case', () => {
  const mail = names(['mail-1.a.com', 'Mail.B.com'])
  for (const host of ['mail-1.a.com', 'MAIL-1.a.com', 'mail.b.com', 'mail-1.a.com.']) {
    expect(certifiesHost(mail, host)).toBe(true)
  }
  for (const host of ['a.com', 'x.mail-1.a.com', 'mail-1.a.co', '', '.']) {
    expect(certifiesHost(mail, host)).toBe(false)
  }
})

test('a wildcard stands for one whole first label', () => {
  const any = names(['*.a.com'])
  expect(certifiesHost(any, 'mail-1.a.com')).toBe(true)
  for (const host of ['a.com', '.a.com', 'x.mail-1.a.com', 'mail-1.b.com', 'aa.com']) {
    expect(certifiesHost(any, host)).toBe(false)
  }
})

test('a wildcard for a whole top-level domain, within a label or further on means nothing', () => {
  for (const pattern of ['*', '*.com', 'mail-*.a.com', 'mail.*.com']) {
    expect(certifiesHost(names([pattern]), 'mail-1.a.com')).toBe(false)
  }
  expect(certifiesHost(names(['*.com']), 'a.com')).toBe(false)
})

test('an IP address is one only among the addresses, in whichever form', () => {
  const both = names(['172.21.0.3', '*.21.0.3'], ['172.22.0.3', '2001:db8:0:0:0:0:0:1'])
  expect(certifiesHost(both, '172.22.0.3')).toBe(true)
  expect(certifiesHost(both, '2001:db8::1')).toBe(true)
  for (const host of ['172.21.0.3', '2001:db8::2', '::ac16:3']) {
    expect(certifiesHost(both, host)).toBe(false)
  }
})
