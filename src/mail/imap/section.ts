/** Where in a message the sections of FETCH are. RFC 9051 §6.4.5.1, §7.5.2. */

import { fromLatin1, toLatin1 } from '../../base/bytes.ts'
import type { Section } from '../../proto/imap/fetch.ts'
import type { MessagePart } from '../../proto/message/envelope.ts'

/** Octets from `start` on, before `end`. */
export interface Extent {
  readonly start: number
  readonly end: number
}

/** Undefined where the message has no such part. */
export function findPart(root: MessagePart, path: readonly number[]): MessagePart | undefined {
  let part = root
  for (const [depth, number] of path.entries()) {
    const message = depth === 0 ? part : part.message?.part
    const { parts } = message ?? part
    if (parts === undefined) {
      // What a message holds that is not of several parts is its part 1. RFC 9051 §6.4.5.1.
      if (message === undefined || number !== 1) return undefined
      part = message
    } else {
      const found = parts[number - 1]
      if (found === undefined) return undefined
      part = found
    }
  }
  return part
}

/** Of the header where its fields are chosen. Undefined where the message has none. */
export function extentOf(root: MessagePart, { part: path, text }: Section): Extent | undefined {
  const part = findPart(root, path)
  if (part === undefined) return undefined
  const isTop = path.length === 0
  switch (text.type) {
    case 'whole':
      return { start: isTop ? part.headerStart : part.bodyStart, end: part.end }
    case 'mime':
      return { start: part.headerStart, end: part.bodyStart }
    case 'text':
    case 'header':
    case 'fields': {
      // Below the top only a message has a header of its own, and a text.
      const message = isTop ? part : part.message?.part
      if (message === undefined) return undefined
      return text.type === 'text'
        ? { start: message.bodyStart, end: message.end }
        : { start: message.headerStart, end: message.bodyStart }
    }
  }
}

/** The fields of these names, or all others, and the empty line. */
export function chooseFields(
  header: Uint8Array,
  names: readonly string[],
  not: boolean,
): Uint8Array {
  const wanted = new Set(names.map((name) => name.toLowerCase()))
  const text = toLatin1(header)
  const chosen: string[] = []
  let from = 0
  let isChosen = false
  while (from < text.length) {
    const end = text.indexOf('\n', from)
    const line = end < 0 ? text.slice(from) : text.slice(from, end + 1)
    from += line.length
    if (line === '\r\n' || line === '\n') break
    if (!/^[ \t]/.test(line)) {
      const name = /^[!-9;-~]+(?=[ \t]*:)/.exec(line)?.[0].toLowerCase()
      isChosen = name !== undefined && wanted.has(name) !== not
    }
    if (isChosen) chosen.push(line)
  }
  return fromLatin1(`${chosen.join('')}\r\n`)
}
