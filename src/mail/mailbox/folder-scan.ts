/** What the directories of a mailbox hold, compared with what its index holds. */

import type { Disk, FileStatus } from '../../ports/disk.ts'
import { countSent } from './content.ts'
import { parseFileName, secondInBase, sizeInBase } from './file-name.ts'
import { isNotFound } from './files.ts'
import type { FolderIndex, Row } from './index-rows.ts'
import { DIRECTORY_TIME_MS } from './limits.ts'

export type Place = 'new' | 'cur'
const PLACES: readonly Place[] = ['new', 'cur']

export interface FoundFile {
  readonly place: Place
  readonly file: string
}

export interface Differences {
  /** Rows as they should be now: renamed by somebody. */
  readonly changed: readonly Row[]
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
  #times: Partial<Record<Place, number>> = {}

  constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.#path = path
  }

  /** From now on everything is looked at again. */
  forget(): void {
    this.#times = {}
  }

  /** Undefined where nothing has changed since it last was asked. `wall` is the time now. */
  async differences(index: FolderIndex, wall: number): Promise<Differences | undefined> {
    const statuses = await Promise.all(
      PLACES.map((place) => this.#disk.stat(`${this.#path}/${place}`)),
    )
    let places: readonly Place[] = PLACES.filter(
      (place, i) => this.#times[place] !== statuses[i]?.modifiedMs,
    )
    if (places.length === 0) return undefined
    for (const [i, place] of PLACES.entries()) this.#remember(place, statuses[i], wall)
    for (let listings = 1; ; listings++) {
      const found = await this.list(places)
      const result = compare(index, found, places)
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

  /** What a row needs of a file that is new; undefined where it is gone again. */
  async measure({
    place,
    file,
  }: FoundFile): Promise<Pick<Row, 'dateMs' | 'sizeBytes'> | undefined> {
    const path = `${this.#path}/${place}/${file}`
    const { base } = parseFileName(file)
    const second = secondInBase(base)
    const sizeBytes = sizeInBase(base)
    try {
      const dateMs =
        second === undefined ? (await this.#disk.stat(path))?.modifiedMs : second * 1000
      if (dateMs === undefined) return undefined
      if (sizeBytes !== undefined) return { dateMs, sizeBytes }
      const reader = await this.#disk.open(path)
      try {
        return { dateMs, sizeBytes: await countSent(reader) }
      } finally {
        await reader.close()
      }
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  #remember(place: Place, status: FileStatus | undefined, wall: number): void {
    const isSettled = status !== undefined && Math.abs(wall - status.modifiedMs) > DIRECTORY_TIME_MS
    if (isSettled) this.#times[place] = status.modifiedMs
    else delete this.#times[place]
  }
}

function compare(
  index: FolderIndex,
  found: Map<string, FoundFile>,
  places: readonly Place[],
): Differences {
  const changed: Row[] = []
  const missing: Row[] = []
  const added: FoundFile[] = []
  for (const row of index.rows) {
    const { unique } = parseFileName(row.base)
    const now = found.get(unique)
    if (now === undefined) {
      if (places.includes(row.place)) missing.push(row)
    } else if (now.file !== row.file || now.place !== row.place) {
      const { base, flags } = parseFileName(now.file)
      changed.push({ ...row, ...now, base, flags })
    }
  }
  for (const [unique, file] of found) if (index.named(unique) === undefined) added.push(file)
  return { changed, missing, added: added.sort((a, b) => (a.file < b.file ? -1 : 1)) }
}
