/**
 * What came of sorting and threading, of all accounts together: a client asks anew each time that it
 * opens a mailbox, most often for the same messages. Nothing that these are arranged by ever changes.
 */

import { ORDERED_KEPT_MAX } from './limits.ts'
import type { Uid } from './mailbox.ts'

interface Entry<T> {
  readonly uids: readonly Uid[]
  readonly result: T
}

export class KeptOrders<T> {
  /** What was asked for last is last. */
  readonly #entries: Map<string, Entry<T>> = new Map()
  #cost = 0

  /** The last result where that was of the same messages. `key` says of which mailbox, and how. */
  get(key: string, uids: readonly Uid[]): T | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || !isSame(entry.uids, uids)) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.result
  }

  keep(key: string, uids: readonly Uid[], result: T): void {
    this.#drop(key)
    this.#entries.set(key, { uids, result })
    this.#cost += costOf(key, uids)
    for (const oldest of this.#entries.keys()) {
      if (this.#cost <= ORDERED_KEPT_MAX) return
      this.#drop(oldest)
    }
  }

  /** Of one mailbox: all whose keys begin so. */
  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#drop(key)
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#cost -= costOf(key, entry.uids)
    this.#entries.delete(key)
  }
}

/** In messages: of very few of them, what is kept is the key, which a client makes as long as it likes. */
function costOf(key: string, uids: readonly Uid[]): number {
  return uids.length + key.length
}

function isSame(a: readonly Uid[], b: readonly Uid[]): boolean {
  return a.length === b.length && a.every((uid, i) => uid === b[i])
}
