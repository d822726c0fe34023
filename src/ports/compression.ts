/** Raw DEFLATE of the two directions of a stream. RFC 1951, RFC 4978. */

export interface Compression {
  /** One for each stream. */
  open(handlers: CompressionHandlers): CompressedChannel
}

/** Called in order, and never from inside a method of the channel. */
export interface CompressionHandlers {
  /** To be sent: what was given to `deflate` in one turn comes soon, and so flushed that all of it can be inflated. Taken over. */
  readonly deflated: (bytes: Uint8Array) => void
  /** `unsentBytes` has fallen to 0 after a `deflate`. */
  readonly drained: () => void
  /** What the other side gave to its own; borrowed. */
  readonly inflated: (bytes: Uint8Array) => void
  /** What came is no DEFLATE: nothing follows. */
  readonly broken: () => void
}

export interface CompressedChannel {
  /** What `deflate` was given and `deflated` has not yet been called for. */
  readonly unsentBytes: number
  /** Takes the bytes over. */
  deflate(bytes: Uint8Array): void
  /** Copies the bytes. */
  inflate(bytes: Uint8Array): void
  /** No `inflated` until `resume`, but for one that is on its way: little may become very much. */
  pause(): void
  resume(): void
  /**
   * Calls when all that was given to `deflate` has been handed out. From now on no handler is called
   * but `deflated`, and what is given is thrown away. Only the first call counts.
   */
  end(done: () => void): void
}
