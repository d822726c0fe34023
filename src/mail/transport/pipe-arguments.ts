/** What the arguments of a `pipe:` route stand for, as in Postfix's pipe(8). */

import type { Mailbox, RecipientParameters } from '../../proto/smtp/envelope.ts'
import { expandMacros, macrosIn, type PipeMacro } from '../../proto/smtp/next-hop.ts'
import { formatMailbox } from '../../proto/smtp/path.ts'
import type { MailStart } from '../delivery.ts'
import { transportFault } from './fault.ts'

export interface PipeMail {
  readonly mail: MailStart
  readonly recipients: readonly Mailbox[]
  readonly recipientParameters: readonly (RecipientParameters | undefined)[]
}

/**
 * An argument that names something of a recipient becomes as many as there are recipients. Throws a
 * Fault where an address would be taken for an option, which nobody may write who only sends mail.
 */
export function pipeArguments(templates: readonly string[], mail: PipeMail): readonly string[] {
  return templates.flatMap((template) => {
    const isOfRecipient = macrosIn(template).some((macro) => OF_RECIPIENT.includes(macro))
    const indices = isOfRecipient ? mail.recipients.keys() : [0]
    return [...indices].map((index) => {
      const text = expandMacros(template, (macro) => standsFor(macro, mail, index))
      if (text.startsWith('-') && !template.startsWith('-')) {
        const message = `${text}: an address that begins with "-" is given to no program`
        throw transportFault('transport/refused', message, isOfRecipient ? '5.1.3' : '5.1.7')
      }
      return text
    })
  })
}

const OF_RECIPIENT: readonly PipeMacro[] = [
  'recipient',
  'original_recipient',
  'mailbox',
  'user',
  'extension',
  'domain',
  'nexthop',
]

/** What Postfix calls a null sender, which many programs would not take. */
const NULL_SENDER = 'MAILER-DAEMON'

function standsFor(macro: PipeMacro, { mail, ...to }: PipeMail, index: number): string {
  const recipient = to.recipients[index] ?? { localPart: '', domain: '' }
  const { localPart, domain } = recipient
  // As address extensions are told apart everywhere here.
  const plus = localPart.indexOf('+', 1)
  switch (macro) {
    case 'sender': {
      const { reversePath } = mail.from
      return reversePath === undefined ? NULL_SENDER : formatMailbox(reversePath)
    }
    case 'recipient':
      return formatMailbox(recipient)
    case 'original_recipient':
      return to.recipientParameters[index]?.originalRecipient?.address ?? formatMailbox(recipient)
    case 'mailbox':
      return localPart
    case 'user':
      return plus < 0 ? localPart : localPart.slice(0, plus)
    case 'extension':
      return plus < 0 ? '' : localPart.slice(plus + 1)
    case 'domain':
    case 'nexthop':
      return domain
    case 'queue_id':
      return mail.queueId
    case 'size':
      return String(mail.sizeBytes ?? 0)
  }
}
