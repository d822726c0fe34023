/** What a search compares: the texts of a message, decoded and folded. RFC 9051 §6.4.4. */

import { NO_BYTES, toLatin1, toText, toUtf8Strict } from '../../base/bytes.ts'
import { decodeWords } from '../../proto/message/encoded-word.ts'
import type { MessagePart } from '../../proto/message/envelope.ts'
import { parameterOf } from '../../proto/message/parameters.ts'
import { decodeTransfer } from '../../proto/message/transfer-encoding.ts'
import {
  FINGERPRINT_BYTES_MAX,
  SEARCHED_HEADER_BYTES_MAX,
  SEARCHED_TEXT_BYTES_MAX,
} from './limits.ts'
import type { MessageContent } from './mailbox.ts'

/** Without regard to case and to how characters are composed. RFC 5051 §2. */
export function fold(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: every character of ASCII is meant
  const isAscii = /^[\x00-\x7f]*$/.test(text)
  return isAscii ? text.toLowerCase() : text.normalize('NFKD').toLowerCase().normalize('NFKD')
}

export interface MessageText {
  /** A line `name: value` for each header field, folded as `fold` says. */
  readonly header: string
  /** The texts of all parts, and the headers of messages within, one behind the other. */
  readonly body: string
}

/** Reads what it needs, within the bounds. */
export async function readText(content: MessageContent, part: MessagePart): Promise<MessageText> {
  const reading = textReading(part)
  let step = reading.next()
  while (!step.done) {
    const { from, to } = step.value
    step = reading.next(to <= from ? NO_BYTES : await content.read(from, to - from))
  }
  return step.value
}

/** The same of a message that is at hand. */
export function textOf(message: Uint8Array, part: MessagePart): MessageText {
  const reading = textReading(part)
  let step = reading.next()
  while (!step.done) step = reading.next(message.subarray(step.value.from, step.value.to))
  return step.value
}

interface Range {
  readonly from: number
  readonly to: number
}

/** Asks for the octets of each range. */
type Reading<T> = Generator<Range, T, Uint8Array>

function* textReading(part: MessagePart): Reading<MessageText> {
  const header = yield* headerText(part)
  const texts: string[] = []
  let left = SEARCHED_TEXT_BYTES_MAX
  const waiting: MessagePart[] = [part]
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (one.parts !== undefined) waiting.push(...[...one.parts].reverse())
    else if (one.message !== undefined) {
      texts.push(yield* headerText(one.message.part))
      waiting.push(one.message.part)
    } else if (one.type === 'text' && left > 0) {
      const { bodyStart: from, end } = one
      const bytes = yield { from, to: Math.min(end, from + left) }
      left -= bytes.length
      texts.push(fold(partText(bytes, one)))
    }
  }
  return { header, body: texts.join('\n') }
}

/** Folded values of the fields of this name, of a header as `MessageText` has it. */
export function fieldValues(header: string, name: string): readonly string[] {
  const start = `${name}: `
  return header
    .split('\n')
    .flatMap((line) => (line.startsWith(start) ? [line.slice(start.length)] : []))
}

function* headerText({ headerStart: from, bodyStart }: MessagePart): Reading<string> {
  const raw = toLatin1(yield { from, to: Math.min(bodyStart, from + SEARCHED_HEADER_BYTES_MAX) })
  const lines = raw.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)
  return lines
    .flatMap((line) => {
      const colon = line.indexOf(':')
      if (colon <= 0) return []
      return [
        `${fold(line.slice(0, colon).trim())}: ${fold(decodeWords(line.slice(colon + 1).trim()))}`,
      ]
    })
    .join('\n')
}

function partText(bytes: Uint8Array, part: MessagePart): string {
  const decoded = decodeTransfer(bytes, part.encoding ?? '7bit')
  const charset = parameterOf(part.parameters, 'charset')
  const isPlain = charset === undefined || /^(?:us-ascii|utf-8)$/i.test(charset)
  const text = isPlain ? toUtf8Strict(decoded) : toText(decoded, charset)
  return (text ?? toText(decoded, 'windows-1252') ?? toLatin1(decoded)).replaceAll('\r\n', '\n')
}

/**
 * Which three characters follow each other somewhere in the texts, as one bit for each. A text that
 * is looked for and not ruled out by it may be there; one that is ruled out is not. Its words are in
 * this machine's order of octets, which the index does not leave.
 */
export function fingerprint({ header, body }: MessageText): Uint8Array {
  let words = new Int32Array(roomFor(header.length + body.length) / 4)
  addTrigrams(header, words)
  addTrigrams(body, words)
  const count = bitCount(words)
  if (count >= FINGERPRINT_BYTES_MAX) return NO_BYTES
  // Folded until there are some eight bits for each: the upper half onto the lower one.
  while (words.length > WORDS_MIN && words.length * 2 >= count) {
    const half = words.slice(0, words.length / 2)
    for (let i = 0; i < half.length; i++) {
      half[i] = (half[i] as number) | (words[half.length + i] as number)
    }
    words = half
  }
  return new Uint8Array(words.buffer)
}

const WORDS_MIN = 16

/** Octets: one for each trigram that there may be, as far as there are octets. */
function roomFor(trigrams: number): number {
  let bytes = 4 * WORDS_MIN
  while (bytes < trigrams && bytes < FINGERPRINT_BYTES_MAX) bytes *= 2
  return bytes
}

/** Each character is looked at once, and with a few more at its beginning than it has. */
function addTrigrams(text: string, words: Int32Array): void {
  const mask = words.length * 32 - 1
  let [a, b] = [0, 0]
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    const bit = trigram(a, b, c) & mask
    words[bit >> 5] = (words[bit >> 5] as number) | (1 << (bit & 31))
    a = b
    b = c
  }
}

function bitCount(words: Int32Array): number {
  let count = 0
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number
    const pairs = word - ((word >>> 1) & 0x55555555)
    const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
    count += Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
  }
  return count
}

/** `text` folded. An empty fingerprint rules nothing out. */
export function mayContain(print: Uint8Array, text: string): boolean {
  if (print.length === 0) return true
  const mask = print.length * 8 - 1
  for (let i = 0; i + 2 < text.length; i++) {
    const [a, b, c] = [text.charCodeAt(i), text.charCodeAt(i + 1), text.charCodeAt(i + 2)]
    const bit = trigram(a, b, c) & mask
    const at = IS_LITTLE_ENDIAN ? bit >> 3 : (bit >> 3) ^ 3
    if (((print[at] as number) & (1 << (bit & 7))) === 0) return false
  }
  return true
}

const IS_LITTLE_ENDIAN = new Uint8Array(new Int32Array([1]).buffer)[0] === 1

function trigram(a: number, b: number, c: number): number {
  const mixed =
    Math.imul(a, 0x9e3779b1 | 0) ^ Math.imul(b, 0x85ebca6b | 0) ^ Math.imul(c, 0xc2b2ae35 | 0)
  return mixed ^ (mixed >>> 15)
}
