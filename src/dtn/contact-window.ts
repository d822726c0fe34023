/** A contact in this process's own time, and what can leave before it ends. */

import { type Interval, isWithin } from '../base/interval.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import { LAYERS_BELOW_BYTES_MIN, LAYERS_BELOW_SHARE, PIECE_BYTES_MIN } from './limits.ts'

/** The contact that is open, or the next one. */
export interface ContactWindow extends Interval<MonoMs> {
  readonly rateBytesPerSec: number
}

/**
 * The largest piece that a bundle is cut into for a contact: half of what it carries, so that a piece
 * finds its time also where the contact is noticed late.
 */
export function pieceBytesMax({ from, until, rateBytesPerSec }: ContactWindow): number {
  const halfBytes = (rateBytesPerSec * (until - from)) / 2000
  return Math.max(PIECE_BYTES_MIN, Math.floor(halfBytes / (1 + LAYERS_BELOW_SHARE)))
}

/**
 * What is given to a contact, so that no more begins than can leave before its end. What is larger
 * than a piece and cannot be cut goes first in a contact, and may outlast it: it would never go else.
 */
export class ContactBudget {
  readonly #window: ContactWindow
  /** When all that has been given will have left; undefined where nothing has. */
  #busyUntil: MonoMs | undefined

  constructor(window: ContactWindow) {
    this.#window = window
  }

  /** Whether `sizeBytes` may go; if so they are counted. */
  take(sizeBytes: number, now: MonoMs): boolean {
    const { until } = this.#window
    if (!isWithin(this.#window, now)) return false
    const [busyUntil, isFirst] = [this.#busyUntil ?? now, this.#busyUntil === undefined]
    const begin = busyUntil < now ? now : busyUntil
    const end = addMs(begin, this.#durationMs(sizeBytes))
    if (end > until && !(isFirst && sizeBytes > pieceBytesMax(this.#window))) return false
    this.#busyUntil = end
    return true
  }

  /** What was taken has not left after all: its time is free again, where it has not passed. */
  giveBack(sizeBytes: number, now: MonoMs): void {
    if (this.#busyUntil === undefined) return
    const earlier = addMs(this.#busyUntil, -this.#durationMs(sizeBytes))
    this.#busyUntil = earlier < now ? now : earlier
  }

  /** With what the layers below add: a link that carries no more than its rate drops the rest. */
  #durationMs(sizeBytes: number): number {
    const overhead = Math.max(sizeBytes * LAYERS_BELOW_SHARE, LAYERS_BELOW_BYTES_MIN)
    return ((sizeBytes + overhead) * 1000) / this.#window.rateBytesPerSec
  }
}
