/** Standard input as a mail's text, of which only the beginning is held. */

import { fstatSync } from 'node:fs'
import { ByteList } from '../base/byte-list.ts'
import type { SendmailText } from '../mail/sendmail-text.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'

/**
 * Read before a host is asked to wait for the rest: what somebody types in an hour is less, and so is a
 * header in which recipients are to be found.
 */
export const HELD_BYTES_MAX = 1_048_576

export interface InputMessage {
  /** All of it, or its first mebibyte. */
  readonly beginning: Uint8Array
  readonly rest: AsyncIterable<Uint8Array>
}

/** A Failure where it cannot be read. */
export async function readMessage(text: SendmailText): Promise<InputMessage> {
  const pieces = piecesOf(text)
  const held = new ByteList()
  while (held.length < HELD_BYTES_MAX) {
    const { value, done } = await pieces.next()
    if (done) break
    held.append(value)
  }
  return { beginning: held.takeAll(), rest: pieces }
}

async function* piecesOf(text: SendmailText): AsyncGenerator<Uint8Array, void> {
  try {
    // Read as a stream, a directory would be an empty message.
    if (fstatSync(0).isDirectory()) throw new Error('is a directory')
    for await (const bytes of process.stdin) {
      yield text.push(bytes as Buffer)
      if (text.isOver) break
    }
  } catch (error) {
    throw new Failure(EXIT.usage, `cannot read standard input: ${reasonOf(error)}`)
  }
  yield text.end()
}
