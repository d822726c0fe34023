import { assert } from '../base/assert.ts'
import { equalBytes, NO_BYTES } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { Queue } from '../base/queue.ts'
import type { Random } from '../base/random.ts'
import { addMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type {
  Store,
  StoreChange,
  StoreEntry,
  StoreFaultCode,
  StoreRange,
  TableName,
} from '../ports/store.ts'

export interface LabStoreOptions {
  /** Bound on keys and values together; default: none. */
  readonly capacityBytes?: number
  /**
   * Whether the bytes of a commit are copied, so that whoever changes them meanwhile is found out;
   * default: true.
   */
  readonly isSuspicious?: boolean
  /** What a commit that would begin now fails with; default: none does. */
  readonly fault?: () => Fault<StoreFaultCode> | undefined
  /** What a commit takes on the virtual clock; default: nothing, it resolves in the same event. */
  readonly latency?: { readonly clock: Clock; readonly durationMs: number }
}

/** What is on the platter: outlives the store that wrote it. */
export interface StoreImage {
  readonly tables: Map<TableName, Table>
  usedBytes: number
}

/** Arrays and no Map: a Map keeps alive for a while what has come and gone. */
interface Table {
  /** In order; some may be gone. */
  keys: string[]
  /** Of each key; undefined where it is gone. */
  values: (Uint8Array | undefined)[]
  goneCount: number
}

/**
 * The Store port in memory. A commit becomes visible and durable in one step, at the moment before
 * its promise resolves; until then `crash` undoes it.
 */
export class LabStore implements Store {
  readonly #image: StoreImage
  readonly #options: LabStoreOptions
  #state: 'open' | 'closed' | 'crashed' = 'open'
  #lastCommit: Promise<unknown> = Promise.resolve()
  /** Not yet resolved, in the order in which they will be. */
  readonly #underWay: Queue<readonly StoreChange[]> = new Queue()

  constructor(options: LabStoreOptions = {}, image: StoreImage = emptyStoreImage()) {
    this.#options = options
    this.#image = image
  }

  get usedBytes(): number {
    return this.#image.usedBytes
  }

  get(table: TableName, key: string): Uint8Array | undefined {
    this.#requireOpen()
    return this.#valueOf(table, key)?.slice()
  }

  *range(table: TableName, range: StoreRange): Iterable<StoreEntry> {
    for (const key of this.keys(table, range)) {
      const value = this.#valueOf(table, key)
      if (value !== undefined) yield { key, value: value.slice() }
    }
  }

  *keys(table: TableName, range: StoreRange): Iterable<string> {
    this.#requireOpen()
    const found = this.#image.tables.get(table)
    if (found === undefined) return
    for (let i = range.from === undefined ? 0 : lowerBound(found.keys, range.from); ; i++) {
      const key = found.keys[i]
      if (key === undefined || (range.to !== undefined && key >= range.to)) return
      if (found.values[i] === undefined) continue
      yield key
      // What came or went meanwhile moves the others.
      if (found.keys[i] !== key) i = lowerBound(found.keys, `${key}\0`) - 1
    }
  }

  commit(changes: readonly StoreChange[]): Promise<void> {
    if (this.#state === 'closed') return Promise.reject(closedFault())
    for (const { key } of changes) {
      assert(PRINTABLE.test(key), `a store key is 1 to 500 printable characters`)
    }
    // The bytes are the store's from now on, and LMDB reads them later: whoever has only borrowed
    // them, or changes them, finds out here rather than in a damaged spool.
    const owned =
      this.#options.isSuspicious === false
        ? changes
        : changes.map(({ table, key, value }) => ({ table, key, value: value?.slice() }))
    const fault = this.#options.fault?.()
    if (fault === undefined) this.#underWay.push(owned)
    const committed = new Promise<void>((resolve, reject) => {
      this.#later(() => {
        if (this.#state === 'crashed') return
        if (fault === undefined) this.#underWay.shift()
        const changed = owned === changes ? undefined : changedMeanwhile(changes, owned)
        const failure = changed ?? fault ?? this.#apply(owned)
        if (failure === undefined) resolve()
        else reject(failure)
      })
    })
    this.#lastCommit = committed.catch(() => {})
    return committed
  }

  async close(): Promise<void> {
    if (this.#state === 'open') this.#state = 'closed'
    await this.#lastCommit
  }

  /**
   * The power fails: what has not resolved is lost and never will resolve, and nothing more that is
   * asked of this store has any effect. A new LabStore goes on with the result. With `luck`, the first
   * of the commits under way may be there all the same: the power failed after the flush.
   */
  crash(luck?: Random): StoreImage {
    this.#state = 'crashed'
    const flushed = Math.floor((luck?.next() ?? 0) * (this.#underWay.size + 1))
    for (const changes of [...this.#underWay].slice(0, flushed)) this.#apply(changes)
    return {
      usedBytes: this.#image.usedBytes,
      tables: new Map(
        [...this.#image.tables].map(([name, table]) => [
          name,
          { ...table, keys: [...table.keys], values: [...table.values] },
        ]),
      ),
    }
  }

  /** Never inside the call, so that whoever iterates without awaiting sees one state. */
  #later(action: () => void): void {
    const { latency } = this.#options
    if (latency === undefined) void Promise.resolve().then(action)
    else latency.clock.at(addMs(latency.clock.now(), latency.durationMs), action)
  }

  #apply(changes: readonly StoreChange[]): Fault<StoreFaultCode> | undefined {
    const { capacityBytes } = this.#options
    if (capacityBytes !== undefined) {
      const grownBytes = this.#growth(changes)
      if (grownBytes > 0 && this.#image.usedBytes + grownBytes > capacityBytes) {
        return new Fault('store/full', 'the store is full', {
          temporary: true,
          detail: { capacityBytes, neededBytes: grownBytes },
        })
      }
    }
    for (const change of changes) {
      this.#image.usedBytes += put(tableOf(this.#image, change.table), change)
    }
    return undefined
  }

  /** By how much the changes, done in order, would enlarge what is stored. */
  #growth(changes: readonly StoreChange[]): number {
    const sizes = new Map<string, number>()
    let grownBytes = 0
    for (const { table, key, value } of changes) {
      const held = this.#valueOf(table, key)
      const name = `${table}\n${key}`
      const before = sizes.get(name) ?? entrySize(key, held)
      const after = entrySize(key, value)
      sizes.set(name, after)
      grownBytes += after - before
    }
    return grownBytes
  }

  #valueOf(name: TableName, key: string): Uint8Array | undefined {
    const table = this.#image.tables.get(name)
    if (table === undefined) return undefined
    const i = lowerBound(table.keys, key)
    return table.keys[i] === key ? table.values[i] : undefined
  }

  #requireOpen(): void {
    if (this.#state === 'closed') throw closedFault()
  }
}

const PRINTABLE = /^[\x20-\x7e]{1,500}$/

/** A mistake of ours, and so no Fault. */
function changedMeanwhile(
  given: readonly StoreChange[],
  taken: readonly StoreChange[],
): Error | undefined {
  const changed = taken.find(
    ({ value }, i) => value !== undefined && !equalBytes(value, given[i]?.value ?? NO_BYTES),
  )
  if (changed === undefined) return undefined
  return new Error(`assertion failed: the value of ${changed.key} is the store's, but was changed`)
}

function closedFault(): Fault<StoreFaultCode> {
  return new Fault('store/closed', 'the store is closed', { temporary: true })
}

function emptyStoreImage(): StoreImage {
  return { tables: new Map(), usedBytes: 0 }
}

function tableOf(image: StoreImage, name: TableName): Table {
  const held = image.tables.get(name)
  if (held !== undefined) return held
  const made: Table = { keys: [], values: [], goneCount: 0 }
  image.tables.set(name, made)
  return made
}

/** By how much it has grown. */
function put(table: Table, { key, value }: StoreChange): number {
  const { keys, values } = table
  const i = lowerBound(keys, key)
  const isKnown = keys[i] === key
  const before = isKnown ? values[i] : undefined
  if (isKnown) {
    values[i] = value
    if (before === undefined) table.goneCount--
    if (value === undefined) leave(table)
  } else if (value !== undefined) {
    if (i === keys.length) {
      keys.push(key)
      values.push(value)
    } else {
      keys.splice(i, 0, key)
      values.splice(i, 0, value)
    }
  }
  return entrySize(key, value) - entrySize(key, before)
}

/** Those that are gone are taken out together: one at a time each would move all behind it. */
function leave(table: Table): void {
  const { keys, values } = table
  table.goneCount++
  while (values.length > 0 && values.at(-1) === undefined) {
    keys.pop()
    values.pop()
    table.goneCount--
  }
  if (2 * table.goneCount <= 64 + values.length) return
  table.keys = keys.filter((_, i) => values[i] !== undefined)
  table.values = values.filter((value) => value !== undefined)
  table.goneCount = 0
}

function entrySize(key: string, value: Uint8Array | undefined): number {
  return value === undefined ? 0 : key.length + value.length
}

/** The index of the first key that is not before `key`. Most often that is behind the last. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  if (high === 0 || (keys[high - 1] as string) < key) return high
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}
