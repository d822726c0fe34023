/** What a search compares: the texts of a message, decoded and folded. RFC 9051 §6.4.4. */

import { concat, NO_BYTES, toLatin1, toText, toUtf8Strict } from '../../base/bytes.ts'
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
  const header = await headerText(content, part)
  const texts: string[] = []
  let left = SEARCHED_TEXT_BYTES_MAX
  const waiting: MessagePart[] = [part]
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (one.parts !== undefined) waiting.push(...[...one.parts].reverse())
    else if (one.message !== undefined) {
      texts.push(await headerText(content, one.message.part))
      waiting.push(one.message.part)
    } else if (one.type === 'text' && left > 0) {
      const bytes = await readRange(content, one.bodyStart, Math.min(one.end, one.bodyStart + left))
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

async function headerText(content: MessageContent, part: MessagePart): Promise<string> {
  const end = Math.min(part.bodyStart, part.headerStart + SEARCHED_HEADER_BYTES_MAX)
  const raw = toLatin1(await readRange(content, part.headerStart, end))
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

async function readRange(content: MessageContent, from: number, to: number): Promise<Uint8Array> {
  return to <= from ? NO_BYTES : content.read(from, to - from)
}

/**
 * Which three characters follow each other somewhere in the texts, as one bit for each. A text that
 * is looked for and not ruled out by it may be there; one that is ruled out is not.
 */
export function fingerprint({ header, body }: MessageText): Uint8Array {
  const all = `${header}\n${body}`
  let bits = new Uint8Array(FINGERPRINT_BYTES_MAX)
  const mask = bits.length * 8 - 1
  let count = 0
  for (let i = 0; i + 2 < all.length; i++) {
    const bit = trigram(all, i) & mask
    const before = bits[bit >> 3] as number
    const after = before | (1 << (bit & 7))
    if (after !== before) {
      bits[bit >> 3] = after
      count++
    }
  }
  if (count >= FINGERPRINT_BYTES_MAX) return concat(NO_BYTES)
  // Folded until there are some eight bits for each: the upper half onto the lower one.
  while (bits.length > 64 && bits.length / 2 >= count) {
    const half = bits.length / 2
    const folded = bits.slice(0, half)
    for (let i = 0; i < half; i++) folded[i] = (folded[i] as number) | (bits[half + i] as number)
    bits = folded
  }
  return bits
}

/** `text` folded. An empty fingerprint rules nothing out. */
export function mayContain(print: Uint8Array, text: string): boolean {
  if (print.length === 0) return true
  const mask = print.length * 8 - 1
  for (let i = 0; i + 2 < text.length; i++) {
    const bit = trigram(text, i) & mask
    if (((print[bit >> 3] as number) & (1 << (bit & 7))) === 0) return false
  }
  return true
}

function trigram(text: string, at: number): number {
  const mixed =
    Math.imul(text.charCodeAt(at), 0x9e3779b1) ^
    Math.imul(text.charCodeAt(at + 1), 0x85ebca6b) ^
    Math.imul(text.charCodeAt(at + 2), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 15)) >>> 0
}
