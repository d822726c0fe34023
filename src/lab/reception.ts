import type { SackBlock } from './tcp-header.ts'

/** A part of the stream, as one segment brought it. */
export interface Piece {
  readonly sequence: number
  readonly payload: Uint8Array
  /** The peer's FIN is behind it. */
  readonly isLast: boolean
}

/** In order; behind a gap; up to or beyond where a gap was; nothing new. */
export type Arrival = 'in-order' | 'early' | 'filling' | 'old'

/** Blocks in one header: as many as fit beside timestamps. RFC 2018 §3. */
const SACK_BLOCKS_MAX = 3

/**
 * The receiving half of a stream, below its owner: puts what came into order and says what is there.
 * Sequence numbers here do not wrap: they begin below 2^32 and grow.
 */
export class Reception {
  /** The next octet that is missing. */
  #expected: number
  /** By sequence. */
  #early: Piece[] = []
  /** What `#early` covers, what grew last first. */
  #blocks: SackBlock[] = []

  constructor(expected: number) {
    this.#expected = expected
  }

  get expected(): number {
    return this.#expected
  }

  /** RFC 2018 §4. */
  get sack(): readonly SackBlock[] {
    return this.#blocks.length <= SACK_BLOCKS_MAX
      ? this.#blocks
      : this.#blocks.slice(0, SACK_BLOCKS_MAX)
  }

  /** `ready` hears all that is now in order. */
  accept(piece: Piece, ready: (piece: Piece) => void): Arrival {
    const end = endOf(piece)
    if (end <= this.#expected) return 'old'
    if (piece.sequence > this.#expected) return this.#keep(piece, end)
    this.#take(piece, ready)
    if (this.#early.length === 0) return 'in-order'
    let taken = 0
    for (; taken < this.#early.length; taken++) {
      const next = this.#early[taken] as Piece
      if (next.sequence > this.#expected) break
      if (endOf(next) > this.#expected) this.#take(next, ready)
    }
    this.#early.splice(0, taken)
    this.#blocks = this.#blocks.filter(({ right }) => right > this.#expected)
    return 'filling'
  }

  /** Without what has been taken before. */
  #take(piece: Piece, ready: (piece: Piece) => void): void {
    const knownBytes = this.#expected - piece.sequence
    this.#expected = endOf(piece)
    ready(knownBytes === 0 ? piece : { ...piece, payload: piece.payload.subarray(knownBytes) })
  }

  #keep(piece: Piece, end: number): Arrival {
    if (this.#blocks.some(({ left, right }) => left <= piece.sequence && end <= right)) return 'old'
    let at = this.#early.length
    while (at > 0 && (this.#early[at - 1] as Piece).sequence > piece.sequence) at--
    this.#early.splice(at, 0, piece)
    let [left, right] = [piece.sequence, end]
    const apart = this.#blocks.filter((block) => {
      if (block.right < left || block.left > right) return true
      left = Math.min(left, block.left)
      right = Math.max(right, block.right)
      return false
    })
    this.#blocks = [{ left, right }, ...apart]
    return 'early'
  }
}

function endOf({ sequence, payload, isLast }: Piece): number {
  return sequence + payload.length + (isLast ? 1 : 0)
}
