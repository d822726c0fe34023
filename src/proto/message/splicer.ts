/** Puts other octets in the place of some of a message, as it passes by. */

import { concat } from '../../base/bytes.ts'

/** `bytes` in place of the octets from `start` to `end`; what lies between two splices stays. */
export interface Splice {
  readonly start: number
  readonly end: number
  readonly bytes: Uint8Array
}

export class Splicer {
  readonly #splices: readonly Splice[]
  #next = 0
  #at = 0

  /** In the order of the message; they do not overlap. */
  constructor(splices: readonly Splice[]) {
    this.#splices = splices
  }

  /** The next octets, borrowed; may return a view of them. */
  push(bytes: Uint8Array): Uint8Array {
    const pieces: Uint8Array[] = []
    const end = this.#at + bytes.length
    let from = this.#at
    for (;;) {
      const splice = this.#splices[this.#next]
      if (splice === undefined || splice.start >= end) break
      if (splice.start >= from) {
        pieces.push(bytes.subarray(from - this.#at, splice.start - this.#at), splice.bytes)
      }
      from = Math.min(splice.end, end)
      if (splice.end > end) break
      this.#next++
    }
    pieces.push(bytes.subarray(Math.min(from, end) - this.#at))
    this.#at = end
    const [only, ...others] = pieces
    return only !== undefined && others.length === 0 ? only : concat(...pieces)
  }

  /** How long a message of `sizeBytes` is with them. */
  static sizeAfter(sizeBytes: number, splices: readonly Splice[]): number {
    return splices.reduce(
      (sum, { start, end, bytes }) => sum + bytes.length - (end - start),
      sizeBytes,
    )
  }
}
