import { ByteQueue } from '../../base/byte-queue.ts'
import type { Slab } from '../../base/slab.ts'
import { ROOM_BYTES } from './limits.ts'

export interface Assembled {
  readonly bundle: Uint8Array
  /** Begins with the bundle; behind it are ROOM_BYTES for its owner. */
  readonly withRoom: Uint8Array
}

/** Puts together bytes that come in pieces. What comes in one piece is copied once. */
export class Assembly {
  readonly #pieces: ByteQueue = new ByteQueue()
  readonly #slab: Slab
  #whole: Assembled | undefined

  /** Of which the results are pieces. */
  constructor(slab: Slab) {
    this.#slab = slab
  }

  get length(): number {
    return this.#whole?.bundle.length ?? this.#pieces.length
  }

  /** Copies `bytes`; `isLast` promises that nothing follows. */
  append(bytes: Uint8Array, isLast: boolean): void {
    if (!isLast || this.#pieces.length > 0) {
      this.#pieces.append(bytes)
      return
    }
    this.#whole = this.#roomy(bytes)
  }

  /** All of it, the caller's own. */
  take(): Assembled {
    return this.#whole ?? this.#roomy(this.#pieces.view)
  }

  #roomy(bytes: Uint8Array): Assembled {
    const withRoom = this.#slab.allocate(bytes.length + ROOM_BYTES)
    withRoom.set(bytes)
    return { bundle: withRoom.subarray(0, bytes.length), withRoom }
  }
}
