/** The bundles that the agent knows of: by all that they are looked up by, and when each expires. */

import { Heap } from '../base/heap.ts'
import type { MonoMs } from '../base/time.ts'
import { Window } from '../base/window.ts'
import { formatEndpointId } from '../proto/bpv7/endpoint-id.ts'
import type { Census } from './agent-events.ts'
import type { BundleRecord, FragmentExtent } from './bundle-record.ts'
import type { Registration } from './registration.ts'
import type { Way } from './ways.ts'

export interface Entry {
  readonly record: BundleRecord
  readonly arrivedAt: MonoMs
  readonly expiresAt: MonoMs
  /** Of the endpoint that it is for, where that is of this node. */
  readonly registration: Registration | undefined
  state: keyof Census
  /** Retention constraints. */
  toDeliver: boolean
  toForward: boolean
  way: Way | undefined
  /** Its hold was dropped while it was being stored. */
  isReleased: boolean
  /** It is for an application here alone, which may take it before it is on the disk. */
  isAhead: boolean
  /** It goes again: what went before may have been lost. */
  isRepeat: boolean
  /** Counted against the bound on bundles of others that have nowhere to go. */
  isStrandedGuest: boolean
}

export type FragmentRecord = BundleRecord & { readonly fragment: FragmentExtent }

export class Entries {
  readonly #entries: Window<Entry> = new Window()
  readonly #keysById = new Map<string, number>()
  readonly #keysByHold = new Map<string, number>()
  #expiries: Heap<Expiry> = newExpiries()
  readonly #stranded = { count: 0, bytes: 0 }
  #ownRecordCount = 0

  get census(): Census {
    const count = { storing: 0, waiting: 0, held: 0 }
    for (const { state } of this.#entries.values()) count[state]++
    return count
  }

  /** Those of others that have nowhere to go for now. */
  get stranded(): { readonly count: number; readonly bytes: number } {
    return this.#stranded
  }

  /** Status reports that this node sends. */
  get ownRecordCount(): number {
    return this.#ownRecordCount
  }

  /** Not after the first of them expires. */
  get deadline(): MonoMs | undefined {
    return this.#expiries.peek()?.at
  }

  get(key: number): Entry | undefined {
    return this.#entries.get(key)
  }

  values(): Iterable<Entry> {
    return this.#entries.values()
  }

  keyOf(id: string): number | undefined {
    return this.#keysById.get(id)
  }

  withId(id: string): Entry | undefined {
    const key = this.#keysById.get(id)
    return key === undefined ? undefined : this.#entries.get(key)
  }

  heldAs(hold: string): Entry | undefined {
    const key = this.#keysByHold.get(hold)
    return key === undefined ? undefined : this.#entries.get(key)
  }

  all(wanted: (entry: Entry) => boolean): readonly Entry[] {
    return [...this.#entries.values()].filter(wanted)
  }

  add(entry: Entry): void {
    const { record, expiresAt } = entry
    if (isOwnRecord(record)) this.#ownRecordCount++
    this.#entries.set(record.key, entry)
    this.#keysById.set(record.id, record.key)
    if (record.hold !== undefined) this.#keysByHold.set(record.hold, record.key)
    this.#expiries.push({ at: expiresAt, key: record.key })
    // Most bundles go long before their lifetime ends: their expiries must not pile up.
    if (this.#expiries.size > 2 * this.#entries.size + EXPIRIES_SPARE) {
      this.#expiries = newExpiries()
      for (const { expiresAt: at, record: r } of this.#entries.values()) {
        this.#expiries.push({ at, key: r.key })
      }
    }
  }

  delete(entry: Entry): void {
    const { record } = entry
    this.#entries.delete(record.key)
    this.#keysById.delete(record.id)
    if (record.hold !== undefined) this.#keysByHold.delete(record.hold)
    if (isOwnRecord(record)) this.#ownRecordCount--
    this.#setStranded(entry, false)
  }

  /** One whose lifetime has ended, each told once. */
  takeExpired(now: MonoMs): Entry | undefined {
    for (let next = this.#expiries.peek(); next !== undefined && next.at <= now; ) {
      this.#expiries.pop()
      const entry = this.#entries.get(next.key)
      if (entry !== undefined) return entry
      next = this.#expiries.peek()
    }
    return undefined
  }

  /** After any change to where it may go. */
  countStranded(entry: Entry): void {
    const { way, registration, record } = entry
    const hasNowhereToGo = way === undefined && registration?.state !== 'active'
    this.#setStranded(entry, hasNowhereToGo && !record.own)
  }

  #setStranded(entry: Entry, isStranded: boolean): void {
    if (entry.isStrandedGuest === isStranded) return
    entry.isStrandedGuest = isStranded
    const sign = isStranded ? 1 : -1
    this.#stranded.count += sign
    this.#stranded.bytes += sign * entry.record.sizeBytes
  }
}

interface Expiry {
  readonly at: MonoMs
  readonly key: number
}

const EXPIRIES_SPARE = 1024

function newExpiries(): Heap<Expiry> {
  return new Heap((a, b) => a.at < b.at || (a.at === b.at && a.key < b.key))
}

export function isFragment(record: BundleRecord): record is FragmentRecord {
  return record.fragment !== undefined
}

export function isFragmentForUs(
  entry: Entry,
): entry is Entry & { readonly record: FragmentRecord } {
  return entry.registration !== undefined && isFragment(entry.record)
}

/** Fragments with the same source and timestamp but another destination are a forgery. */
export function aduName(record: FragmentRecord): string {
  return `${record.fragment.aduId} ${formatEndpointId(record.destination)}`
}

/** A status report that this node sends. */
export function isOwnRecord(record: BundleRecord): boolean {
  return record.own && record.administrative
}
