/** How a virtual world on Node knows that every promise has settled. */

import { setImmediate } from 'node:timers/promises'

/** Turns of the event loop that are left out in a row: signals and the like wait so long, well under a millisecond. */
const SKIPPED_TURNS = 64

/**
 * For worlds in which nothing waits for the machine, as a file or a thread: a tick comes when no promise
 * is left to settle, and costs a tenth of a turn of the event loop. Rejects with what nobody caught.
 */
export class PromptSettling {
  #count = 0
  readonly #uncaught: unknown[] = []
  readonly #onRejection = (error: unknown): void => {
    this.#uncaught.push(error)
  }

  readonly #tick = (resolve: () => void, reject: (error: unknown) => void): void => {
    process.nextTick(this.#pass, resolve, reject)
  }
  readonly #pass = (resolve: () => void, reject: (error: unknown) => void): void => {
    if (this.#uncaught.length > 0) reject(this.#uncaught.shift())
    else resolve()
  }
  readonly #look = (): void => {
    if (this.#uncaught.length > 0) throw this.#uncaught.shift()
  }

  /** From now on, rejections that nobody catches do not end the process. */
  constructor() {
    process.on('unhandledRejection', this.#onRejection)
  }

  readonly settle = (): Promise<void> =>
    ++this.#count % SKIPPED_TURNS === 0 ? setImmediate().then(this.#look) : new Promise(this.#tick)

  end(): void {
    process.off('unhandledRejection', this.#onRejection)
  }
}
