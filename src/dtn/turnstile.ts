/** Lets what is for one neighbour leave one after the other: inside of contacts, and at their rate. */

import type { Fault } from '../base/fault.ts'
import type { MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { ContactBudget, type ContactWindow, pieceBytesMax } from './contact-window.ts'
import { Pacer } from './pacer.ts'

interface Turn {
  readonly sizeBytes: number
  readonly begin: () => void
  readonly give: (up: Fault) => void
}

export class Turnstile {
  readonly #clock: Clock
  readonly #waiting: Turn[] = []
  #pacer: Pacer | undefined
  #planRateBytesPerSec: number | undefined
  #window: ContactWindow | undefined
  #budget: ContactBudget | undefined
  #cancelWake: (() => void) | undefined
  #isStopped = false
  #fault: Fault | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The plan's rate, which holds where no contact says; undefined for any. */
  setRate(rateBytesPerSec: number | undefined): void {
    if (rateBytesPerSec === this.#planRateBytesPerSec) return
    this.#planRateBytesPerSec = rateBytesPerSec
    if (this.#window === undefined) this.#setPace(rateBytesPerSec)
    this.#go()
  }

  /** The contact that is open or comes next; undefined where there is none, and nothing is held back. */
  setWindow(window: ContactWindow | undefined): void {
    this.#window = window
    this.#budget = window && new ContactBudget(window)
    this.#setPace(window?.rateBytesPerSec ?? this.#planRateBytesPerSec)
    this.#go()
  }

  /** Into pieces of which size a bundle is cut for the sake of the contact. */
  get pieceBytesMax(): number {
    return this.#window === undefined ? Number.POSITIVE_INFINITY : pieceBytesMax(this.#window)
  }

  /** Resolves when `sizeBytes` may go, in the order of the calls; undefined where that is now. */
  pass(sizeBytes: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#admit(sizeBytes, this.#clock.now())) return undefined
    return new Promise((begin, give) => {
      if (this.#fault !== undefined) throw this.#fault
      this.#waiting.push({ sizeBytes, begin, give })
      if (this.#waiting.length === 1) this.#wakeInTime()
    })
  }

  /** Nothing goes this way any more: what waits, and what comes, rejects with `fault`. */
  close(fault: Fault): void {
    this.#fault = fault
    for (const { give } of this.#waiting.splice(0)) give(fault)
    this.#wakeInTime()
  }

  /** What waits goes at once, to layers that are stopped or about to be. */
  stop(): void {
    this.#isStopped = true
    this.#go()
  }

  #setPace(rateBytesPerSec: number | undefined): void {
    this.#pacer = rateBytesPerSec === undefined ? undefined : new Pacer(rateBytesPerSec)
  }

  #go(): void {
    const now = this.#clock.now()
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      if (!this.#admit(first.sizeBytes, now)) break
      this.#waiting.shift()
      first.begin()
    }
    this.#wakeInTime()
  }

  #admit(sizeBytes: number, now: MonoMs): boolean {
    if (this.#fault !== undefined) return false
    if (this.#isStopped || this.#pacer === undefined) return true
    if (this.#pacer.turnAt(now) > now) return false
    if (this.#budget !== undefined && !this.#budget.take(sizeBytes, now)) return false
    this.#pacer.reserve(sizeBytes, now)
    return true
  }

  /** What a contact has no time left for is let go by the next window, not by time. */
  #wakeInTime(): void {
    this.#cancelWake?.()
    this.#cancelWake = undefined
    const at = this.#waiting.length === 0 ? undefined : this.#opensAt(this.#clock.now())
    if (at === undefined) return
    this.#cancelWake = this.#clock.at(at, () => {
      this.#cancelWake = undefined
      this.#go()
    })
  }

  /** Undefined where time alone changes nothing. */
  #opensAt(now: MonoMs): MonoMs | undefined {
    const { from } = this.#window ?? { from: now }
    if (from > now) return from
    const turnAt = this.#pacer?.turnAt(now) ?? now
    return turnAt > now ? turnAt : undefined
  }
}
