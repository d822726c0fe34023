import { formatRanges, joinRanges, type NumberRange } from '../../proto/imap/sequence-set.ts'
import type { Selected } from './selected.ts'

/**
 * What of `asked`, UIDs, has been expunged since; empty where nothing was. It tells of none that the
 * client still has a number for. RFC 7162 §3.2.6, §3.2.10.
 */
export function vanishedSince(
  { mailbox, view }: Selected,
  modseq: number,
  asked: readonly NumberRange[],
): string {
  const gone = intersect(mailbox.vanishedSince(modseq), asked).flatMap((range) =>
    without(range, view.ofUids([range]), view),
  )
  const ranges = formatRanges(joinRanges(gone))
  return ranges === '' ? '' : `* VANISHED (EARLIER) ${ranges}\r\n`
}

/** Both ascending. */
export function intersect(
  a: readonly NumberRange[],
  b: readonly NumberRange[],
): readonly NumberRange[] {
  const both: NumberRange[] = []
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length) {
    const [left, right] = [a[i] as NumberRange, b[j] as NumberRange]
    const range: NumberRange = [Math.max(left[0], right[0]), Math.min(left[1], right[1])]
    if (range[0] <= range[1]) both.push(range)
    if (left[1] < right[1]) i++
    else j++
  }
  return both
}

/** The UIDs of a range but those of messages with these numbers. */
function without(
  [from, to]: NumberRange,
  numbers: readonly NumberRange[],
  view: Selected['view'],
): readonly NumberRange[] {
  const left: NumberRange[] = []
  let next = from
  for (const uid of view.uidsIn(numbers)) {
    if (uid > next) left.push([next, uid - 1])
    next = uid + 1
  }
  if (next <= to) left.push([next, to])
  return left
}
