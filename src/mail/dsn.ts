/** The report to a sender whose mail could not be delivered: multipart/report. RFC 3464 §2. */

import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { formatMailDate } from '../base/calendar.ts'
import type { Fault } from '../base/fault.ts'
import type { WallMs } from '../base/time.ts'
import { formatField } from '../proto/message/header.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'

export interface FailureReport {
  /** The host that reports. */
  readonly hostname: string
  /** Of the report itself: makes its Message-ID and its boundary. */
  readonly queueId: string
  readonly date: WallMs
  /** The reverse-path of the mail that failed. */
  readonly to: Mailbox
  readonly failed: { readonly queueId: string; readonly acceptedAt: WallMs }
  readonly recipients: readonly { readonly mailbox: Mailbox; readonly fault: Fault }[]
  /** The beginning of the mail that failed, with its whole header where that is possible. */
  readonly head: Uint8Array
}

/** The whole message. Its reverse-path must be null. RFC 5321 §4.5.5. */
export function formatFailureReport(report: FailureReport): Uint8Array {
  const { hostname, queueId } = report
  const boundary = `=_${queueId}`
  return fromUtf8(
    [
      formatField('From', ['Mail Delivery System', `<MAILER-DAEMON@${hostname}>`]),
      formatField('To', [`<${formatMailbox(report.to)}>`]),
      formatField('Subject', ['Undelivered Mail Returned to Sender']),
      formatField('Date', [formatMailDate(report.date)]),
      formatField('Message-ID', [`<${queueId}@${hostname}>`]),
      formatField('Auto-Submitted', ['auto-replied']),
      formatField('MIME-Version', ['1.0']),
      formatField('Content-Type', [
        'multipart/report;',
        'report-type=delivery-status;',
        `boundary="${boundary}"`,
      ]),
      '\r\n',
      `--${boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n`,
      explanation(report),
      `\r\n--${boundary}\r\nContent-Type: message/delivery-status\r\n\r\n`,
      status(report),
      `\r\n--${boundary}\r\nContent-Type: text/rfc822-headers; charset=utf-8\r\n`,
      'Content-Transfer-Encoding: 8bit\r\n\r\n',
      headerOf(report.head),
      `\r\n--${boundary}--\r\n`,
    ].join(''),
  )
}

function explanation(report: FailureReport): string {
  const lines = report.recipients.map(
    ({ mailbox, fault }) => `<${formatMailbox(mailbox)}>: ${oneLine(fault.message)}\r\n`,
  )
  return [
    `This is the mail system at ${report.hostname}.\r\n\r\n`,
    'Your message could not be delivered to these recipients:\r\n\r\n',
    ...lines,
  ].join('')
}

/** RFC 3464 §2.2 and §2.3. */
function status(report: FailureReport): string {
  const { hostname, failed } = report
  const groups = report.recipients.map(({ mailbox, fault }) =>
    [
      '\r\n',
      formatField('Final-Recipient', ['rfc822;', formatMailbox(mailbox)]),
      formatField('Action', ['failed']),
      formatField('Status', [statusCode(fault)]),
      formatField('Diagnostic-Code', diagnosis(fault)),
    ].join(''),
  )
  return [
    formatField('Reporting-MTA', ['dns;', hostname]),
    formatField('X-Lightlag-Queue-ID', [failed.queueId]),
    formatField('Arrival-Date', [formatMailDate(failed.acceptedAt)]),
    ...groups,
  ].join('')
}

/** What a far server answered, where it is one that refused. */
function farReply(fault: Fault): string | undefined {
  if (fault.code !== 'bridge/far-side-refused') return undefined
  return / said: (5\d\d .*)/.exec(oneLine(fault.message))?.[1]
}

function diagnosis(fault: Fault): readonly string[] {
  const reply = farReply(fault)
  return reply === undefined
    ? ['x-lightlag;', ...oneLine(fault.message).split(' ')]
    : ['smtp;', ...reply.split(' ')]
}

/** RFC 3463. */
function statusCode(fault: Fault): string {
  switch (fault.code) {
    case 'bridge/far-side-refused':
      return /^\d+ (5\.\d{1,3}\.\d{1,3}) /.exec(farReply(fault) ?? '')?.[1] ?? '5.0.0'
    case 'mail/unknown-user':
      return '5.1.1'
    case 'mail/no-route':
      return '5.4.4'
    case 'mail/gave-up':
    case 'bridge/lifetime-ended':
      return '5.4.7'
    default:
      return '5.0.0'
  }
}

function headerOf(head: Uint8Array): string {
  const text = toUtf8(head)
  const end = text.search(/\r?\n\r?\n/)
  return `${end < 0 ? text : text.slice(0, end)}\r\n`
}

function oneLine(text: string): string {
  return text.replace(/[^ -~]+/g, ' ')
}
