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

/**
 * `message` is borrowed; its lines end in CRLF, and a last line without is given one. What is binary
 * stays as it is, and goes by BDAT. RFC 3030 §3.
 */
export function writeBatch(
  hostname: string,
  from: MailFrom,
  recipients: readonly BatchRecipient[],
  message: Uint8Array,
): Uint8Array {
  const isBinary = from.parameters.body === 'BINARYMIME'
  const head = [
    formatCommand({ verb: 'EHLO', domain: hostname }),
    formatCommand({ verb: 'MAIL', from }),
    ...recipients.map((recipient) => formatCommand({ verb: 'RCPT', ...recipient })),
    formatCommand(
      isBinary ? { verb: 'BDAT', sizeBytes: message.length, isLast: true } : { verb: 'DATA' },
    ),
    '',
  ].join('\r\n')
  const body = isBinary ? [message] : stuffed(message)
  return concat(fromUtf8(head), ...body, fromLatin1('QUIT\r\n'))
}

function stuffed(message: Uint8Array): readonly Uint8Array[] {
  const stuffer = new DotStuffer()
  return [stuffer.push(message), stuffer.end()]
}
