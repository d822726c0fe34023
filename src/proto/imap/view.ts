/**
 * The messages of a mailbox as one client knows them: their numbers change only when it is told so.
 * RFC 9051 §7.5.1.
 */

import {
  hasNumber,
  joinRanges,
  type NumberRange,
  type SequenceSet,
  toRanges,
} from './sequence-set.ts'

export class MailboxView {
  /** Ascending; the message of number n is at n - 1. The array may be somebody else's: it is never changed. */
  #uids: Uint32Array

  constructor(uids: Uint32Array = new Uint32Array(0)) {
    this.#uids = uids
  }

  get count(): number {
    return this.#uids.length
  }

  /** 0 where there is no message. */
  get lastUid(): number {
    return this.#uids.at(-1) ?? 0
  }

  uidAt(number: number): number {
    return this.#uids[number - 1] ?? 0
  }

  /** Undefined where the client knows of no such message. */
  numberOf(uid: number): number | undefined {
    const index = this.#indexOf(uid)
    return this.#uids[index] === uid ? index + 1 : undefined
  }

  /** Takes those in that come after all that are known; the others are known or gone. */
  add(uids: readonly number[]): number {
    const { lastUid } = this
    const fresh = uids.filter((uid) => uid > lastUid)
    if (fresh.length === 0) return 0
    const all = new Uint32Array(this.#uids.length + fresh.length)
    all.set(this.#uids)
    all.set(fresh, this.#uids.length)
    this.#uids = all
    return fresh.length
  }

  /** What their numbers were, the highest first: told in this order none of them shifts another. */
  remove(uids: Iterable<number>): readonly number[] {
    const numbers: number[] = []
    for (const uid of uids) {
      const number = this.numberOf(uid)
      if (number !== undefined) numbers.push(number)
    }
    if (numbers.length === 0) return []
    numbers.sort((a, b) => b - a)
    const gone = new Set(numbers)
    this.#uids = this.#uids.filter((_, index) => !gone.has(index + 1))
    return numbers
  }

  /**
   * The numbers of all messages in a set, as ranges; undefined where one names a number that there is
   * not, which is a mistake with numbers and none with UIDs. RFC 9051 §9, `seq-number`.
   */
  numbers(set: SequenceSet, uid: boolean): readonly NumberRange[] | undefined {
    if (!uid) {
      const ranges = toRanges(set, this.count)
      const last = ranges.at(-1)
      const isWithin = last === undefined || (last[1] <= this.count && (ranges[0]?.[0] ?? 0) > 0)
      return isWithin ? ranges : undefined
    }
    return this.ofUids(toRanges(set, this.lastUid))
  }

  /** The numbers of the messages whose UIDs are in `ranges`. */
  ofUids(ranges: readonly NumberRange[]): readonly NumberRange[] {
    const found: NumberRange[] = []
    for (const [from, to] of ranges) {
      const first = this.#indexOf(from) + 1
      const last = this.#indexOf(to + 1)
      if (first <= last) found.push([first, last])
    }
    return joinRanges(found)
  }

  /** All of them, in order. */
  *uidsIn(numbers: readonly NumberRange[]): Generator<number> {
    for (const [from, to] of numbers) {
      for (let number = from; number <= to; number++) yield this.uidAt(number)
    }
  }

  /** Whether the message of `number` is in a set as it was resolved. */
  isIn(numbers: readonly NumberRange[], number: number): boolean {
    return hasNumber(numbers, number)
  }

  /** Of the first that is not smaller. */
  #indexOf(uid: number): number {
    let low = 0
    let high = this.#uids.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#uids[middle] as number) < uid) low = middle + 1
      else high = middle
    }
    return low
  }
}
