/** COPY and MOVE. RFC 9051 §6.4.7, §6.4.8; RFC 4315 §3. */

import type { MailboxCommand } from '../../proto/imap/command.ts'
import { fromOctets, no, ok } from '../../proto/imap/response.ts'
import { formatRanges, rangesOf } from '../../proto/imap/sequence-set.ts'
import type { CopiedUids } from '../mailbox/mailbox.ts'
import { type Place, type Run, serviceFault } from './run.ts'
import type { Selected } from './selected.ts'

export async function* copyOrMove(
  { verb, uid, set, mailbox: target }: Extract<MailboxCommand, { readonly verb: 'COPY' | 'MOVE' }>,
  selected: Selected,
  { modes }: Place,
): Run {
  const { mailbox, view, isReadOnly } = selected
  const numbers = selected.numbers(set, uid)
  if (numbers === undefined) throw serviceFault('imap/no-such-message', 'COPY')
  if (verb === 'MOVE' && isReadOnly) {
    return { completion: no('it was selected for reading alone', 'READ-ONLY') }
  }
  const uids = [...view.uidsIn(numbers)]
  if (uids.length === 0) return { completion: ok('there was nothing to do') }
  const copied = await (verb === 'COPY'
    ? mailbox.copy(uids, target)
    : mailbox.move(uids, target)
  ).catch((error) => {
    throw error?.code === 'mailbox/not-found' ? serviceFault('imap/try-create', target) : error
  })
  if (copied.sources.length === 0) return { completion: ok('there was nothing left to do') }
  const code = formatCopied(copied)
  if (verb === 'COPY') return { completion: ok('they are copied', code) }
  // Before the messages are said to be gone. RFC 9051 §6.4.8.
  yield fromOctets(`* OK [${code}] they are moved\r\n`)
  const highest = modes.qresync ? `HIGHESTMODSEQ ${mailbox.highestModSeq}` : undefined
  return { completion: ok('they are moved', highest) }
}

function formatCopied({ uidValidity, sources, targets }: CopiedUids): string {
  return `COPYUID ${uidValidity} ${formatRanges(rangesOf(sources))} ${formatRanges(rangesOf(targets))}`
}
