/** Which ADUs have been delivered here, so that none is delivered again: durable, and bounded. */

import { fromLatin1, toLatin1 } from '../base/bytes.ts'
import { Queue } from '../base/queue.ts'
import { type WallMs, wallMs } from '../base/time.ts'
import type { Store, StoreChange } from '../ports/store.ts'

interface Delivered {
  readonly id: string
  readonly expiresAt: WallMs
  readonly note: Note
}

/** An entry in the store: a line `expires id` for each ADU that was remembered with the same commit. */
interface Note {
  /** Where it has been written. */
  key: string | undefined
  /** ADUs of it that are not forgotten. */
  count: number
}

const TABLE = 'delivered-bundles'
const KEY_DIGITS = 15

export class DeliveredAdus {
  readonly #store: Store
  readonly #countMax: number
  readonly #ids = new Set<string>()
  /** The one remembered longest first. */
  readonly #inOrder: Queue<Delivered> = new Queue()
  /** Of the next commit. */
  #note: Note = { key: undefined, count: 0 }
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
      const note: Note = { key, count: 0 }
      for (const line of toLatin1(value).split('\n')) {
        const [expiresAt = '', id = ''] = line.split(' ')
        this.#add({ id, expiresAt: wallMs(Number(expiresAt)), note })
      }
    }
  }

  has(id: string): boolean {
    return this.#ids.has(id)
  }

  /** Remembers the ADU from now on, and for good once what `takeChanges` says next is on the disk. */
  remember(id: string, expiresAt: WallMs, wall: WallMs): void {
    this.#forget(wall)
    this.#lines.push(`${expiresAt} ${id}`)
    this.#add({ id, expiresAt, note: this.#note })
  }

  /** What has happened since the last call: one entry, however many ADUs were delivered. */
  takeChanges(): readonly StoreChange[] {
    const changes: StoreChange[] = this.#done.map((key) => ({
      table: TABLE,
      key,
      value: undefined,
    }))
    this.#done = []
    if (this.#note.count > 0) {
      const key = String(this.#nextKey++).padStart(KEY_DIGITS, '0')
      this.#note.key = key
      changes.push({ table: TABLE, key, value: fromLatin1(this.#lines.join('\n')) })
      this.#note = { key: undefined, count: 0 }
    }
    this.#lines = []
    return changes
  }

  #add(delivered: Delivered): void {
    delivered.note.count++
    this.#ids.add(delivered.id)
    this.#inOrder.push(delivered)
  }

  /** What can come no more, and what there is no room for. */
  #forget(wall: WallMs): void {
    for (let first = this.#inOrder.peek(); first !== undefined; first = this.#inOrder.peek()) {
      if (this.#inOrder.size < this.#countMax && first.expiresAt > wall) break
      this.#inOrder.shift()
      this.#ids.delete(first.id)
      const { note } = first
      note.count--
      if (note.count === 0 && note.key !== undefined) this.#done.push(note.key)
    }
  }
}
