import { ByteQueue } from '../../base/byte-queue.ts'
import type { Piece, Slab } from '../../base/slab.ts'
import { PROMISED_BYTES_MAX, ROOM_BYTES } from './limits.ts'

export interface Assembled {
  readonly bundle: Uint8Array
  /** Begins with the bundle; behind it are ROOM_BYTES for its owner. */
  readonly piece: Piece
}

/** Puts together bytes that come in pieces. What comes in one piece is copied once. */
export class Assembly {
  readonly #slab: Slab
  /** Of a length that is not known, or large. */
  #parts: ByteQueue | undefined
  #piece: Piece | undefined
  #length = 0

  /** The result is a piece of the slab. `expectedBytes`, where they are known, are never exceeded. */
  constructor(slab: Slab, expectedBytes: number = Number.POSITIVE_INFINITY) {
    this.#slab = slab
    if (expectedBytes <= PROMISED_BYTES_MAX) this.#piece = slab.piece(expectedBytes + ROOM_BYTES)
  }

  get length(): number {
    return this.#length
  }

  /** What it takes up in memory, which may be more than has come. */
  get heldBytes(): number {
    return this.#piece?.bytes.length ?? this.#parts?.capacityBytes ?? 0
  }

  /** Copies `bytes`; `isLast` promises that nothing follows. */
  append(bytes: Uint8Array, isLast: boolean): void {
    if (this.#piece === undefined && isLast && this.#parts === undefined) {
      this.#piece = this.#slab.piece(bytes.length + ROOM_BYTES)
    }
    if (this.#piece === undefined) {
      this.#parts ??= new ByteQueue()
      this.#parts.append(bytes)
    } else this.#piece.bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** All of it, the caller's own. */
  take(): Assembled {
    const piece = this.#piece ?? this.#gathered()
    return { bundle: piece.bytes.subarray(0, this.#length), piece }
  }

  #gathered(): Piece {
    const piece = this.#slab.piece(this.#length + ROOM_BYTES)
    if (this.#parts !== undefined) piece.bytes.set(this.#parts.view)
    return piece
  }
}
