/** What is done to mailboxes as a whole. RFC 9051 §6.3, RFC 6154 §3, RFC 9208 §4. */

import type { AccountCommand } from '../../proto/imap/command.ts'
import { objectionToName } from '../../proto/imap/mailbox-name.ts'
import { formatName, formatString, fromOctets, no, ok } from '../../proto/imap/response.ts'
import type { QuotaStatus, SpecialUse } from '../mailbox/mailbox.ts'
import { type Place, type Run, serviceFault } from './run.ts'

type FolderCommand = Extract<
  AccountCommand,
  {
    readonly verb:
      | 'NAMESPACE'
      | 'CREATE'
      | 'DELETE'
      | 'RENAME'
      | 'SUBSCRIBE'
      | 'UNSUBSCRIBE'
      | 'GETQUOTA'
      | 'GETQUOTAROOT'
  }
>

const USES: readonly SpecialUse[] = [
  '\\All',
  '\\Archive',
  '\\Drafts',
  '\\Flagged',
  '\\Junk',
  '\\Sent',
  '\\Trash',
]

export async function* carryOut(command: FolderCommand, place: Place): Run {
  const { mailboxes, modes } = place
  switch (command.verb) {
    case 'NAMESPACE':
      yield fromOctets('* NAMESPACE (("" "/")) NIL NIL\r\n')
      break
    case 'CREATE': {
      const objection = objectionToName(command.mailbox)
      if (objection !== undefined) return { completion: no(objection, 'CANNOT') }
      const uses = command.uses.map((use) =>
        USES.find((known) => known.toLowerCase() === use.toLowerCase()),
      )
      if (uses.includes(undefined)) {
        return { completion: no(`one of ${USES.join(' ')} would be right`, 'USEATTR') }
      }
      const id = await mailboxes.create(command.mailbox, uses as SpecialUse[])
      return { completion: ok('it is there', `MAILBOXID (${id})`) }
    }
    case 'DELETE':
      await mailboxes.delete(command.mailbox)
      break
    case 'RENAME': {
      const objection = objectionToName(command.to)
      if (objection !== undefined) return { completion: no(objection, 'CANNOT') }
      await mailboxes.rename(command.mailbox, command.to)
      break
    }
    case 'SUBSCRIBE':
    case 'UNSUBSCRIBE':
      await mailboxes.subscribe(command.mailbox, command.verb === 'SUBSCRIBE')
      break
    case 'GETQUOTA':
      if (command.root !== '') throw serviceFault('imap/no-such-quota-root', command.root)
      yield fromOctets(formatQuota(await mailboxes.quota()))
      break
    case 'GETQUOTAROOT': {
      // One for all, and it is there for mailboxes that are not there yet. RFC 9208 §4.2.2.
      const quota = await mailboxes.quota()
      const name = formatName(command.mailbox, modes.utf8)
      yield fromOctets(`* QUOTAROOT ${name} ${formatString('')}\r\n${formatQuota(quota)}`)
    }
  }
  return { completion: ok(`${command.verb} done`) }
}

/** In units of 1024 octets. RFC 9208 §5.1. */
function formatQuota({ usedBytes, usedMessages, bytesMax, messagesMax }: QuotaStatus): string {
  const resources: string[] = []
  if (bytesMax !== undefined) {
    resources.push(`STORAGE ${Math.ceil(usedBytes / 1024)} ${Math.floor(bytesMax / 1024)}`)
  }
  if (messagesMax !== undefined) resources.push(`MESSAGE ${usedMessages} ${messagesMax}`)
  return `* QUOTA "" (${resources.join(' ')})\r\n`
}
