/**
 * The rows of a mailbox in pages: of PAGE_ROWS UIDs each, as octets, so that a large mailbox is read
 * from the index without being taken apart, and shared between those who look at it. What changes
 * often and is short stands in one value, the names of the files in another.
 */

import { assert } from '../../base/assert.ts'
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { DELETED, formatFileName, SEEN } from './file-name.ts'
import { PAGE_ROWS, PAGES_OF_NAMES_MAX } from './limits.ts'
import type { ModSeq, Uid } from './mailbox.ts'

export interface RowData {
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
  /** Empty where it is that of the base: `emailIdFor`. */
  readonly emailId: string
}

/** Octets of a page's head, and of each row's column: UID, flags, hash, modSeq, date, size, file. */
const HEAD_BYTES = 4
const ROW_BYTES = 4 + 4 + 4 + 8 + 8 + 8 + 1

/** How the file is called where its name follows from the rest. */
const IN_CUR = 0
const IN_NEW = 1
/** The end of its name is written out. */
const OTHER = 2

/** Reads the names of a page as they are now; undefined where there are none any more. */
export type NamesReader = (page: number) => Uint8Array | undefined

/** Never changed: a new one takes its turn. */
export class Page {
  readonly number: number
  readonly count: number
  readonly columns: Uint8Array
  readonly #view: DataView
  readonly #names: PageNames

  /** `columns` as they were written; throws where they make no sense. */
  constructor(number: number, columns: Uint8Array, names: PageNames) {
    this.number = number
    this.columns = columns
    this.#view = new DataView(columns.buffer, columns.byteOffset, columns.length)
    this.count = this.#view.getUint32(0)
    this.#names = names
    const isWhole = this.count > 0 && columns.length === HEAD_BYTES + this.count * ROW_BYTES
    assert(isWhole, 'a page has rows, and all their columns')
  }

  uid(i: number): Uid {
    return this.#view.getUint32(HEAD_BYTES + 4 * i)
  }

  flags(i: number): number {
    return this.#view.getUint32(HEAD_BYTES + 4 * (this.count + i))
  }

  /** Of the part of the file's name that no program changes. */
  hash(i: number): number {
    return this.#view.getUint32(HEAD_BYTES + 4 * (2 * this.count + i))
  }

  modSeq(i: number): ModSeq {
    return this.#number(0, i)
  }

  dateMs(i: number): number {
    return this.#number(1, i)
  }

  sizeBytes(i: number): number {
    return this.#number(2, i)
  }

  place(i: number): 'new' | 'cur' {
    return (this.#kind(i) & 1) === IN_NEW ? 'new' : 'cur'
  }

  name(i: number): RowName {
    return this.#names.of(this.number, this.uid(i))
  }

  file(i: number): string {
    const { base, end } = this.name(i)
    const kind = this.#kind(i)
    if ((kind & OTHER) !== 0) return base + end
    return kind === IN_NEW ? base : formatFileName(base, this.flags(i), '')
  }

  /** Of the first row with this UID or a greater one. */
  position(uid: Uid): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.uid(middle) < uid) low = middle + 1
      else high = middle
    }
    return low
  }

  get sums(): Sums {
    let [unseen, deleted, bytes] = [0, 0, 0]
    for (let i = 0; i < this.count; i++) {
      const flags = this.flags(i)
      if ((flags & SEEN) === 0) unseen++
      if ((flags & DELETED) !== 0) deleted++
      bytes += this.sizeBytes(i)
    }
    return { messages: this.count, unseen, deleted, bytes }
  }

  #number(column: number, i: number): number {
    return this.#view.getFloat64(HEAD_BYTES + 12 * this.count + 8 * (column * this.count + i))
  }

  #kind(i: number): number {
    return this.#view.getUint8(HEAD_BYTES + 36 * this.count + i)
  }
}

export interface Sums {
  readonly messages: number
  readonly unseen: number
  readonly deleted: number
  readonly bytes: number
}

/** One message, read from its page when it is asked for. */
export class Row implements RowData {
  readonly #page: Page
  readonly #i: number
  readonly uid: Uid

  constructor(page: Page, i: number) {
    this.#page = page
    this.#i = i
    this.uid = page.uid(i)
  }

  get flags(): number {
    return this.#page.flags(this.#i)
  }

  get modSeq(): ModSeq {
    return this.#page.modSeq(this.#i)
  }

  get dateMs(): number {
    return this.#page.dateMs(this.#i)
  }

  get sizeBytes(): number {
    return this.#page.sizeBytes(this.#i)
  }

  get place(): 'new' | 'cur' {
    return this.#page.place(this.#i)
  }

  /** Empty where it has been removed since. */
  get base(): string {
    return this.#page.name(this.#i).base
  }

  get file(): string {
    return this.#page.file(this.#i)
  }

  get emailId(): string {
    return this.#page.name(this.#i).emailId
  }
}

export interface RowName {
  readonly base: string
  /** What follows `base` where it does not follow from the flags. */
  readonly end: string
  /** Empty: that of the base. */
  readonly emailId: string
}

const NO_NAME: RowName = { base: '', end: '', emailId: '' }

/** The names of few pages at a time, as whoever asks goes from row to row, several together. */
export class PageNames {
  readonly #read: NamesReader
  /** Those read last are last. */
  readonly #pages: Map<number, Map<Uid, RowName>> = new Map()

  constructor(read: NamesReader) {
    this.#read = read
  }

  /** An empty one where the message has been removed since. */
  of(page: number, uid: Uid): RowName {
    let names = this.#pages.get(page)
    if (names === undefined) {
      names = parseNames(this.#read(page))
      this.#pages.set(page, names)
      if (this.#pages.size > PAGES_OF_NAMES_MAX) this.#dropFirst()
    }
    return names.get(uid) ?? NO_NAME
  }

  /** They are others now. */
  forget(): void {
    this.#pages.clear()
  }

  #dropFirst(): void {
    const [first] = this.#pages.keys()
    this.#pages.delete(first as number)
  }
}

/** Rows of one page, at least one, as they are written. */
export function formatPage(rows: readonly RowData[]): Uint8Array {
  const count = rows.length
  const columns = new Uint8Array(HEAD_BYTES + count * ROW_BYTES)
  const view = new DataView(columns.buffer)
  view.setUint32(0, count)
  for (const [i, row] of rows.entries()) {
    view.setUint32(HEAD_BYTES + 4 * i, row.uid)
    view.setUint32(HEAD_BYTES + 4 * (count + i), row.flags)
    view.setUint32(HEAD_BYTES + 4 * (2 * count + i), hashOf(uniqueOf(row.base)))
    const numbers = [row.modSeq, row.dateMs, row.sizeBytes]
    for (const [column, number] of numbers.entries()) {
      view.setFloat64(HEAD_BYTES + 12 * count + 8 * (column * count + i), number)
    }
    view.setUint8(HEAD_BYTES + 36 * count + i, kindOf(row))
  }
  return columns
}

function kindOf({ place, base, file, flags }: RowData): number {
  const kind = place === 'new' ? IN_NEW : IN_CUR
  const usual = place === 'new' ? base : formatFileName(base, flags, '')
  return file === usual ? kind : kind | OTHER
}

/** A file's name may hold anything but `/` and NUL, which part them here. */
export function formatNames(rows: readonly RowData[]): Uint8Array {
  const texts = rows.map((row) => {
    const { uid, base, file, emailId } = row
    const end = (kindOf(row) & OTHER) === 0 ? '' : file.slice(base.length)
    return [uid, base, end, emailId].join('\0')
  })
  return fromUtf8(texts.join('/'))
}

function parseNames(bytes: Uint8Array | undefined): Map<Uid, RowName> {
  const names = new Map<Uid, RowName>()
  if (bytes === undefined) return names
  for (const text of toUtf8(bytes).split('/')) {
    const [uid, base = '', end = '', emailId = ''] = text.split('\0')
    names.set(Number(uid), { base, end, emailId })
  }
  return names
}

export function pageOf(uid: Uid): number {
  return Math.floor(uid / PAGE_ROWS)
}

export function uniqueOf(base: string): string {
  const comma = base.indexOf(',')
  return comma < 0 ? base : base.slice(0, comma)
}

/** FNV-1a. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

export function emailIdFor({ base, emailId }: Pick<RowData, 'base' | 'emailId'>): string {
  return emailId === '' ? emailIdOf(base) : emailId
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

export function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}

/** A copy of it with some of it changed. */
export function changedRow(row: RowData, changes: Partial<RowData>): RowData {
  const { uid, base, place, file, flags, modSeq, dateMs, sizeBytes, emailId } = row
  return { uid, base, place, file, flags, modSeq, dateMs, sizeBytes, emailId, ...changes }
}
