import { ByteQueue } from '../../base/byte-queue.ts'

/** Received bytes, of which only what no reader could use yet is copied and kept. */
export class Input {
  readonly #kept: ByteQueue = new ByteQueue()

  get length(): number {
    return this.#kept.length
  }

  /** `read` is given all there is, once, and answers how much of it from its beginning it has used. */
  push(bytes: Uint8Array, read: (available: Uint8Array) => number): void {
    if (this.#kept.length > 0) {
      this.#kept.append(bytes)
      this.#kept.skip(read(this.#kept.view))
      return
    }
    const used = read(bytes)
    if (used < bytes.length) this.#kept.append(bytes.subarray(used))
  }

  clear(): void {
    this.#kept.clear()
  }
}
