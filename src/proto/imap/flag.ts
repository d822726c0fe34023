/** Flags and keywords. RFC 9051 §2.3.2. */

import type { Cursor } from './cursor.ts'
import { FLAGS_MAX } from './limits.ts'

export const SYSTEM_FLAGS = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft'] as const

const FLAG = /\\?[!#$&'+-Z[^-z|-~]+/y

/** A system flag in its spelling, a keyword as it is written. */
function parseFlag(cursor: Cursor): string {
  const text = cursor.matchOr(FLAG, 'a flag')
  if (!text.startsWith('\\')) return text
  const flag = SYSTEM_FLAGS.find((known) => known.toLowerCase() === text.toLowerCase())
  if (flag === undefined) throw cursor.expected(`one of ${SYSTEM_FLAGS.join(' ')} before this`)
  return flag
}

export function parseFlagList(cursor: Cursor): readonly string[] {
  return cursor.list(() => parseFlag(cursor), FLAGS_MAX)
}

/** With parentheses or without. */
export function parseStoreFlags(cursor: Cursor): readonly string[] {
  if (cursor.next === '(') return parseFlagList(cursor)
  const flags = [parseFlag(cursor)]
  while (flags.length < FLAGS_MAX && cursor.tries(' ')) flags.push(parseFlag(cursor))
  return flags
}
