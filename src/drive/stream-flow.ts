import type { ByteStream } from '../ports/network.ts'

/**
 * Whether a stream is read: while nobody holds it. Whoever has a reason of their own holds it under
 * its name, and releases no hold but that one.
 */
export class StreamFlow {
  readonly #stream: Pick<ByteStream, 'pause' | 'resume'>
  readonly #holds = new Set<string>()

  constructor(stream: Pick<ByteStream, 'pause' | 'resume'>) {
    this.#stream = stream
  }

  /** Nothing more is read, but for what is already on its way. */
  hold(reason: string): void {
    if (this.#holds.size === 0) this.#stream.pause()
    this.#holds.add(reason)
  }

  /** Without effect where it is not held for this reason. */
  release(reason: string): void {
    if (this.#holds.delete(reason) && this.#holds.size === 0) this.#stream.resume()
  }
}
