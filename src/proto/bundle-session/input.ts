import { ByteQueue } from '../../base/byte-queue.ts'

/** Received bytes, of which only what no reader could use yet is copied and kept. */
export class Input {
  readonly #kept: ByteQueue = new ByteQueue()

  /** What it takes up in memory, but for the little that an empty one keeps. */
  get heldBytes(): number {
    return this.#kept.length === 0 ? 0 : this.#kept.capacityBytes
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
