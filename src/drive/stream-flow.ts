import type { ByteStream } from '../ports/network.ts'

type Pausable = Pick<ByteStream, 'pause' | 'resume'>

/**
 * Whether a stream is read: while nobody holds it. Whoever has a reason of their own holds it under
 * its name, and releases no hold but that one.
 */
export class StreamFlow {
  readonly #stream: Pausable
  /** What stands between the stream and its owner. */
  #between: Pausable | undefined
  readonly #holds = new Set<string>()

  constructor(stream: Pausable) {
    this.#stream = stream
  }

  /** It is held with the stream. */
  alsoHolds(between: Pausable): void {
    this.#between = between
    if (this.#holds.size > 0) between.pause()
  }

  /** Nothing more is read, but for what is already on its way. */
  hold(reason: string): void {
    if (this.#holds.size === 0) {
      this.#stream.pause()
      this.#between?.pause()
    }
    this.#holds.add(reason)
  }

  /** Without effect where it is not held for this reason. */
  release(reason: string): void {
    if (!this.#holds.delete(reason) || this.#holds.size > 0) return
    this.#stream.resume()
    this.#between?.resume()
  }
}
