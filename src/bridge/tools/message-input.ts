/** Standard input as a mail's text, of which only the beginning is held. */

import { ByteList } from '../../base/byte-list.ts'
import type { SendmailText } from '../../mail/sendmail-text.ts'

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

/** `input` gives the next bytes, and undefined at the end. */
export async function readMessage(
  text: SendmailText,
  input: () => Promise<Uint8Array | undefined>,
): Promise<InputMessage> {
  const pieces = piecesOf(text, input)
  const held = new ByteList()
  while (held.length < HELD_BYTES_MAX) {
    const { value, done } = await pieces.next()
    if (done) break
    held.append(value)
  }
  return { beginning: held.takeAll(), rest: pieces }
}

async function* piecesOf(
  text: SendmailText,
  input: () => Promise<Uint8Array | undefined>,
): AsyncGenerator<Uint8Array, void> {
  while (!text.isOver) {
    const bytes = await input()
    if (bytes === undefined) break
    yield text.push(bytes)
  }
  yield text.end()
}
