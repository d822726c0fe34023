import { ByteQueue } from '../../base/byte-queue.ts'
import type { Slab } from '../../base/slab.ts'

/** Puts together bytes that come in pieces. What comes in one piece is copied once. */
export class Assembly {
  readonly #pieces: ByteQueue = new ByteQueue()
  #whole: Uint8Array | undefined
  readonly #slab: Slab

  /** What comes in one piece is copied into it. */
  constructor(slab: Slab) {
    this.#slab = slab
  }

  get length(): number {
    return this.#whole?.length ?? this.#pieces.length
  }

  /** Copies `bytes`; `isLast` promises that nothing follows. */
  append(bytes: Uint8Array, isLast: boolean): void {
    if (isLast && this.#pieces.length === 0) this.#whole = this.#slab.copy(bytes)
    else this.#pieces.append(bytes)
  }

  /** All of it, the caller's own. */
  take(): Uint8Array {
    return this.#whole ?? this.#pieces.takeAll()
  }
}
