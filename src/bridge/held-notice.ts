/** What crosses in place of an attachment, and the mail that brings it later. */

import { concat, fromLatin1, fromUtf8, toLatin1 } from '../base/bytes.ts'
import { formatMailDate } from '../base/calendar.ts'
import { formatSize } from '../base/quantity.ts'
import type { WallMs } from '../base/time.ts'
import { nameOf } from '../proto/message/attachments.ts'
import type { MessagePart } from '../proto/message/envelope.ts'
import { formatField } from '../proto/message/header.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'

/** To whom one writes for an attachment: `lightlag-held+TOKEN`. */
export const HELD_LOCAL_PART = 'lightlag-held'

/** Of an address at which this host is asked for attachments; undefined for any other. */
export function tokenOf({ localPart }: Mailbox): string | undefined {
  return new RegExp(`^${HELD_LOCAL_PART}\\+([0-9a-f]{1,64})$`).exec(localPart.toLowerCase())?.[1]
}

/** As the mail had them, unfolded; one character per octet. */
export interface HeldFields {
  readonly from?: string
  readonly subject?: string
  readonly messageId?: string
}

export interface Notice {
  readonly token: string
  /** Where it is held. */
  readonly host: string
  /** Where it is asked for. */
  readonly domain: string
  readonly date: WallMs
  readonly expiresAt: WallMs
}

/**
 * A whole part: a message of its own, from the address at which the attachment is asked for, so that
 * every mail program can reply to it. One character per octet, ASCII throughout.
 */
export function formatNotice(part: MessagePart, notice: Notice): string {
  const { token, host, domain, date, expiresAt } = notice
  const address = `${HELD_LOCAL_PART}+${token}@${domain}`
  const name = plain(nameOf(part) ?? 'an attachment without a name')
  const size = formatSize(part.end - part.headerStart)
  return [
    'Content-Type: message/rfc822\r\n\r\n',
    formatField('From', ['Held', 'attachment', `<${address}>`]),
    formatField('Date', [formatMailDate(date)]),
    formatField('Subject', ['Held', 'back:', ...name.split(' '), `(${size})`]),
    'MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n',
    `"${name}" (${plain(`${part.type}/${part.subtype}`)}, ${size}) is held at ${host},\r\n`,
    'because the link is expensive. Reply to this notice, or write to\r\n',
    `${address},\r\n`,
    `by ${formatMailDate(expiresAt)}, and it will be sent to you, once.\r\n`,
  ].join('')
}

/**
 * A whole message, in place of one that was nothing but an attachment: its own header over a multipart
 * with the notice. `header` is that of the message, as `part` has it, one character per octet.
 */
export function formatWhole(header: string, part: MessagePart, notice: Notice): string {
  const boundary = `held-${notice.token}`
  const fields = header
    .split(/\r\n(?![ \t])/)
    .filter((field) => field !== '' && !/^(?:content-[!-9;-~]*|mime-version)[ \t]*:/i.test(field))
  return [
    ...fields.map((field) => `${field}\r\n`),
    'MIME-Version: 1.0\r\n',
    `Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n`,
    `--${boundary}\r\n${formatNotice(part, notice)}\r\n--${boundary}--\r\n`,
  ].join('')
}

/** What says what was done to a mail. */
export const HELD_FIELD = 'X-Lightlag-Held-Back'

/** Whether a message brings an attachment that was asked for, by its header, or a field of that. */
export function isSentOnDemand(header: string): boolean {
  return /(?:^|\n)x-lightlag-held-back[ \t]*:[ \t]*sent on demand /i.test(header)
}

/** The field that stands above a mail of which something was held back. */
export function formatHeldBack(host: string, parts: readonly MessagePart[]): string {
  const octets = parts.reduce((sum, { headerStart, end }) => sum + end - headerStart, 0)
  return formatField(HELD_FIELD, [
    ...`${parts.length} of its parts, ${octets} octets, at ${host};`.split(' '),
    ...'signatures of the body made before no longer hold'.split(' '),
  ])
}

export interface HandedOut {
  /** Of the mail that brings it. */
  readonly queueId: string
  readonly host: string
  readonly date: WallMs
  readonly to: Mailbox
  readonly fields: HeldFields
  /** Of the part, as `contentFields` has it. */
  readonly content: string
}

const FIELD_LENGTH_MAX = 2000

/** The header of the mail that brings an attachment, with the empty line behind it. RFC 3834 §3.1.7. */
export function formatHandedOut(mail: HandedOut): Uint8Array {
  const { queueId, host, date, to, fields, content } = mail
  const { from = `<${HELD_LOCAL_PART}@${host}>`, subject = '', messageId } = fields
  const thread = messageId === undefined ? [] : words(messageId)
  const rest = [
    formatField('Subject', words(subject)),
    formatField('Date', [formatMailDate(date)]),
    formatField('Message-ID', [`<${queueId}@${host}>`]),
    ...(thread.length === 0 ? [] : [formatField('In-Reply-To', thread)]),
    ...(thread.length === 0 ? [] : [formatField('References', thread)]),
    formatField('Auto-Submitted', ['auto-replied']),
    formatField(HELD_FIELD, ['sent', 'on', 'demand', 'by', host]),
    formatField('MIME-Version', ['1.0']),
    content,
    '\r\n',
  ]
  return concat(
    fromLatin1(formatField('From', words(from))),
    fromUtf8(formatField('To', [`<${formatMailbox(to)}>`])),
    fromLatin1(rest.join('')),
  )
}

function words(text: string): readonly string[] {
  return text.slice(0, FIELD_LENGTH_MAX).split(' ')
}

/** What the header of a part says of its content; its other fields mean nothing. RFC 2045 §3. */
export function contentFields(header: Uint8Array): string {
  const fields = toLatin1(header).split(/\r\n(?![ \t])/)
  return fields
    .filter((field) => /^content-[!-9;-~]*[ \t]*:/i.test(field))
    .map((field) => `${field}\r\n`)
    .join('')
}

/** Without what could end a line, or stand for anything but itself. */
function plain(text: string): string {
  return text.replace(/[^ -~]|["\\]/g, '?').slice(0, 100)
}
