import { Heap } from '../../base/heap.ts'
import type { MonoMs } from '../../base/time.ts'

interface Entry<Name> {
  readonly name: Name
  readonly at: MonoMs
  readonly order: number
}

/** Void entries kept before the heap is swept, however few others there are. */
const VOID_MAX = 64

/** An instant for each of many names: the earliest first, and of one instant what was set first. */
export class Timetable<Name> {
  readonly #heap = new Heap<Entry<Name>>(
    (a, b) => a.at < b.at || (a.at === b.at && a.order < b.order),
  )
  readonly #set = new Map<Name, Entry<Name>>()
  #order = 0

  get earliest(): MonoMs | undefined {
    for (let first = this.#heap.peek(); first !== undefined; first = this.#heap.peek()) {
      if (this.#set.get(first.name) === first) return first.at
      this.#heap.pop()
    }
    return undefined
  }

  /** In place of the instant that this name has. */
  set(name: Name, at: MonoMs): void {
    const entry = { name, at, order: this.#order++ }
    this.#set.set(name, entry)
    this.#heap.push(entry)
    if (this.#heap.size > 2 * this.#set.size + VOID_MAX) {
      this.#heap.retain((one) => this.#set.get(one.name) === one)
    }
  }

  clear(name: Name): void {
    this.#set.delete(name)
  }

  /** The first name that is due, which is cleared; undefined where none is. */
  take(now: MonoMs): Name | undefined {
    const { earliest } = this
    if (earliest === undefined || earliest > now) return undefined
    const due = this.#heap.pop()
    if (due === undefined) return undefined
    this.#set.delete(due.name)
    return due.name
  }
}
