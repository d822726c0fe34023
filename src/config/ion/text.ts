/** ION's command text: lines, and the tokens of a line with their places. */

import { fromUtf8 } from '../../base/bytes.ts'

export interface Line {
  /** From 1. */
  readonly number: number
  /** Without its end. */
  readonly text: string
}

export interface Token {
  /** Without its quotes. A backslash in quotes protects the next character and stays. */
  readonly text: string
  /** Where it begins, its quote included; from 1. */
  readonly column: number
  readonly isQuoted: boolean
  /** False where the end of the line came before that of the quote. */
  readonly isClosed: boolean
}

/** LF or CRLF ends a line; a text that ends with one has no empty line after it. */
export function readLines(text: string): readonly Line[] {
  const lines = text.split('\n')
  if (lines[lines.length - 1] === '') lines.pop()
  return lines.map((line, index) => ({ number: index + 1, text: line.replace(/\r$/, '') }))
}

export function lineBytes(line: string): number {
  return fromUtf8(line).length
}

/** What the C library takes for white space. */
const SPACES = /^[ \t\v\f\r]*/
const WORD = /^[^ \t\v\f\r]+/

/** `'…'` and `{…}` are one token each, and either is ended by `'` or `}`. */
export function tokenize(line: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  for (;;) {
    at += SPACES.exec(line.slice(at))?.[0].length ?? 0
    if (at >= line.length) return tokens
    const column = at + 1
    const isQuoted = line[at] === "'" || line[at] === '{'
    if (isQuoted) {
      const end = endOfQuote(line, at + 1)
      const isClosed = end !== undefined
      tokens.push({ text: line.slice(at + 1, end), column, isQuoted, isClosed })
      at = isClosed ? end + 1 : line.length
    } else {
      const text = WORD.exec(line.slice(at))?.[0] ?? ''
      tokens.push({ text, column, isQuoted, isClosed: true })
      at += text.length
    }
  }
}

/** Undefined where the line ends first. */
function endOfQuote(line: string, begin: number): number | undefined {
  for (let at = begin; at < line.length; at++) {
    if (line[at] === '\\') at++
    else if (line[at] === "'" || line[at] === '}') return at
  }
  return undefined
}

/** The token that is read as `word` again, quoted where it must be, or may be and `isCommand`. */
export function formatToken(word: string, isCommand: boolean): string {
  const isPlain = !isCommand && /^[^ \t\v\f\r'{#][^ \t\v\f\r]*$/.test(word)
  const isQuotable = endOfQuote(`${word}'`, 0) === word.length
  return isPlain || !isQuotable ? word : `'${word}'`
}
