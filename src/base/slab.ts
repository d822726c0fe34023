import { NO_BYTES } from './bytes.ts'

/** Below the size from which an allocator asks the system for each anew. */
const SLAB_BYTES = 65_536
/** A larger piece gets memory of its own. */
const PIECE_BYTES_MAX = SLAB_BYTES / 2

/**
 * Cuts pieces from larger buffers: making many small buffers costs a host far more than filling
 * them. A piece keeps its whole buffer alive, so this is for what is soon gone.
 */
export class Slab {
  #buffer = NO_BYTES
  #at = 0

  /** The caller's own, with anything in it. */
  allocate(length: number): Uint8Array {
    if (length > PIECE_BYTES_MAX) return new Uint8Array(length)
    if (this.#at + length > this.#buffer.length) {
      this.#buffer = new Uint8Array(SLAB_BYTES)
      this.#at = 0
    }
    const piece = new Uint8Array(this.#buffer.buffer, this.#at, length)
    this.#at += length
    return piece
  }

  copy(bytes: Uint8Array): Uint8Array {
    const piece = this.allocate(bytes.length)
    piece.set(bytes)
    return piece
  }
}
