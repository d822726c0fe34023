/** Keeps a message back until the policies have seen all of it, within bounds; then lets it pass. */

import { concat, NO_BYTES } from '../../base/bytes.ts'

/** What all sessions of a service may hold together. */
export class HoldBudget {
  bytesLeft: number

  constructor(bytesMax: number) {
    this.bytesLeft = bytesMax
  }
}

export class MessageHold {
  readonly #budget: HoldBudget
  readonly #bytesMax: number
  #held: Uint8Array[] = []
  #heldBytes = 0
  #isOverflown = false

  constructor(bytesMax: number, budget: HoldBudget) {
    this.#bytesMax = bytesMax
    this.#budget = budget
  }

  /** Takes `bytes` over; answers what is to be written now: nothing, or from the bound on everything. */
  push(bytes: Uint8Array): Uint8Array {
    if (this.#isOverflown) return bytes
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
    this.#budget.bytesLeft -= bytes.length
    if (this.#heldBytes <= this.#bytesMax && this.#budget.bytesLeft >= 0) return NO_BYTES
    this.#isOverflown = true
    return this.release()
  }

  /** It grew too large, and is passed on as it comes. */
  get isOverflown(): boolean {
    return this.#isOverflown
  }

  /** What is held, to be written or forgotten; it counts no more. */
  release(): Uint8Array {
    const bytes = concat(...this.#held)
    this.#budget.bytesLeft += this.#heldBytes
    this.#held = []
    this.#heldBytes = 0
    return bytes
  }
}
