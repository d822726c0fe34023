/** EXPUNGE. RFC 9051 §6.4.3, RFC 4315 §2.1. */

import type { MailboxCommand } from '../../proto/imap/command.ts'
import { no, ok } from '../../proto/imap/response.ts'
import type { Finished, Place } from './run.ts'
import type { Selected } from './selected.ts'

/** The news after it tell which are gone. */
export async function expunge(
  { set }: Extract<MailboxCommand, { readonly verb: 'EXPUNGE' }>,
  selected: Selected,
  { modes }: Place,
): Promise<Finished> {
  const { mailbox, view, isReadOnly } = selected
  if (isReadOnly) return { completion: no('it was selected for reading alone', 'READ-ONLY') }
  const numbers = set && selected.numbers(set, true)
  await mailbox.expunge(numbers && [...view.uidsIn(numbers)])
  // RFC 7162 §3.2.7.
  const code = modes.qresync ? `HIGHESTMODSEQ ${mailbox.highestModSeq}` : undefined
  return { completion: ok('they are gone', code) }
}
