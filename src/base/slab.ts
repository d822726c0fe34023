import { assert } from './assert.ts'

/** Below the size from which an allocator asks the system for each anew. */
const CHUNK_BYTES = 65_536
/** A larger piece gets memory of its own. */
const PIECE_BYTES_MAX = CHUNK_BYTES / 2
/** 32 MiB: what is in flight at a high rate, and not more than a node may keep for nothing. */
const SPARE_CHUNKS_MAX = 512

interface Chunk {
  readonly bytes: Uint8Array
  /** Allocated and not released. */
  pieces: number
}

/** Bytes whose owner says when nobody looks at them any more; who never says so costs only time. */
export class Piece {
  readonly bytes: Uint8Array
  #slab: Slab | undefined

  /** `slab` is whose allocation it is; undefined where it shall not be used again. */
  constructor(bytes: Uint8Array, slab?: Slab) {
    this.bytes = bytes
    this.#slab = slab
  }

  /** Once. */
  release(): void {
    this.#slab?.release(this.bytes)
  }

  /** Somebody may look at it for ever: `release` is without effect from now on. */
  keep(): void {
    this.#slab = undefined
  }
}

/**
 * Cuts pieces from larger buffers: making many small buffers costs a host far more than filling
 * them. A buffer whose pieces have all been released is cut again; one of which a piece never is, lives
 * as long as that piece. So this is for what is soon gone.
 */
export class Slab {
  readonly #chunks = new WeakMap<ArrayBufferLike, Chunk>()
  readonly #spare: Chunk[] = []
  #chunk: Chunk | undefined
  #at = 0

  /** The caller's own, with anything in it. */
  allocate(length: number): Uint8Array {
    if (length > PIECE_BYTES_MAX) return new Uint8Array(length)
    if (this.#chunk === undefined || this.#at + length > CHUNK_BYTES) {
      this.#chunk = this.#spare.pop() ?? this.#newChunk()
      this.#at = 0
    }
    const chunk = this.#chunk
    const piece = new Uint8Array(chunk.bytes.buffer, this.#at, length)
    this.#at += length
    chunk.pieces++
    return piece
  }

  piece(length: number): Piece {
    return new Piece(this.allocate(length), this)
  }

  copy(bytes: Uint8Array): Uint8Array {
    const piece = this.allocate(bytes.length)
    piece.set(bytes)
    return piece
  }

  /** Says, once, that nobody looks at this piece any more. Without effect for what is none. */
  release(piece: Uint8Array): void {
    const chunk = this.#chunks.get(piece.buffer)
    if (chunk === undefined) return
    assert(chunk.pieces > 0, 'a piece is released once')
    chunk.pieces--
    if (chunk.pieces > 0) return
    if (chunk === this.#chunk) this.#at = 0
    else if (this.#spare.length < SPARE_CHUNKS_MAX) this.#spare.push(chunk)
  }

  #newChunk(): Chunk {
    const chunk = { bytes: new Uint8Array(CHUNK_BYTES), pieces: 0 }
    this.#chunks.set(chunk.bytes.buffer, chunk)
    return chunk
  }
}
