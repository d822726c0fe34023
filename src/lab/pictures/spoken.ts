/** What the readers of protocols in this folder have in common. */

import { toUtf8Strict } from '../../base/bytes.ts'

export type Side = 'client' | 'server'

/** One message of a protocol, as it stands in a stream. */
export interface Spoken {
  readonly length: number
  readonly protocol: string
  /** Perhaps of several lines, with LF between them. */
  readonly text: string
  /** What the session does from here on; undefined where it goes on with what it did. */
  readonly phase?: string | undefined
  /** What has been reached with it. */
  readonly remark?: string | undefined
  /** Names of the mails that it carries or is about: transactions, Message-IDs. */
  readonly mails?: readonly string[] | undefined
  /** It and those behind it of the same kind and side are told as one. */
  readonly isPart?: boolean | undefined
}

/**
 * Reads both sides of a session by one protocol. `cut` takes the message at the beginning of what
 * one side has said and not yet been understood; undefined while it is not all there.
 */
export interface Dialogue {
  readonly protocol: string
  /** Borrows `bytes`. */
  cut(side: Side, bytes: Uint8Array): Spoken | undefined
  /** What follows is encrypted. */
  secured?(): void
}

/** Characters of a line that are worth showing. */
export const LINE_LENGTH_MAX = 100
/** Lines of one message that are worth showing. */
export const LINES_MAX = 14

/** The first line, without its end, and what it takes up with it; undefined while its end is not there. */
export function firstLine(
  bytes: Uint8Array,
  from = 0,
): { readonly text: string; readonly end: number } | undefined {
  const at = bytes.indexOf(0x0a, from)
  if (at < 0) return undefined
  const end = at > from && bytes[at - 1] === 0x0d ? at - 1 : at
  return { text: lineText(bytes.subarray(from, end)), end: at + 1 }
}

/** Octets as a line of text: UTF-8 where they are some. */
function lineText(bytes: Uint8Array): string {
  const shown = bytes.subarray(0, 4 * LINE_LENGTH_MAX)
  const text = toUtf8Strict(shown) ?? String.fromCharCode(...shown)
  return text.length > LINE_LENGTH_MAX ? `${text.slice(0, LINE_LENGTH_MAX)}…` : text
}

/** Lines with LF between them, the middle of many left out. */
export function shownLines(lines: readonly string[]): string {
  if (lines.length <= LINES_MAX) return lines.join('\n')
  const shown = lines.slice(0, LINES_MAX - 1)
  return [...shown, `… ${lines.length - shown.length} more lines`].join('\n')
}

/** Bytes that nobody here understands, as many as there are. */
export function cutOpaque(protocol: string, bytes: Uint8Array): Spoken | undefined {
  if (bytes.length === 0) return undefined
  return { length: bytes.length, protocol, text: `${bytes.length} B`, isPart: true }
}

/** `1 line`, `2 lines`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
