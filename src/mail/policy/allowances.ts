/** How much of something each of many may use in a time: used up at once or slowly, it grows back steadily. */

import type { MonoMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'

interface Allowance {
  left: number
  at: MonoMs
}

export class Allowances {
  readonly #clock: Clock
  readonly #periodMs: number
  readonly #keysMax: number
  /** The one that was not used for the longest first. */
  readonly #allowances = new Map<string, Allowance>()

  /** Beyond `keysMax` those that were not used for the longest are forgotten. */
  constructor(clock: Clock, options: { readonly periodMs: number; readonly keysMax: number }) {
    this.#clock = clock
    this.#periodMs = options.periodMs
    this.#keysMax = options.keysMax
  }

  /** Uses up `amount` of the `max` of a period, where there is so much; answers whether there was. */
  take(key: string, max: number, amount: number): boolean {
    if (!this.hasRoom(key, max, amount)) return false
    const allowance = this.#allowances.get(key)
    if (allowance !== undefined) allowance.left -= amount
    return true
  }

  /** One that is larger than a whole allowance fits when nothing of it is used up. */
  hasRoom(key: string, max: number, amount: number): boolean {
    return this.#grown(key, max).left >= Math.min(amount, max)
  }

  #grown(key: string, max: number): Allowance {
    const now = this.#clock.now()
    const { left, at } = this.#allowances.get(key) ?? { left: max, at: now }
    const grown = { left: Math.min(max, left + (max * (now - at)) / this.#periodMs), at: now }
    this.#allowances.delete(key)
    this.#allowances.set(key, grown)
    this.#forgetSome()
    return grown
  }

  /** Whoever comes in crowds, one of each, is not held up by this but by the bound on sessions. */
  #forgetSome(): void {
    for (const key of this.#allowances.keys()) {
      if (this.#allowances.size <= this.#keysMax) return
      this.#allowances.delete(key)
    }
  }
}
