import { RECEPTION_BYTES_MAX, RECEPTIONS_MAX } from './limits.ts'

/** Bundles that were received and wait for the owner's answer. */
export class Receptions {
  readonly #sizes = new Map<number, number>()
  #next = 0
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#sizes.size === 0
  }

  /** More should not be read before some are answered. */
  get isFull(): boolean {
    return this.#sizes.size >= RECEPTIONS_MAX || this.#bytes >= RECEPTION_BYTES_MAX
  }

  /** The number under which the owner answers. */
  add(sizeBytes: number): number {
    const reception = this.#next++
    this.#sizes.set(reception, sizeBytes)
    this.#bytes += sizeBytes
    return reception
  }

  /** False where it was answered before. */
  settle(reception: number): boolean {
    this.#bytes -= this.#sizes.get(reception) ?? 0
    return this.#sizes.delete(reception)
  }
}
