/** Slots that are kept beyond four for each item, so that a few items cost nothing to speak of. */
const SPARE_SLOTS = 1024

/**
 * Items by number, for numbers that are given out in ascending order and mostly leave in that order:
 * a Map of things that come and go makes the collector of garbage keep and copy them long after they
 * have gone. What stays behind for long lies in a Map all the same, so that the window stays small.
 */
export class Window<Item extends object> {
  /** By number, less `#first`. */
  #slots: (Item | undefined)[] = []
  #first = 0
  /** Slots before it are empty. */
  #head = 0
  #count = 0
  readonly #stragglers = new Map<number, Item>()

  get size(): number {
    return this.#count + this.#stragglers.size
  }

  get(number: number): Item | undefined {
    return number < this.#first ? this.#stragglers.get(number) : this.#slots[number - this.#first]
  }

  has(number: number): boolean {
    return this.get(number) !== undefined
  }

  /** `number` is a non-negative integer. */
  set(number: number, item: Item): void {
    if (this.#count === 0) this.#startAt(number)
    if (number < this.#first) {
      this.#stragglers.set(number, item)
      return
    }
    if (number - this.#first > this.#slots.length + SPARE_SLOTS) {
      this.#leaveBehind(this.#slots.length)
      this.#startAt(number)
    }
    const slots = this.#slots
    const index = number - this.#first
    while (slots.length <= index) slots.push(undefined)
    if (slots[index] === undefined) this.#count++
    slots[index] = item
    this.#head = Math.min(this.#head, index)
    const excess = slots.length - this.#head - SPARE_SLOTS - 4 * this.#count
    if (excess > 0) this.#leaveBehind(this.#head + ((slots.length - this.#head) >> 1))
  }

  delete(number: number): boolean {
    if (number < this.#first) return this.#stragglers.delete(number)
    const index = number - this.#first
    const slots = this.#slots
    if (slots[index] === undefined) return false
    slots[index] = undefined
    this.#count--
    while (this.#head < slots.length && slots[this.#head] === undefined) this.#head++
    if (2 * this.#head > slots.length) this.#cut(this.#head)
    return true
  }

  clear(): void {
    this.#slots = []
    this.#first = 0
    this.#head = 0
    this.#count = 0
    this.#stragglers.clear()
  }

  /** Those that stayed behind first, then by number. */
  *values(): Iterable<Item> {
    yield* this.#stragglers.values()
    for (let i = this.#head; i < this.#slots.length; i++) {
      const item = this.#slots[i]
      if (item !== undefined) yield item
    }
  }

  #startAt(number: number): void {
    if (number < this.#first) return
    this.#slots = []
    this.#first = number
    this.#head = 0
  }

  /** Takes what the first `length` slots hold out of the window. */
  #leaveBehind(length: number): void {
    for (let i = this.#head; i < length; i++) {
      const item = this.#slots[i]
      if (item === undefined) continue
      this.#stragglers.set(this.#first + i, item)
      this.#count--
    }
    this.#cut(length)
  }

  #cut(length: number): void {
    this.#slots.splice(0, length)
    this.#first += length
    this.#head = 0
  }
}
