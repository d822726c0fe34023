/**
 * Batch SMTP: the client's half of a dialogue as one object, with nobody to answer it. RFC 2442.
 *
 * It is read by `SmtpServer` in the role `batch`.
 */

import { concat, fromLatin1, fromUtf8 } from '../../base/bytes.ts'
import { DotStuffer } from '../message/dot-stuffing.ts'
import { formatCommand } from './command.ts'
import type { Mailbox, MailFrom, RecipientParameters } from './envelope.ts'

export interface BatchRecipient {
  readonly recipient: Mailbox
  readonly parameters?: RecipientParameters
}

export interface BatchedMail {
  readonly from: MailFrom
  readonly recipients: readonly BatchRecipient[]
  /** Borrowed; its lines end in CRLF, and a last line without is given one. */
  readonly message: Uint8Array
}

/** One mail as an object. */
export function writeBatch(
  hostname: string,
  from: MailFrom,
  recipients: readonly BatchRecipient[],
  message: Uint8Array,
): Uint8Array {
  return concat(...writeBatches(hostname, [{ from, recipients, message }]))
}

/**
 * Several mails as one object, which is these parts, one for each: EHLO is in the first, QUIT in the
 * last. What is binary stays as it is, and goes by BDAT. RFC 3030 §3.
 */
export function writeBatches(
  hostname: string,
  mails: readonly BatchedMail[],
): readonly Uint8Array[] {
  const ehlo = fromUtf8(`${formatCommand({ verb: 'EHLO', domain: hostname })}\r\n`)
  const parts = mails.map(writeMail)
  return parts.map((part, i) =>
    concat(
      ...(i === 0 ? [ehlo] : []),
      ...part,
      ...(i === parts.length - 1 ? [fromLatin1('QUIT\r\n')] : []),
    ),
  )
}

function writeMail({ from, recipients, message }: BatchedMail): readonly Uint8Array[] {
  const isBinary = from.parameters.body === 'BINARYMIME'
  const data = formatCommand(
    isBinary ? { verb: 'BDAT', sizeBytes: message.length, isLast: true } : { verb: 'DATA' },
  )
  const head = `${envelopeText(from, recipients)}${data}\r\n`
  return [fromUtf8(head), ...(isBinary ? [message] : stuffed(message))]
}

/** What the envelope of a mail takes up in an object. */
export function envelopeBytes(from: MailFrom, recipients: readonly BatchRecipient[]): number {
  return fromUtf8(envelopeText(from, recipients)).length
}

function envelopeText(from: MailFrom, recipients: readonly BatchRecipient[]): string {
  const lines = [
    formatCommand({ verb: 'MAIL', from }),
    ...recipients.map((recipient) => formatCommand({ verb: 'RCPT', ...recipient })),
  ]
  return lines.map((line) => `${line}\r\n`).join('')
}

function stuffed(message: Uint8Array): readonly Uint8Array[] {
  const stuffer = new DotStuffer()
  return [stuffer.push(message), stuffer.end()]
}
