/**
 * Whether a message is one that is looked for. What costs least is asked first: the row, what was
 * once read of the message, the fingerprint of its text, and only then the text.
 */

import { isKept } from '../../proto/message/part-fields.ts'
import { fieldValues, fold, type MessageText, mayContain } from './message-text.ts'
import { emailIdFor, type RowData } from './row-pages.ts'
import type { SearchKey } from './search.ts'
import type { Summary } from './summary.ts'

const DAY_MS = 86_400_000

/** What is known of a message by now. */
export interface Known {
  readonly row: RowData
  readonly flagBit: (flag: string) => number
  readonly summary?: Summary
  readonly fingerprint?: Uint8Array
  readonly text?: MessageText
}

/** Undefined: more must be known. */
export function matches(key: SearchKey, known: Known): boolean | undefined {
  const { row } = known
  switch (key.type) {
    case 'all':
      return true
    case 'and':
      return every(key.keys, known)
    case 'or': {
      const none = every(
        key.keys.map((one) => ({ type: 'not', key: one }) as const),
        known,
      )
      return none === undefined ? undefined : !none
    }
    case 'not': {
      const found = matches(key.key, known)
      return found === undefined ? undefined : !found
    }
    case 'uids':
      return isWithin(key.ranges, row.uid)
    case 'flag':
      return (row.flags & known.flagBit(key.flag)) !== 0
    case 'larger':
      return row.sizeBytes > key.sizeBytes
    case 'smaller':
      return row.sizeBytes < key.sizeBytes
    case 'older':
      return row.dateMs <= key.than
    case 'younger':
      return row.dateMs >= key.than
    case 'modseq':
      return row.modSeq >= key.modSeq
    case 'email-id':
      return emailIdFor(row) === key.emailId
    case 'before':
    case 'on':
    case 'since':
      return matchesDay(key, known)
    case 'header':
    case 'body':
    case 'text':
      return matchesText(key, known)
  }
}

function every(keys: readonly SearchKey[], known: Known): boolean | undefined {
  let isCertain = true
  for (const key of keys) {
    const found = matches(key, known)
    if (found === false) return false
    if (found === undefined) isCertain = false
  }
  return isCertain ? true : undefined
}

function isWithin(ranges: readonly (readonly [number, number])[], uid: number): boolean {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ranges[middle] as readonly [number, number])[1] < uid) low = middle + 1
    else high = middle
  }
  return (ranges[low]?.[0] ?? Number.POSITIVE_INFINITY) <= uid
}

function matchesDay(
  key: SearchKey & { readonly type: 'before' | 'on' | 'since' },
  { row, summary }: Known,
): boolean | undefined {
  let at: number | undefined = row.dateMs
  if (key.of === 'sent-date') {
    if (summary === undefined) return undefined
    at = summary.sent?.day
  }
  if (at === undefined) return false
  if (key.type === 'before') return at < key.day
  return at >= key.day && (key.type === 'since' || at < key.day + DAY_MS)
}

function matchesText(
  key: SearchKey & { readonly type: 'header' | 'body' | 'text' },
  { summary, fingerprint, text }: Known,
): boolean | undefined {
  const wanted = fold(key.text)
  if (key.type === 'header') {
    const held = summary?.holds(fold(key.field), wanted)
    if (held !== undefined) return held
  }
  if (text === undefined) {
    if (fingerprint === undefined) return undefined
    const isRuledOut =
      !mayContain(fingerprint, wanted) ||
      (key.type === 'header' && !mayContain(fingerprint, `${fold(key.field)}: `))
    return isRuledOut ? false : undefined
  }
  if (key.type === 'header') {
    return fieldValues(text.header, fold(key.field)).some((value) => value.includes(wanted))
  }
  return text.body.includes(wanted) || (key.type === 'text' && text.header.includes(wanted))
}

/** What a key may need to know beyond the row. */
export interface Needs {
  readonly summary: boolean
  readonly text: boolean
}

export function needsOf(key: SearchKey): Needs {
  switch (key.type) {
    case 'and':
    case 'or': {
      const all = key.keys.map(needsOf)
      return { summary: all.some(({ summary }) => summary), text: all.some(({ text }) => text) }
    }
    case 'not':
      return needsOf(key.key)
    case 'before':
    case 'on':
    case 'since':
      return { summary: key.of === 'sent-date', text: false }
    case 'header':
      return isKept(fold(key.field), true)
        ? { summary: true, text: false }
        : { summary: false, text: true }
    case 'body':
    case 'text':
      return { summary: false, text: true }
    default:
      return { summary: false, text: false }
  }
}
