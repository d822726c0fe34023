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

/** `message` is borrowed; its lines end in CRLF, and a last line without is given one. */
export function writeBatch(
  hostname: string,
  from: MailFrom,
  recipients: readonly BatchRecipient[],
  message: Uint8Array,
): Uint8Array {
  const head = [
    formatCommand({ verb: 'EHLO', domain: hostname }),
    formatCommand({ verb: 'MAIL', from }),
    ...recipients.map((recipient) => formatCommand({ verb: 'RCPT', ...recipient })),
    formatCommand({ verb: 'DATA' }),
    '',
  ].join('\r\n')
  const stuffer = new DotStuffer()
  const stuffed = stuffer.push(message)
  return concat(fromUtf8(head), stuffed, stuffer.end(), fromLatin1('QUIT\r\n'))
}
