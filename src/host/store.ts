/**
 * The store on LMDB: one environment, one database, keys `table NUL key`.
 *
 * Commits that arrive while one is being written wait and go into the next transaction together, so
 * that many share one flush. `overlappingSync` is off: a transaction has been flushed when its
 * promise resolves, and LMDB's file needs no recovery after a crash.
 */

import { accessSync, constants, statfsSync } from 'node:fs'
import { open, type RootDatabase } from 'lmdb'
import { assert } from '../base/assert.ts'
import { fromLatin1, toLatin1 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type {
  Store,
  StoreChange,
  StoreEntry,
  StoreFaultCode,
  StoreRange,
  TableName,
} from '../ports/store.ts'
import { plainBytes } from './bytes.ts'
import { hostDisk } from './disk.ts'
import { claimDirectory } from './lock.ts'

export interface LmdbStoreOptions {
  /**
   * Bound on the room that all entries together take up in pages. The file can grow beyond it, as
   * pages are replaced by copying and holes do not always fit, but not without bound.
   */
  readonly capacityBytes: number
  /** What is in it can be made again: where its file is damaged, it begins anew. Default: that is refused. */
  readonly isDisposable?: boolean
}

/**
 * Opens the store in `directory`, which is made if there is none. Rejects with `store/in-use`, or
 * with `store/failed` where the files cannot be made, read or understood.
 */
export async function openLmdbStore(directory: string, options: LmdbStoreOptions): Promise<Store> {
  const release = await claim(directory)
  if (release === undefined) {
    throw fault('store/in-use', `another process has opened ${directory}`, true)
  }
  try {
    const path = `${directory}/${FILE_NAME}`
    if (!(await isUsable(path))) {
      if (options.isDisposable !== true) {
        throw fault('store/failed', `${FILE_NAME} is damaged or not a store`, false)
      }
      await hostDisk.remove(path)
    }
    const database = openDatabase(directory, options.capacityBytes)
    await hostDisk.syncDirectory(directory)
    return new LmdbStore(database, { directory, capacityBytes: options.capacityBytes, release })
  } catch (error) {
    release()
    throw openFault(directory, error)
  }
}

interface Commit {
  readonly changes: readonly StoreChange[]
  readonly resolve: () => void
  readonly reject: (fault: Fault<StoreFaultCode>) => void
}

interface Place {
  readonly directory: string
  readonly capacityBytes: number
  /** Gives the directory up. */
  readonly release: () => void
}

class LmdbStore implements Store {
  readonly #database: RootDatabase<Uint8Array, Uint8Array>
  readonly #place: Place
  #waiting: Commit[] = []
  #writing: Promise<void> | undefined
  #closed: Promise<void> | undefined
  /** So much more may come before the pages are counted again, which takes longer than most commits' own work. */
  #knownRoomBytes = 0

  constructor(database: RootDatabase<Uint8Array, Uint8Array>, place: Place) {
    this.#database = database
    this.#place = place
  }

  get(table: TableName, key: string): Uint8Array | undefined {
    const value = this.#open().getBinary(fullKey(table, key))
    return value === undefined ? undefined : plainBytes(value)
  }

  *range(table: TableName, range: StoreRange): Iterable<StoreEntry> {
    for (const { key, value } of this.#open().getRange(bounds(table, range))) {
      yield { key: shortKey(table, key), value: plainBytes(value) }
    }
  }

  *keys(table: TableName, range: StoreRange): Iterable<string> {
    for (const key of this.#open().getKeys(bounds(table, range))) yield shortKey(table, key)
  }

  commit(changes: readonly StoreChange[]): Promise<void> {
    for (const { table, key } of changes) {
      assert(TABLE.test(table) && KEY.test(key), `not a store key: ${table} ${key}`)
    }
    if (this.#closed !== undefined) return Promise.reject(closedFault())
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes, resolve, reject })
      this.#writing ??= this.#write()
    })
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      await this.#writing
      await this.#database.close()
      this.#place.release()
    })()
    return this.#closed
  }

  async #write(): Promise<void> {
    // One microtask later, so that commits of one turn share a transaction.
    await undefined
    while (this.#waiting.length > 0) await this.#writeTogether(this.#waiting.splice(0))
    this.#writing = undefined
  }

  /** Never rejects: each commit has its own answer. */
  async #writeTogether(commits: readonly Commit[]): Promise<void> {
    let accepted = commits
    try {
      accepted = this.#admit(commits)
      if (accepted.length > 0) await this.#writeTransaction(accepted)
    } catch (error) {
      const failure = await writeFault(error, this.#place.directory)
      for (const commit of accepted) commit.reject(failure)
      return
    }
    for (const commit of accepted) commit.resolve()
  }

  /** Refuses, in order, what would exceed the capacity. What frees room is never refused. */
  #admit(commits: readonly Commit[]): readonly Commit[] {
    // Only where it is close must be known what is replaced and removed.
    let grownBytes = 0
    for (const { changes } of commits) {
      for (const { table, key, value } of changes) {
        if (value !== undefined) grownBytes += entryBytes(nameLength(table, key), value.length)
      }
    }
    if (grownBytes <= this.#knownRoomBytes) {
      this.#knownRoomBytes -= grownBytes
      return commits
    }
    const usedBytes = this.#usedBytes()
    const leftBytes = this.#place.capacityBytes - usedBytes - grownBytes
    // Half of it: what entries take up is known only nearly.
    this.#knownRoomBytes = Math.max(0, leftBytes) / 2
    return leftBytes >= 0 ? commits : this.#admitSome(commits, usedBytes)
  }

  /** Nothing else is being written now, so what the database holds is what the commits will change. */
  #admitSome(commits: readonly Commit[], before: number): readonly Commit[] {
    const accepted: Commit[] = []
    const sizes = new Map<string, number>()
    let usedBytes = before
    for (const commit of commits) {
      const changed = new Map<string, number>()
      let growthBytes = 0
      for (const { table, key, value } of commit.changes) {
        const name = `${table}\0${key}`
        const held = changed.get(name) ?? sizes.get(name) ?? this.#entryBytes(table, key)
        const after = value === undefined ? 0 : entryBytes(name.length, value.length)
        changed.set(name, after)
        growthBytes += after - held
      }
      if (growthBytes > 0 && usedBytes + growthBytes > this.#place.capacityBytes) {
        const needed = `${usedBytes + growthBytes} of ${this.#place.capacityBytes} bytes`
        commit.reject(fault('store/full', `the store is full: ${needed} needed`, true))
        continue
      }
      usedBytes += growthBytes
      for (const [name, size] of changed) sizes.set(name, size)
      accepted.push(commit)
    }
    return accepted
  }

  /** All in one transaction of LMDB; resolves once it is flushed. */
  async #writeTransaction(commits: readonly Commit[]): Promise<void> {
    const database = this.#database
    await database.batch(() => {
      for (const { changes } of commits) {
        for (const { table, key, value } of changes) {
          if (value === undefined) void database.remove(fullKey(table, key))
          else void database.put(fullKey(table, key), value)
        }
      }
    })
    // Reads from now on see it.
    database.resetReadTxn()
  }

  /** The pages of the tree. */
  #usedBytes(): number {
    const { treeBranchPageCount, treeLeafPageCount, overflowPages } =
      this.#database.getStats() as unknown as PageCounts
    return (treeBranchPageCount + treeLeafPageCount + overflowPages) * PAGE_BYTES
  }

  #entryBytes(table: TableName, key: string): number {
    const name = fullKey(table, key)
    const value = this.#database.getBinary(name)
    return value === undefined ? 0 : entryBytes(name.length, value.length)
  }

  #open(): RootDatabase<Uint8Array, Uint8Array> {
    if (this.#closed !== undefined) throw closedFault()
    return this.#database
  }
}

interface PageCounts {
  readonly treeBranchPageCount: number
  readonly treeLeafPageCount: number
  readonly overflowPages: number
}

const TABLE = /^[\x21-\x7e]{1,100}$/
const KEY = /^[\x20-\x7e]{1,500}$/
const PAGE_BYTES = 4096
const PAGE_HEADER_BYTES = 24
/** A node's header, its place in the page's index, and rounding. */
const NODE_BYTES = 12
/** A larger node leaves its value to pages of its own, so that every page holds two keys. */
const NODE_BYTES_MAX = (PAGE_BYTES - PAGE_HEADER_BYTES) / 2

/** The room of one entry. Pages of small ones are counted as half full, the least a B-tree keeps. */
function entryBytes(keyLength: number, valueLength: number): number {
  const whole = NODE_BYTES + keyLength + valueLength
  if (whole <= NODE_BYTES_MAX) return 2 * whole
  const pages = Math.ceil((PAGE_HEADER_BYTES + valueLength) / PAGE_BYTES)
  return 2 * (NODE_BYTES + keyLength + 8) + pages * PAGE_BYTES
}

async function claim(directory: string): Promise<(() => void) | undefined> {
  try {
    await hostDisk.makeDirectory(directory)
    return await claimDirectory(directory)
  } catch (error) {
    throw openFault(directory, error)
  }
}

const FILE_NAME = 'data.mdb'

/**
 * Looks at the two meta pages that begin a file of LMDB, where there is one: lmdb-js crashes the
 * process instead of reporting a file that it cannot open.
 */
async function isUsable(path: string): Promise<boolean> {
  if ((await hostDisk.stat(path)) === undefined) return true
  accessSync(path, constants.R_OK | constants.W_OK)
  const file = await hostDisk.open(path)
  try {
    if (file.sizeBytes === 0) return true
    const first = await file.read(0, META_BYTES)
    const second = await file.read(isMeta(first) ? pageBytes(first) : 0, META_BYTES)
    return isMeta(first) && isMeta(second)
  } finally {
    await file.close()
  }
}

function isMeta(page: Uint8Array): boolean {
  if (page.length < META_BYTES) return false
  const view = new DataView(page.buffer, page.byteOffset, page.length)
  const isMetaPage = (view.getUint16(18, true) & 0x08) !== 0
  const version = view.getUint32(28, true) & 0xffff
  return isMetaPage && view.getUint32(24, true) === 0xbeefc0de && version === 2
}

function pageBytes(meta: Uint8Array): number {
  return new DataView(meta.buffer, meta.byteOffset, meta.length).getUint32(48, true)
}

const META_BYTES = 52

function openDatabase(
  directory: string,
  capacityBytes: number,
): RootDatabase<Uint8Array, Uint8Array> {
  const options = {
    path: directory,
    // A directory may have a dot in its name; lmdb-js would take it for a file.
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    // With it a transaction that fails leaves a rejected promise that nobody can handle.
    eventTurnBatching: false,
    pageSize: PAGE_BYTES,
    // Address space only; saves mapping the file anew each time that it has grown. lmdb-js crashes
    // the process where there is not enough of it.
    mapSize: Math.min(
      Math.ceil((2 * capacityBytes) / MAP_STEP_BYTES) * MAP_STEP_BYTES,
      MAP_BYTES_MAX,
    ),
    // Not in the declared type, but taken: mail is nobody else's business.
    permissionsMode: 0o600,
  } as const
  return open<Uint8Array, Uint8Array>(options)
}

const MAP_STEP_BYTES = 1_048_576
/** Of the 128 TiB that a process has on most machines. The file may still grow beyond it. */
const MAP_BYTES_MAX = 2 * 1_099_511_627_776

function nameLength(table: TableName, key: string): number {
  return table.length + 1 + key.length
}

function fullKey(table: TableName, key: string): Uint8Array {
  return fromLatin1(`${table}\0${key}`)
}

function shortKey(table: TableName, key: Uint8Array): string {
  return toLatin1(key.subarray(table.length + 1))
}

function bounds(table: TableName, range: StoreRange): { start: Uint8Array; end: Uint8Array } {
  return {
    start: fullKey(table, range.from ?? ''),
    end: range.to === undefined ? fromLatin1(`${table}\x01`) : fullKey(table, range.to),
  }
}

/** The disk may have room again, or be repaired: nothing is lost, so every one is temporary. */
async function writeFault(error: unknown, directory: string): Promise<Fault<StoreFaultCode>> {
  const reason = await underlying(error)
  const errno = (reason as { code?: unknown }).code as number
  const full = FULL_ERRNOS.includes(errno) || (errno === EIO && isDiskFull(directory))
  return fault(full ? 'store/full' : 'store/failed', messageOf(reason), true, reason)
}

/** EFBIG, ENOSPC, EDQUOT on Linux. */
const FULL_ERRNOS: readonly number[] = [27, 28, 122]

/** What LMDB says of a write that came out short, which it does where the disk fills up in its middle. */
const EIO = 5

/** Free bytes below which a short write is put down to them. */
const FREE_BYTES_MIN = 1_048_576

function isDiskFull(directory: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(directory)
    return bavail * bsize < FREE_BYTES_MIN
  } catch {
    return false
  }
}

/** lmdb-js rejects with "Commit failed" and keeps the reason in a promise of its own. */
async function underlying(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<unknown> }
  if (commitError === undefined) return error
  return commitError.then(
    () => error,
    (reason: unknown) => reason,
  )
}

function openFault(directory: string, error: unknown): Fault<StoreFaultCode> {
  return fault('store/failed', `cannot open ${directory}: ${messageOf(error)}`, false, error)
}

function closedFault(): Fault<StoreFaultCode> {
  return fault('store/closed', 'the store is closed', true)
}

function fault(
  code: StoreFaultCode,
  message: string,
  temporary: boolean,
  cause?: unknown,
): Fault<StoreFaultCode> {
  return new Fault(code, message, { temporary, cause })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
