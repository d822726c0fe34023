/** What the directories of a mailbox hold, compared with what its index holds. */

import type { Disk, FileStatus } from '../../ports/disk.ts'
import { isNotFound } from '../../ports/disk.ts'
import { countSent } from './content.ts'
import { parseFileName, secondInBase, sizeInBase } from './file-name.ts'
import type { DirectoryTimes, FolderIndex } from './index-rows.ts'
import {
  DIRECTORY_SECONDS_MS,
  DIRECTORY_TIME_MS,
  UNVERIFIED_MS,
  UNVERIFIED_MS_PER_MESSAGE,
} from './limits.ts'
import { changedRow, emailIdFor, hashOf, type Row, type RowData } from './row-pages.ts'
import type { Rows } from './rows.ts'

export type Place = 'new' | 'cur'
const PLACES: readonly Place[] = ['new', 'cur']

export interface FoundFile {
  readonly place: Place
  readonly file: string
}

export type Measures = Pick<RowData, 'dateMs' | 'sizeBytes'>

export interface Differences {
  /** Rows as they should be now: renamed by somebody. */
  readonly changed: readonly RowData[]
  readonly missing: readonly Row[]
  /** By name, oldest first. */
  readonly added: readonly FoundFile[]
}

/** How often a listing is taken again when it lacks a message: one is missed that is renamed meanwhile. */
const LISTINGS_MAX = 3

export class FolderScan {
  readonly #disk: Disk
  readonly #path: string
  /** Times of the directories when last listed; what was too young then may have changed unnoticed. */
  #times: DirectoryTimes = {}
  /**
   * Since when directories were changed by us and not listed: what others did within the same moments
   * is noticed by the next listing only, which must not follow each change of ours. Or since when they
   * hold what could not be read.
   */
  #unverifiedSince: DirectoryTimes = {}

  constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.#path = path
  }

  /** What is known from before; what is not is looked at. */
  begin(times: DirectoryTimes): void {
    this.#times = times
    this.#unverifiedSince = {}
  }

  /** Of directories that need no look as long as they have these times. */
  get settled(): DirectoryTimes {
    const { new: isNewOpen, cur: isCurOpen } = this.#unverifiedSince
    const { new: newMs, cur: curMs } = this.#times
    return {
      ...(isNewOpen === undefined && newMs !== undefined && { new: newMs }),
      ...(isCurOpen === undefined && curMs !== undefined && { cur: curMs }),
    }
  }

  /** We have just changed them, and the index says how. */
  async changedByUs(places: Iterable<Place>, wall: number): Promise<void> {
    for (const place of places) {
      const status = await this.#disk.stat(`${this.#path}/${place}`)
      if (status === undefined) continue
      this.#times = { ...this.#times, [place]: status.modifiedMs }
      this.#verifyLater(place, wall)
    }
  }

  /** Undefined where nothing has changed since it last was asked. `wall` is the time now. */
  async differences(index: FolderIndex, wall: number): Promise<Differences | undefined> {
    const statuses = await Promise.all(
      PLACES.map((place) => this.#disk.stat(`${this.#path}/${place}`)),
    )
    const patience = Math.max(UNVERIFIED_MS, index.rows.count * UNVERIFIED_MS_PER_MESSAGE)
    let places: readonly Place[] = PLACES.filter((place, i) => {
      if (this.#times[place] !== statuses[i]?.modifiedMs) return true
      const since = this.#unverifiedSince[place]
      return since !== undefined && Math.abs(wall - since) >= patience
    })
    if (places.length === 0) return undefined
    for (let listings = 1; ; listings++) {
      for (const place of places) this.#remember(place, statuses[PLACES.indexOf(place)], wall)
      const found = await this.list(places)
      const result = compare(index.rows, found, places)
      if (result.missing.length === 0 || listings === LISTINGS_MAX) return result
      places = PLACES
    }
  }

  /** `new` first, so that what moves to `cur` meanwhile is not missed. */
  async list(places: readonly Place[] = PLACES): Promise<Map<string, FoundFile>> {
    const found = new Map<string, FoundFile>()
    for (const place of places) {
      for (const file of await this.#disk.list(`${this.#path}/${place}`)) {
        if (!file.startsWith('.')) found.set(parseFileName(file).unique, { place, file })
      }
    }
    return found
  }

  /**
   * What a row needs of a file that is new, at once where its name tells it; undefined where it is gone
   * again, and where it cannot be read: it is tried again, and must not keep all others from being seen.
   */
  measure(found: FoundFile, wall: number): Measures | Promise<Measures | undefined> {
    const { base } = parseFileName(found.file)
    const second = secondInBase(base)
    const dateMs = second === undefined ? undefined : second * 1000
    const sizeBytes = sizeInBase(base)
    if (dateMs !== undefined && sizeBytes !== undefined) return { dateMs, sizeBytes }
    return this.#look(found, dateMs, sizeBytes).catch((error: unknown) => {
      if (!isNotFound(error)) this.#verifyLater(found.place, wall)
      return undefined
    })
  }

  async #look(
    { place, file }: FoundFile,
    told: number | undefined,
    sizeBytes: number | undefined,
  ): Promise<Measures | undefined> {
    const path = `${this.#path}/${place}/${file}`
    const dateMs = told ?? (await this.#disk.stat(path))?.modifiedMs
    if (dateMs === undefined) return undefined
    if (sizeBytes !== undefined) return { dateMs, sizeBytes }
    const reader = await this.#disk.open(path)
    try {
      return { dateMs, sizeBytes: await countSent(reader) }
    } finally {
      await reader.close()
    }
  }

  #verifyLater(place: Place, wall: number): void {
    const since = this.#unverifiedSince[place] ?? wall
    this.#unverifiedSince = { ...this.#unverifiedSince, [place]: since }
  }

  #remember(place: Place, status: FileStatus | undefined, wall: number): void {
    const isSettled =
      status !== undefined && Math.abs(wall - status.modifiedMs) > tickOf(status.modifiedMs)
    const { [place]: _time, ...times } = this.#times
    const { [place]: _since, ...unverified } = this.#unverifiedSince
    this.#times = isSettled ? { ...times, [place]: status.modifiedMs } : times
    this.#unverifiedSince = unverified
  }
}

/** A time in whole seconds may be that of a file system that has no others. */
function tickOf(modifiedMs: number): number {
  return modifiedMs % 1000 === 0 ? DIRECTORY_SECONDS_MS : DIRECTORY_TIME_MS
}

/** Takes what is known out of `found`. */
function compare(rows: Rows, found: Map<string, FoundFile>, places: readonly Place[]): Differences {
  const changed: RowData[] = []
  const missing: Row[] = []
  // Of messages in `new` alone few are looked at: no need to read all names.
  const candidates = places.includes('cur')
    ? rows
    : rows.likely(new Set([...found.keys()].map(hashOf)))
  for (const row of candidates) {
    const { unique } = parseFileName(row.base)
    const now = found.get(unique)
    if (now === undefined) {
      if (places.includes(row.place)) missing.push(row)
      continue
    }
    found.delete(unique)
    if (now.file !== row.file || now.place !== row.place) {
      const { base, flags } = parseFileName(now.file)
      const emailId = base === row.base ? row.emailId : emailIdFor(row)
      changed.push(changedRow(row, { ...now, base, flags, emailId }))
    }
  }
  const added = [...found.values()].sort((a, b) => (a.file < b.file ? -1 : 1))
  return { changed, missing, added }
}
