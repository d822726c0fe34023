/**
 * What the index holds of one mailbox: a row for each message, written in pages, and what belongs to
 * all of them. Changes are made here first and written by `commit`, all at once or not at all.
 *
 * Keys, each behind the mailbox's id: `h` the head, `j` names that are being placed, `p…` pages of
 * rows, `n…` their names, `x…` what was expunged, `e…` summaries, `d…` structures, `t…` fingerprints
 * of texts.
 */

import { equalBytes, fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { Fault } from '../../base/fault.ts'
import { type Store, type StoreChange, withPrefix } from '../../ports/store.ts'
import { mailboxFault } from './fault.ts'
import { UID_MAX, VANISHED_ENTRIES_MAX } from './limits.ts'
import type { Flag, ModSeq, Uid } from './mailbox.ts'
import {
  changedRow,
  formatNames,
  formatPage,
  hex,
  Page,
  PageNames,
  pageOf,
  type RowData,
} from './row-pages.ts'
import { Rows } from './rows.ts'

export const TABLE = 'mailbox'

export interface Head {
  uidValidity: number
  uidNext: Uid
  highestModSeq: ModSeq
  /** Messages from this UID on are recent. */
  recentFrom: Uid
  keywords: readonly Flag[]
  /** What was expunged up to here is not remembered. */
  vanishedFloor: ModSeq
  /** Of all messages, so that a quota need not look at their rows. */
  messages: number
  messageBytes: number
  /** Times of the directories when the rows were what is in them. */
  times: DirectoryTimes
  /** Which directory of the account these are; a copy of it has its marker and so its id. */
  directory?: string
}

export interface DirectoryTimes {
  readonly new?: number
  readonly cur?: number
}

const NO_UIDS = 'no UIDs are left'

export class FolderIndex {
  readonly id: string
  head: Head
  /** As they are written; what has been changed since is not in them. */
  rows: Rows
  readonly #store: Store
  readonly #names: PageNames
  /** Rows of pages that have changed, by UID, ascending. */
  readonly #changed: Map<number, RowData[]> = new Map()
  readonly #vanished: ModSeq[]
  #changes: StoreChange[] = []

  private constructor(store: Store, id: string, head: Head) {
    this.#store = store
    this.id = id
    this.head = head
    this.#names = new PageNames((page) => store.get(TABLE, this.#key(`n${hex(page, 8)}`)))
    this.rows = new Rows([])
    this.#vanished = []
  }

  /** Undefined where there is none, or one that makes no sense. */
  static load(store: Store, id: string): FolderIndex | undefined {
    const head = headOf(store, id)
    if (head === undefined) return undefined
    try {
      const index = new FolderIndex(store, id, head)
      index.#read()
      return index.#isSound() ? index : undefined
    } catch {
      return undefined
    }
  }

  /** Throws where it makes no sense. */
  #read(): void {
    const prefix = this.#key('p')
    const pages: Page[] = []
    for (const { key, value } of this.#store.range(TABLE, withPrefix(prefix))) {
      const number = Number.parseInt(key.slice(prefix.length), 16)
      pages.push(new Page(number, value, this.#names))
    }
    this.rows = new Rows(pages)
    const vanished = this.#key('x')
    for (const key of this.#store.keys(TABLE, withPrefix(vanished))) {
      this.#vanished.push(Number.parseInt(key.slice(vanished.length), 16))
    }
  }

  static fresh(store: Store, id: string, uidValidity: number): FolderIndex {
    const head = {
      uidValidity,
      uidNext: 1,
      highestModSeq: 1,
      recentFrom: 1,
      keywords: [],
      vanishedFloor: 0,
      messages: 0,
      messageBytes: 0,
      times: {},
    }
    const index = new FolderIndex(store, id, head)
    index.#changes = removals(store, `${id}/`)
    return index
  }

  /** With what has changed and is not yet written. */
  find(uid: Uid): RowData | undefined {
    const changed = this.#changed.get(pageOf(uid))
    return changed === undefined ? this.rows.find(uid) : changed.find((row) => row.uid === uid)
  }

  /** UIDs must begin anew: what is next after the last would be none. */
  static isExhausted(error: unknown): boolean {
    return error instanceof Fault && error.message === NO_UIDS
  }

  nextModSeq(): ModSeq {
    this.head.highestModSeq++
    return this.head.highestModSeq
  }

  /** With the next UID. Throws `mailbox/too-many` where none is left: the index is of no more use then. */
  add(row: Omit<RowData, 'uid' | 'emailId'> & { readonly emailId?: string }): Uid {
    if (this.head.uidNext >= UID_MAX) throw mailboxFault('mailbox/too-many', NO_UIDS)
    const uid = this.head.uidNext++
    const { base, place, file, flags, modSeq, dateMs, sizeBytes, emailId = '' } = row
    this.#changeable(uid).push({
      uid,
      base,
      place,
      file,
      flags,
      modSeq,
      dateMs,
      sizeBytes,
      emailId,
    })
    return uid
  }

  /** One that is there. */
  replace(row: RowData): void {
    const rows = this.#changeable(row.uid)
    rows[rows.findIndex(({ uid }) => uid === row.uid)] = row
  }

  /** `uids` ascending. */
  remove(uids: readonly Uid[], modSeq: ModSeq): void {
    for (const uid of uids) {
      const rows = this.#changeable(uid)
      rows.splice(
        rows.findIndex((row) => row.uid === uid),
        1,
      )
    }
    this.#vanished.push(modSeq)
    this.#put(`x${hex(modSeq, 14)}`, JSON.stringify(rangesOf(uids)))
    while (this.#vanished.length > VANISHED_ENTRIES_MAX) {
      const oldest = this.#vanished.shift() as ModSeq
      this.head.vanishedFloor = oldest
      this.#changes.push({ table: TABLE, key: this.#key(`x${hex(oldest, 14)}`), value: undefined })
    }
  }

  vanishedSince(modSeq: ModSeq): readonly (readonly [Uid, Uid])[] {
    if (modSeq < this.head.vanishedFloor) return this.#holes()
    const from = this.#key(`x${hex(modSeq + 1, 14)}`)
    const uids: (readonly [Uid, Uid])[] = []
    for (const { value } of this.#store.range(TABLE, { ...withPrefix(`${this.id}/x`), from })) {
      uids.push(...(JSON.parse(toUtf8(value)) as (readonly [Uid, Uid])[]))
    }
    return merged(uids)
  }

  /** Names in `tmp` that are to be placed even if the power fails; none: all are. */
  setPlacing(names: readonly (readonly [from: string, to: string])[]): void {
    if (names.length > 0) this.#put('j', JSON.stringify(names))
    else this.#changes.push({ table: TABLE, key: this.#key('j'), value: undefined })
  }

  /** Where they make no sense all that is there is what the directories hold. */
  get placing(): readonly (readonly [from: string, to: string])[] {
    const names = parsed(this.#store.get(TABLE, this.#key('j')))
    return Array.isArray(names) ? names : []
  }

  /** Writes what has changed: it counts, and is among `rows`, once this resolves. */
  async commit(): Promise<void> {
    const pages: Page[] = []
    const emptied: number[] = []
    for (const [number, rows] of this.#changed) {
      if (rows.length === 0) emptied.push(number)
      else pages.push(this.#writePage(number, rows))
    }
    for (const number of emptied) {
      for (const kind of ['p', 'n']) {
        const key = this.#key(`${kind}${hex(number, 8)}`)
        this.#changes.push({ table: TABLE, key, value: undefined })
      }
    }
    const rows = this.rows.with(pages, emptied)
    this.head.messages = rows.count
    this.head.messageBytes = rows.bytes
    this.#put('h', JSON.stringify(this.head))
    const changes = this.#changes
    this.#changes = []
    this.#changed.clear()
    await this.#store.commit(changes)
    this.#names.forget()
    this.rows = rows
  }

  /** Names only where they have changed: most often it is flags that have. */
  #writePage(number: number, rows: readonly RowData[]): Page {
    const columns = formatPage(rows)
    const names = formatNames(rows)
    const name = `n${hex(number, 8)}`
    const value = columns.slice()
    this.#changes.push({ table: TABLE, key: this.#key(`p${hex(number, 8)}`), value })
    const before = this.#store.get(TABLE, this.#key(name))
    if (before === undefined || !equalBytes(before, names)) {
      this.#changes.push({ table: TABLE, key: this.#key(name), value: names })
    }
    return new Page(number, columns, this.#names)
  }

  #changeable(uid: Uid): RowData[] {
    const number = pageOf(uid)
    const known = this.#changed.get(number)
    if (known !== undefined) return known
    const rows = this.rows.ofPage(number).map((row) => changedRow(row, {}))
    this.#changed.set(number, rows)
    return rows
  }

  #put(key: string, text: string): void {
    this.#changes.push({ table: TABLE, key: this.#key(key), value: fromUtf8(text) })
  }

  #key(key: string): string {
    return `${this.id}/${key}`
  }

  #holes(): readonly (readonly [Uid, Uid])[] {
    const holes: (readonly [Uid, Uid])[] = []
    let next = 1
    for (const uid of this.rows.uids) {
      if (uid > next) holes.push([next, uid - 1])
      next = uid + 1
    }
    if (this.head.uidNext > next) holes.push([next, this.head.uidNext - 1])
    return holes
  }

  #isSound(): boolean {
    const { uidNext, uidValidity, highestModSeq, keywords, times } = this.head
    const numbers = [uidNext, uidValidity, highestModSeq]
    return (
      numbers.every((one) => Number.isSafeInteger(one) && one > 0) &&
      Array.isArray(keywords) &&
      typeof times === 'object' &&
      this.rows.isAscending(uidNext)
    )
  }
}

/** What the index says of one that is perhaps not open; undefined where it makes no sense. */
export function headOf(store: Store, id: string): Head | undefined {
  const head = parsed(store.get(TABLE, `${id}/h`))
  return typeof head === 'object' && head !== null ? (head as Head) : undefined
}

/** Undefined where it is not JSON. */
function parsed(value: Uint8Array | undefined): unknown {
  try {
    return value && JSON.parse(toUtf8(value))
  } catch {
    return undefined
  }
}

/** All keys of a mailbox that is no more. */
export function removals(store: Store, prefix: string): StoreChange[] {
  return [...store.keys(TABLE, withPrefix(prefix))].map((key) => ({
    table: TABLE,
    key,
    value: undefined,
  }))
}

export function summaryKey(id: string, uid: Uid): string {
  return `${id}/e${hex(uid, 8)}`
}

export function descriptionKey(id: string, uid: Uid): string {
  return `${id}/d${hex(uid, 8)}`
}

export function fingerprintKey(id: string, uid: Uid): string {
  return `${id}/t${hex(uid, 8)}`
}

/** Ascending numbers as ranges of both ends. */
export function rangesOf(uids: readonly Uid[]): readonly (readonly [Uid, Uid])[] {
  return merged(uids.map((uid) => [uid, uid] as const))
}

function merged(ranges: readonly (readonly [Uid, Uid])[]): readonly (readonly [Uid, Uid])[] {
  const joined: [Uid, Uid][] = []
  for (const [from, to] of [...ranges].sort(([a], [b]) => a - b)) {
    const last = joined.at(-1)
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else joined.push([from, to])
  }
  return joined
}
