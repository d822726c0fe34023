/**
 * Reads the tokens of RFC 9051 §9 from one command. The text has one character for each octet; a
 * literal stands in it as it came, `{3}` CRLF and its octets.
 */

import { fromLatin1, toUtf8Strict } from '../../base/bytes.ts'
import { type ImapFault, imapFault } from './fault.ts'
import { NESTING_MAX } from './limits.ts'

/** Printable ASCII without `( ) { % * " \ ]`; the others are less strict. */
const ATOM = /[!#$&'+-Z[^-z|-~]+/y
const ASTRING_ATOM = /[!#$&'+-Z[\]^-z|-~]+/y
const LIST_ATOM = /[!#-'*-Z[\]^-z|-~]+/y
const QUOTED = /"((?:[^"\\\r\n\0]|\\["\\])*)"/y
const LITERAL = /~?\{(\d{1,15})\+?\}\r\n/y
const NUMBER = /\d{1,19}/y
const NIL = /NIL(?=[ )\r]|$)/iy

export class Cursor {
  readonly text: string
  at: number
  #depth = 0

  constructor(text: string, at = 0) {
    this.text = text
    this.at = at
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length
  }

  /** The next character; empty at the end. */
  get next(): string {
    return this.text.charAt(this.at)
  }

  end(): void {
    if (!this.isAtEnd) throw this.expected('the end of the command')
  }

  /** Whether `token` comes next; it is taken then. Case does not matter. */
  tries(token: string): boolean {
    const slice = this.text.slice(this.at, this.at + token.length)
    if (slice !== token && slice.toUpperCase() !== token) return false
    this.at += token.length
    return true
  }

  takes(token: string): void {
    if (!this.tries(token)) throw this.expected(JSON.stringify(token))
  }

  space(): void {
    if (this.text.charCodeAt(this.at) !== 0x20) throw this.expected('a space')
    this.at++
  }

  /** What `pattern`, which is sticky, matches here; undefined where it does not. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)
    if (found === null) return undefined
    this.at += found[0].length
    return found
  }

  matchOr(pattern: RegExp, expected: string): string {
    const found = this.match(pattern)
    if (found === undefined) throw this.expected(expected)
    return found[0]
  }

  atom(expected = 'an atom'): string {
    return this.matchOr(ATOM, expected)
  }

  /** In capitals: a keyword of the grammar. */
  word(expected: string): string {
    return this.matchOr(ATOM, expected).toUpperCase()
  }

  /** Up to 63 bits; what is beyond all that we ever count stands for the greatest of it. */
  number(expected = 'a number'): number {
    return Math.min(Number(this.matchOr(NUMBER, expected)), Number.MAX_SAFE_INTEGER)
  }

  number32(expected = 'a number'): number {
    const value = this.number(expected)
    if (value > 0xffff_ffff) throw this.expected('a number of 32 bits')
    return value
  }

  /** Octets as characters. */
  string(): string {
    if (this.next === '"') {
      const found = this.match(QUOTED)
      if (found === undefined) throw this.expected('a quoted string')
      const inner = found[1] ?? ''
      return inner.includes('\\') ? inner.replace(/\\(.)/g, '$1') : inner
    }
    const literal = this.match(LITERAL)
    if (literal === undefined) throw this.expected('a string')
    const length = Number(literal[1])
    const octets = this.text.slice(this.at, this.at + length)
    if (octets.length < length) throw this.expected('the whole literal')
    if (!literal[0].startsWith('~') && octets.includes('\0')) throw this.expected('no NUL')
    this.at += length
    return octets
  }

  astring(): string {
    return this.match(ASTRING_ATOM)?.[0] ?? this.string()
  }

  /** A pattern of LIST, or an astring. */
  listMailbox(): string {
    return this.match(LIST_ATOM)?.[0] ?? this.string()
  }

  nstring(): string | undefined {
    return this.match(NIL) === undefined ? this.string() : undefined
  }

  /** An astring of UTF-8. */
  text8(): string {
    const octets = this.astring()
    const text = utf8Of(octets)
    if (text === undefined) throw this.expected('UTF-8')
    return text
  }

  /** `(` item, item `)`, or none of them, each apart by a space. */
  list<T>(item: () => T, max: number): T[] {
    this.takes('(')
    if (this.tries(')')) return []
    return this.deeper(() => {
      const items = [item()]
      while (!this.tries(')')) {
        if (items.length >= max) throw imapFault('imap/too-large', `more than ${max} in one list`)
        this.space()
        items.push(item())
      }
      return items
    })
  }

  /** What is within other things, for a bounded number of times. */
  deeper<T>(parse: () => T): T {
    if (++this.#depth > NESTING_MAX) {
      throw imapFault('imap/too-large', `nested more than ${NESTING_MAX} deep`)
    }
    const parsed = parse()
    this.#depth--
    return parsed
  }

  expected(what: string): ImapFault {
    return imapFault('imap/bad-syntax', `expected ${what} at octet ${this.at + 1}`)
  }
}

/** Undefined where the octets are no UTF-8. */
export function utf8Of(octets: string): string | undefined {
  return /^[\0-\x7f]*$/.test(octets) ? octets : toUtf8Strict(fromLatin1(octets))
}
