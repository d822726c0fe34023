/** STATUS. RFC 9051 §6.3.11. */

import type { Modes } from '../../proto/imap/capability.ts'
import type { AccountCommand } from '../../proto/imap/command.ts'
import { formatName, fromOctets, ok } from '../../proto/imap/response.ts'
import type { StatusItem } from '../../proto/imap/status.ts'
import type { MailboxStatus } from '../mailbox/mailbox.ts'
import type { Place, Run } from './run.ts'

export async function* status(
  { mailbox, items }: Extract<AccountCommand, { readonly verb: 'STATUS' }>,
  place: Place,
): Run {
  const found = await place.mailboxes.status(mailbox)
  yield fromOctets(formatStatus(mailbox, items, found, place))
  return { completion: ok('STATUS done') }
}

export function formatStatus(
  name: string,
  items: readonly StatusItem[],
  found: MailboxStatus,
  { modes, messageBytesMax }: { readonly modes: Modes; readonly messageBytesMax: number },
): string {
  const told = (item: StatusItem): string | number => {
    switch (item) {
      case 'MESSAGES':
        return found.messages
      case 'RECENT':
        return found.recent
      case 'UIDNEXT':
        return found.uidNext
      case 'UIDVALIDITY':
        return found.uidValidity
      case 'UNSEEN':
        return found.unseen
      case 'DELETED':
        return found.deleted
      case 'SIZE':
        return found.sizeBytes
      case 'HIGHESTMODSEQ':
        return found.highestModSeq
      case 'APPENDLIMIT':
        return messageBytesMax
      case 'MAILBOXID':
        return `(${found.mailboxId})`
    }
  }
  const values = items.map((item) => `${item} ${told(item)}`).join(' ')
  return `* STATUS ${formatName(name, modes.utf8)} (${values})\r\n`
}
