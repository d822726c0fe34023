/** How much may be under way by what the network has shown: RFC 5681 ("Reno"). */

/** RFC 6928 §2. */
const INITIAL_SEGMENTS = 10

export class Congestion {
  readonly #segmentBytes: number
  #windowBytes: number
  #slowStartUntilBytes = Number.POSITIVE_INFINITY
  /** Acknowledged since the window last grew, once slow start is over. */
  #countedBytes = 0

  constructor(segmentBytes: number) {
    this.#segmentBytes = segmentBytes
    this.#windowBytes = INITIAL_SEGMENTS * segmentBytes
  }

  get windowBytes(): number {
    return this.#windowBytes
  }

  /** A handshake that lost a segment begins with one. RFC 5681 §3.1. */
  beginSmall(): void {
    this.#windowBytes = this.#segmentBytes
  }

  /** After a silence longer than the time-out. RFC 5681 §4.1. */
  beginAgain(): void {
    this.#windowBytes = Math.min(this.#windowBytes, INITIAL_SEGMENTS * this.#segmentBytes)
  }

  /**
   * Slow start adds what was acknowledged, two segments at most at once (RFC 3465 §2.2) and one
   * after a time-out (RFC 3465 §2.3); later a whole window acknowledged adds one segment (§2.1).
   */
  grow(acknowledgedBytes: number, afterTimeout: boolean): void {
    if (this.#windowBytes < this.#slowStartUntilBytes) {
      const mostBytes = (afterTimeout ? 1 : 2) * this.#segmentBytes
      this.#windowBytes += Math.min(acknowledgedBytes, mostBytes)
      return
    }
    this.#countedBytes += acknowledgedBytes
    if (this.#countedBytes < this.#windowBytes) return
    this.#countedBytes -= this.#windowBytes
    this.#windowBytes += this.#segmentBytes
  }

  /** A segment was lost while others arrived: half of what was under way. RFC 5681 §3.1, RFC 6675 §5. */
  shrink(flightBytes: number): void {
    this.#slowStartUntilBytes = Math.max(flightBytes / 2, 2 * this.#segmentBytes)
    this.#windowBytes = this.#slowStartUntilBytes
    this.#countedBytes = 0
  }

  /** Nothing was heard: begins with one segment. RFC 5681 §3.1. */
  collapse(flightBytes: number): void {
    this.shrink(flightBytes)
    this.#windowBytes = this.#segmentBytes
  }

  /** The same segment was lost again: the threshold stays. RFC 5681 §3.1. */
  collapseAgain(): void {
    this.#windowBytes = this.#segmentBytes
  }
}
