/** What SEARCH, SORT and THREAD ask for. RFC 9051 §6.4.4, RFC 5256, RFC 5032, RFC 7162 §3.1.5, RFC 8474 §6. */

import type { WallMs } from '../../base/time.ts'
import { type Cursor, utf8Of } from './cursor.ts'
import { parseDate } from './date.ts'
import { imapFault } from './fault.ts'
import { SEARCH_KEYS_MAX } from './limits.ts'
import { parseSetOrSaved, type SavedSet, type SequenceSet } from './sequence-set.ts'

export type SearchKey =
  | { readonly type: 'all' | 'recent' }
  | { readonly type: 'and'; readonly keys: readonly SearchKey[] }
  | { readonly type: 'or'; readonly left: SearchKey; readonly right: SearchKey }
  | { readonly type: 'not'; readonly key: SearchKey }
  | { readonly type: 'flag'; readonly flag: string }
  /** `date` is midnight of a day in no zone. */
  | {
      readonly type: 'date'
      readonly of: 'arrival' | 'sent'
      readonly is: 'before' | 'on' | 'since'
      readonly date: WallMs
    }
  /** An empty value: any that has the field. */
  | { readonly type: 'header'; readonly field: string; readonly value: string }
  | { readonly type: 'body' | 'text'; readonly value: string }
  | { readonly type: 'larger' | 'smaller'; readonly bytes: number }
  | { readonly type: 'older' | 'younger'; readonly seconds: number }
  | { readonly type: 'numbers' | 'uids'; readonly set: SequenceSet | SavedSet }
  | { readonly type: 'modseq'; readonly atLeast: number }
  | { readonly type: 'emailid' | 'threadid'; readonly id: string }

export type SearchResultOption = (typeof RESULT_OPTIONS)[number]

export interface SearchProgram {
  /** Undefined: none were given, and the answer is of the old form. RFC 4731 §3.1. */
  readonly results: readonly SearchResultOption[] | undefined
  readonly key: SearchKey
}

export interface SortCriterion {
  readonly by: (typeof SORT_KEYS)[number]
  readonly reverse: boolean
}

export type ThreadAlgorithm = 'ORDEREDSUBJECT' | 'REFERENCES'

const RESULT_OPTIONS = ['MIN', 'MAX', 'ALL', 'COUNT', 'SAVE'] as const
const SORT_KEYS = ['ARRIVAL', 'CC', 'DATE', 'FROM', 'SIZE', 'SUBJECT', 'TO'] as const

const FLAG_KEYS: Readonly<Record<string, string>> = {
  ANSWERED: '\\Answered',
  DELETED: '\\Deleted',
  DRAFT: '\\Draft',
  FLAGGED: '\\Flagged',
  SEEN: '\\Seen',
}
const FIELD_KEYS = ['BCC', 'CC', 'FROM', 'SUBJECT', 'TO']
const DATE_KEY = /^(SENT)?(BEFORE|ON|SINCE)$/
/** What a search key may be written in; the answer to any other. RFC 9051 §7.1, BADCHARSET. */
const CHARSETS: readonly string[] = ['UTF-8', 'US-ASCII']

export function parseSearch(cursor: Cursor): SearchProgram {
  let results: SearchResultOption[] | undefined
  if (cursor.tries(' RETURN ')) {
    results = cursor.list(() => {
      const word = cursor.word('MIN, MAX, ALL, COUNT or SAVE')
      const known = RESULT_OPTIONS.find((option) => option === word)
      if (known === undefined) throw cursor.expected('MIN, MAX, ALL, COUNT or SAVE before this')
      return known
    }, RESULT_OPTIONS.length)
    if (results.length === 0) results.push('ALL')
  }
  if (cursor.tries(' CHARSET ')) requireCharset(cursor)
  return { results, key: parseKeys(cursor) }
}

export function parseSort(cursor: Cursor): {
  readonly criteria: readonly SortCriterion[]
  readonly key: SearchKey
} {
  cursor.space()
  const criteria = cursor.list(() => {
    const reverse = cursor.tries('REVERSE ')
    const word = cursor.word('a key to sort by')
    const by = SORT_KEYS.find((known) => known === word)
    if (by === undefined) throw cursor.expected(`one of ${SORT_KEYS.join(', ')} before this`)
    return { by, reverse }
  }, 2 * SORT_KEYS.length)
  if (criteria.length === 0) throw cursor.expected('a key to sort by')
  cursor.space()
  requireCharset(cursor)
  return { criteria, key: parseKeys(cursor) }
}

export function parseThread(cursor: Cursor): {
  readonly algorithm: ThreadAlgorithm
  readonly key: SearchKey
} {
  cursor.space()
  const algorithm = cursor.word('ORDEREDSUBJECT or REFERENCES')
  if (algorithm !== 'ORDEREDSUBJECT' && algorithm !== 'REFERENCES') {
    throw cursor.expected('ORDEREDSUBJECT or REFERENCES before this')
  }
  cursor.space()
  requireCharset(cursor)
  return { algorithm, key: parseKeys(cursor) }
}

function requireCharset(cursor: Cursor): void {
  const charset = cursor.astring()
  if (!CHARSETS.includes(charset.toUpperCase())) {
    throw imapFault('imap/bad-charset', `no search in ${charset}`)
  }
}

/** All of them together, each after a space. */
function parseKeys(cursor: Cursor): SearchKey {
  const budget = { left: SEARCH_KEYS_MAX }
  const keys: SearchKey[] = []
  do {
    cursor.space()
    keys.push(parseKey(cursor, budget))
  } while (!cursor.isAtEnd)
  return allOf(keys)
}

function allOf(keys: readonly SearchKey[]): SearchKey {
  const [first, second] = keys
  return first !== undefined && second === undefined ? first : { type: 'and', keys }
}

function parseKey(cursor: Cursor, budget: { left: number }): SearchKey {
  if (--budget.left < 0) {
    throw imapFault('imap/too-large', `more than ${SEARCH_KEYS_MAX} search keys`)
  }
  if (cursor.next === '(') {
    const keys = cursor.list(() => parseKey(cursor, budget), SEARCH_KEYS_MAX)
    if (keys.length === 0) throw cursor.expected('a search key')
    return allOf(keys)
  }
  if (/[\d*$]/.test(cursor.next)) return { type: 'numbers', set: parseSetOrSaved(cursor) }
  return cursor.deeper(() => parseWord(cursor, budget))
}

function parseWord(cursor: Cursor, budget: { left: number }): SearchKey {
  const word = cursor.word('a search key')
  const isNot = word.startsWith('UN')
  const flag = FLAG_KEYS[isNot ? word.slice(2) : word]
  if (flag !== undefined) return negated(isNot, { type: 'flag', flag })
  const [, sent, is] = DATE_KEY.exec(word) ?? []
  if (is !== undefined) {
    cursor.space()
    const date = parseDate(cursor)
    const when = is.toLowerCase() as 'before' | 'on' | 'since'
    return { type: 'date', of: sent === undefined ? 'arrival' : 'sent', is: when, date }
  }
  switch (word) {
    case 'ALL':
      return { type: 'all' }
    case 'RECENT':
      return { type: 'recent' }
    case 'OLD':
      return { type: 'not', key: { type: 'recent' } }
    case 'NEW':
      return {
        type: 'and',
        keys: [{ type: 'recent' }, negated(true, { type: 'flag', flag: '\\Seen' })],
      }
  }
  cursor.space()
  return parseArguments(cursor, word, budget)
}

function parseArguments(cursor: Cursor, word: string, budget: { left: number }): SearchKey {
  if (FIELD_KEYS.includes(word)) {
    return { type: 'header', field: word.toLowerCase(), value: searchText(cursor) }
  }
  switch (word) {
    case 'NOT':
      return negated(true, parseKey(cursor, budget))
    case 'OR': {
      const left = parseKey(cursor, budget)
      cursor.space()
      return { type: 'or', left, right: parseKey(cursor, budget) }
    }
    case 'KEYWORD':
    case 'UNKEYWORD':
      return negated(word === 'UNKEYWORD', { type: 'flag', flag: cursor.atom('a keyword') })
    case 'HEADER': {
      const field = cursor.astring().toLowerCase()
      cursor.space()
      return { type: 'header', field, value: searchText(cursor) }
    }
    case 'BODY':
    case 'TEXT':
      return { type: word === 'BODY' ? 'body' : 'text', value: searchText(cursor) }
    case 'LARGER':
    case 'SMALLER':
      return { type: word === 'LARGER' ? 'larger' : 'smaller', bytes: cursor.number() }
    case 'OLDER':
    case 'YOUNGER': {
      const seconds = cursor.number32()
      if (seconds === 0) throw cursor.expected('a number of seconds other than 0')
      return { type: word === 'OLDER' ? 'older' : 'younger', seconds }
    }
    case 'UID':
      return { type: 'uids', set: parseSetOrSaved(cursor) }
    case 'MODSEQ':
      return parseModseq(cursor)
    case 'EMAILID':
    case 'THREADID':
      return { type: word === 'EMAILID' ? 'emailid' : 'threadid', id: cursor.atom('an identifier') }
    default:
      throw cursor.expected('a search key before this')
  }
}

/** A name of an entry and its type may come before; they are the same to us. RFC 7162 §3.1.5. */
function parseModseq(cursor: Cursor): SearchKey {
  if (cursor.next === '"') {
    cursor.string()
    cursor.space()
    const type = cursor.word('priv, shared or all')
    if (!['PRIV', 'SHARED', 'ALL'].includes(type)) throw cursor.expected('priv, shared or all')
    cursor.space()
  }
  return { type: 'modseq', atLeast: cursor.number() }
}

function searchText(cursor: Cursor): string {
  const octets = cursor.astring()
  const text = utf8Of(octets)
  if (text === undefined) throw imapFault('imap/bad-charset', 'search text that is no UTF-8')
  return text
}

function negated(isNot: boolean, key: SearchKey): SearchKey {
  return isNot ? { type: 'not', key } : key
}
