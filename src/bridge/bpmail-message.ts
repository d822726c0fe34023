/**
 * A mail as bpmail carries it: the message alone, with LF for its line ends, its envelope being what
 * its header says. What the header does not say stands above it in fields that a `sendmail -t` at the
 * far end understands: the sender in Return-Path, and where the recipients are others than the header
 * names, they in Resent-Bcc, which nobody gets to see.
 */

import { concat, fromLatin1, fromUtf8, toLatin1, toUtf8 } from '../base/bytes.ts'
import { formatMailDate } from '../base/calendar.ts'
import type { WallMs } from '../base/time.ts'
import { parseAddressList } from '../proto/message/address-list.ts'
import { formatField, type HeaderField, HeaderReader } from '../proto/message/header.ts'
import { bareLfToCrlf } from '../proto/message/line-endings.ts'
import { withoutField } from '../proto/message/without-field.ts'
import type { Mailbox, ReversePath } from '../proto/smtp/envelope.ts'
import { formatMailbox, formatPath, parseMailbox, parseReversePath } from '../proto/smtp/path.ts'
import type { BatchMail } from './batch-reader.ts'
import { BATCH_RECIPIENTS_MAX } from './limits.ts'

const RECIPIENT_FIELDS = ['to', 'cc', 'bcc']
const RESENT_FIELDS = ['resent-to', 'resent-cc', 'resent-bcc']

/** `message` has CRLF for its line ends, which become LF. */
export function writeBpmail(
  message: Uint8Array,
  {
    from,
    recipients,
    date,
  }: {
    readonly from: ReversePath
    readonly recipients: readonly Mailbox[]
    readonly date: WallMs
  },
): Uint8Array {
  const { fields } = headerOf(message)
  const named = new Set(recipientsOf(fields).map(nameOf))
  const meant = new Set(recipients.map(nameOf))
  const isSaid = named.size === meant.size && [...meant].every((name) => named.has(name))
  const above = [formatField('Return-Path', [formatPath(from)])]
  // To whom it was resent before would get it again: a reader takes all such fields together.
  const stale = isSaid ? [] : RESENT_FIELDS
  if (!isSaid) {
    const list = recipients.map(
      (one, i) => formatMailbox(one) + (i + 1 < recipients.length ? ',' : ''),
    )
    above.push(
      formatField('Resent-From', [from === undefined ? 'MAILER-DAEMON' : formatMailbox(from)]),
      formatField('Resent-Date', [formatMailDate(date)]),
      formatField('Resent-Bcc', list),
    )
  }
  const rest = ['return-path', ...stale].reduce(withoutField, message)
  return crlfToLf(concat(fromUtf8(above.join('')), rest))
}

/**
 * The mail that a message of bpmail is, for the recipients of its header of whom `isOurs` says so: the
 * others are not for this host to see to. Undefined where there is none of them, or no header.
 */
export function readBpmail(
  message: Uint8Array,
  isOurs: (recipient: Mailbox) => boolean,
): BatchMail | undefined {
  const { fields, state } = headerOf(message)
  if (state !== 'complete') return undefined
  const recipients = uniqueOf(recipientsOf(fields)).filter(isOurs)
  if (recipients.length === 0 || recipients.length > BATCH_RECIPIENTS_MAX) return undefined
  const body = ['return-path', 'resent-bcc', 'bcc'].reduce(withoutField, message)
  return {
    helo: '',
    from: { reversePath: senderOf(fields), parameters: { body: '8BITMIME' } },
    recipients: recipients.map((recipient) => ({ recipient })),
    body: [bareLfToCrlf(body, undefined)],
  }
}

/** Whether it is a batch of SMTP instead, which a peer may send as well. RFC 2442. */
export function isBatch(message: Uint8Array): boolean {
  return /^(ehlo|helo|mail from:)/i.test(toLatin1(message.subarray(0, 16)))
}

function headerOf(message: Uint8Array): HeaderReader {
  const header = new HeaderReader()
  header.push(message)
  header.end()
  return header
}

/** Of one that was sent on those to whom, as `sendmail -t` has it. */
function recipientsOf(fields: readonly HeaderField[]): readonly Mailbox[] {
  const resent = fields.filter(({ name }) => RESENT_FIELDS.includes(name))
  const said =
    resent.length > 0 ? resent : fields.filter(({ name }) => RECIPIENT_FIELDS.includes(name))
  return said.flatMap(({ value }) => mailboxesIn(value))
}

function senderOf(fields: readonly HeaderField[]): ReversePath {
  const value = (name: string): string | undefined =>
    fields.find((field) => field.name === name)?.value
  const path = value('return-path')
  if (path !== undefined) {
    const read = parseReversePath(path)
    if (read !== undefined) return read.path
  }
  for (const name of ['resent-sender', 'resent-from', 'sender', 'from']) {
    const [first] = mailboxesIn(value(name) ?? '')
    if (first !== undefined) return first
  }
  return undefined
}

function mailboxesIn(value: string): readonly Mailbox[] {
  return parseAddressList(toUtf8(fromLatin1(value))).flatMap(({ mailbox, host }) => {
    if (mailbox === undefined || !host) return []
    return parseMailbox(formatMailbox({ localPart: mailbox, domain: host })) ?? []
  })
}

function uniqueOf(recipients: readonly Mailbox[]): readonly Mailbox[] {
  return [...new Map(recipients.map((one) => [nameOf(one), one])).values()]
}

function nameOf(mailbox: Mailbox): string {
  return formatMailbox(mailbox).toLowerCase()
}

function crlfToLf(message: Uint8Array): Uint8Array {
  const result = new Uint8Array(message.length)
  let to = 0
  for (let at = 0; at < message.length; at++) {
    if (message[at] === 0x0d && message[at + 1] === 0x0a) continue
    result[to++] = message[at] ?? 0
  }
  return result.subarray(0, to)
}
