/** What a server writes. RFC 9051 §7. Text has one character for each octet. */

import { fromLatin1, fromUtf8, toLatin1 } from '../../base/bytes.ts'
import { encodeName } from './mailbox-name.ts'

export type ResponseStatus = 'OK' | 'NO' | 'BAD'

/** How a command ended. */
export interface Completion {
  readonly status: ResponseStatus
  /** `TRYCREATE`, `APPENDUID 1 2`; without brackets. */
  readonly code?: string | undefined
  readonly text: string
}

export function ok(text: string, code?: string): Completion {
  return { status: 'OK', code, text }
}

/** `code` is of RFC 5530 where one fits. */
export function no(text: string, code?: string): Completion {
  return { status: 'NO', code, text }
}

export function bad(text: string, code?: string): Completion {
  return { status: 'BAD', code, text }
}

export function formatCompletion(tag: string, { status, code, text }: Completion): string {
  return `${tag} ${status} ${code === undefined ? '' : `[${code}] `}${text}\r\n`
}

/** Octets of text, for `fromOctets`. */
export function octetsOf(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : toLatin1(fromUtf8(text))
}

export function fromOctets(octets: string): Uint8Array {
  return fromLatin1(octets)
}

/** Longer ones are literals, as clients have bounded lines. */
const QUOTED_MAX = 1000

/** What is quoted as it is. */
const PLAIN = /^[ !#-[\]-~]*$/

/** A `string`: quoted where that can be, else a literal. */
export function formatString(octets: string): string {
  if (octets.length <= QUOTED_MAX && PLAIN.test(octets)) return `"${octets}"`
  if (octets.length > QUOTED_MAX || /[\0\r\n\x80-\xff]/.test(octets)) {
    return `{${octets.length}}\r\n${octets}`
  }
  return `"${/["\\]/.test(octets) ? octets.replace(/["\\]/g, '\\$&') : octets}"`
}

/** A mailbox's name, as an atom where it is one that cannot be mistaken. */
export function formatName(name: string, utf8: boolean): string {
  const octets = octetsOf(encodeName(name, utf8))
  if (/^[A-Za-z0-9._/&,+-]+$/.test(octets) && octets.toUpperCase() !== 'NIL') return octets
  // In UTF-8 a quoted string may have it. RFC 9051 §9, QUOTED-CHAR; RFC 6855 §3.
  if (utf8 && !/[\0\r\n]/.test(octets)) return `"${octets.replace(/["\\]/g, '\\$&')}"`
  return formatString(octets)
}

/** Gathers an answer until there is enough of it to be sent. */
export class Pieces {
  #parts: (string | Uint8Array)[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  text(octets: string): void {
    const last = this.#parts.length - 1
    const before = this.#parts[last]
    if (typeof before === 'string') this.#parts[last] = before + octets
    else this.#parts.push(octets)
    this.#length += octets.length
  }

  /** Borrowed until `take`. */
  bytes(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.#length += bytes.length
  }

  /** All of it, which is the caller's own. */
  take(): Uint8Array {
    const parts = this.#parts
    const [first] = parts
    this.#parts = []
    const length = this.#length
    this.#length = 0
    if (parts.length === 1 && typeof first === 'string') return fromOctets(first)
    const whole = new Uint8Array(length)
    let at = 0
    for (const part of parts) {
      whole.set(typeof part === 'string' ? fromOctets(part) : part, at)
      at += part.length
    }
    return whole
  }
}
