/** What a FETCH asks for. RFC 9051 §6.4.5, RFC 3516, RFC 7162 §3.1.4, RFC 8474 §5. */

import type { Cursor } from './cursor.ts'
import { FETCH_ITEMS_MAX, PART_DEPTH_MAX } from './limits.ts'

export type FetchItem =
  | { readonly type: 'attribute'; readonly name: FetchAttribute }
  | ({ readonly type: 'body'; readonly section: Section } & Reading)
  | ({ readonly type: 'binary'; readonly part: readonly number[] } & Reading)
  | { readonly type: 'binary-size'; readonly part: readonly number[] }

export type FetchAttribute = (typeof ATTRIBUTES)[number]

interface Reading {
  /** What the answer is called, without the origin of a part of it: `BODY[TEXT]`, `RFC822`. */
  readonly label: string
  /** Leaves the message unseen. */
  readonly peek: boolean
  readonly partial: Partial | undefined
}

interface Partial {
  readonly offset: number
  readonly length: number
}

/** A part of the message, the whole of it where `part` is empty, and what of that. */
export interface Section {
  readonly part: readonly number[]
  readonly text:
    | { readonly type: 'whole' | 'header' | 'text' | 'mime' }
    | { readonly type: 'fields'; readonly names: readonly string[]; readonly not: boolean }
}

export interface FetchModifiers {
  readonly changedSince: number | undefined
  /** RFC 7162 §3.2.6. */
  readonly vanished: boolean
}

const ATTRIBUTES = [
  'BODYSTRUCTURE',
  'BODY',
  'EMAILID',
  'ENVELOPE',
  'FLAGS',
  'INTERNALDATE',
  'MODSEQ',
  'RFC822.SIZE',
  'THREADID',
  'UID',
] as const

const FAST: readonly FetchAttribute[] = ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE']
const MACROS: Readonly<Record<string, readonly FetchAttribute[]>> = {
  FAST,
  ALL: [...FAST, 'ENVELOPE'],
  FULL: [...FAST, 'ENVELOPE', 'BODY'],
}

const NAME = /[A-Z0-9.]+/iy
const PART = /[1-9]\d{0,9}(?:\.[1-9]\d{0,9})*/y
const PARTIAL = /<(\d{1,15})\.([1-9]\d{0,14})>/y

/** Names of items that are sections by another name. RFC 3501 §6.4.5. */
const RFC822: Readonly<Record<string, { readonly type: 'whole' | 'header' | 'text' }>> = {
  RFC822: { type: 'whole' },
  'RFC822.HEADER': { type: 'header' },
  'RFC822.TEXT': { type: 'text' },
}

export function parseFetchItems(cursor: Cursor): readonly FetchItem[] {
  if (cursor.next === '(') {
    const items = cursor.list(() => parseFetchItem(cursor), FETCH_ITEMS_MAX)
    if (items.length === 0) throw cursor.expected('an item to fetch')
    return items
  }
  const start = cursor.at
  const macro = MACROS[(cursor.match(NAME)?.[0] ?? '').toUpperCase()]
  if (macro !== undefined) return macro.map((name) => ({ type: 'attribute', name }))
  cursor.at = start
  return [parseFetchItem(cursor)]
}

function parseFetchItem(cursor: Cursor): FetchItem {
  const name = cursor.matchOr(NAME, 'an item to fetch').toUpperCase()
  if (cursor.next === '[') {
    const peek = name.endsWith('.PEEK')
    if (name === 'BODY' || name === 'BODY.PEEK') return parseBody(cursor, peek)
    if (name === 'BINARY' || name === 'BINARY.PEEK') return parseBinary(cursor, peek)
    if (name === 'BINARY.SIZE') return { type: 'binary-size', part: bracketedPart(cursor) }
  }
  const known = ATTRIBUTES.find((attribute) => attribute === name)
  if (known !== undefined) return { type: 'attribute', name: known }
  const text = RFC822[name]
  if (text === undefined) throw cursor.expected('an item to fetch before this')
  const peek = name === 'RFC822.HEADER'
  return { type: 'body', section: { part: [], text }, label: name, peek, partial: undefined }
}

function parseBody(cursor: Cursor, peek: boolean): FetchItem {
  cursor.takes('[')
  const section = parseSection(cursor)
  cursor.takes(']')
  const label = `BODY[${formatSection(section)}]`
  return { type: 'body', section, label, peek, partial: parsePartial(cursor) }
}

function parseBinary(cursor: Cursor, peek: boolean): FetchItem {
  const part = bracketedPart(cursor)
  const label = `BINARY[${part.join('.')}]`
  return { type: 'binary', part, label, peek, partial: parsePartial(cursor) }
}

function bracketedPart(cursor: Cursor): readonly number[] {
  cursor.takes('[')
  const part = parsePart(cursor)
  cursor.takes(']')
  return part
}

function parsePart(cursor: Cursor): readonly number[] {
  const numbers = (cursor.match(PART)?.[0] ?? '').split('.').filter(Boolean).map(Number)
  if (numbers.length > PART_DEPTH_MAX) throw cursor.expected('a part less deep before this')
  return numbers
}

function parseSection(cursor: Cursor): Section {
  const part = parsePart(cursor)
  if (cursor.next === ']' || cursor.isAtEnd) return { part, text: { type: 'whole' } }
  if (part.length > 0) cursor.takes('.')
  const word = cursor.matchOr(NAME, 'a section').toUpperCase()
  if (word === 'HEADER' || word === 'TEXT') {
    return { part, text: { type: word === 'TEXT' ? 'text' : 'header' } }
  }
  // It is the header of a part of MIME, and the message is none. RFC 9051 §6.4.5.1.
  if (word === 'MIME' && part.length > 0) return { part, text: { type: 'mime' } }
  if (word !== 'HEADER.FIELDS' && word !== 'HEADER.FIELDS.NOT') {
    throw cursor.expected('HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or MIME before this')
  }
  cursor.space()
  const names = cursor.list(() => cursor.astring(), FETCH_ITEMS_MAX)
  if (names.length === 0) throw cursor.expected('a name of a field')
  return { part, text: { type: 'fields', names, not: word === 'HEADER.FIELDS.NOT' } }
}

function formatSection({ part, text }: Section): string {
  const prefix = part.length === 0 || text.type === 'whole' ? part.join('.') : `${part.join('.')}.`
  switch (text.type) {
    case 'whole':
      return prefix
    case 'header':
    case 'text':
    case 'mime':
      return `${prefix}${text.type.toUpperCase()}`
    case 'fields': {
      const names = text.names.map(formatFieldName).join(' ')
      return `${prefix}HEADER.FIELDS${text.not ? '.NOT' : ''} (${names})`
    }
  }
}

function formatFieldName(name: string): string {
  return /^[!#$&'+-Z[^-z|-~]+$/.test(name)
    ? name
    : /[\r\n\0\x80-\xff]/.test(name)
      ? `{${name.length}}\r\n${name}`
      : `"${name.replace(/["\\]/g, '\\$&')}"`
}

function parsePartial(cursor: Cursor): Partial | undefined {
  if (cursor.next !== '<') return undefined
  const found = cursor.match(PARTIAL)
  if (found === undefined) throw cursor.expected('a part such as <0.1000>')
  return { offset: Number(found[1]), length: Number(found[2]) }
}

export function parseFetchModifiers(cursor: Cursor): FetchModifiers {
  let changedSince: number | undefined
  let vanished = false
  if (!cursor.isAtEnd) {
    cursor.space()
    const words = cursor.list(() => {
      const word = cursor.word('CHANGEDSINCE or VANISHED')
      if (word === 'CHANGEDSINCE') {
        cursor.space()
        changedSince = cursor.number()
      } else if (word === 'VANISHED') vanished = true
      else throw cursor.expected('CHANGEDSINCE or VANISHED before this')
      return word
    }, FETCH_ITEMS_MAX)
    if (words.length === 0) throw cursor.expected('a modifier')
  }
  if (vanished && changedSince === undefined) throw cursor.expected('CHANGEDSINCE with VANISHED')
  return { changedSince, vanished }
}
