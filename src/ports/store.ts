/**
 * An ordered, transactional key-value store: the spool, the bundle store and their indexes.
 * `host` makes it of LMDB, `lab` of memory. One process owns a store.
 */

/**
 * `store/in-use`: another process, or this one, has opened it already. `store/closed`: so that what
 * comes too late is tried again by the next run. All are temporary, but for a store that cannot be
 * opened as its files are (`store/failed`).
 */
export type StoreFaultCode = 'store/full' | 'store/failed' | 'store/closed' | 'store/in-use'

/** Names a group of keys; made on first use. */
export type TableName = string

export interface StoreChange {
  readonly table: TableName
  /** Printable ASCII, at most 500 characters; order is by code unit. */
  readonly key: string
  /** Undefined removes the key; removing what is absent is no error. */
  readonly value: Uint8Array | undefined
}

export interface StoreEntry {
  readonly key: string
  readonly value: Uint8Array
}

export interface StoreRange {
  /** First key wanted; default: the first there is. */
  readonly from?: string
  /** First key no longer wanted; default: beyond the last. */
  readonly to?: string
}

export interface Store {
  /** Sees every commit that has resolved, and may see one that is about to. The result is the caller's own. */
  get(table: TableName, key: string): Uint8Array | undefined
  /** In ascending order of keys; iterate without awaiting in between. */
  range(table: TableName, range: StoreRange): Iterable<StoreEntry>
  /** The same without reading values. */
  keys(table: TableName, range: StoreRange): Iterable<string>
  /**
   * All of it or nothing, in the order of calls; resolves once it is on the disk. Takes the bytes
   * over. Rejects with `store/full` (temporary; nothing was changed and room made by removals is
   * usable again), `store/failed` or `store/closed` (temporary). Reading from a closed store throws
   * `store/closed` as well.
   */
  commit(changes: readonly StoreChange[]): Promise<void>
  /** Finishes what was committed. */
  close(): Promise<void>
}

/** The range of all keys that begin with `prefix`. */
export function withPrefix(prefix: string): StoreRange {
  return { from: prefix, to: `${prefix}\x7f` }
}
