/** Which network comes next on the way to another: over the fewest links, the first that were added where it is the same. */
export class Routes {
  readonly #neighbours = new Map<string, string[]>()
  /** By start and destination; found when they are first asked for. */
  readonly #next = new Map<string, ReadonlyMap<string, string>>()

  add(a: string, b: string): void {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const known = this.#neighbours.get(from)
      if (known === undefined) this.#neighbours.set(from, [to])
      else known.push(to)
    }
    this.#next.clear()
  }

  /** Undefined where no links lead there. */
  next(from: string, to: string): string | undefined {
    if (this.#neighbours.get(from)?.includes(to)) return to
    const known = this.#next.get(from) ?? this.#search(from)
    this.#next.set(from, known)
    return known.get(to)
  }

  #search(from: string): ReadonlyMap<string, string> {
    const first = new Map((this.#neighbours.get(from) ?? []).map((name) => [name, name]))
    // A map is gone through in the order in which it was filled, what is added meanwhile too.
    for (const [reached, via] of first) {
      for (const name of this.#neighbours.get(reached) ?? []) {
        if (name !== from && !first.has(name)) first.set(name, via)
      }
    }
    return first
  }
}
