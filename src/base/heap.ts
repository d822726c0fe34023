/** A binary heap: the least item by `before` comes out first. Not stable; order ties in `before`. */
export class Heap<Item> {
  #items: Item[] = []
  readonly #before: (a: Item, b: Item) => boolean

  constructor(before: (a: Item, b: Item) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  peek(): Item | undefined {
    return this.#items[0]
  }

  push(item: Item): void {
    const items = this.#items
    let at = items.length
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = items[up] as Item
      if (!this.#before(item, parent)) break
      items[at] = parent
      at = up
    }
    items[at] = item
  }

  pop(): Item | undefined {
    const items = this.#items
    const least = items[0]
    const moved = items.pop()
    if (items.length === 0 || moved === undefined) return least
    let at = 0
    for (;;) {
      let down = 2 * at + 1
      if (down >= items.length) break
      const right = items[down + 1]
      if (right !== undefined && this.#before(right, items[down] as Item)) down++
      const child = items[down] as Item
      if (!this.#before(child, moved)) break
      items[at] = child
      at = down
    }
    items[at] = moved
    return least
  }

  /** In no order. */
  [Symbol.iterator](): Iterator<Item> {
    return this.#items.values()
  }

  /** Drops the others, in a time that grows with all there are. */
  retain(isWanted: (item: Item) => boolean): void {
    const wanted = this.#items.filter(isWanted)
    this.#items = []
    for (const item of wanted) this.push(item)
  }
}
