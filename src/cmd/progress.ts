/** How far a long command is, at a terminal, once it has taken a while. */

const AFTER_MS = 2000
const EVERY_MS = 200

export class Progress {
  readonly #what: string
  readonly #beganAt = performance.now()
  #shownAt = 0

  /** `what` is counted. */
  constructor(what: string) {
    this.#what = what
  }

  /** `share` is from 0 to 1. */
  show(count: number, share: () => number): void {
    if (!process.stderr.isTTY) return
    const now = performance.now()
    if (now - this.#beganAt < AFTER_MS || now - this.#shownAt < EVERY_MS) return
    this.#shownAt = now
    const done = Math.min(1, Math.max(0, share()))
    const bar = '#'.repeat(Math.round(done * 30)).padEnd(30, '.')
    process.stderr.write(`\r[${bar}] ${Math.floor(done * 100)} %, ${count} ${this.#what} `)
  }

  end(): void {
    if (this.#shownAt > 0) process.stderr.write('\r\x1b[K')
  }
}
