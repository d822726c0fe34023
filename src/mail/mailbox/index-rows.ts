/**
 * What the index holds of one mailbox: a row for each message, written in pages, and what belongs to
 * all of them. Changes are made here first and written by `commit`, all at once or not at all.
 *
 * Keys, each behind the mailbox's id: `h` the head, `j` names that are being placed, `p…` pages of
 * rows, `x…` what was expunged, `d…` descriptions, `t…` fingerprints of texts.
 */

import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { type Store, type StoreChange, withPrefix } from '../../ports/store.ts'
import { DELETED, SEEN } from './file-name.ts'
import { PAGE_ROWS, VANISHED_ENTRIES_MAX } from './limits.ts'
import type { Flag, ModSeq, Uid } from './mailbox.ts'

export const TABLE = 'mailbox'

/** Never changed in place: a new one takes its turn. */
export interface Row {
  readonly uid: Uid
  /** The file's name up to its flags. */
  readonly base: string
  readonly place: 'new' | 'cur'
  /** The file's whole name. */
  readonly file: string
  readonly flags: number
  readonly modSeq: ModSeq
  readonly dateMs: number
  readonly sizeBytes: number
  readonly emailId: string
}

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
}

export class FolderIndex {
  readonly id: string
  head: Head
  /** By UID, ascending. */
  rows: Row[]
  messageBytes = 0
  unseen = 0
  deleted = 0
  readonly #store: Store
  readonly #byUnique: Map<string, Uid> = new Map()
  readonly #dirtyPages: Set<number> = new Set()
  readonly #vanished: ModSeq[]
  #changes: StoreChange[] = []

  private constructor(store: Store, id: string, head: Head, rows: Row[]) {
    this.#store = store
    this.id = id
    this.head = head
    this.rows = rows
    for (const row of rows) this.#count(row, 1)
    this.#vanished = [...store.keys(TABLE, withPrefix(`${id}/x`))].map((key) =>
      Number.parseInt(key.slice(id.length + 2), 16),
    )
  }

  /** Undefined where there is none, or one that makes no sense. */
  static load(store: Store, id: string): FolderIndex | undefined {
    const head = store.get(TABLE, `${id}/h`)
    if (head === undefined) return undefined
    try {
      const rows: Row[] = []
      for (const { value } of store.range(TABLE, withPrefix(`${id}/p`))) {
        for (const line of toUtf8(value).split('\n')) rows.push(parseRow(line))
      }
      const index = new FolderIndex(store, id, JSON.parse(toUtf8(head)) as Head, rows)
      return index.#isSound() ? index : undefined
    } catch {
      return undefined
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
    }
    const index = new FolderIndex(store, id, head, [])
    index.#changes = removals(store, `${id}/`)
    index.#vanished.length = 0
    return index
  }

  find(uid: Uid): Row | undefined {
    const row = this.rows[this.#position(uid)]
    return row?.uid === uid ? row : undefined
  }

  named(unique: string): Row | undefined {
    const uid = this.#byUnique.get(unique)
    return uid === undefined ? undefined : this.find(uid)
  }

  nextModSeq(): ModSeq {
    this.head.highestModSeq++
    return this.head.highestModSeq
  }

  /** With the next UID. */
  add(row: Omit<Row, 'uid' | 'emailId'> & { readonly emailId?: string }): Row {
    const uid = this.head.uidNext++
    const added = { emailId: emailIdOf(row.base), ...row, uid }
    this.rows.push(added)
    this.#count(added, 1)
    this.#touch(uid)
    return added
  }

  replace(row: Row): void {
    const at = this.#position(row.uid)
    const before = this.rows[at] as Row
    this.#count(before, -1)
    this.rows[at] = row
    this.#count(row, 1)
    this.#touch(row.uid)
  }

  /** `uids` ascending. */
  remove(uids: readonly Uid[], modSeq: ModSeq): void {
    const gone = new Set(uids)
    this.rows = this.rows.filter((row) => {
      if (!gone.has(row.uid)) return true
      this.#count(row, -1)
      this.#touch(row.uid)
      return false
    })
    for (const uid of uids) {
      this.#changes.push({ table: TABLE, key: descriptionKey(this.id, uid), value: undefined })
      this.#changes.push({ table: TABLE, key: fingerprintKey(this.id, uid), value: undefined })
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

  get placing(): readonly (readonly [from: string, to: string])[] {
    const value = this.#store.get(TABLE, this.#key('j'))
    return value === undefined ? [] : JSON.parse(toUtf8(value))
  }

  /** Writes what has changed; `modSeq` etc. are in memory already, and count once this resolves. */
  async commit(): Promise<void> {
    for (const page of this.#dirtyPages) this.#writePage(page)
    this.head.messages = this.rows.length
    this.head.messageBytes = this.messageBytes
    this.#put('h', JSON.stringify(this.head))
    const changes = this.#changes
    this.#changes = []
    this.#dirtyPages.clear()
    await this.#store.commit(changes)
  }

  #writePage(page: number): void {
    const from = this.#position(page * PAGE_ROWS)
    const to = this.#position((page + 1) * PAGE_ROWS)
    const key = this.#key(`p${hex(page, 8)}`)
    const value =
      from === to ? undefined : fromUtf8(this.rows.slice(from, to).map(formatRow).join('\n'))
    this.#changes.push({ table: TABLE, key, value })
  }

  #put(key: string, text: string): void {
    this.#changes.push({ table: TABLE, key: this.#key(key), value: fromUtf8(text) })
  }

  #key(key: string): string {
    return `${this.id}/${key}`
  }

  #touch(uid: Uid): void {
    this.#dirtyPages.add(Math.floor(uid / PAGE_ROWS))
  }

  #count(row: Row, by: 1 | -1): void {
    this.messageBytes += by * row.sizeBytes
    if ((row.flags & SEEN) === 0) this.unseen += by
    if ((row.flags & DELETED) !== 0) this.deleted += by
    const unique = uniqueOf(row.base)
    if (by === 1) this.#byUnique.set(unique, row.uid)
    else this.#byUnique.delete(unique)
  }

  /** The first with this UID or a greater one. */
  #position(uid: Uid): number {
    let low = 0
    let high = this.rows.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.rows[middle] as Row).uid < uid) low = middle + 1
      else high = middle
    }
    return low
  }

  #holes(): readonly (readonly [Uid, Uid])[] {
    const holes: (readonly [Uid, Uid])[] = []
    let next = 1
    for (const { uid } of this.rows) {
      if (uid > next) holes.push([next, uid - 1])
      next = uid + 1
    }
    if (this.head.uidNext > next) holes.push([next, this.head.uidNext - 1])
    return holes
  }

  #isSound(): boolean {
    const { uidNext, uidValidity, highestModSeq, keywords } = this.head
    const numbers = [uidNext, uidValidity, highestModSeq]
    return (
      numbers.every((one) => Number.isSafeInteger(one) && one > 0) &&
      Array.isArray(keywords) &&
      this.rows.every((row, i) => row.uid > (this.rows[i - 1]?.uid ?? 0) && row.uid < uidNext)
    )
  }
}

/** What the index says of one that is perhaps not open. */
export function headOf(store: Store, id: string): Head | undefined {
  const value = store.get(TABLE, `${id}/h`)
  return value === undefined ? undefined : (JSON.parse(toUtf8(value)) as Head)
}

/** All keys of a mailbox that is no more. */
export function removals(store: Store, prefix: string): StoreChange[] {
  return [...store.keys(TABLE, withPrefix(prefix))].map((key) => ({
    table: TABLE,
    key,
    value: undefined,
  }))
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

function uniqueOf(base: string): string {
  const comma = base.indexOf(',')
  return comma < 0 ? base : base.slice(0, comma)
}

/** As long as an identifier may be that every program takes. RFC 8474 §3. */
function emailIdOf(base: string): string {
  let a = 0x811c9dc5
  let b = 0x9e3779b9
  for (let i = 0; i < base.length; i++) {
    a = Math.imul(a ^ base.charCodeAt(i), 0x01000193)
    b = Math.imul(b ^ base.charCodeAt(i), 0x85ebca6b) ^ (b >>> 13)
  }
  return `M${hex(a >>> 0, 8)}${hex(b >>> 0, 8)}`
}

/** A name may hold anything but a slash. */
function formatRow(row: Row): string {
  const { uid, base, place, file, flags, modSeq, dateMs, sizeBytes, emailId } = row
  return JSON.stringify([
    uid,
    base,
    place,
    file.slice(base.length),
    flags,
    modSeq,
    dateMs,
    sizeBytes,
    emailId,
  ])
}

function parseRow(line: string): Row {
  const [uid, base, place, rest, flags, modSeq, dateMs, sizeBytes, emailId] = JSON.parse(line) as [
    number,
    string,
    'new' | 'cur',
    string,
    number,
    number,
    number,
    number,
    string,
  ]
  return { uid, base, place, file: base + rest, flags, modSeq, dateMs, sizeBytes, emailId }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
