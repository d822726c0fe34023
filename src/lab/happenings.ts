import type { Happening } from './lab.ts'

/** What hosts tell in a run, for its pictures: the first of it, where there is too much to keep. */
export class Happenings {
  readonly #max: number
  readonly #kept: Happening[] = []
  #cut = 0

  constructor(max: number) {
    this.#max = max
  }

  get kept(): readonly Happening[] {
    return this.#kept
  }

  /** How many came later. */
  get cut(): number {
    return this.#cut
  }

  add(happening: Happening): void {
    if (this.#kept.length < this.#max) this.#kept.push(happening)
    else this.#cut++
  }
}
