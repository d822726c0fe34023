/** All rows of a mailbox at one moment: pages that are shared with the moments before and after. */

import { SEEN } from './file-name.ts'
import type { ModSeq, Uid } from './mailbox.ts'
import { type Page, pageOf, Row, type Sums } from './row-pages.ts'

export class Rows {
  /** By number, ascending; none is empty. */
  readonly #pages: readonly Page[]
  readonly #sums: Sums

  constructor(pages: readonly Page[], sums: Sums = sumOf(pages)) {
    this.#pages = pages
    this.#sums = sums
  }

  get count(): number {
    return this.#sums.messages
  }

  get unseen(): number {
    return this.#sums.unseen
  }

  get deleted(): number {
    return this.#sums.deleted
  }

  /** Of all messages. */
  get bytes(): number {
    return this.#sums.bytes
  }

  /** Ascending. */
  get uids(): Uint32Array {
    const uids = new Uint32Array(this.count)
    let at = 0
    for (const page of this.#pages) for (let i = 0; i < page.count; i++) uids[at++] = page.uid(i)
    return uids
  }

  get firstUnseen(): Uid | undefined {
    if (this.unseen === 0) return undefined
    for (const page of this.#pages) {
      for (let i = 0; i < page.count; i++) if ((page.flags(i) & SEEN) === 0) return page.uid(i)
    }
    return undefined
  }

  *[Symbol.iterator](): Generator<Row> {
    for (const page of this.#pages) for (let i = 0; i < page.count; i++) yield new Row(page, i)
  }

  find(uid: Uid): Row | undefined {
    const page = this.#page(pageOf(uid))
    const i = page?.position(uid) ?? 0
    return page === undefined || i === page.count || page.uid(i) !== uid
      ? undefined
      : new Row(page, i)
  }

  ofPage(number: number): readonly Row[] {
    const page = this.#page(number)
    return page === undefined ? [] : Array.from({ length: page.count }, (_, i) => new Row(page, i))
  }

  /** How many have this UID or a greater one. */
  countFrom(uid: Uid): number {
    let count = 0
    for (let at = this.#pages.length - 1; at >= 0; at--) {
      const page = this.#pages[at] as Page
      const behind = page.count - page.position(uid)
      count += behind
      if (behind < page.count) break
    }
    return count
  }

  changedSince(modSeq: ModSeq): readonly Uid[] {
    const uids: Uid[] = []
    for (const page of this.#pages) {
      for (let i = 0; i < page.count; i++) if (page.modSeq(i) > modSeq) uids.push(page.uid(i))
    }
    return uids
  }

  /** Those whose hash is one of these, and those in `new`. */
  *likely(hashes: ReadonlySet<number>): Generator<Row> {
    for (const page of this.#pages) {
      for (let i = 0; i < page.count; i++) {
        if (hashes.has(page.hash(i)) || page.place(i) === 'new') yield new Row(page, i)
      }
    }
  }

  /** With these pages in place of those of their numbers, and without those of `emptied`. */
  with(pages: readonly Page[], emptied: readonly number[]): Rows {
    if (pages.length === 0 && emptied.length === 0) return this
    const kept = [...this.#pages]
    let sums = this.#sums
    for (const page of pages) {
      const at = positionIn(kept, page.number)
      const before = kept[at]?.number === page.number ? kept[at] : undefined
      if (before !== undefined) sums = added(sums, before.sums, -1)
      kept.splice(at, before === undefined ? 0 : 1, page)
      sums = added(sums, page.sums, 1)
    }
    const gone = new Set(emptied)
    for (const page of gone.size === 0 ? [] : kept) {
      if (gone.has(page.number)) sums = added(sums, page.sums, -1)
    }
    return new Rows(gone.size === 0 ? kept : kept.filter(({ number }) => !gone.has(number)), sums)
  }

  isAscending(end: Uid): boolean {
    let last = 0
    for (const page of this.#pages) {
      for (let i = 0; i < page.count; i++) {
        const uid = page.uid(i)
        if (uid <= last || uid >= end || pageOf(uid) !== page.number) return false
        last = uid
      }
    }
    return true
  }

  #page(number: number): Page | undefined {
    const page = this.#pages[positionIn(this.#pages, number)]
    return page?.number === number ? page : undefined
  }
}

/** Of the first page with this number or a greater one. */
function positionIn(pages: readonly Page[], number: number): number {
  let low = 0
  let high = pages.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((pages[middle] as Page).number < number) low = middle + 1
    else high = middle
  }
  return low
}

function sumOf(pages: readonly Page[]): Sums {
  return pages.reduce((sums, page) => added(sums, page.sums, 1), NONE)
}

const NONE: Sums = { messages: 0, unseen: 0, deleted: 0, bytes: 0 }

function added(a: Sums, b: Sums, by: 1 | -1): Sums {
  return {
    messages: a.messages + by * b.messages,
    unseen: a.unseen + by * b.unseen,
    deleted: a.deleted + by * b.deleted,
    bytes: a.bytes + by * b.bytes,
  }
}
