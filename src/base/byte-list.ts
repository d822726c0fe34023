import { ByteQueue } from './byte-queue.ts'
import { concat } from './bytes.ts'

/** A smaller piece is cheaper copied than kept: an object of its own takes up as much. */
const KEPT_BYTES_MIN = 512

/**
 * Bytes that come in pieces and leave together: copied where they are put together, and only there.
 * Pieces that are small, or much smaller than the buffer that they would keep, are gathered first, so
 * that what is held never takes up much more than its length.
 */
export class ByteList {
  readonly #pieces: Uint8Array[] = []
  readonly #gathered = new ByteQueue()
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Takes `bytes` over. */
  append(bytes: Uint8Array): void {
    this.#length += bytes.length
    if (bytes.length < KEPT_BYTES_MIN || 2 * bytes.length < bytes.buffer.byteLength) {
      this.#gathered.append(bytes)
      return
    }
    this.#closeGathered()
    this.#pieces.push(bytes)
  }

  /** The first `count` bytes, or all where there are fewer. The result is the caller's own. */
  take(count: number): Uint8Array {
    this.#closeGathered()
    const parts: Uint8Array[] = []
    let left = count
    while (left > 0 && this.#pieces.length > 0) {
      const piece = this.#pieces[0] as Uint8Array
      const part = piece.subarray(0, left)
      parts.push(part)
      left -= part.length
      if (part.length === piece.length) this.#pieces.shift()
      else this.#pieces[0] = piece.subarray(part.length)
    }
    this.#length -= count - left
    return concat(...parts)
  }

  takeAll(): Uint8Array {
    return this.take(this.#length)
  }

  clear(): void {
    this.#pieces.length = 0
    this.#gathered.clear()
    this.#length = 0
  }

  #closeGathered(): void {
    if (this.#gathered.length > 0) this.#pieces.push(this.#gathered.takeAll())
  }
}
