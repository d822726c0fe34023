/** Which ADUs have been delivered here, so that none is delivered again: durable, and bounded. */

import { fromLatin1, toLatin1 } from '../base/bytes.ts'
import { Queue } from '../base/queue.ts'
import { type WallMs, wallMs } from '../base/time.ts'
import type { Store, StoreChange } from '../ports/store.ts'

/**
 * An entry in the store: a line `expires id` for each ADU that was remembered with the same commit. They
 * are forgotten together, when the last of them can come no more, so that of each nothing is kept but its
 * name.
 */
interface Note {
  readonly ids: string[]
  expiresAt: WallMs
}

const TABLE = 'delivered-bundles'
const KEY_DIGITS = 15

export class DeliveredAdus {
  readonly #store: Store
  readonly #countMax: number
  readonly #ids = new Set<string>()
  /** Those that have been written, the oldest first. */
  readonly #written: Queue<Note & { readonly key: string }> = new Queue()
  /** Of the next commit. */
  #note: Note = emptyNote()
  #lines: string[] = []
  /** Keys of notes of which nothing is remembered any more. */
  #done: string[] = []
  #nextKey = 0

  constructor(store: Store, countMax: number) {
    this.#store = store
    this.#countMax = countMax
  }

  /** What an earlier run has remembered. */
  open(): void {
    for (const { key, value } of this.#store.range(TABLE, {})) {
      this.#nextKey = Number(key) + 1
      for (const line of toLatin1(value).split('\n')) {
        const [expiresAt = '', id = ''] = line.split(' ')
        this.#add(id, wallMs(Number(expiresAt)))
      }
      this.#close(key)
    }
  }

  has(id: string): boolean {
    return this.#ids.has(id)
  }

  /** Remembers the ADU from now on, and for good once what `takeChanges` says next is on the disk. */
  remember(id: string, expiresAt: WallMs, wall: WallMs): void {
    this.#lines.push(`${expiresAt} ${id}`)
    this.#add(id, expiresAt)
    this.#forget(wall)
  }

  /** What has happened since the last call: one entry, however many ADUs were delivered. */
  takeChanges(): readonly StoreChange[] {
    const changes: StoreChange[] = this.#done.map((key) => ({
      table: TABLE,
      key,
      value: undefined,
    }))
    this.#done = []
    if (this.#lines.length > 0) {
      const key = String(this.#nextKey++).padStart(KEY_DIGITS, '0')
      changes.push({ table: TABLE, key, value: fromLatin1(this.#lines.join('\n')) })
      this.#close(key)
    }
    this.#lines = []
    return changes
  }

  #add(id: string, expiresAt: WallMs): void {
    // What was put together from pieces keeps them until one of its characters is asked for.
    id.charCodeAt(0)
    const note = this.#note
    note.ids.push(id)
    if (expiresAt > note.expiresAt) note.expiresAt = expiresAt
    this.#ids.add(id)
  }

  #close(key: string): void {
    this.#written.push({ ...this.#note, key })
    this.#note = emptyNote()
  }

  /** What can come no more, and what there is no room for: at least `countMax` stay remembered. */
  #forget(wall: WallMs): void {
    for (let first = this.#written.peek(); first !== undefined; first = this.#written.peek()) {
      const { key, ids, expiresAt } = first
      if (this.#ids.size - ids.length < this.#countMax && expiresAt > wall) break
      this.#written.shift()
      for (const id of ids) this.#ids.delete(id)
      this.#done.push(key)
    }
  }
}

function emptyNote(): Note {
  return { ids: [], expiresAt: wallMs(0) }
}
