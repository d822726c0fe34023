/**
 * How a message travels in a stream that a line with a lone dot ends: SMTP's DATA (RFC 5321 §4.5.2)
 * and POP3's multi-line responses (RFC 1939 §3). Only CRLF ends a line, so that nobody can smuggle
 * an end of data past one side with a bare CR or LF.
 */

import { concat, fromLatin1 } from '../../base/bytes.ts'

const CR = 0x0d
const LF = 0x0a
const DOT = 0x2e

const DOT_LINE = '.\r\n'

/** Doubles the dot that begins a line. One instance serves one message. */
export class DotStuffer {
  #last: 'line-end' | 'cr' | 'other' = 'line-end'

  /** The next piece, stuffed: `bytes` itself where nothing had to be doubled. */
  push(bytes: Uint8Array): Uint8Array {
    if (bytes.length === 0) return bytes
    const dots = this.#lineBeginningDots(bytes)
    this.#last = lastOf(bytes, this.#last)
    if (dots.length === 0) return bytes
    const stuffed = new Uint8Array(bytes.length + dots.length)
    let from = 0
    for (const [doubled, dot] of dots.entries()) {
      stuffed.set(bytes.subarray(from, dot), from + doubled)
      stuffed[dot + doubled] = DOT
      from = dot
    }
    stuffed.set(bytes.subarray(from), from + dots.length)
    return stuffed
  }

  /** The line that ends the message, after a CRLF where the message does not end with one. */
  end(): Uint8Array {
    return fromLatin1(this.#last === 'line-end' ? DOT_LINE : `\r\n${DOT_LINE}`)
  }

  #lineBeginningDots(bytes: Uint8Array): readonly number[] {
    const dots: number[] = []
    if (this.#last === 'line-end' && bytes[0] === DOT) dots.push(0)
    for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, lf + 1)) {
      const afterCr = lf > 0 ? bytes[lf - 1] === CR : this.#last === 'cr'
      if (afterCr && bytes[lf + 1] === DOT) dots.push(lf + 1)
    }
    return dots
  }
}

export interface Unstuffed {
  /** Bytes of the message; may be a view of what was pushed. */
  readonly bytes: Uint8Array
  /** How many of the pushed bytes belonged to the message and its end; the rest follows it. */
  readonly consumed: number
  readonly ended: boolean
}

/** Undoes what DotStuffer did and finds the end. One instance serves one message. */
export class DotUnstuffer {
  /** Where the next byte stands. A dot that begins a line, and a CR after it, are held back. */
  #at: 'line-begin' | 'dot' | 'dot-cr' | 'after-cr' | 'in-line' = 'line-begin'

  push(bytes: Uint8Array): Unstuffed {
    const parts: Uint8Array[] = []
    let from = 0
    let i = 0
    while (i < bytes.length) {
      const byte = bytes[i]
      switch (this.#at) {
        case 'line-begin':
          this.#at = byte === DOT ? 'dot' : byte === CR ? 'after-cr' : 'in-line'
          if (byte === DOT) {
            parts.push(bytes.subarray(from, i))
            from = i + 1
          }
          i++
          break
        case 'dot':
          this.#at = byte === CR ? 'dot-cr' : 'in-line'
          if (byte === CR) from = i + 1
          i++
          break
        case 'dot-cr':
          if (byte === LF) return { bytes: concat(...parts), consumed: i + 1, ended: true }
          parts.push(Uint8Array.of(CR))
          this.#at = 'after-cr'
          break
        case 'after-cr':
          this.#at = byte === LF ? 'line-begin' : byte === CR ? 'after-cr' : 'in-line'
          i++
          break
        case 'in-line': {
          const lf = bytes.indexOf(LF, i)
          const end = lf < 0 ? bytes.length : lf + 1
          if (lf > i && bytes[lf - 1] === CR) this.#at = 'line-begin'
          else if (lf < 0 && bytes[end - 1] === CR) this.#at = 'after-cr'
          i = end
          break
        }
      }
    }
    const rest = bytes.subarray(from)
    return {
      bytes: parts.length === 0 ? rest : concat(...parts, rest),
      consumed: bytes.length,
      ended: false,
    }
  }
}

function lastOf(
  bytes: Uint8Array,
  before: 'line-end' | 'cr' | 'other',
): 'line-end' | 'cr' | 'other' {
  const last = bytes[bytes.length - 1]
  if (last === CR) return 'cr'
  if (last !== LF) return 'other'
  const afterCr = bytes.length > 1 ? bytes[bytes.length - 2] === CR : before === 'cr'
  return afterCr ? 'line-end' : 'other'
}
