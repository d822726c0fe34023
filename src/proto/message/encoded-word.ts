/** Text in header fields: encoded words, and octets of UTF-8 as they are. RFC 2047 §2, §6.2. */

import {
  concat,
  fromLatin1,
  fromUtf8,
  toBase64,
  toLatin1,
  toText,
  toUtf8Strict,
} from '../../base/bytes.ts'
import { decodeBase64Leniently, decodeQuotedPrintable } from './transfer-encoding.ts'

const WORD = /=\?([!-)+->@-~]{1,64})(?:\*[!->@-~]{1,64})?\?([bBqQ])\?([!->@-~ ]*)\?=/g

/** `raw` has one character per octet; what cannot be decoded stays as it is. Never throws. */
export function decodeWords(raw: string): string {
  if (!raw.includes('=?')) return plain(raw)
  const pieces: Piece[] = []
  let end = 0
  for (const match of raw.matchAll(WORD)) {
    const between = raw.slice(end, match.index)
    const word = decodeWord(match)
    const last = pieces.at(-1)
    // White space between two encoded words is not displayed. RFC 2047 §6.2.
    const isAdjacent = last?.charset !== undefined && /^[ \t\r\n]*$/.test(between)
    if (!isAdjacent && between !== '') pieces.push({ charset: undefined, bytes: [], text: between })
    end = match.index + match[0].length
    const before = pieces.at(-1)
    // Programs cut characters of several octets in two.
    if (isAdjacent && before?.charset === word.charset) before?.bytes.push(word.bytes)
    else pieces.push({ charset: word.charset, bytes: [word.bytes], text: match[0] })
  }
  if (end < raw.length) pieces.push({ charset: undefined, bytes: [], text: raw.slice(end) })
  return pieces.map(textOf).join('')
}

interface Piece {
  /** Undefined: not encoded. */
  readonly charset: string | undefined
  readonly bytes: Uint8Array[]
  readonly text: string
}

function decodeWord([, charset = '', encoding = '', encoded = '']: RegExpExecArray): {
  readonly charset: string
  readonly bytes: Uint8Array
} {
  const isBase64 = encoding === 'b' || encoding === 'B'
  const bytes = isBase64
    ? decodeBase64Leniently(fromLatin1(encoded))
    : decodeQuotedPrintable(fromLatin1(encoded.replaceAll('_', ' ')))
  return { charset: charset.toLowerCase(), bytes }
}

function textOf({ charset, bytes, text }: Piece): string {
  if (charset === undefined) return plain(text)
  return toText(concat(...bytes), charset) ?? text
}

/** UTF-8 where it is some, else every octet a character. RFC 6532 §3.2. */
function plain(raw: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: every octet below 128 is meant
  if (/^[\x00-\x7f]*$/.test(raw)) return raw
  const bytes = fromLatin1(raw)
  return toUtf8Strict(bytes) ?? toText(bytes, 'windows-1252') ?? toLatin1(bytes)
}

const HEAD = '=?utf-8?B?'
const TAIL = '?='
/** Of a line with encoded words in it, the name of a field at its beginning. RFC 2047 §2. */
const LINE_LENGTH_MAX = 76
const NAME_LENGTH = 12
/** Of UTF-8 in one word: base64 makes four characters of three octets. */
const WORD_BYTES_MAX =
  Math.floor((LINE_LENGTH_MAX - NAME_LENGTH - HEAD.length - TAIL.length) / 4) * 3

/** Words for `formatField`, none with half a character in it; the text itself where it is plain ASCII. */
export function encodeWords(text: string): readonly string[] {
  if (/^[ -~]*$/.test(text) && !text.includes('=?')) return [text]
  const words: string[] = []
  let word = ''
  for (const character of text) {
    if (fromUtf8(word + character).length > WORD_BYTES_MAX) {
      words.push(word)
      word = ''
    }
    word += character
  }
  return [...words, word].map((part) => `${HEAD}${toBase64(fromUtf8(part))}${TAIL}`)
}
