import { Heap } from '../base/heap.ts'
import type { MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'

interface Alarm {
  readonly id: string
  readonly at: MonoMs
}

/** Cleared ones that may lie in the heap however few others there are. */
const CLEARED_MAX = 64

/** One instant for each of many names, and one timer for all of them. */
export class Alarms {
  readonly #clock: Clock
  readonly #ring: (id: string) => void
  readonly #heap = new Heap<Alarm>((a, b) => a.at < b.at)
  readonly #set = new Map<string, Alarm>()
  #isStopped = false
  #armed: { readonly at: MonoMs; readonly cancel: () => void } | undefined

  /** `ring` hears of each once, at its instant or soon after. */
  constructor(clock: Clock, ring: (id: string) => void) {
    this.#clock = clock
    this.#ring = ring
  }

  /** In place of the one that this name has. */
  set(id: string, at: MonoMs): void {
    if (this.#isStopped) return
    const alarm = { id, at }
    this.#set.set(id, alarm)
    this.#heap.push(alarm)
    this.#compact()
    this.#arm()
  }

  clear(id: string): void {
    if (this.#set.delete(id)) this.#compact()
  }

  /** For good: work that ends after it may still want to set one. */
  stop(): void {
    this.#isStopped = true
    this.#set.clear()
    this.#compact()
    this.#arm()
  }

  #compact(): void {
    if (this.#heap.size > 2 * this.#set.size + CLEARED_MAX) {
      this.#heap.retain((alarm) => this.#isSet(alarm))
    }
  }

  #isSet(alarm: Alarm): boolean {
    return this.#set.get(alarm.id) === alarm
  }

  #arm(): void {
    for (let first = this.#heap.peek(); first && !this.#isSet(first); first = this.#heap.peek()) {
      this.#heap.pop()
    }
    const at = this.#heap.peek()?.at
    if (at === this.#armed?.at) return
    this.#armed?.cancel()
    this.#armed =
      at === undefined ? undefined : { at, cancel: this.#clock.at(at, () => this.#due()) }
  }

  #due(): void {
    this.#armed = undefined
    const now = this.#clock.now()
    const due: string[] = []
    for (let first = this.#heap.peek(); first && first.at <= now; first = this.#heap.peek()) {
      this.#heap.pop()
      if (!this.#isSet(first)) continue
      this.#set.delete(first.id)
      due.push(first.id)
    }
    for (const id of due) this.#ring(id)
    this.#arm()
  }
}
