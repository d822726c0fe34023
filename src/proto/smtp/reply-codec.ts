/** The form of replies on the wire. RFC 5321 §4.2, RFC 2034 §4. */

import { ByteQueue } from '../../base/byte-queue.ts'
import { fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { attempt, type Result } from '../../base/fault.ts'
import { smtpFault } from './fault.ts'
import { REPLY_LINE_ACCEPTED_MAX, REPLY_LINE_MAX, REPLY_LINES_MAX } from './limits.ts'
import type { Reply } from './reply.ts'

/** What is not printable becomes `?`; what is too long for a line goes on in the next. */
export function formatReply(reply: Reply): string {
  const enhanced = reply.enhanced === undefined ? '' : `${reply.enhanced} `
  const first = reply.lines[0] ?? ''
  if (reply.lines.length <= 1 && first.length <= TEXT_MAX && !UNPRINTABLE.test(first)) {
    return `${reply.code} ${enhanced}${first}\r\n`
  }
  const lines = reply.lines.flatMap(fitLine)
  return lines
    .map((line, i) => `${reply.code}${i < lines.length - 1 ? '-' : ' '}${enhanced}${line}\r\n`)
    .join('')
}

export function encodeReply(reply: Reply): Uint8Array {
  return fromLatin1(formatReply(reply))
}

/** What a line has room for beside its codes and CRLF. RFC 5321 §4.5.3.1.5. */
const TEXT_MAX = REPLY_LINE_MAX - '250-2.999.999 \r\n'.length
const UNPRINTABLE = /[^\t\x20-\x7e]/

function fitLine(line: string): readonly string[] {
  const clean = UNPRINTABLE.test(line) ? line.replace(/[^\t\x20-\x7e]/g, '?') : line
  if (clean.length <= TEXT_MAX) return [clean]
  const count = Math.ceil(clean.length / TEXT_MAX)
  return Array.from({ length: count }, (_, i) => clean.slice(i * TEXT_MAX, (i + 1) * TEXT_MAX))
}

/** Replies out of a stream of bytes. After a fault nothing more can be read. */
export class ReplyReader {
  readonly #queue = new ByteQueue()
  #texts: string[] = []

  /** Copies `bytes`. */
  append(bytes: Uint8Array): void {
    this.#queue.append(bytes)
  }

  /** The next complete reply; undefined while there is none. */
  next(): Result<Reply> | undefined {
    const result = attempt(() => this.#read())
    return result.ok && result.value === undefined ? undefined : (result as Result<Reply>)
  }

  #read(): Reply | undefined {
    for (let line = this.#queue.takeLine(); line !== undefined; line = this.#queue.takeLine()) {
      if (line.length > REPLY_LINE_ACCEPTED_MAX) throw tooLong()
      // A line that lacks its CR is read all the same: nothing hangs on it here.
      const text = toLatin1(line.at(-1) === CR ? line.subarray(0, -1) : line)
      // The space may be missing with the text. RFC 5321 §4.2.
      if (!/^[2-5]\d\d(?:[ -]|$)/.test(text) || !sameCode(text, this.#texts[0])) {
        throw smtpFault('smtp/bad-reply', `not a reply: ${text.slice(0, 80)}`)
      }
      this.#texts.push(text)
      if (text.charAt(3) !== '-') {
        const texts = this.#texts
        this.#texts = []
        return toReply(texts)
      }
      if (this.#texts.length >= REPLY_LINES_MAX) throw tooLong()
    }
    if (this.#queue.length > REPLY_LINE_ACCEPTED_MAX) throw tooLong()
    return undefined
  }
}

const CR = 0x0d
const ENHANCED = /^([245])\.\d{1,3}\.\d{1,3}(?= |$)/

function sameCode(text: string, first: string | undefined): boolean {
  return first === undefined || first.slice(0, 3) === text.slice(0, 3)
}

function toReply(texts: readonly string[]): Reply {
  const first = texts[0] ?? ''
  const code = Number(first.slice(0, 3))
  const lines = texts.map((text) => text.slice(4))
  const enhanced = ENHANCED.exec(first.slice(4))
  // Both codes agree in their first digit. RFC 2034 §4.
  if (enhanced === null || enhanced[1] !== first.charAt(0)) return { code, lines }
  const prefix = enhanced[0]
  return {
    code,
    enhanced: prefix,
    lines: lines.map((line) => (line.startsWith(prefix) ? line.slice(prefix.length + 1) : line)),
  }
}

function tooLong(): Error {
  return smtpFault('smtp/bad-reply', 'reply too long')
}
