import { transportFault } from './fault.ts'
import { BODY_BYTES_HELD_MAX } from './limits.ts'

/** What a session takes a message from. */
export interface BodySource {
  /** Undefined at its end; rejects with a Fault where it will not be completed. */
  next(): Promise<Uint8Array | undefined>
  /** Known to have nothing more. Where it is not, `next` says so. */
  readonly isOver?: boolean
}

/** A message that is there as a whole, read as it is asked for. */
export function bodyOf(chunks: Iterable<Uint8Array>): BodySource {
  const left = chunks[Symbol.iterator]()
  return {
    next: async () => {
      const { done, value } = left.next()
      return done ? undefined : value
    },
  }
}

/** A message between whoever writes it and the server that takes it, in bounded memory. */
export class Body implements BodySource {
  readonly #chunks: Uint8Array[] = []
  #bytes = 0
  #state: 'open' | 'ended' | 'closed' = 'open'
  #room: (() => void)[] = []
  #more: (() => void) | undefined
  #begun = false

  /** Whether a part of it is gone, so that it cannot be given from its start to another server. */
  get hasBegun(): boolean {
    return this.#begun
  }

  get isOver(): boolean {
    return this.#state === 'ended' && this.#chunks.length === 0
  }

  /** Resolves when more is wanted; drops what nobody wants any more. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#state !== 'open') return Promise.resolve()
    this.#chunks.push(bytes)
    this.#bytes += bytes.length
    this.#wake()
    if (this.#bytes <= BODY_BYTES_HELD_MAX) return Promise.resolve()
    return new Promise((resolve) => this.#room.push(resolve))
  }

  /** It is complete. */
  end(): void {
    if (this.#state === 'open') this.#state = 'ended'
    this.#wake()
  }

  /** Nobody wants it, or nobody will complete it. */
  close(): void {
    this.#state = 'closed'
    this.#chunks.length = 0
    this.#bytes = 0
    this.#wake()
    this.#giveRoom()
  }

  /** Undefined at its end; rejects with a Fault where it was closed before. */
  async next(): Promise<Uint8Array | undefined> {
    this.#begun = true
    while (this.#chunks.length === 0 && this.#state === 'open') {
      await new Promise<void>((resolve) => {
        this.#more = resolve
      })
    }
    if (this.#state === 'closed') {
      throw transportFault('transport/stopped', 'the message was not completed', '4.3.0')
    }
    const chunk = this.#chunks.shift()
    this.#bytes -= chunk?.length ?? 0
    if (this.#bytes <= BODY_BYTES_HELD_MAX) this.#giveRoom()
    return chunk
  }

  #wake(): void {
    this.#more?.()
    this.#more = undefined
  }

  #giveRoom(): void {
    for (const resolve of this.#room.splice(0)) resolve()
  }
}
