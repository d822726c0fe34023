/** What STATUS can tell. RFC 9051 §6.3.11, RFC 8438, RFC 7162 §3.1.7, RFC 7889, RFC 8474 §4.3. */

import type { Cursor } from './cursor.ts'

export type StatusItem = (typeof STATUS_ITEMS)[number]

const STATUS_ITEMS = [
  'MESSAGES',
  'RECENT',
  'UIDNEXT',
  'UIDVALIDITY',
  'UNSEEN',
  'DELETED',
  'SIZE',
  'HIGHESTMODSEQ',
  'APPENDLIMIT',
  'MAILBOXID',
] as const

export function parseStatusItems(cursor: Cursor): readonly StatusItem[] {
  const items = cursor.list(() => {
    const word = cursor.word('an item of STATUS')
    const known = STATUS_ITEMS.find((item) => item === word)
    if (known === undefined) throw cursor.expected(`one of ${STATUS_ITEMS.join(', ')} before this`)
    return known
  }, STATUS_ITEMS.length)
  if (items.length === 0) throw cursor.expected('an item of STATUS')
  return items
}
