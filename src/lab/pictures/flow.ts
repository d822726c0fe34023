import { ByteQueue } from '../../base/byte-queue.ts'

/** Bytes of one direction that are not yet understood, and which packets they came in. */
export class Flow {
  readonly #bytes: ByteQueue = new ByteQueue()
  /** In order: from which place in the stream on it is this packet. */
  #sources: { readonly from: number; readonly packet: number }[] = []
  /** Of the first byte that is held. */
  #start = 0

  get view(): Uint8Array {
    return this.#bytes.view
  }

  append(bytes: Uint8Array, packet: number): void {
    this.#sources.push({ from: this.#start + this.#bytes.length, packet })
    this.#bytes.append(bytes)
  }

  /** Leaves the first `length` bytes behind, and tells the packets that they came in. */
  skip(length: number): readonly number[] {
    const end = this.#start + length
    const came = this.#sources.filter(({ from }) => from < end).map(({ packet }) => packet)
    this.#bytes.skip(length)
    this.#start = end
    // The last one may go on behind.
    const last = this.#sources[came.length - 1]
    const rest = this.#sources.slice(came.length)
    const goesOn = last !== undefined && this.#bytes.length > 0 && rest[0]?.from !== end
    this.#sources = goesOn ? [{ ...last, from: end }, ...rest] : rest
    return came
  }
}
