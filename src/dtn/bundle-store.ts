/**
 * Where bundles wait. A bundle counts as accepted only when `add` has answered: then it is on the
 * disk, and `open` of a later run finds it; or it has been removed meanwhile, and what that has led to
 * is on the disk.
 *
 * All that happens in one turn, or while a commit is under way, goes to the disk in one commit.
 */

import { asFault, Fault } from '../base/fault.ts'
import type { Piece } from '../base/slab.ts'
import { Window } from '../base/window.ts'
import type { EventSink } from '../ports/events.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import type { Bundle } from '../proto/bpv7/bundle.ts'
import type { BundleRecord } from './bundle-record.ts'
import type { DtnFaultCode } from './fault.ts'
import { temporary } from './fault.ts'
import {
  type BundleNodeLimits,
  GUEST_STORE_SHARE,
  OWN_STORE_SHARE,
  RECENT_BYTES_MAX,
  UNFLUSHED_BYTES_MAX,
} from './limits.ts'
import { decodeStored, encodeStored, type StoredBundle } from './stored-bundle.ts'

interface Usage {
  count: number
  bytes: number
  /** Of these what is not yet on the disk, and in memory until then. */
  unflushedBytes: number
}

interface Addition {
  readonly record: BundleRecord
  readonly change: StoreChange
  /** What goes to the disk with it, or in its place where it has gone before. */
  readonly alongside: readonly StoreChange[]
  readonly done: (fault: Fault | undefined) => void
  /** It was removed before it was written. */
  isSpared: boolean
  /** It waits for what comes of it. */
  isPostponed: boolean
}

interface Held {
  /** Its key, as it sorts. */
  readonly name: string
  readonly own: boolean
  readonly sizeBytes: number
  /** How many bytes had been added before it. */
  readonly at: number
  /** Most bundles are wanted again as soon as they are stored, and not much later. */
  bundle: Bundle | undefined
  /** What the bundle refers to, while it is at hand and after. */
  piece: Piece | undefined
  /** To how many `read` has given the bundle that have not given it back. */
  lent: number
  /** While it has not been written. */
  addition: Addition | undefined
}

const TABLE = 'bundles'
const KEY_DIGITS = 15

export class BundleStore {
  readonly #store: Store
  readonly #limits: Pick<BundleNodeLimits, 'storeBytesMax' | 'storeCountMax'>
  readonly #events: EventSink
  readonly #alongsideOwn: () => readonly StoreChange[]
  readonly #alongside: () => readonly StoreChange[]
  readonly #held: Window<Held> = new Window()
  readonly #used: Usage = { count: 0, bytes: 0, unflushedBytes: 0 }
  /** Of that what applications here have sent. */
  readonly #usedByUs: Usage = { count: 0, bytes: 0, unflushedBytes: 0 }
  readonly #usedByGuests: Usage = { count: 0, bytes: 0, unflushedBytes: 0 }
  /** The first of those whose bundle may be at hand. */
  #firstAtHand = 0
  #addedBytes = 0
  #nextKey = 0
  /** For the next commit. */
  #additions: Addition[] = []
  /** Whatever else, too: none of it is given up where the store refuses it. */
  #removals: StoreChange[] = []
  #isDue = false
  /** Those who wait until all that has happened is on the disk. */
  #waiting: ((fault: Fault | undefined) => void)[] = []
  /** Of the commits, one behind the other. */
  #last: Promise<void> = Promise.resolve()
  #commitsUnderWay = 0

  /**
   * `alongsideOwn` are changes that go with each commit of bundles that were sent here; `alongside` those
   * that go with whatever is committed next, each told once.
   */
  constructor(
    store: Store,
    limits: Pick<BundleNodeLimits, 'storeBytesMax' | 'storeCountMax'>,
    events: EventSink,
    alongsideOwn: () => readonly StoreChange[],
    alongside: () => readonly StoreChange[] = () => [],
  ) {
    this.#store = store
    this.#limits = limits
    this.#events = events
    this.#alongsideOwn = alongsideOwn
    this.#alongside = alongside
  }

  get count(): number {
    return this.#used.count
  }

  get usedBytes(): number {
    return this.#used.bytes
  }

  /**
   * The records of an earlier run, in the order of arrival. One that cannot be read is reported as
   * trouble and left where it is.
   */
  open(): readonly BundleRecord[] {
    const records: BundleRecord[] = []
    for (const { key, value } of this.#store.range(TABLE, {})) {
      // Also that of a damaged one, lest a new bundle take its key.
      this.#nextKey = Number(key) + 1
      const stored = decodeStored(Number(key), value)
      if (stored === undefined) {
        this.#trouble(`bundle ${key} is damaged; it is skipped`)
        continue
      }
      records.push(stored.record)
      this.#account(stored.record, undefined, undefined)
    }
    this.#firstAtHand = this.#nextKey
    return records
  }

  /** Whether the bundle is here, on the disk or on its way there. */
  has(key: number): boolean {
    return this.#held.has(key)
  }

  newKey(): number {
    return this.#nextKey++
  }

  /**
   * Stores the bundle, with the encoding of which the piece begins; both are the store's from now on.
   * The piece is released when the bundle has gone and nobody looks at it any more; that of a bundle
   * that was refused is the caller's again.
   * `done` hears once that it is on the disk, or why it is not: a temporary Fault where there is no
   * room, and those of `Store.commit`.
   */
  add(
    record: BundleRecord,
    stored: {
      readonly bundle: Bundle
      readonly piece: Piece
      readonly alongside?: readonly StoreChange[] | undefined
    },
    done: (fault: Fault | undefined) => void,
  ): void {
    const fault = this.#objection(record)
    if (fault !== undefined) {
      // What could not be removed before may be what is in the way.
      if (this.#removals.length > 0) this.#commitSoon()
      done(fault)
      return
    }
    const { sizeBytes } = record
    const held = this.#account(record, stored.bundle, stored.piece)
    this.#use(record, { count: 0, bytes: 0, unflushedBytes: sizeBytes })
    this.#addedBytes += sizeBytes
    this.#forgetOld()
    const change = {
      table: TABLE,
      key: held.name,
      value: encodeStored(record, stored.piece.bytes),
    }
    const { alongside = [] } = stored
    held.addition = { record, change, alongside, done, isSpared: false, isPostponed: false }
    this.#additions.push(held.addition)
    this.#commitSoon()
  }

  /** At most `count`, in the order of arrival, behind the one with the key `after`. */
  records(after: number | undefined, count: number): readonly StoredBundle[] {
    const found: StoredBundle[] = []
    const range = after === undefined ? {} : { from: keyText(after + 1) }
    for (const { key, value } of this.#store.range(TABLE, range)) {
      if (found.length >= count) break
      const stored = decodeStored(Number(key), value)
      if (stored !== undefined) found.push(stored)
    }
    return found
  }

  /**
   * Undefined where there is no such bundle, or none that can be read. Whoever looks at it no more says
   * so by `giveBack`; who never does keeps it for good.
   */
  read(key: number): Bundle | undefined {
    const held = this.#held.get(key)
    if (held?.bundle !== undefined) {
      held.lent++
      return held.bundle
    }
    const value = this.#store.get(TABLE, keyText(key))
    return value === undefined ? undefined : decodeStored(key, value)?.bundle
  }

  /** Nobody who was given the bundle by one call of `read` looks at it any more. */
  giveBack(key: number): void {
    const held = this.#held.get(key)
    if (held?.piece !== undefined) held.lent--
  }

  /**
   * Removes them soon; `settled` tells when. A removal that the store refuses is tried again with the
   * next, and when a bundle finds no room: until then a restart brings the bundle back. One that waits
   * to be written is not written any more.
   */
  remove(keys: readonly number[]): void {
    for (const key of keys) {
      const held = this.#held.get(key)
      if (held !== undefined) held.bundle = undefined
      if (held?.addition !== undefined) held.addition.isSpared = true
      else this.#removals.push({ table: TABLE, key: held?.name ?? keyText(key), value: undefined })
    }
    this.#commitSoon()
  }

  /** Does not write those of others that have not been begun with until `resume`: they may be removed before. */
  postpone(keys: readonly number[]): void {
    for (const key of keys) {
      const addition = this.#held.get(key)?.addition
      if (addition !== undefined && !addition.record.own) addition.isPostponed = true
    }
  }

  resume(keys: readonly number[]): void {
    for (const key of keys) {
      const addition = this.#held.get(key)?.addition
      if (addition?.isPostponed !== true) continue
      addition.isPostponed = false
      this.#commitSoon()
    }
  }

  /** Goes into the same commit as what else happens to the bundles in this turn. */
  alongside(changes: readonly StoreChange[]): void {
    this.#removals.push(...changes)
    this.#commitSoon()
  }

  /** `done` hears when all that has happened until now is on the disk, or the Fault that keeps it from there. */
  whenDurable(done: (fault: Fault | undefined) => void): void {
    if (this.#commitsUnderWay === 0 && this.#removals.length === 0) {
      done(undefined)
      return
    }
    this.#waiting.push(done)
    this.#commitSoon()
  }

  /** Resolves when nothing is under way to the disk. */
  async settled(): Promise<void> {
    while (this.#commitsUnderWay > 0) await this.#last
  }

  /**
   * What else happens in this turn goes into the same commit, and what applications do at once with
   * what they are given in it.
   */
  #commitSoon(): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#commitsUnderWay++
    this.#last = this.#last.then(NOTHING).then(() => this.#commit())
  }

  async #commit(): Promise<void> {
    this.#isDue = false
    const isLeft = ({ isPostponed, isSpared }: Addition): boolean => isPostponed && !isSpared
    const additions = this.#additions.filter((addition) => !isLeft(addition))
    const removals = this.#removals
    removals.push(...this.#alongside())
    const waiting = this.#waiting
    this.#additions = this.#additions.filter(isLeft)
    this.#removals = []
    this.#waiting = []
    for (const { record } of additions) {
      const held = this.#held.get(record.key)
      if (held !== undefined) held.addition = undefined
    }
    let fault: Fault | undefined
    try {
      await this.#write(additions, removals)
      this.#onRemoved(removals)
      for (const addition of additions) this.#onAdded(addition, undefined)
    } catch (error) {
      fault = await this.#commitApart(additions, removals, asFault(error))
    }
    this.#commitsUnderWay--
    for (const done of waiting) done(fault)
  }

  /** One that has no room shall not keep the others from the disk. What became of the removals. */
  async #commitApart(
    additions: readonly Addition[],
    removals: readonly StoreChange[],
    fault: Fault,
  ): Promise<Fault | undefined> {
    const written = additions.filter(({ isSpared, alongside }) => !isSpared || alongside.length > 0)
    const isAlone = written.length + Math.min(1, removals.length) === 1
    let notRemoved: Fault | undefined
    if (removals.length > 0) {
      notRemoved = await this.#removeAlone(removals, isAlone ? fault : undefined)
    }
    for (const addition of additions) {
      let failure = notRemoved
      if (!addition.isSpared || addition.alongside.length > 0) {
        failure = isAlone ? fault : await failureOf(() => this.#write([addition], []))
      }
      this.#onAdded(addition, failure)
    }
    return notRemoved
  }

  async #removeAlone(
    removals: readonly StoreChange[],
    known: Fault | undefined,
  ): Promise<Fault | undefined> {
    const fault = known ?? (await failureOf(() => this.#write([], removals)))
    if (fault === undefined) {
      this.#onRemoved(removals)
      return undefined
    }
    this.#trouble(`cannot remove bundles: ${fault.message}`)
    // What came meanwhile comes behind: of one key the later change is the one that counts.
    this.#removals = [...removals, ...this.#removals]
    return fault
  }

  #write(additions: readonly Addition[], removals: readonly StoreChange[]): Promise<void> {
    const changes: StoreChange[] = []
    let isOwn = false
    for (const { record, change, alongside, isSpared } of additions) {
      for (const other of alongside) changes.push(other)
      if (isSpared) continue
      changes.push(change)
      isOwn ||= record.own
    }
    if (isOwn) changes.push(...this.#alongsideOwn())
    for (const removal of removals) changes.push(removal)
    return changes.length === 0 ? Promise.resolve() : this.#store.commit(changes)
  }

  #onAdded({ record, done, isSpared }: Addition, fault: Fault | undefined): void {
    this.#use(record, { count: 0, bytes: 0, unflushedBytes: -record.sizeBytes })
    if (fault === undefined) {
      if (isSpared) this.#forget(record.key)
    } else this.#return(record.key)
    done(fault)
  }

  #onRemoved(removals: readonly StoreChange[]): void {
    for (const { table, key } of removals) {
      if (table === TABLE) this.#forget(Number(key))
    }
  }

  /** By what was added since, as a bundle keeps more alive than its own bytes. */
  #forgetOld(): void {
    for (; this.#firstAtHand < this.#nextKey; this.#firstAtHand++) {
      const held = this.#held.get(this.#firstAtHand)
      if (held === undefined) continue
      if (this.#addedBytes - held.at <= RECENT_BYTES_MAX) return
      // What is about to leave keeps its piece, to release it.
      if (held.bundle !== undefined) held.piece = undefined
      held.bundle = undefined
    }
  }

  /**
   * Neither what others send nor what is sent here can fill the share that is kept for the other:
   * what frees the room of the one may have to come as the other, as an acknowledgement does.
   */
  #objection({ own, sizeBytes }: BundleRecord): Fault<DtnFaultCode> | undefined {
    return (
      this.#objectionTo(this.#used, 1, sizeBytes) ??
      (own
        ? this.#objectionTo(this.#usedByUs, 1 - GUEST_STORE_SHARE, sizeBytes)
        : this.#objectionTo(this.#usedByGuests, 1 - OWN_STORE_SHARE, sizeBytes))
    )
  }

  #objectionTo(used: Usage, share: number, sizeBytes: number): Fault<DtnFaultCode> | undefined {
    const { storeCountMax, storeBytesMax } = this.#limits
    const roomBytes = Math.floor(storeBytesMax * share)
    if (sizeBytes > roomBytes) {
      const message = `bundle of ${sizeBytes} bytes: the bundle store has room for ${roomBytes}`
      return new Fault('dtn/adu-too-large', message, { temporary: false })
    }
    if (used.count + 1 > Math.ceil(storeCountMax * share) || used.bytes + sizeBytes > roomBytes) {
      return temporary('dtn/store-full', 'the bundle store is full')
    }
    const { unflushedBytes } = used
    return unflushedBytes > 0 && unflushedBytes + sizeBytes > UNFLUSHED_BYTES_MAX * share
      ? temporary('dtn/store-busy', 'too much waits to be flushed')
      : undefined
  }

  #account(
    { key, own, sizeBytes }: BundleRecord,
    bundle: Bundle | undefined,
    piece: Piece | undefined,
  ): Held {
    const at = this.#addedBytes
    const name = keyText(key)
    const held: Held = { name, own, sizeBytes, at, bundle, piece, lent: 0, addition: undefined }
    this.#held.set(key, held)
    this.#use({ own }, { count: 1, bytes: sizeBytes, unflushedBytes: 0 })
    return held
  }

  /** Of one that is gone: its memory is used again where nobody else looks at it. */
  #forget(key: number): void {
    const held = this.#held.get(key)
    this.#release(key)
    if (held?.lent === 0) held.piece?.release()
  }

  /** Of one that is refused: who brought it may offer it again, with the same piece. */
  #return(key: number): void {
    const held = this.#held.get(key)
    if (held !== undefined && held.lent > 0) held.piece?.keep()
    this.#release(key)
  }

  #release(key: number): void {
    const held = this.#held.get(key)
    if (held === undefined) return
    this.#held.delete(key)
    this.#use(held, { count: -1, bytes: -held.sizeBytes, unflushedBytes: 0 })
  }

  #use({ own }: Pick<BundleRecord, 'own'>, more: Usage): void {
    addUsage(this.#used, more)
    addUsage(own ? this.#usedByUs : this.#usedByGuests, more)
  }

  #trouble(reason: string): void {
    this.#events({ type: 'trouble', where: 'bundle-store', reason })
  }
}

const NOTHING = (): void => {}

/** As it sorts. */
function keyText(key: number): string {
  return String(key).padStart(KEY_DIGITS, '0')
}

function addUsage(used: Usage, more: Usage): void {
  used.count += more.count
  used.bytes += more.bytes
  used.unflushedBytes += more.unflushedBytes
}

async function failureOf(action: () => Promise<void>): Promise<Fault | undefined> {
  try {
    await action()
    return undefined
  } catch (error) {
    return asFault(error)
  }
}
