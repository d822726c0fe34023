/** The header section of a message: what stands before the first empty line. RFC 5322 §2.2. */

import { ByteQueue } from '../../base/byte-queue.ts'
import { toLatin1 } from '../../base/bytes.ts'
import { HEADER_BYTES_MAX, LINE_LENGTH_PREFERRED } from './limits.ts'

export interface HeaderField {
  /** In lower case. */
  readonly name: string
  /** Unfolded: every line without the white space around it, joined by one space; one character per byte. */
  readonly value: string
}

const CR = 0x0d
const LF = 0x0a

/**
 * Reads the header of a message as its bytes come, and never complains: what is no header field ends
 * the header, as an empty line does. Looks at no more than HEADER_BYTES_MAX bytes.
 */
export class HeaderReader {
  readonly #unread = new ByteQueue()
  #seenBytes = 0
  #state: HeaderState = 'reading'
  readonly #fields: { readonly name: string; value: string }[] = []

  get state(): HeaderState {
    return this.#state
  }

  /** Those that are complete, in the order of the message. */
  get fields(): readonly HeaderField[] {
    return this.#fields
  }

  /** How many of the fields have this name, which is in lower case. */
  count(name: string): number {
    return this.#fields.reduce((sum, field) => sum + (field.name === name ? 1 : 0), 0)
  }

  /** `bytes` is borrowed. */
  push(bytes: Uint8Array): void {
    if (this.#state !== 'reading') return
    const looked = bytes.subarray(0, HEADER_BYTES_MAX - this.#seenBytes)
    this.#seenBytes += looked.length
    // Mostly the whole header comes at once, with a body many times its size: neither is copied.
    const left = this.#unread.length === 0 ? this.#readLines(looked) : looked
    if (this.#state !== 'reading') return
    this.#unread.append(left)
    for (let line = this.#unread.takeLine(); line; line = this.#unread.takeLine()) {
      this.#line(textOf(line))
      if (this.#state !== 'reading') return
    }
    if (this.#seenBytes >= HEADER_BYTES_MAX) this.#finish('cut')
  }

  /** The message ends here. */
  end(): void {
    if (this.#state !== 'reading') return
    if (this.#unread.length > 0) this.#line(toLatin1(this.#unread.takeAll()))
    if (this.#state === 'reading') this.#finish('complete')
  }

  /** The complete lines; returns what is left. */
  #readLines(bytes: Uint8Array): Uint8Array {
    let from = 0
    for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, from)) {
      this.#line(textOf(bytes.subarray(from, lf)))
      from = lf + 1
      if (this.#state !== 'reading') break
    }
    return bytes.subarray(from)
  }

  #line(line: string): void {
    const last = this.#fields.at(-1)
    const match = /^([!-9;-~]+)[ \t]*:(.*)$/s.exec(line)
    if (line === '') {
      this.#finish('complete')
    } else if (last !== undefined && /^[ \t]/.test(line)) {
      last.value += last.value === '' ? line.trim() : ` ${line.trim()}`
    } else if (match !== null) {
      this.#fields.push({ name: (match[1] ?? '').toLowerCase(), value: (match[2] ?? '').trim() })
    } else {
      this.#finish(last === undefined ? 'absent' : 'complete')
    }
  }

  #finish(state: HeaderState): void {
    this.#state = state
    this.#unread.clear()
  }
}

function textOf(line: Uint8Array): string {
  return toLatin1(line.at(-1) === CR ? line.subarray(0, -1) : line)
}

/**
 * `absent`: the message does not begin with a header field or an empty line. `cut`: it goes on
 * beyond HEADER_BYTES_MAX.
 */
export type HeaderState = 'reading' | 'complete' | 'absent' | 'cut'

/**
 * One field with its CRLF, folded between `words` so that no line is longer than 78 characters where
 * that is possible. What could end the line is replaced by `?`.
 */
export function formatField(name: string, words: readonly string[]): string {
  let text = `${name}:`
  let lineLength = text.length
  for (const [index, word] of words.entries()) {
    const clean = word.replace(/[\0\r\n]/g, '?')
    const folded = index > 0 && lineLength + 1 + clean.length > LINE_LENGTH_PREFERRED
    text += folded ? `\r\n\t${clean}` : ` ${clean}`
    lineLength = folded ? 1 + clean.length : lineLength + 1 + clean.length
  }
  return `${text}\r\n`
}
