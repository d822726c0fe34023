/** A message's file as the octets that are sent: with CRLF at every line's end. */

import { concat, NO_BYTES } from '../../base/bytes.ts'
import type { FileReader } from '../../ports/disk.ts'
import { bareLfToCrlf, countBareLf } from '../../proto/message/line-endings.ts'
import { READ_BYTES } from './limits.ts'
import type { MessageContent } from './mailbox.ts'

/** `sizeBytes` as sent. Takes the file over. */
export function contentOf(file: FileReader, sizeBytes: number): MessageContent {
  return file.sizeBytes === sizeBytes ? file : new ConvertedContent(file, sizeBytes)
}

/** Reads from where it last was, and from the beginning again where that is needed. */
class ConvertedContent implements MessageContent {
  readonly sizeBytes: number
  readonly #file: FileReader
  #fileAt = 0
  /** Converted and not yet passed, beginning at `#heldAt` of what is sent. */
  #held: Uint8Array = NO_BYTES
  #heldAt = 0
  #before: number | undefined

  constructor(file: FileReader, sizeBytes: number) {
    this.#file = file
    this.sizeBytes = sizeBytes
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset < this.#heldAt) this.#rewind()
    const parts: Uint8Array[] = []
    let at = offset
    const end = Math.min(offset + length, this.sizeBytes)
    while (at < end) {
      const heldEnd = this.#heldAt + this.#held.length
      if (at < heldEnd) {
        const part = this.#held.subarray(at - this.#heldAt, end - this.#heldAt)
        parts.push(part)
        at += part.length
      } else if (!(await this.#next())) break
    }
    return concat(NO_BYTES, ...parts)
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  async #next(): Promise<boolean> {
    const bytes = await this.#file.read(this.#fileAt, READ_BYTES)
    if (bytes.length === 0) return false
    this.#heldAt += this.#held.length
    this.#held = bareLfToCrlf(bytes, this.#before)
    this.#before = bytes.at(-1)
    this.#fileAt += bytes.length
    return true
  }

  #rewind(): void {
    this.#fileAt = 0
    this.#heldAt = 0
    this.#held = NO_BYTES
    this.#before = undefined
  }
}

/** Octets of a file as sent. */
export async function countSent(file: FileReader): Promise<number> {
  let missing = 0
  let before: number | undefined
  for (let at = 0; at < file.sizeBytes; ) {
    const bytes = await file.read(at, READ_BYTES)
    if (bytes.length === 0) break
    missing += countBareLf(bytes, before)
    before = bytes.at(-1)
    at += bytes.length
  }
  return file.sizeBytes + missing
}

export function inMemory(bytes: Uint8Array): FileReader {
  return {
    sizeBytes: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
    close: async () => {},
  }
}
