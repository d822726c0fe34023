/**
 * What is reported to the sender of a mail: multipart/report with a message/delivery-status.
 * RFC 3461 §6, RFC 3464 §2.
 */

import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { formatMailDate } from '../base/calendar.ts'
import type { Fault } from '../base/fault.ts'
import type { WallMs } from '../base/time.ts'
import { formatField } from '../proto/message/header.ts'
import type { Mailbox, RecipientParameters } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'

/** RFC 3464 §2.3.3. */
export type ReportAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'

export interface ReportedRecipient {
  readonly mailbox: Mailbox
  readonly parameters: RecipientParameters
  readonly action: ReportAction
  /** Why, where it failed or is delayed. */
  readonly fault?: Fault
  /** Of one that is delayed. RFC 3464 §2.3.9. */
  readonly retryUntil?: WallMs
}

export interface Report {
  /** The host that reports. */
  readonly hostname: string
  /** Of the report itself: makes its Message-ID and its boundary. */
  readonly queueId: string
  readonly date: WallMs
  /** The reverse-path of the mail that is reported about. */
  readonly to: Mailbox
  readonly about: {
    readonly queueId: string
    readonly acceptedAt: WallMs
    /** ENVID. RFC 3464 §2.2.1. */
    readonly envelopeId: string | undefined
  }
  readonly recipients: readonly ReportedRecipient[]
  /** The whole mail, or its beginning, of which the header is returned. RFC 3461 §4.3. */
  readonly returned:
    | { readonly type: 'message'; readonly chunks: Iterable<Uint8Array> }
    | { readonly type: 'header'; readonly head: Uint8Array }
    /** It is no longer to be had. */
    | { readonly type: 'nothing' }
}

/** The whole message, in pieces. Its reverse-path must be null. RFC 5321 §4.5.5. */
export function* formatReport(report: Report): Iterable<Uint8Array> {
  const { returned } = report
  const boundary = `=_${report.queueId}`
  yield fromUtf8(
    [
      heading(report, boundary),
      `--${boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n`,
      'Content-Transfer-Encoding: 8bit\r\n\r\n',
      explanation(report),
      `\r\n--${boundary}\r\nContent-Type: message/delivery-status\r\n\r\n`,
      status(report),
    ].join(''),
  )
  if (returned.type === 'message') {
    yield fromUtf8(`\r\n--${boundary}\r\n`)
    yield fromUtf8('Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n')
    yield* returned.chunks
  } else if (returned.type === 'header') {
    yield fromUtf8(`\r\n--${boundary}\r\n`)
    const type = 'Content-Type: text/rfc822-headers; charset=utf-8\r\n'
    yield fromUtf8(`${type}Content-Transfer-Encoding: 8bit\r\n\r\n${headerOf(returned.head)}`)
  }
  yield fromUtf8(`\r\n--${boundary}--\r\n`)
}

function heading({ hostname, queueId, to, date, recipients }: Report, boundary: string): string {
  return [
    formatField('From', ['Mail Delivery System', `<MAILER-DAEMON@${hostname}>`]),
    formatField('To', [`<${formatMailbox(to)}>`]),
    formatField('Subject', [subjectOf(recipients)]),
    formatField('Date', [formatMailDate(date)]),
    formatField('Message-ID', [`<${queueId}@${hostname}>`]),
    formatField('Auto-Submitted', ['auto-replied']),
    formatField('MIME-Version', ['1.0']),
    formatField('Content-Type', [
      'multipart/report;',
      'report-type=delivery-status;',
      `boundary="${boundary}"`,
    ]),
    '\r\n',
  ].join('')
}

/** Postfix's words, for the filters that look for them. */
function subjectOf(recipients: readonly ReportedRecipient[]): string {
  const has = (action: ReportAction): boolean =>
    recipients.some((recipient) => recipient.action === action)
  if (has('failed')) return 'Undelivered Mail Returned to Sender'
  return has('delayed') ? 'Delayed Mail (still being retried)' : 'Successful Mail Delivery Report'
}

const SAID: Readonly<Record<ReportAction, string>> = {
  failed: 'Your message could not be delivered to these recipients:',
  delayed: 'Your message has not been delivered yet to these recipients. It will be tried again:',
  delivered: 'Your message was delivered to these recipients:',
  relayed: 'Your message was passed on to hosts that send no reports, for these recipients:',
  expanded: 'Your message was delivered to these, and passed on to several others:',
}

function explanation({ hostname, recipients }: Report): string {
  const parts = (Object.keys(SAID) as ReportAction[]).flatMap((action) => {
    const lines = recipients
      .filter((recipient) => recipient.action === action)
      .map(({ mailbox, fault }) => {
        const reason = fault === undefined ? '' : `: ${oneLine(fault.message)}`
        return `<${formatMailbox(mailbox)}>${reason}\r\n`
      })
    return lines.length === 0 ? [] : [`\r\n${SAID[action]}\r\n\r\n`, ...lines]
  })
  return [`This is the mail system at ${hostname}.\r\n`, ...parts].join('')
}

/** Without the xtext of the commands. RFC 3461 §6.3. */
function status({ hostname, about, recipients }: Report): string {
  const { envelopeId } = about
  return [
    envelopeId === undefined ? '' : formatField('Original-Envelope-Id', [envelopeId]),
    formatField('Reporting-MTA', ['dns;', hostname]),
    formatField('X-Lightlag-Queue-ID', [about.queueId]),
    formatField('Arrival-Date', [formatMailDate(about.acceptedAt)]),
    ...recipients.map(statusOf),
  ].join('')
}

function statusOf({ mailbox, parameters, action, fault, retryUntil }: ReportedRecipient): string {
  const { originalRecipient } = parameters
  return [
    '\r\n',
    originalRecipient === undefined
      ? ''
      : formatField('Original-Recipient', [
          `${originalRecipient.type};`,
          originalRecipient.address,
        ]),
    formatField('Final-Recipient', ['rfc822;', formatMailbox(mailbox)]),
    formatField('Action', [action]),
    formatField('Status', [fault === undefined ? '2.0.0' : statusCode(fault, action)]),
    fault === undefined ? '' : remoteOf(fault) + formatField('Diagnostic-Code', diagnosis(fault)),
    retryUntil === undefined ? '' : formatField('Will-Retry-Until', [formatMailDate(retryUntil)]),
  ].join('')
}

/** What a far server answered, where it is one that refused. */
function farReply(fault: Fault): string | undefined {
  return / said: ([45]\d\d[ -].*)/.exec(oneLine(fault.message))?.[1]
}

/** Who answered: a host by its name, a far gateway by its endpoint. RFC 3461 §6.3 (h). */
function remoteOf(fault: Fault): string {
  const name = /([^\s[]+)(?:\[[^\]]*\])?(?::\d+)? said: [45]\d\d/.exec(oneLine(fault.message))?.[1]
  if (name === undefined) return ''
  return formatField('Remote-MTA', [name.includes(':') ? 'x-bundle;' : 'dns;', name])
}

function diagnosis(fault: Fault): readonly string[] {
  const reply = farReply(fault)
  return reply === undefined
    ? ['x-lightlag;', ...oneLine(fault.message).split(' ')]
    : ['smtp;', ...reply.split(' ')]
}

/** RFC 3463. */
export function statusCode(fault: Fault, action: ReportAction): string {
  const kind = action === 'delayed' ? '4' : '5'
  const said = /^\d+[ -]([45]\.\d{1,3}\.\d{1,3}) /.exec(farReply(fault) ?? '')?.[1]
  if (said?.startsWith(kind)) return said
  const { status } = fault.detail
  if (typeof status === 'string' && status.startsWith(kind)) return status
  return `${kind}.${STATUS_DETAILS[fault.code] ?? '0.0'}`
}

const STATUS_DETAILS: Readonly<Record<string, string>> = {
  'mail/unknown-user': '1.1',
  'mail/no-route': '4.4',
  'mail/gave-up': '4.7',
  'mail/too-late': '4.7',
  'mail/alias-loop': '4.6',
  'bridge/lifetime-ended': '4.7',
  'bridge/no-tls': '7.30',
  'bridge/too-large': '3.4',
  'bridge/over-budget': '4.5',
  'bridge/held-full': '3.1',
  'bridge/not-held': '1.1',
  'network/refused': '4.1',
  'network/unreachable': '4.1',
  'network/timed-out': '4.1',
  'network/reset': '4.2',
  'smtp/connection-lost': '4.2',
}

function headerOf(head: Uint8Array): string {
  const text = toUtf8(head)
  const end = text.search(/\r?\n\r?\n/)
  const header = end < 0 ? text : text.slice(0, end)
  // Of a mail that is BINARYMIME it may hold a CR or LF alone, and the report is none.
  return `${header.replace(/\r\n?|\n/g, '\r\n')}\r\n`
}

function oneLine(text: string): string {
  return text.replace(/[^ -~]+/g, ' ')
}
