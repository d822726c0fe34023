/** What is sent in one turn, on its way into a socket in as few writes as may be. */

import type { Socket } from 'node:net'

/** Larger writes gain nothing. */
const LARGER_PIECE_BYTES = 65_536
/** Of one stream, kept for its next writes. */
const SPARE_BUFFERS_MAX = 4

export class GatheredWrites {
  #pieces: Uint8Array[] = []
  #bytes = 0
  /** For what goes together, one for each write that is under way. */
  readonly #spare: Buffer[] = []

  get bytes(): number {
    return this.#bytes
  }

  /** `bytes` are taken over. True where they are the first. */
  add(bytes: Uint8Array): boolean {
    this.#bytes += bytes.length
    return this.#pieces.push(bytes) === 1
  }

  /** All that was added; nothing goes to a socket that is gone. `taken` hears of each write. */
  writeTo(socket: Socket, taken: (error?: Error | null) => void): void {
    const pieces = this.#pieces
    if (pieces.length === 0) return
    this.#pieces = []
    this.#bytes = 0
    if (socket.destroyed) return
    socket.cork()
    for (let from = 0; from < pieces.length; ) {
      const end = endOfLargerPiece(pieces, from)
      if (end === from + 1) socket.write(pieces[from] as Uint8Array, taken)
      else this.#writeTogether(socket, pieces, from, end, taken)
      from = end
    }
    socket.uncork()
  }

  /** Small pieces copied together: one by one they cost the system, and Node, more than the copying. */
  #writeTogether(
    socket: Socket,
    pieces: readonly Uint8Array[],
    from: number,
    end: number,
    taken: (error?: Error | null) => void,
  ): void {
    const buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(LARGER_PIECE_BYTES)
    let length = 0
    for (let i = from; i < end; i++) {
      const piece = pieces[i] as Uint8Array
      buffer.set(piece, length)
      length += piece.length
    }
    socket.write(buffer.subarray(0, length), (error) => {
      if (this.#spare.length < SPARE_BUFFERS_MAX) this.#spare.push(buffer)
      taken(error)
    })
  }
}

/** The index behind the last of the pieces from `from` on that fit into one larger piece, or behind one. */
function endOfLargerPiece(pieces: readonly Uint8Array[], from: number): number {
  let bytes = (pieces[from] as Uint8Array).length
  let end = from + 1
  for (; end < pieces.length; end++) {
    bytes += (pieces[end] as Uint8Array).length
    if (bytes > LARGER_PIECE_BYTES) break
  }
  return end
}
