/** First in, first out, in constant time however many wait. */
export class Queue<Item> {
  #items: Item[] = []
  /** Those before it have gone. */
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  peek(): Item | undefined {
    return this.#items[this.#head]
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  shift(): Item | undefined {
    const items = this.#items
    if (this.#head >= items.length) return undefined
    const first = items[this.#head++]
    if (2 * this.#head > items.length) {
      items.splice(0, this.#head)
      this.#head = 0
    } else items[this.#head - 1] = undefined as Item
    return first
  }

  clear(): void {
    this.#items = []
    this.#head = 0
  }

  *[Symbol.iterator](): Iterator<Item> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i] as Item
  }
}
