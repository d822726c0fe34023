/** Which ADUs have been delivered here, so that none is delivered again: durable, and bounded. */

import { fromLatin1, toLatin1 } from '../base/bytes.ts'
import { Queue } from '../base/queue.ts'
import { type WallMs, wallMs } from '../base/time.ts'
import type { Store, StoreChange } from '../ports/store.ts'

interface Delivered {
  readonly id: string
  readonly key: string
  readonly expiresAt: WallMs
}

const TABLE = 'delivered-bundles'
const KEY_DIGITS = 15

export class DeliveredAdus {
  readonly #store: Store
  readonly #countMax: number
  readonly #ids = new Set<string>()
  /** The one remembered longest first. */
  readonly #inOrder: Queue<Delivered> = new Queue()
  #nextKey = 0

  constructor(store: Store, countMax: number) {
    this.#store = store
    this.#countMax = countMax
  }

  /** What an earlier run has remembered. */
  open(): void {
    for (const { key, value } of this.#store.range(TABLE, {})) {
      this.#nextKey = Number(key) + 1
      const [expiresAt = '', id = ''] = toLatin1(value).split(' ')
      this.#add({ id, key, expiresAt: wallMs(Number(expiresAt)) })
    }
  }

  has(id: string): boolean {
    return this.#ids.has(id)
  }

  /** Remembers the ADU from now on, and for good once the changes are on the disk. */
  remember(id: string, expiresAt: WallMs, wall: WallMs): readonly StoreChange[] {
    const key = String(this.#nextKey++).padStart(KEY_DIGITS, '0')
    const changes: StoreChange[] = [{ table: TABLE, key, value: fromLatin1(`${expiresAt} ${id}`) }]
    this.#forget(wall, changes)
    this.#add({ id, key, expiresAt })
    return changes
  }

  #add(delivered: Delivered): void {
    this.#ids.add(delivered.id)
    this.#inOrder.push(delivered)
  }

  /** What can come no more, and what there is no room for. */
  #forget(wall: WallMs, changes: StoreChange[]): void {
    for (let first = this.#inOrder.peek(); first !== undefined; first = this.#inOrder.peek()) {
      if (this.#inOrder.size < this.#countMax && first.expiresAt > wall) break
      this.#inOrder.shift()
      this.#ids.delete(first.id)
      changes.push({ table: TABLE, key: first.key, value: undefined })
    }
  }
}
