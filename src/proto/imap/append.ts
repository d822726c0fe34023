/** What comes before each message of an APPEND. RFC 9051 §6.3.12, RFC 3502, RFC 6855 §4, RFC 3516 §4.4. */

import type { WallMs } from '../../base/time.ts'
import { Cursor } from './cursor.ts'
import { parseDateTime } from './date.ts'
import { parseFlagList } from './flag.ts'
import { decodeName } from './mailbox-name.ts'

export interface AppendedMessage {
  readonly flags: readonly string[]
  /** Undefined: now. */
  readonly arrival: WallMs | undefined
  readonly sizeBytes: number
  /** Whether `)` comes after the message. RFC 6855 §4. */
  readonly isUtf8: boolean
}

const LITERAL = /~?\{(\d{1,15})\+?\}$/y

export interface AppendHead {
  readonly mailbox: string
  readonly message: AppendedMessage
}

/** Of a command that so far is `text`; undefined: it is no APPEND, or its literal is the mailbox's name. */
export function parseAppendHead(tag: string, text: string, utf8: boolean): AppendHead | undefined {
  const command = text.slice(tag.length + 1)
  if (!/^APPEND /i.test(command) || /^APPEND ~?\{\d+\+?\}$/i.test(command)) return undefined
  const cursor = new Cursor(text, tag.length)
  cursor.space()
  cursor.takes('APPEND')
  cursor.space()
  const mailbox = decodeName(cursor.astring(), utf8)
  return { mailbox, message: parseAppendedMessage(cursor) }
}

/** From the space to the literal, which is the last of the line. */
export function parseAppendedMessage(cursor: Cursor): AppendedMessage {
  cursor.space()
  let flags: readonly string[] = []
  let arrival: WallMs | undefined
  if (cursor.next === '(') {
    flags = parseFlagList(cursor)
    cursor.space()
  }
  if (cursor.next === '"') {
    arrival = parseDateTime(cursor)
    cursor.space()
  }
  const isUtf8 = cursor.tries('UTF8 (')
  const literal = cursor.match(LITERAL)
  if (literal === undefined) throw cursor.expected('a literal')
  return { flags, arrival, sizeBytes: Number(literal[1]), isUtf8 }
}
