/** Contacts or ranges of many pairs of nodes, those of each pair apart in time. */

import type { Interval } from '../../base/interval.ts'
import type { WallMs } from '../../base/time.ts'
import type { NodePair } from '../../dtn/contact-plan.ts'

type Timed = NodePair & Interval<WallMs>

export class Timelines<Item extends Timed> {
  /** By pair, in order of time. */
  readonly #lines = new Map<string, Item[]>()
  readonly #collide: (a: Interval, b: Interval) => boolean

  /** `collide` holds for two that cannot both be, and for any two that overlap. */
  constructor(collide: (a: Interval, b: Interval) => boolean) {
    this.#collide = collide
  }

  /** Answers the one that it collides with, in which case it is not added. */
  add(item: Item): Item | undefined {
    const line = this.#lines.get(keyOf(item)) ?? []
    const at = countBefore(line, item.from)
    const other = [line[at - 1], line[at]].find((near) => near && this.#collide(near, item))
    if (other !== undefined) return other
    line.splice(at, 0, item)
    this.#lines.set(keyOf(item), line)
    return undefined
  }

  /** Whether there is one that begins at `from`. */
  change(pair: NodePair, from: WallMs, change: (item: Item) => Item): boolean {
    const line = this.#lines.get(keyOf(pair)) ?? []
    const at = countBefore(line, from)
    const item = line[at]
    if (item?.from !== from) return false
    line[at] = change(item)
    return true
  }

  /** Whether there was one that begins at `from`. */
  delete(pair: NodePair, from: WallMs): boolean {
    const line = this.#lines.get(keyOf(pair)) ?? []
    const at = countBefore(line, from)
    if (line[at]?.from !== from) return false
    line.splice(at, 1)
    return true
  }

  deleteAll(pair: NodePair): void {
    this.#lines.delete(keyOf(pair))
  }

  /** The one that begins at `from`. */
  at(pair: NodePair, from: WallMs): Item | undefined {
    return (this.#lines.get(keyOf(pair)) ?? []).find((item) => item.from === from)
  }

  /** Takes over what `other` has that is not over at `at`. */
  copy(other: Timelines<Item>, at: WallMs): void {
    for (const [key, line] of other.#lines) {
      const left = line.filter(({ until }) => until > at)
      if (left.length > 0) this.#lines.set(key, left)
    }
  }

  /** In the order in which ION lists them: by source, destination and time. */
  values(): readonly Item[] {
    return [...this.#lines.values()]
      .filter(([first]) => first !== undefined)
      .sort(([a], [b]) => (comesBefore(a as Item, b as Item) ? -1 : 1))
      .flat()
  }
}

function keyOf({ source, destination }: NodePair): string {
  return `${source} ${destination}`
}

function comesBefore(a: NodePair, b: NodePair): boolean {
  return a.source === b.source ? a.destination < b.destination : a.source < b.source
}

/** How many begin before `from`. */
function countBefore(line: readonly Timed[], from: WallMs): number {
  let low = 0
  let high = line.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((line[middle] as Timed).from < from) low = middle + 1
    else high = middle
  }
  return low
}
