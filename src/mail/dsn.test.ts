import { describe, expect, it } from 'vitest'
import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { wallMs } from '../base/time.ts'
import { HeaderReader } from '../proto/message/header.ts'
import { formatFailureReport } from './dsn.ts'

const REPORT = {
  hostname: 'mail-1.a.com',
  queueId: 'NEW',
  date: wallMs(1_795_420_860_000),
  to: { localPart: 'user', domain: 'mail-1.a.com' },
  failed: { queueId: 'OLD', acceptedAt: wallMs(1_795_420_800_000) },
  recipients: [
    {
      mailbox: { localPart: 'nobody', domain: 'mail-2.a.com' },
      fault: new Fault('mail/unknown-user', 'no such\r\nuser', { temporary: false }),
    },
    {
      mailbox: { localPart: 'late', domain: 'mail-2.a.com' },
      fault: new Fault('mail/gave-up', 'too late', { temporary: false }),
    },
  ],
  head: fromUtf8('Subject: hello ä\r\nX: y\r\n\r\nthe body\r\n'),
}

describe('formatFailureReport', () => {
  const text = toUtf8(formatFailureReport(REPORT))

  it('is a multipart/report of three parts (RFC 3464 §2)', () => {
    const reader = new HeaderReader()
    reader.push(fromUtf8(text))
    const type = reader.fields.find(({ name }) => name === 'content-type')?.value
    expect(type).toBe('multipart/report; report-type=delivery-status; boundary="=_NEW"')
    const parts = text.split('--=_NEW')
    expect(parts).toHaveLength(5)
    expect(parts.at(-1)).toBe('--\r\n')
    expect(parts.slice(1, 4).map((part) => /Content-Type: ([^;\r]*)/.exec(part)?.[1])).toEqual([
      'text/plain',
      'message/delivery-status',
      'text/rfc822-headers',
    ])
  })

  it('says of each recipient what happened (RFC 3464 §2.3)', () => {
    expect(text).toContain('Reporting-MTA: dns; mail-1.a.com\r\n')
    expect(text).toContain(
      '\r\n\r\nFinal-Recipient: rfc822; nobody@mail-2.a.com\r\nAction: failed\r\nStatus: 5.1.1\r\n',
    )
    expect(text).toContain(
      'Final-Recipient: rfc822; late@mail-2.a.com\r\nAction: failed\r\nStatus: 5.4.7\r\n',
    )
    expect(text).toContain('<nobody@mail-2.a.com>: no such user\r\n')
  })

  it('passes on what the far server said: its status and its words (RFC 3464 §2.3)', () => {
    const about = (said: string): string => {
      const mailbox = { localPart: 'nobody', domain: 'mail-2.a.com' }
      const text = `ipn:3.2525 said: ${said}`
      const fault = new Fault('bridge/far-side-refused', text, { temporary: false })
      const report = toUtf8(formatFailureReport({ ...REPORT, recipients: [{ mailbox, fault }] }))
      return /Status:.*?(?=\r\n\r\n)/s.exec(report)?.[0].replaceAll('\r\n\t', ' ') ?? ''
    }
    expect(about('550 5.1.1 <nobody@mail-2.a.com>: User unknown')).toBe(
      'Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 <nobody@mail-2.a.com>: User unknown',
    )
    expect(about('550 no')).toBe('Status: 5.0.0\r\nDiagnostic-Code: smtp; 550 no')
    expect(about('550 4.1.1 no')).toContain('Status: 5.0.0\r\n')
  })

  it('returns the header of the mail and not its body', () => {
    expect(text).toContain('Subject: hello ä\r\nX: y\r\n')
    expect(text).not.toContain('the body')
  })

  it('has lines that end in CRLF and are not too long', () => {
    for (const line of text.split('\r\n')) {
      expect(line).not.toMatch(/[\r\n]/)
      expect(line.length).toBeLessThanOrEqual(998)
    }
  })
})
