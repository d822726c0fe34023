/**
 * Items on their way out. One that was taken is on the disk, alone or in its ADU; it leaves the disk
 * when its ADU is acknowledged or expired, without the transport service together with the arrival of
 * the bundle in the node's store.
 */

import { asFault, Fault } from '../../base/fault.ts'
import { addMs, type MonoMs, wallMs } from '../../base/time.ts'
import { runMachine } from '../../drive/run.ts'
import type { Clock } from '../../ports/clock.ts'
import type { EventSink } from '../../ports/events.ts'
import { type Store, type StoreChange, withPrefix } from '../../ports/store.ts'
import { parseEndpointId } from '../../proto/bpv7/endpoint-id.ts'
import type { StatusKind } from '../../proto/bpv7/status-report.ts'
import type { DtpcFaultCode } from '../../proto/dtpc/fault.ts'
import { type DtpcProfile, streamName } from '../../proto/dtpc/pdu.ts'
import {
  DtpcSender,
  type Elide,
  type OutboundAdu,
  type SenderEffect,
  type SenderEvent,
} from '../../proto/dtpc/sender.ts'
import type { BundleNode } from '../node.ts'
import type { ReportsRequest } from '../own-bundle.ts'
import type { Journal } from './journal.ts'
import { ITEM_BYTES_MAX, OUTGOING_BYTES_MAX, OUTGOING_COUNT_MAX } from './limits.ts'
import { keyOf, put, readStored, removal, TABLES } from './stored.ts'

/** ION's: ADUs and acknowledgements are sent from here. */
export const DTPC_SEND_SERVICE = 128n

export interface ServiceProfile extends DtpcProfile {
  /** What the nodes on the way are asked to tell of its bundles. Default: nothing. */
  readonly reports?: ReportsRequest & { readonly kinds: readonly StatusKind[] }
}

export interface OutgoingItem {
  /** In text: `ipn:3.129`. */
  readonly destination: string
  readonly profile: number
  readonly topic: number
  readonly bytes: Uint8Array
  /**
   * The item's own, of printable ASCII: what becomes of it is kept on the disk under it until
   * `forgetting`, and an item of a name that is known is not sent again.
   */
  readonly name?: string
  readonly elide?: Elide
}

export type Outcome = Extract<SenderEffect, { readonly type: 'settled' }>['outcome'] | 'elided'

interface ItemHeader {
  readonly destination: string
  readonly profile: number
  readonly topic: number
  readonly name?: string
}

interface AduHeader extends Omit<OutboundAdu, 'key' | 'completedAt' | 'expiresAt' | 'items'> {
  readonly names: readonly string[]
  /** By the wall clock, in milliseconds. */
  readonly completedAt: number
  readonly expiresAt: number
}

interface Held {
  readonly names: readonly string[]
  readonly sizeBytes: number
  /** While its bundle is being made for the first time. */
  payload: Uint8Array | undefined
  readonly stored: Promise<void>
  /** The last that bore it. */
  bundle: string | undefined
}

export interface OutgoingPorts {
  readonly node: BundleNode
  readonly store: Store
  readonly clock: Clock
  readonly events: EventSink
  readonly journal: Journal
}

/** Since the start. */
export interface OutgoingCounts {
  /** Items that were taken from applications. */
  readonly items: number
  /** Bundles that bore ADUs: more than ADUs where some went again. */
  readonly bundles: number
  /** ADUs that are over, by what became of them. */
  readonly over: Readonly<Partial<Record<Outcome, number>>>
}

export class Outgoing {
  readonly #ports: OutgoingPorts
  readonly #profiles = new Map<number, ServiceProfile>()
  readonly #sender = new DtpcSender()
  readonly #feed: (event: SenderEvent) => void
  /** Items by id, while they are not in an ADU. */
  readonly #items = new Map<number, { readonly name: string | undefined; readonly bytes: number }>()
  readonly #adus = new Map<number, Held>()
  /** Those who wait for what becomes of an item, by its name; a name is here while it is under way. */
  readonly #waiting = new Map<string, ((outcome: Outcome) => void)[]>()
  #nextId = 0
  /** What became of the item that is just being given to the machine. */
  #given: { readonly id: number; stored: Promise<void> | undefined; fault: Fault | undefined } = {
    id: -1,
    stored: undefined,
    fault: undefined,
  }
  #usedBytes = 0
  readonly #counts = { items: 0, bundles: 0, over: new Map<Outcome, number>() }
  #isStopped = false

  constructor(ports: OutgoingPorts) {
    this.#ports = ports
    this.#feed = runMachine<SenderEvent, SenderEffect>(this.#sender, ports.clock, (effect) =>
      this.#perform(effect),
    )
  }

  get status(): { readonly count: number; readonly bytes: number } {
    return { count: this.#items.size + this.#adus.size, bytes: this.#usedBytes }
  }

  get counts(): OutgoingCounts {
    return { ...this.#counts, over: Object.fromEntries(this.#counts.over) }
  }

  profile(id: number): ServiceProfile | undefined {
    return this.#profiles.get(id)
  }

  /** What is under way goes on by the profile that it had. */
  setProfiles(profiles: readonly ServiceProfile[]): void {
    this.#profiles.clear()
    for (const profile of profiles) this.#profiles.set(profile.id, profile)
  }

  /** What an earlier run left goes on; when the node runs. */
  recover(): void {
    const { store, clock } = this.#ports
    for (const { key, value } of store.range(TABLES.outgoingStreams, {})) {
      const [destination = '', profile = ''] = key.split(' ')
      const { last } = readStored<{ last: number }>(value).header
      this.#feed({ type: 'recovered-stream', destination, profile: Number(profile), last })
    }
    for (const { key, value } of [...store.range(TABLES.outgoingAdus, {})]) {
      this.#recoverAdu(Number(key), value, addMs(clock.now(), -clock.wall()))
    }
    for (const { key, value } of [...store.range(TABLES.outgoingItems, {})]) {
      const { header, bytes } = readStored<ItemHeader>(value)
      const id = Number(key)
      this.#nextId = Math.max(this.#nextId, id + 1)
      // Its profile is gone with its lifetime and the rest: what that of least effort would do.
      const profile = this.#profiles.get(header.profile) ?? { ...LEAST_EFFORT, id: header.profile }
      const { destination, topic, name } = header
      this.#keep(id, bytes.length, name)
      this.#feed({ type: 'item', item: { id, destination, profile, topic, bytes } })
    }
  }

  /**
   * Resolves when the item is on the disk. Rejects with a Fault: an unknown profile, no room (temporary),
   * an item that is too large.
   */
  async send(item: OutgoingItem): Promise<void> {
    const { destination, profile, topic, bytes, name, elide } = item
    if (name !== undefined && this.outcome(name) !== undefined) return
    const known = this.#profiles.get(profile)
    if (known === undefined) throw permanent('dtpc/bad-pdu', `there is no profile ${profile}`)
    if (bytes.length > ITEM_BYTES_MAX) {
      throw permanent('dtpc/too-large', `an item of ${bytes.length} bytes: up to ${ITEM_BYTES_MAX}`)
    }
    const count = this.#items.size + this.#adus.size
    if (count >= OUTGOING_COUNT_MAX || this.#usedBytes + bytes.length > OUTGOING_BYTES_MAX) {
      const message = `${count} items are not acknowledged yet`
      throw new Fault<DtpcFaultCode>('dtpc/full', message, { temporary: true })
    }
    const id = this.#nextId++
    this.#given = { id, stored: undefined, fault: undefined }
    this.#keep(id, bytes.length, name)
    this.#feed({
      type: 'item',
      item: { id, destination, profile: known, topic, bytes, ...(elide && { elide }) },
    })
    const { stored, fault } = this.#given
    if (fault !== undefined) {
      this.#drop(id)
      if (name !== undefined) this.#waiting.delete(name)
      throw fault
    }
    this.#counts.items++
    const header: ItemHeader = { destination, profile, topic, ...(name !== undefined && { name }) }
    await (stored ??
      this.#ports.journal.commit([put(TABLES.outgoingItems, keyOf(id), header, bytes)]))
  }

  acknowledged(destination: string, profile: number, sequence: number): void {
    this.#feed({ type: 'acknowledged', destination, profile, sequence })
  }

  /** Undefined where nothing is known of an item of this name. */
  outcome(name: string): Outcome | 'under-way' | undefined {
    if (this.#waiting.has(name)) return 'under-way'
    const value = this.#ports.store.get(TABLES.outcomes, name)
    return value === undefined ? undefined : readStored<{ outcome: Outcome }>(value).header.outcome
  }

  /** What becomes of it, once that is on the disk; undefined where nothing is known of it. */
  whenSettled(name: string): Promise<Outcome> | undefined {
    const waiting = this.#waiting.get(name)
    if (waiting !== undefined) return new Promise((resolve) => waiting.push(resolve))
    const outcome = this.outcome(name)
    return outcome === undefined || outcome === 'under-way' ? undefined : Promise.resolve(outcome)
  }

  /** The changes that forget what became of an item. */
  forgetting(name: string): readonly StoreChange[] {
    return [removal(TABLES.outcomes, name)]
  }

  /** The same for all whose names begin so. */
  forgettingAll(prefix: string): readonly StoreChange[] {
    const names = [...this.#ports.store.keys(TABLES.outcomes, withPrefix(prefix))]
    return names.map((name) => removal(TABLES.outcomes, name))
  }

  stop(): void {
    this.#isStopped = true
  }

  #recoverAdu(key: number, value: Uint8Array, offset: MonoMs): void {
    const { header, bytes } = readStored<AduHeader>(value)
    const { names, completedAt, expiresAt, ...rest } = header
    for (const name of names) this.#waiting.set(name, [])
    const sizeBytes = bytes.length
    this.#usedBytes += sizeBytes
    const stored = Promise.resolve()
    this.#adus.set(key, { names, sizeBytes, payload: undefined, stored, bundle: undefined })
    const adu: OutboundAdu = {
      ...rest,
      key,
      items: [],
      completedAt: addMs(offset, completedAt),
      expiresAt: addMs(offset, expiresAt),
    }
    this.#feed({ type: 'recovered-adu', adu })
  }

  #keep(id: number, bytes: number, name: string | undefined): void {
    this.#items.set(id, { name, bytes })
    this.#usedBytes += bytes
    if (name !== undefined) this.#waiting.set(name, [])
  }

  #drop(id: number): string | undefined {
    const item = this.#items.get(id)
    this.#items.delete(id)
    this.#usedBytes -= item?.bytes ?? 0
    return item?.name
  }

  #perform(effect: SenderEffect): void {
    switch (effect.type) {
      case 'complete':
        this.#onComplete(effect.adu, effect.payload)
        return
      case 'transmit':
        this.#transmit(effect).then(
          () => this.#feed({ type: 'sent', key: effect.adu.key }),
          (error: unknown) => this.#onNotSent(effect.adu.key, asFault(error)),
        )
        return
      case 'settled':
        this.#counts.over.set(effect.outcome, (this.#counts.over.get(effect.outcome) ?? 0) + 1)
        this.#onSettled(effect.adu, effect.outcome)
        return
      case 'elided': {
        const names = effect.items.flatMap((id) => this.#drop(id) ?? [])
        const gone = effect.items.map((id) => removal(TABLES.outgoingItems, keyOf(id)))
        this.#end(names, 'elided', gone)
        return
      }
      case 'refuse':
        if (effect.item === this.#given.id) this.#given.fault = effect.fault
    }
  }

  #onComplete(adu: OutboundAdu, payload: Uint8Array): void {
    const { key, items, completedAt, expiresAt, ...rest } = adu
    const { clock, journal } = this.#ports
    const names = items.flatMap((id) => this.#drop(id) ?? [])
    const toWall = (at: MonoMs): number => wallMs(clock.wall() + (at - clock.now()))
    const header: AduHeader = {
      ...rest,
      names,
      completedAt: toWall(completedAt),
      expiresAt: toWall(expiresAt),
    }
    const stored = journal.commit([
      put(TABLES.outgoingAdus, keyOf(key), header, payload),
      ...items.map((id) => removal(TABLES.outgoingItems, keyOf(id))),
      ...(adu.sequence === 0
        ? []
        : [
            put(TABLES.outgoingStreams, streamName(adu.destination, adu.profile), {
              last: adu.sequence,
            }),
          ]),
    ])
    // Whoever waits for it hears of the failure; nobody may.
    stored.catch(() => {})
    this.#usedBytes += payload.length
    const sizeBytes = payload.length
    this.#adus.set(key, { names, sizeBytes, payload, stored, bundle: undefined })
    if (items.includes(this.#given.id)) this.#given.stored = stored
  }

  async #transmit({
    adu,
    lifetimeMs,
  }: SenderEffect & { readonly type: 'transmit' }): Promise<void> {
    const { node, store } = this.#ports
    const held = this.#adus.get(adu.key)
    if (held === undefined) return
    await held.stored
    // A copy behind one that has not left yet would only be in its way.
    if (held.bundle !== undefined && node.mayCancel(held.bundle)) return
    const destination = parseEndpointId(adu.destination)
    const payload = held.payload ?? this.#payloadOf(adu.key, store)
    held.payload = undefined
    if (destination === undefined || payload === undefined) {
      throw permanent('dtpc/bad-pdu', `ADU ${adu.key} is damaged`)
    }
    const reports = this.#profiles.get(adu.profile)?.reports
    held.bundle = await node.send({
      sourceService: DTPC_SEND_SERVICE,
      destination,
      payload,
      lifetimeMs,
      ...(reports !== undefined && { reports }),
      ...(adu.sequence === 0 && { alongside: this.#ending(adu.key, held.names, 'sent') }),
    })
    this.#counts.bundles++
  }

  #payloadOf(key: number, store: Store): Uint8Array | undefined {
    const value = store.get(TABLES.outgoingAdus, keyOf(key))
    return value === undefined ? undefined : readStored(value).bytes
  }

  #onNotSent(key: number, fault: Fault): void {
    if (this.#isStopped) return
    this.#ports.events({ type: 'trouble', where: 'dtpc', reason: fault.message })
    this.#feed({ type: 'not-sent', key, temporary: fault.temporary })
  }

  #onSettled(adu: OutboundAdu, outcome: Outcome): void {
    const held = this.#adus.get(adu.key)
    if (held === undefined) return
    this.#adus.delete(adu.key)
    this.#usedBytes -= held.sizeBytes
    // Then it went to the disk together with the bundle.
    const isDone = outcome === 'sent'
    this.#end(held.names, outcome, isDone ? [] : this.#ending(adu.key, held.names, outcome))
  }

  /** The changes with which an ADU is over. */
  #ending(key: number, names: readonly string[], outcome: Outcome): readonly StoreChange[] {
    return [
      removal(TABLES.outgoingAdus, keyOf(key)),
      ...names.map((name) => put(TABLES.outcomes, name, { outcome })),
    ]
  }

  #end(names: readonly string[], outcome: Outcome, changes: readonly StoreChange[]): void {
    this.#ports.journal.commit(changes).then(
      () => {
        for (const name of names) {
          const waiting = this.#waiting.get(name) ?? []
          this.#waiting.delete(name)
          for (const hear of waiting) hear(outcome)
        }
      },
      // The next run finds it as it was.
      () => {},
    )
  }
}

/** ION's for a profile that it does not know: one try. */
const LEAST_EFFORT = {
  retransmissionsMax: 0,
  aggregationBytes: 0,
  aggregationMs: 0,
  lifetimeMs: 3_600_000,
}

function permanent(code: DtpcFaultCode, message: string): Fault<DtpcFaultCode> {
  return new Fault(code, message, { temporary: false })
}
