/** How long a server waits for its client, by what it waits for. RFC 5321 §4.5.3.2.7. */

import { ANSWER_ROUND_TRIPS, HANDSHAKE_ROUND_TRIPS } from '../../base/round-trips.ts'
import { addMs, type MonoMs } from '../../base/time.ts'
import {
  DATA_BYTES_PER_SEC_MIN,
  HANDSHAKE_TIMEOUT_MS,
  HURRIED_DATA_BYTES_PER_SEC_MIN,
  HURRIED_TIMEOUT_MS,
  SERVER_TIMEOUT_MS,
} from './limits.ts'

export class Patience {
  readonly #roundTripMs: number
  #isHurried = false

  /** What a client does after a reply is seen here two delays after the reply has left. */
  constructor(oneWayDelayMs: number) {
    this.#roundTripMs = 2 * oneWayDelayMs
  }

  /** It is short from now on: others wait for the place. */
  hurry(): void {
    this.#isHurried = true
  }

  /** When the next command, or the next line of AUTH, must be here. */
  forCommand(now: MonoMs): MonoMs {
    const timeoutMs = this.#isHurried ? HURRIED_TIMEOUT_MS : SERVER_TIMEOUT_MS
    return addMs(now, timeoutMs + ANSWER_ROUND_TRIPS * this.#roundTripMs)
  }

  forHandshake(now: MonoMs): MonoMs {
    const timeoutMs = this.#isHurried ? HURRIED_TIMEOUT_MS : HANDSHAKE_TIMEOUT_MS
    return addMs(now, timeoutMs + HANDSHAKE_ROUND_TRIPS * this.#roundTripMs)
  }

  /**
   * When more of the message must be here, of which so many bytes have come `since`: whoever sends
   * it may not pause for long, nor drip it.
   */
  forData(since: MonoMs, sizeBytes: number, now: MonoMs): MonoMs {
    const rate = this.#isHurried ? HURRIED_DATA_BYTES_PER_SEC_MIN : DATA_BYTES_PER_SEC_MIN
    const timeMs = (sizeBytes / rate) * 1000
    const end = addMs(this.forCommand(since), Math.floor(timeMs))
    const idle = this.forCommand(now)
    return end < idle ? end : idle
  }
}
