import { NO_BYTES } from './bytes.ts'

/** Room that is kept while nothing is held, so that many idle queues stay small. */
const IDLE_BYTES_MAX = 16_384

/**
 * Bytes received and not yet understood. Appending copies what is borrowed once; looking for a line
 * end never looks at the same byte twice.
 */
export class ByteQueue {
  #held: Uint8Array = NO_BYTES
  #start = 0
  #end = 0
  #searched = 0

  get length(): number {
    return this.#end - this.#start
  }

  /** What holding it takes. */
  get capacityBytes(): number {
    return this.#held.length
  }

  /** All that is held, borrowed until the next call that changes anything. */
  get view(): Uint8Array {
    return this.#held.subarray(this.#start, this.#end)
  }

  /** Copies `bytes`. */
  append(bytes: Uint8Array): void {
    const needed = this.length + bytes.length
    if (this.#end + bytes.length > this.#held.length) {
      const roomier =
        needed > this.#held.length ? new Uint8Array(Math.max(needed * 2, 512)) : this.#held
      if (roomier === this.#held) this.#held.copyWithin(0, this.#start, this.#end)
      else roomier.set(this.#held.subarray(this.#start, this.#end))
      this.#held = roomier
      this.#end -= this.#start
      this.#searched -= this.#start
      this.#start = 0
    }
    this.#held.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** The bytes up to the first LF, which is consumed and not returned; undefined while none came. */
  takeLine(): Uint8Array | undefined {
    const from = Math.max(this.#searched, this.#start)
    const lf = this.#held.subarray(from, this.#end).indexOf(0x0a)
    if (lf < 0) {
      this.#searched = this.#end
      return undefined
    }
    const line = this.#held.slice(this.#start, from + lf)
    this.skip(from + lf + 1 - this.#start)
    return line
  }

  /** Takes `count` bytes, or all where there are fewer. The result is the caller's own. */
  take(count: number): Uint8Array {
    const taken = this.#held.slice(this.#start, Math.min(this.#start + count, this.#end))
    this.skip(taken.length)
    return taken
  }

  takeAll(): Uint8Array {
    return this.take(this.length)
  }

  /** Lets go of the first `count` bytes, or of all where there are fewer. */
  skip(count: number): void {
    this.#start += Math.min(count, this.length)
    if (this.#start < this.#end) return
    this.#start = this.#end = this.#searched = 0
    if (this.#held.length > IDLE_BYTES_MAX) this.#held = NO_BYTES
  }

  clear(): void {
    this.#held = NO_BYTES
    this.#start = this.#end = this.#searched = 0
  }
}
