/**
 * Where bundles wait. A bundle counts as accepted only when `add` has resolved: then it is on the
 * disk, and `open` of a later run finds it.
 */

import { fromUtf8, toUtf8Strict } from '../base/bytes.ts'
import { asFault, Fault } from '../base/fault.ts'
import { type WallMs, wallMs } from '../base/time.ts'
import type { EventSink } from '../ports/events.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import { type EndpointId, formatEndpointId, parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import { STATUS_KINDS, type StatusKind } from '../proto/bpv7/status-report.ts'
import type { DtnFaultCode } from './fault.ts'
import {
  type BundleNodeLimits,
  GUEST_STORE_SHARE,
  OWN_STORE_SHARE,
  UNFLUSHED_BYTES_MAX,
} from './limits.ts'

/** What is known of a stored bundle without reading it. */
export interface BundleRecord {
  /** In the store; keys sort in the order of arrival. */
  readonly key: string
  readonly id: string
  readonly destination: EndpointId
  /** Its payload is an administrative record. RFC 9171 §6.1. */
  readonly administrative: boolean
  /** An application of this node sent it. */
  readonly own: boolean
  /** Keep it after it was forwarded, under this name. */
  readonly hold?: string
  readonly sizeBytes: number
  readonly arrivedAt: WallMs
  readonly expiresAt: WallMs
  readonly fragment?: FragmentExtent
  /** What its source wants to be told; absent where nothing. */
  readonly reports?: readonly StatusKind[]
  /** It expires by our bound on lifetimes and not by its own. RFC 9171 §5.5. */
  readonly pared?: boolean
  /** Of a bundle to a group: who forwarded it to us. */
  readonly previousNode?: EndpointId
}

/** Which part of which ADU a fragment carries, in bytes. */
export interface FragmentExtent {
  readonly aduId: string
  readonly offset: number
  readonly length: number
  readonly aduBytes: number
}

interface Usage {
  count: number
  bytes: number
  /** Of these what is not yet on the disk, and in memory until then. */
  unflushedBytes: number
}

/** One table so that a recovery reads small records only, another for the bundles themselves. */
const RECORDS = 'bundles'
const BYTES = 'bundle-bytes'
const KEY_DIGITS = 15

export class BundleStore {
  readonly #store: Store
  readonly #limits: Pick<BundleNodeLimits, 'storeBytesMax' | 'storeCountMax'>
  readonly #events: EventSink
  readonly #records = new Map<string, Pick<BundleRecord, 'own' | 'sizeBytes'>>()
  readonly #used: Usage = { count: 0, bytes: 0, unflushedBytes: 0 }
  /** Of that what others have sent. */
  readonly #usedByUs: Usage = { count: 0, bytes: 0, unflushedBytes: 0 }
  readonly #usedByGuests: Usage = { count: 0, bytes: 0, unflushedBytes: 0 }
  #nextKey = 0
  /** To be removed with the next commit. */
  #condemned: string[] = []
  #removing: Promise<void> | undefined

  constructor(
    store: Store,
    limits: Pick<BundleNodeLimits, 'storeBytesMax' | 'storeCountMax'>,
    events: EventSink,
  ) {
    this.#store = store
    this.#limits = limits
    this.#events = events
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
    for (const { key, value } of this.#store.range(RECORDS, {})) {
      // Also that of a damaged record, lest a new bundle take its key.
      if (/^\d+$/.test(key)) this.#nextKey = Math.max(this.#nextKey, Number(key) + 1)
      const record = decodeRecord(key, value)
      if (record === undefined) {
        this.#trouble(`the record of bundle ${key} is damaged; it is skipped`)
        continue
      }
      records.push(record)
      this.#account(record)
    }
    return records
  }

  newKey(): string {
    return String(this.#nextKey++).padStart(KEY_DIGITS, '0')
  }

  /**
   * Resolves when the bundle is on the disk, with `alongside` in the same commit. Takes the bytes
   * over. Rejects with a temporary Fault where there is no room, and with the faults of `Store.commit`.
   */
  async add(
    record: BundleRecord,
    bytes: Uint8Array,
    alongside: readonly StoreChange[],
  ): Promise<void> {
    this.#requireRoom(record)
    this.#account(record)
    this.#use(record, { count: 0, bytes: 0, unflushedBytes: record.sizeBytes })
    try {
      await this.#store.commit([
        { table: RECORDS, key: record.key, value: encodeRecord(record) },
        { table: BYTES, key: record.key, value: bytes },
        ...alongside,
      ])
    } catch (error) {
      this.#release(record.key)
      throw asFault(error)
    } finally {
      this.#use(record, { count: 0, bytes: 0, unflushedBytes: -record.sizeBytes })
    }
  }

  /** At most `count`, in the order of arrival, behind the one with the key `after`. */
  records(after: string | undefined, count: number): readonly BundleRecord[] {
    const records: BundleRecord[] = []
    // No key begins with another, so the next begins behind this one and a space.
    const range = after === undefined ? {} : { from: `${after} ` }
    for (const { key, value } of this.#store.range(RECORDS, range)) {
      if (records.length >= count) break
      const record = decodeRecord(key, value)
      if (record !== undefined) records.push(record)
    }
    return records
  }

  /** Undefined where there is no such bundle. */
  read(key: string): Uint8Array | undefined {
    return this.#store.get(BYTES, key)
  }

  /**
   * Removes them soon; `settled` tells when. Removals that come close together share one commit. A
   * removal that the store refuses is tried again with the next: until then a restart brings the
   * bundle back.
   */
  remove(keys: readonly string[]): void {
    this.#condemned.push(...keys)
    this.#removing ??= this.#removeCondemned()
  }

  /** Resolves when no removal is under way. */
  async settled(): Promise<void> {
    while (this.#removing !== undefined) await this.#removing
  }

  async #removeCondemned(): Promise<void> {
    // Whatever is condemned in this turn goes together.
    await Promise.resolve()
    while (this.#condemned.length > 0) {
      const keys = this.#condemned
      this.#condemned = []
      try {
        await this.#store.commit(
          keys.flatMap((key) => [
            { table: RECORDS, key, value: undefined },
            { table: BYTES, key, value: undefined },
          ]),
        )
        for (const key of keys) this.#release(key)
      } catch (error) {
        this.#trouble(`cannot remove ${keys.length} bundles: ${asFault(error).message}`)
        this.#condemned.unshift(...keys)
        break
      }
    }
    this.#removing = undefined
  }

  /**
   * Neither what others send nor what is sent here can fill the share that is kept for the other:
   * what frees the room of the one may have to come as the other, as an acknowledgement does.
   */
  #requireRoom({ own, sizeBytes }: BundleRecord): void {
    this.#requireRoomIn(this.#used, 1, sizeBytes)
    if (own) this.#requireRoomIn(this.#usedByUs, 1 - GUEST_STORE_SHARE, sizeBytes)
    else this.#requireRoomIn(this.#usedByGuests, 1 - OWN_STORE_SHARE, sizeBytes)
  }

  #requireRoomIn(used: Usage, share: number, sizeBytes: number): void {
    const { storeCountMax, storeBytesMax } = this.#limits
    if (
      used.count + 1 > Math.ceil(storeCountMax * share) ||
      used.bytes + sizeBytes > storeBytesMax * share
    ) {
      throw temporary('dtn/store-full', 'the bundle store is full')
    }
    const { unflushedBytes } = used
    if (unflushedBytes > 0 && unflushedBytes + sizeBytes > UNFLUSHED_BYTES_MAX * share) {
      throw temporary('dtn/store-busy', 'too much waits to be flushed')
    }
  }

  #account({ key, own, sizeBytes }: BundleRecord): void {
    this.#records.set(key, { own, sizeBytes })
    this.#use({ own }, { count: 1, bytes: sizeBytes, unflushedBytes: 0 })
  }

  #release(key: string): void {
    const record = this.#records.get(key)
    if (record === undefined) return
    this.#records.delete(key)
    this.#use(record, { count: -1, bytes: -record.sizeBytes, unflushedBytes: 0 })
  }

  #use({ own }: Pick<BundleRecord, 'own'>, more: Usage): void {
    for (const used of [this.#used, own ? this.#usedByUs : this.#usedByGuests]) {
      used.count += more.count
      used.bytes += more.bytes
      used.unflushedBytes += more.unflushedBytes
    }
  }

  #trouble(reason: string): void {
    this.#events({ type: 'trouble', where: 'bundle-store', reason })
  }
}

function temporary(code: DtnFaultCode, message: string): Fault<DtnFaultCode> {
  return new Fault(code, message, { temporary: true })
}

function encodeRecord(record: BundleRecord): Uint8Array {
  const { key, destination, previousNode, ...rest } = record
  const names = {
    destination: formatEndpointId(destination),
    ...(previousNode !== undefined && { previousNode: formatEndpointId(previousNode) }),
  }
  return fromUtf8(JSON.stringify({ ...rest, ...names }))
}

/** Undefined where the bytes are no record of ours. */
function decodeRecord(key: string, bytes: Uint8Array): BundleRecord | undefined {
  const text = toUtf8Strict(bytes)
  let value: unknown
  try {
    value = text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value)) return undefined
  const { id, destination, administrative, own, hold, fragment } = value
  const { sizeBytes, arrivedAt, expiresAt, reports, pared, previousNode } = value
  const eid = typeof destination === 'string' ? parseEndpointId(destination) : undefined
  const previous = typeof previousNode === 'string' ? parseEndpointId(previousNode) : undefined
  if (eid === undefined || typeof id !== 'string') return undefined
  if (typeof administrative !== 'boolean' || typeof own !== 'boolean') return undefined
  if ((hold !== undefined && typeof hold !== 'string') || !isCount(sizeBytes)) return undefined
  if (!isInstant(arrivedAt) || !isInstant(expiresAt)) return undefined
  if (fragment !== undefined && !isFragmentExtent(fragment)) return undefined
  if (reports !== undefined && !isStatusKinds(reports)) return undefined
  return {
    key,
    id,
    destination: eid,
    administrative,
    own,
    ...(hold !== undefined && { hold }),
    sizeBytes,
    arrivedAt: wallMs(arrivedAt),
    expiresAt: wallMs(expiresAt),
    ...(fragment === undefined ? {} : { fragment }),
    ...(reports === undefined ? {} : { reports }),
    ...(pared === true && { pared }),
    ...(previous === undefined ? {} : { previousNode: previous }),
  }
}

function isFragmentExtent(value: unknown): value is FragmentExtent {
  if (!isObject(value)) return false
  const { aduId, offset, length, aduBytes } = value
  return typeof aduId === 'string' && [offset, length, aduBytes].every(isCount)
}

function isStatusKinds(value: unknown): value is readonly StatusKind[] {
  return Array.isArray(value) && value.every((kind) => STATUS_KINDS.includes(kind))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
