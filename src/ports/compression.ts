/** Raw DEFLATE of the two directions of a stream. RFC 1951, RFC 4978. */

export interface Compression {
  /** One for each stream. */
  open(handlers: CompressionHandlers): CompressedChannel
}

export interface CompressionHandlers {
  /** To be sent: what was given to `deflate`, all of it, each time that was a while ago. Taken over. */
  readonly deflated: (bytes: Uint8Array) => void
  /** What the other side gave to its own; borrowed. */
  readonly inflated: (bytes: Uint8Array) => void
  /** What came is no DEFLATE: nothing follows. */
  readonly broken: () => void
}

export interface CompressedChannel {
  /** Takes the bytes over. */
  deflate(bytes: Uint8Array): void
  /** Copies the bytes. */
  inflate(bytes: Uint8Array): void
  /** No `inflated` until `resume`, but for what is on its way: little may become very much. */
  pause(): void
  resume(): void
  /** Calls when all that was given to `deflate` has been handed out; `inflated` is not called any more. */
  end(done: () => void): void
}
