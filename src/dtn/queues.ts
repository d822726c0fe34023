import type { MonoMs } from '../base/time.ts'
import { EMPTY_QUEUE, type Queue } from './agent-events.ts'
import type { Entry } from './entries.ts'

/** What waits where, counted bundle by bundle. */
export class Queues<Place> {
  readonly #queues = new Map<Place, { -readonly [K in keyof Queue]: Queue[K] }>()

  count(place: Place, { record, arrivedAt }: Entry, now: MonoMs): void {
    const queue = this.#queues.get(place) ?? { ...EMPTY_QUEUE }
    this.#queues.set(place, queue)
    queue.bundles++
    queue.bytes += record.sizeBytes
    queue.oldestMs = Math.max(queue.oldestMs ?? 0, now - arrivedAt)
  }

  at(place: Place): Queue {
    return this.#queues.get(place) ?? EMPTY_QUEUE
  }

  get places(): ReadonlyMap<Place, Queue> {
    return this.#queues
  }
}
