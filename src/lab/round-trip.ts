/** How long an answer may take: RFC 6298, with the bounds that Linux has. */

import { TIMEOUT_MAX_MS, TIMEOUT_MIN_MS } from './limits.ts'

/** Added to the round trip at least, so that an acknowledgement that was put off is no loss. */
const MARGIN_MIN_MS = 200

export class RoundTrip {
  #smoothedMs: number | undefined
  #deviationMs = 0

  /** RFC 6298 §2.2 and §2.3. */
  measure(tookMs: number): void {
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = tookMs
      this.#deviationMs = tookMs / 2
      return
    }
    const error = Math.abs(this.#smoothedMs - tookMs)
    this.#deviationMs += (error - this.#deviationMs) / 4
    this.#smoothedMs += (tookMs - this.#smoothedMs) / 8
  }

  /** After so many time-outs in a row, each of which doubles it. RFC 6298 §2.1, §2.4 and §5.5. */
  timeoutMs(timeoutsInRow: number): number {
    const measuredMs =
      this.#smoothedMs === undefined
        ? TIMEOUT_MIN_MS
        : this.#smoothedMs + Math.max(4 * this.#deviationMs, MARGIN_MIN_MS)
    const timeoutMs = Math.max(measuredMs, TIMEOUT_MIN_MS)
    return Math.min(timeoutMs * 2 ** timeoutsInRow, Math.max(timeoutMs, TIMEOUT_MAX_MS))
  }
}
