import { describe, expect, it } from 'vitest'
import { concat, fromUtf8, toUtf8 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { wallMs } from '../base/time.ts'
import { HeaderReader } from '../proto/message/header.ts'
import { formatReport, type Report, type ReportAction } from './dsn.ts'

function textOf(report: Report): string {
  return toUtf8(concat(...formatReport(report)))
}

const REPORT: Report = {
  hostname: 'mail-1.a.com',
  queueId: 'NEW',
  date: wallMs(1_795_420_860_000),
  to: { localPart: 'user', domain: 'mail-1.a.com' },
  about: { queueId: 'OLD', acceptedAt: wallMs(1_795_420_800_000), envelopeId: 'QQ 314159' },
  recipients: [
    {
      mailbox: { localPart: 'nobody', domain: 'mail-2.a.com' },
      parameters: { originalRecipient: { type: 'rfc822', address: 'first@a.com' } },
      action: 'failed',
      fault: new Fault('mail/unknown-user', 'no such\r\nuser', { temporary: false }),
    },
    {
      mailbox: { localPart: 'late', domain: 'mail-2.a.com' },
      parameters: {},
      action: 'failed',
      fault: new Fault('mail/gave-up', 'too late', { temporary: false }),
    },
  ],
  returned: { type: 'header', head: fromUtf8('Subject: hello ä\r\nX: y\r\n\r\nthe body\r\n') },
}

describe('formatReport', () => {
  const text = textOf(REPORT)

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
      '\r\n\r\nOriginal-Recipient: rfc822; first@a.com\r\nFinal-Recipient: rfc822; nobody@mail-2.a.com\r\nAction: failed\r\nStatus: 5.1.1\r\n',
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
      const report = textOf({
        ...REPORT,
        recipients: [{ mailbox, parameters: {}, action: 'failed', fault }],
      })
      return /Status:.*?(?=\r\n\r\n)/s.exec(report)?.[0].replaceAll('\r\n\t', ' ') ?? ''
    }
    expect(about('550 5.1.1 <nobody@mail-2.a.com>: User unknown')).toBe(
      'Status: 5.1.1\r\nRemote-MTA: x-bundle; ipn:3.2525\r\nDiagnostic-Code: smtp; 550 5.1.1 <nobody@mail-2.a.com>: User unknown',
    )
    expect(about('550 no')).toBe(
      'Status: 5.0.0\r\nRemote-MTA: x-bundle; ipn:3.2525\r\nDiagnostic-Code: smtp; 550 no',
    )
    expect(about('550 4.1.1 no')).toContain('Status: 5.0.0\r\n')
  })

  it('names the envelope as its sender did (RFC 3461 §6.3)', () => {
    expect(text).toContain('Original-Envelope-Id: QQ 314159\r\n')
    const { about, ...others } = REPORT
    const unnamed = textOf({ ...others, about: { ...about, envelopeId: undefined } })
    expect(unnamed).not.toContain('Original-Envelope-Id')
  })

  it('tells of success and of delay in their own words (RFC 3464 §2.3.3)', () => {
    const mailbox = { localPart: 'ann', domain: 'mail-2.a.com' }
    const fault = new Fault('network/timed-out', 'no answer', { temporary: true })
    const about = (action: ReportAction): string =>
      textOf({
        ...REPORT,
        recipients: [
          action === 'delayed'
            ? { mailbox, parameters: {}, action, fault, retryUntil: REPORT.date }
            : { mailbox, parameters: {}, action },
        ],
      })
    for (const action of ['delivered', 'relayed', 'expanded'] as const) {
      expect(about(action)).toContain(`Action: ${action}\r\nStatus: 2.0.0\r\n`)
      expect(about(action)).toContain('Subject: Successful Mail Delivery Report\r\n')
    }
    expect(about('delayed')).toContain('Subject: Delayed Mail (still being retried)\r\n')
    expect(about('delayed')).toContain('Action: delayed\r\nStatus: 4.4.1\r\n')
    expect(about('delayed')).toMatch(/Will-Retry-Until: Mon, 23 Nov 2026 /)
  })

  it('returns the whole mail where it is asked to (RFC 3461 §4.3)', () => {
    const chunks = [fromUtf8('Subject: hello\r\n\r\nthe '), fromUtf8('body\r\n')]
    const whole = textOf({ ...REPORT, returned: { type: 'message', chunks } })
    expect(whole).toContain('Content-Type: message/rfc822\r\n')
    expect(whole).toContain('Subject: hello\r\n\r\nthe body\r\n\r\n--=_NEW--\r\n')
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
