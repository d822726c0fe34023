/** Which maildrops sessions of POP3 have open, and when they were opened: of one host, whatever the service. */

import { addMs, type MonoMs } from '../base/time.ts'

export class Maildrops {
  readonly #open: Set<string> = new Set()
  /** When it was opened last, by account: no more than there are accounts. */
  readonly #openedAt: Map<string, MonoMs> = new Map()

  /** `delayMs`: what must lie between two openings, of which the first went well. RFC 2449 §6.5. */
  take(account: string, now: MonoMs, delayMs: number): 'taken' | 'in-use' | 'too-soon' {
    if (this.#open.has(account)) return 'in-use'
    const before = this.#openedAt.get(account)
    if (before !== undefined && now < addMs(before, delayMs)) return 'too-soon'
    this.#open.add(account)
    return 'taken'
  }

  /** What was taken is open. */
  opened(account: string, now: MonoMs): void {
    this.#openedAt.set(account, now)
  }

  release(account: string): void {
    this.#open.delete(account)
  }
}
