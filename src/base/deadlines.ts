import { earlier, type MonoMs } from './time.ts'

/**
 * The timers of one machine: a closed set of names with at most one deadline each. The driver needs
 * only the earliest, and a `tick` that comes too soon finds nothing expired.
 */
export class Deadlines<Name extends string> {
  readonly #at = new Map<Name, MonoMs>()

  get earliest(): MonoMs | undefined {
    let least: MonoMs | undefined
    for (const at of this.#at.values()) least = earlier(least, at)
    return least
  }

  has(name: Name): boolean {
    return this.#at.has(name)
  }

  set(name: Name, at: MonoMs): void {
    this.#at.set(name, at)
  }

  clear(name: Name): void {
    this.#at.delete(name)
  }

  clearAll(): void {
    this.#at.clear()
  }

  /** Whether `name` is due; if so it is cleared. */
  take(name: Name, now: MonoMs): boolean {
    const at = this.#at.get(name)
    if (at === undefined || at > now) return false
    this.#at.delete(name)
    return true
  }
}
