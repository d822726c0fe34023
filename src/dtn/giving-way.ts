import { addMs, type MonoMs } from '../base/time.ts'
import { REASSEMBLY_IDLE_MS } from './limits.ts'

/** An ADU that is being gathered, by what decides when it gives way to another. */
export interface Gathered {
  /** It has left complete before. */
  readonly isRepeat: boolean
  /** How much of itself is here: 0 to 1. */
  readonly share: number
  /** When its last fragment came. */
  readonly progressAt: MonoMs
  /** Of the ADUs of a ledger, each has its own: who came first. */
  readonly number: number
}

/**
 * ADUs in the order in which they give way: repeats, then what has waited too long, of both the one
 * that has waited longer first; then smaller shares, and of equals the one that has waited longer.
 *
 * Kept in order, as there may be tens of thousands, and anybody can send fragments that find no
 * room. One that is in here must not change.
 */
export class GivingWay<Adu extends Gathered> {
  readonly #byShare: Adu[] = []
  /** Time does not go back, so what comes last has waited least. */
  readonly #byProgress = new Set<Adu>()

  get isEmpty(): boolean {
    return this.#byProgress.size === 0
  }

  add(adu: Adu): void {
    this.#byShare.splice(this.#placeOf(adu), 0, adu)
    this.#byProgress.add(adu)
  }

  remove(adu: Adu): void {
    if (this.#byProgress.delete(adu)) this.#byShare.splice(this.#placeOf(adu), 1)
  }

  /** Those that give way to something of which `share` is here. */
  *inOrder(share: number, now: MonoMs): Generator<Adu, void> {
    let at = 0
    for (let adu = this.#byShare[at]; adu?.isRepeat; adu = this.#byShare[++at]) yield adu
    for (const adu of this.#byProgress) {
      if (!isIdle(adu, now)) break
      if (!adu.isRepeat) yield adu
    }
    for (; at < this.#byShare.length; at++) {
      const adu = this.#byShare[at] as Adu
      if (adu.share >= share) return
      if (!isIdle(adu, now)) yield adu
    }
  }

  /** Where it is, or would be: behind all that give way before it. */
  #placeOf(adu: Adu): number {
    let low = 0
    let high = this.#byShare.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (isBefore(this.#byShare[middle] as Adu, adu)) low = middle + 1
      else high = middle
    }
    return low
  }
}

function isIdle({ progressAt }: Gathered, now: MonoMs): boolean {
  return addMs(progressAt, REASSEMBLY_IDLE_MS) <= now
}

function isBefore(a: Gathered, b: Gathered): boolean {
  if (a.isRepeat !== b.isRepeat) return a.isRepeat
  if (!a.isRepeat && a.share !== b.share) return a.share < b.share
  return a.progressAt === b.progressAt ? a.number < b.number : a.progressAt < b.progressAt
}
