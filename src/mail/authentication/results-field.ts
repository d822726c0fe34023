/** `Authentication-Results`, which says at the top of a message what was found out about it. RFC 8601. */

import { concat, fromLatin1, NO_BYTES, toLatin1 } from '../../base/bytes.ts'
import type { Authentication, DkimResult } from '../../ports/mail-authentication.ts'
import { formatField } from '../../proto/message/header.ts'

const NAME = 'Authentication-Results'

/** Signatures that are told of; whoever adds more has them counted. */
const SIGNATURES_TOLD_MAX = 10

/** Without its last CRLF. `authority` is the name of this server. */
export function formatResults(authority: string, results: Authentication): string {
  return formatField(NAME, wordsOf(authority, results)).replace(/\r\n$/, '')
}

/** What stands in the field, in one line. */
export function resultsText(authority: string, results: Authentication): string {
  return wordsOf(authority, results).join(' ')
}

function wordsOf(authority: string, results: Authentication): readonly string[] {
  const { spf, dkim, arc, dmarc } = results
  const methods = [
    [`spf=${spf.result}`, property('smtp', spf.identity, spf.domain)],
    ...dkim.slice(0, SIGNATURES_TOLD_MAX).map(dkimWords),
    ...(arc.result === 'none' ? [] : [[`arc=${arc.result}`, reason(arc.reason)]]),
    [
      `dmarc=${dmarc.result}`,
      reason(dmarc.reason),
      property('policy', 'dmarc', dmarc.policy),
      property('header', 'from', dmarc.domain),
    ],
  ].map((words) => words.filter((word) => word !== undefined))
  return [
    `${authority};`,
    ...methods.flatMap((words, index) => {
      const last = words.length - 1
      const isEnd = index === methods.length - 1
      return words.map((word, at) => (at === last && !isEnd ? `${word};` : word))
    }),
  ]
}

function dkimWords(one: DkimResult): (string | undefined)[] {
  return [
    `dkim=${one.result}`,
    reason(one.reason),
    property('header', 'd', one.domain),
    property('header', 's', one.selector),
    property('header', 'a', one.algorithm),
    property('header', 'b', one.signature),
  ]
}

function reason(text: string | undefined): string | undefined {
  return text === undefined ? undefined : `reason=${value(text)}`
}

function property(type: string, name: string, text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : `${type}.${name}=${value(text)}`
}

/** Beyond it nobody reads. */
const VALUE_LENGTH_MAX = 200

/** What strangers said, kept from ending its value: a token, or quoted. */
function value(text: string): string {
  const clean = text.slice(0, VALUE_LENGTH_MAX).replace(/[^ -~]/g, '?')
  if (/^[A-Za-z0-9!#$%&'*+.^_`{|}~@-]+$/.test(clean)) return clean
  return `"${clean.replace(/["\\]/g, '\\$&')}"`
}

/**
 * Takes out of a message that comes from outside every field that claims to be of a server whose word
 * may not be taken for it, such as ours: only those that we add may be believed. RFC 8601 asks a border
 * for it.
 */
export class ForgedResultsFilter {
  readonly #isForged: (authority: string) => boolean
  #isHeader = true
  /** The line that has not ended. */
  #line = ''
  /** A field of that name, as far as it has come; undefined in others. */
  #field: string | undefined
  #isWithinLine = false

  /** `isForged` is asked with a name in lower case. */
  constructor(isForged: (authority: string) => boolean) {
    this.#isForged = isForged
  }

  /** The next bytes as they came in; returns those that stay, which may be `bytes` itself. */
  push(bytes: Uint8Array): Uint8Array {
    if (!this.#isHeader) return bytes
    const bodyAt = this.#isFresh() ? bodyStart(bytes) : bytes.length
    const text = this.#line + toLatin1(bytes.subarray(0, bodyAt))
    if (bodyAt < bytes.length && !FIELD_NAME_ANYWHERE.test(text)) {
      this.#isHeader = false
      return bytes
    }
    let out = ''
    let at = 0
    while (this.#isHeader) {
      const end = text.indexOf('\n', at)
      if (end < 0) break
      out += this.#take(text.slice(at, end + 1))
      at = end + 1
    }
    const rest = text.slice(at)
    if (!this.#isHeader) return concat(fromLatin1(out + rest), bytes.subarray(bodyAt))
    this.#line = rest
    if (rest.length > LINE_LENGTH_MAX) {
      // Longer than the name of a field: the rest of the line is as harmless as its beginning.
      this.#line = ''
      out += this.#take(rest)
    }
    return out === '' ? NO_BYTES : fromLatin1(out)
  }

  /** The message is complete; returns what is still to stay. */
  end(): Uint8Array {
    const out = this.#isHeader ? this.#take(this.#line) + this.#fieldEnds() : ''
    this.#isHeader = false
    return fromLatin1(out)
  }

  /** Nothing of what has come is kept, and a line begins. */
  #isFresh(): boolean {
    return this.#line === '' && this.#field === undefined && !this.#isWithinLine
  }

  /** A line, or what has come of a very long one; answers what goes out. */
  #take(line: string): string {
    if (line === '') return ''
    if (this.#field !== undefined && (this.#isWithinLine || /^[ \t]/.test(line))) {
      this.#isWithinLine = !line.endsWith('\n')
      // What is too long to be judged is not kept.
      this.#field = (this.#field + line).slice(0, FIELD_LENGTH_MAX)
      return ''
    }
    const isWithin = this.#isWithinLine
    this.#isWithinLine = !line.endsWith('\n')
    if (isWithin) return line
    const before = this.#fieldEnds()
    if (/^\r?\n$/.test(line)) this.#isHeader = false
    if (!FIELD_NAME.test(line)) return before + line
    this.#field = line
    return before
  }

  #fieldEnds(): string {
    const field = this.#field
    this.#field = undefined
    if (field === undefined || field.length >= FIELD_LENGTH_MAX) return ''
    const authority = authorityOf(field)
    // One that cannot be read may be anybody's.
    return authority === undefined || this.#isForged(authority) ? '' : field
  }
}

const FIELD_NAME = /^authentication-results[ \t]*:/i
const FIELD_NAME_ANYWHERE: RegExp = new RegExp(FIELD_NAME.source, 'im')

/** Behind the empty line of a header that begins with these; all of them where there is none. */
function bodyStart(bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(LF, at)
    if (end < 0) break
    if (end === at || (end === at + 1 && bytes[at] === CR)) return end + 1
    at = end + 1
  }
  return bytes.length
}

const CR = 0x0d
const LF = 0x0a

const LINE_LENGTH_MAX = 4096
const FIELD_LENGTH_MAX = 65_536

/** Whose the field is, in lower case: its first word; undefined where it has none. */
function authorityOf(field: string): string | undefined {
  const word = firstWord(field.slice(field.indexOf(':') + 1))
  return word?.toLowerCase().replace(/\.$/, '')
}

/** Past white space and comments; undefined where there is none. */
function firstWord(text: string): string | undefined {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string
    if (depth > 0 && char === '\\') at++
    else if (char === '(') depth++
    else if (char === ')') depth = Math.max(0, depth - 1)
    else if (depth > 0 || /\s/.test(char)) continue
    else if (char === '"')
      return /^"((?:[^"\\]|\\.)*)"/s.exec(text.slice(at))?.[1]?.replace(/\\(.)/gs, '$1')
    else return /^[^\s;()"]+/.exec(text.slice(at))?.[0]
  }
  return undefined
}
