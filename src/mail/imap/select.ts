/** SELECT and EXAMINE. RFC 9051 §6.3.2, RFC 7162 §3.2.5. */

import type { AccountCommand, ResyncParameters } from '../../proto/imap/command.ts'
import { PIECE_BYTES } from '../../proto/imap/limits.ts'
import { formatName, fromOctets, ok, Pieces } from '../../proto/imap/response.ts'
import { hasNumber, toRanges } from '../../proto/imap/sequence-set.ts'
import type { Place, Run } from './run.ts'
import { Selected } from './selected.ts'
import { vanishedSince } from './vanished.ts'

type SelectCommand = Extract<AccountCommand, { readonly verb: 'SELECT' | 'EXAMINE' }>

/** `opened` hears of it once it is open. */
export async function* select(
  command: SelectCommand,
  { mailboxes, modes }: Place,
  wasSelected: boolean,
  opened: (now: Selected) => void,
): Run {
  // Also where the new one cannot be: from here on no response is of the old one. RFC 9051 §7.1.
  if (wasSelected) yield fromOctets('* OK [CLOSED] the one before is no longer selected\r\n')
  const mailbox = await mailboxes.open(command.mailbox)
  const isReadOnly = command.verb === 'EXAMINE'
  const now = new Selected(mailbox, isReadOnly)
  opened(now)
  const lines = [
    now.formatFlagsResponse(),
    `* ${now.view.count} EXISTS\r\n`,
    `* OK [UIDVALIDITY ${mailbox.uidValidity}] as long as this stays\r\n`,
    `* OK [UIDNEXT ${mailbox.uidNext}] is the next UID\r\n`,
    `* OK [HIGHESTMODSEQ ${mailbox.highestModSeq}] mod-sequences are kept\r\n`,
    `* OK [MAILBOXID (${mailbox.mailboxId})] whatever its name\r\n`,
  ]
  if (modes.condstore) now.modseqTold()
  // Both are of revision 1 alone. RFC 9051 appendix E.
  if (modes.rev2) lines.push(`* LIST () "/" ${formatName(mailbox.name, true)}\r\n`)
  else {
    lines.push(`* ${now.recentCount} RECENT\r\n`)
    const unseen = mailbox.firstUnseen && now.view.numberOf(mailbox.firstUnseen)
    if (unseen !== undefined) lines.push(`* OK [UNSEEN ${unseen}] is the first unseen\r\n`)
  }
  yield fromOctets(lines.join(''))
  if (command.qresync !== undefined) yield* resync(command.qresync, now, { ...modes })
  const completion = ok('it is selected', isReadOnly ? 'READ-ONLY' : 'READ-WRITE')
  return { completion, selected: true }
}

/** What has changed since the client was here last. RFC 7162 §3.2.5.1. */
function* resync(
  known: ResyncParameters,
  selected: Selected,
  modes: Place['modes'],
): Generator<Uint8Array> {
  const { mailbox, view } = selected
  if (known.uidValidity !== mailbox.uidValidity) return
  const greatest = mailbox.uidNext - 1
  const asked = known.knownUids && toRanges(known.knownUids, greatest)
  const pieces = new Pieces()
  pieces.text(vanishedSince(selected, known.modseq, asked ?? [[1, greatest]]))
  for (const uid of mailbox.changedSince(known.modseq)) {
    const number = asked === undefined || hasNumber(asked, uid) ? view.numberOf(uid) : undefined
    const state = number === undefined ? undefined : mailbox.state(uid)
    if (state !== undefined) pieces.text(selected.formatChange(number as number, state, modes))
    if (pieces.length >= PIECE_BYTES) yield pieces.take()
  }
  if (pieces.length > 0) yield pieces.take()
}
