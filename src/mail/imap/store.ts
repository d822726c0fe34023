/** STORE. RFC 9051 §6.4.6, RFC 7162 §3.1.3. */

import type { MailboxCommand } from '../../proto/imap/command.ts'
import { PIECE_BYTES } from '../../proto/imap/limits.ts'
import { type Completion, no, ok, Pieces } from '../../proto/imap/response.ts'
import { formatRanges, type NumberRange, rangesOf } from '../../proto/imap/sequence-set.ts'
import { type Place, type Run, serviceFault } from './run.ts'
import type { Selected } from './selected.ts'

type StoreCommand = Extract<MailboxCommand, { readonly verb: 'STORE' }>

export async function* store(command: StoreCommand, selected: Selected, place: Place): Run {
  const { mailbox, view, isReadOnly } = selected
  const { uid, set, operation, flags, unchangedSince, silent } = command
  const numbers = selected.numbers(set, uid)
  if (numbers === undefined) throw serviceFault('imap/no-such-message', 'STORE')
  if (isReadOnly) return { completion: no('it was selected for reading alone', 'READ-ONLY') }
  const uids = [...view.uidsIn(numbers)]
  const change = { mode: operation, flags, ...(unchangedSince !== undefined && { unchangedSince }) }
  const expected = new Map<number, readonly string[] | undefined>()
  if (silent) for (const one of uids) expected.set(one, selected.expects(one, change))
  const modified = new Set(await mailbox.store(uids, change))
  const { modes } = place
  const pieces = new Pieces()
  let gone = 0
  for (const one of uids) {
    const state = mailbox.state(one)
    const number = view.numberOf(one)
    if (state === undefined || number === undefined) gone++
    if (state === undefined || number === undefined || modified.has(one)) continue
    const flags = expected.get(one)
    if (flags !== undefined) selected.isExpected(state, flags)
    if (!silent) {
      selected.isTold(state)
      pieces.text(selected.formatChange(number, state, modes))
    } else if (modes.condstore) {
      pieces.text(`* ${number} FETCH (UID ${one} MODSEQ (${state.modSeq}))\r\n`)
    }
    if (pieces.length >= PIECE_BYTES) yield pieces.take()
  }
  if (pieces.length > 0) yield pieces.take()
  return { completion: completionOf(command, selected, modified, gone) }
}

function completionOf(
  { uid, unchangedSince }: StoreCommand,
  { view }: Selected,
  modified: ReadonlySet<number>,
  gone: number,
): Completion {
  if (modified.size > 0) {
    const uids = [...modified].sort((a, b) => a - b)
    const named = uid ? uids : uids.map((one) => view.numberOf(one) ?? 0).filter((n) => n > 0)
    const ranges: readonly NumberRange[] = rangesOf(named)
    const text = 'some have been changed meanwhile'
    return ok(text, `MODIFIED ${formatRanges(ranges)}`)
  }
  if (unchangedSince !== undefined && gone > 0) return no('some are gone', 'EXPUNGEISSUED')
  return gone > 0 && !uid ? ok('some are gone', 'EXPUNGEISSUED') : ok('STORE done')
}
