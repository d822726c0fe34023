/** A message on its way out: with its dots doubled after DATA, or counted by BDAT. RFC 5321 §4.5.2, RFC 3030 §2. */

import { fromLatin1 } from '../../base/bytes.ts'
import { DotStuffer } from '../message/dot-stuffing.ts'
import { formatCommand } from './command.ts'

export interface ClientBody {
  /** The next piece, which was only borrowed, as it is sent. */
  piece(bytes: Uint8Array): readonly Uint8Array[]
  /** What ends the message. */
  end(): Uint8Array
  /** Whether each piece is answered for itself. */
  readonly isAnswered: boolean
}

export function dataBody(): ClientBody {
  const stuffer = new DotStuffer()
  return {
    isAnswered: false,
    piece: (bytes) => {
      const stuffed = stuffer.push(bytes)
      return [stuffed === bytes ? bytes.slice() : stuffed]
    },
    end: () => stuffer.end(),
  }
}

export function chunkedBody(): ClientBody {
  return {
    isAnswered: true,
    piece: (bytes) => [chunkHead(bytes.length, false), bytes.slice()],
    end: () => chunkHead(0, true),
  }
}

function chunkHead(sizeBytes: number, isLast: boolean): Uint8Array {
  return fromLatin1(`${formatCommand({ verb: 'BDAT', sizeBytes, isLast })}\r\n`)
}
