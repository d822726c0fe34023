/**
 * The bundle protocol agent: which bundle waits for what, and what is done with it next. It knows
 * records only; the bundles' bytes are in the store. RFC 9171 §5.
 *
 *     offered → storing ─→ forwarding ─→ held ─(resend)→ forwarding …
 *                  │  ↑        └──────→ gone
 *     recovered ───┘  └──→ stranded (no plan, or no registration yet)
 *                  ├─────→ delivering → gone
 *                  └─────→ assembling → delivering
 */

import { assert } from '../base/assert.ts'
import { Fault } from '../base/fault.ts'
import { Heap } from '../base/heap.ts'
import type { Machine } from '../base/machine.ts'
import { addMs, earlier, type MonoMs, type WallMs } from '../base/time.ts'
import { formatEndpointId, isNullEndpoint } from '../proto/bpv7/endpoint-id.ts'
import type { BundleRecord, FragmentExtent } from './bundle-store.ts'
import type { DtnFaultCode } from './fault.ts'
import { Lane } from './lane.ts'
import {
  type BundleNodeLimits,
  DELIVERIES_MAX,
  DELIVERY_BYTES_MAX,
  TRANSMISSION_BYTES_MAX,
  TRANSMISSIONS_MAX,
} from './limits.ts'
import { ReassemblyLedger } from './reassembly-ledger.ts'
import { choosePlan, type StaticPlan } from './static-plan.ts'

export type AgentEvent =
  /** Found in the store at the start. */
  | { readonly type: 'recovered'; readonly record: BundleRecord; readonly wall: WallMs }
  /** Sent by an application or received from a neighbour; answered by `store` or `refuse`. */
  | {
      readonly type: 'offered'
      readonly record: BundleRecord
      readonly bytes: Uint8Array
      readonly wall: WallMs
    }
  /** Answers to `store`. */
  | { readonly type: 'stored'; readonly key: string }
  | { readonly type: 'not-stored'; readonly key: string }
  | { readonly type: 'registered'; readonly service: bigint }
  /** Answers to `transmit`. */
  | { readonly type: 'transmitted'; readonly key: string }
  | { readonly type: 'not-transmitted'; readonly key: string; readonly failure: Failure }
  /** Answers to `deliver`. */
  | { readonly type: 'delivered'; readonly key: string }
  | { readonly type: 'not-delivered'; readonly key: string; readonly failure: Failure }
  /** Of a held bundle, by the name that it is held under. */
  | { readonly type: 'resend'; readonly hold: string }
  | { readonly type: 'release'; readonly hold: string }
  /** Nothing new begins any more; what is under way is still answered. */
  | { readonly type: 'stop' }
  | { readonly type: 'tick' }

export type Failure =
  | { readonly temporary: true }
  | { readonly temporary: false; readonly reason: string }

export type AgentEffect =
  | { readonly type: 'store'; readonly record: BundleRecord; readonly bytes: Uint8Array }
  | { readonly type: 'refuse'; readonly record: BundleRecord; readonly fault: Fault<DtnFaultCode> }
  | {
      readonly type: 'transmit'
      readonly key: string
      readonly id: string
      readonly plan: StaticPlan
      /** How long it has been at this node. */
      readonly residenceMs: number
    }
  /** `keys` are all the fragments of one ADU, or one bundle; `key` is the first. */
  | {
      readonly type: 'deliver'
      readonly key: string
      readonly keys: readonly string[]
      readonly service: bigint
      readonly expiresAt: WallMs
    }
  /** A held bundle has been handed over completely. */
  | { readonly type: 'forwarded'; readonly hold: string }
  /** A held bundle was deleted before its time: it could never go. */
  | { readonly type: 'lost'; readonly hold: string }
  | { readonly type: 'remove'; readonly keys: readonly string[] }
  | { readonly type: 'deleted'; readonly id: string; readonly reason: string }

export interface BundleAgentOptions {
  readonly node: bigint
  readonly plans: readonly StaticPlan[]
  readonly limits: BundleNodeLimits
}

/** How many bundles are where. */
export interface Census {
  readonly storing: number
  readonly waiting: number
  readonly held: number
}

type State = 'storing' | 'forwarding' | 'delivering' | 'assembling' | 'stranded' | 'held'

interface Entry {
  readonly record: BundleRecord
  readonly arrivedAt: MonoMs
  readonly expiresAt: MonoMs
  state: State
  /** Its hold was dropped while it was being stored. */
  isReleased: boolean
  /** Counted against the bound on bundles of others that have nowhere to go. */
  isStrandedGuest: boolean
}

interface Way {
  readonly lane: Lane
  readonly target: { readonly plan: StaticPlan } | { readonly service: bigint }
}

export class BundleAgent implements Machine<AgentEvent, AgentEffect> {
  readonly #options: BundleAgentOptions
  readonly #entries = new Map<string, Entry>()
  readonly #keysById = new Map<string, string>()
  readonly #keysByHold = new Map<string, string>()
  readonly #plans = new Map<StaticPlan, Way>()
  readonly #registrations = new Map<bigint, Way>()
  /** Stranded bundles of services that nobody has registered yet. */
  readonly #unclaimed = new Map<bigint, Set<string>>()
  /** Where an answer is due, even when the bundle is gone by then. */
  readonly #underWay = new Map<string, Way>()
  readonly #ledger: ReassemblyLedger
  #expiries: Heap<Expiry> = newExpiries()
  #stranded = { count: 0, bytes: 0 }
  #isStopped = false

  constructor(options: BundleAgentOptions) {
    this.#options = options
    this.#ledger = new ReassemblyLedger(options.limits)
  }

  get deadline(): MonoMs | undefined {
    if (this.#isStopped) return undefined
    let deadline = this.#expiries.peek()?.at
    for (const { lane } of this.#plans.values()) deadline = earlier(deadline, lane.deadline)
    for (const { lane } of this.#registrations.values()) deadline = earlier(deadline, lane.deadline)
    return deadline
  }

  get census(): Census {
    const count = { storing: 0, waiting: 0, held: 0 }
    for (const { state } of this.#entries.values()) {
      if (state === 'storing' || state === 'held') count[state]++
      else count.waiting++
    }
    return count
  }

  /** Whether a bundle held under this name is neither released nor expired. */
  holds(hold: string): boolean {
    return this.#keysByHold.has(hold)
  }

  handle(event: AgentEvent, now: MonoMs): readonly AgentEffect[] {
    const effects: AgentEffect[] = []
    if (!this.#isStopped) this.#expire(now, effects)
    switch (event.type) {
      case 'offered':
        this.#onOffered(event, now, effects)
        break
      case 'recovered':
        this.#dispatch(this.#enter(event.record, event.wall, now), now, effects)
        break
      case 'stored':
        this.#onStored(event.key, now, effects)
        break
      case 'not-stored':
        this.#onNotStored(event.key)
        break
      case 'registered':
        this.#onRegistered(event.service, now, effects)
        break
      case 'transmitted':
      case 'delivered':
        this.#onDone(event.key, now, effects)
        break
      case 'not-transmitted':
      case 'not-delivered':
        this.#onFailed(event.key, event.failure, now, effects)
        break
      case 'resend': {
        const entry = this.#held(event.hold)
        if (entry?.state === 'held') this.#dispatch(entry, now, effects)
        break
      }
      case 'release': {
        const entry = this.#held(event.hold)
        if (entry?.state === 'storing') entry.isReleased = true
        else if (entry !== undefined) this.#drop([entry], effects)
        break
      }
      case 'stop':
        this.#isStopped = true
        break
      case 'tick':
        for (const way of this.#plans.values()) this.#proceed(way, now, effects)
        for (const way of this.#registrations.values()) this.#proceed(way, now, effects)
    }
    return effects
  }

  /** RFC 9171 §5.2 and §5.6, past the checks of the blocks. */
  #onOffered(
    event: AgentEvent & { readonly type: 'offered' },
    now: MonoMs,
    effects: AgentEffect[],
  ): void {
    const { record, bytes } = event
    const fault = this.#objection(record, event.wall, now, effects)
    if (fault !== undefined) {
      effects.push({ type: 'refuse', record, fault })
      return
    }
    const entry = this.#enter(record, event.wall, now)
    this.#countStranded(entry, !record.own && this.#isStranded(record))
    if (this.#isFragmentForUs(record)) {
      this.#ledger.reserve(aduName(record), record.fragment, now)
    }
    effects.push({ type: 'store', record, bytes })
  }

  #objection(
    record: BundleRecord,
    wall: WallMs,
    now: MonoMs,
    effects: AgentEffect[],
  ): Fault<DtnFaultCode> | undefined {
    const isHeld = record.hold !== undefined && this.#keysByHold.has(record.hold)
    if (isHeld || this.#keysById.has(record.id)) {
      return permanent('dtn/duplicate', 'it is here already')
    }
    if (isNullEndpoint(record.destination)) {
      return permanent('dtn/no-destination', 'its destination is the null endpoint')
    }
    if (record.expiresAt <= wall) return permanent('dtn/expired', 'its lifetime has expired')
    if (!record.own && this.#isStranded(record)) {
      const { strandedCountMax, strandedBytesMax } = this.#options.limits
      const { count, bytes } = this.#stranded
      if (count >= strandedCountMax || bytes + record.sizeBytes > strandedBytesMax) {
        return temporary('dtn/too-many-waiting', 'too many bundles have nowhere to go')
      }
    }
    return this.#isFragmentForUs(record) ? this.#fragmentObjection(record, now, effects) : undefined
  }

  #fragmentObjection(
    record: FragmentRecord,
    now: MonoMs,
    effects: AgentEffect[],
  ): Fault<DtnFaultCode> | undefined {
    const [name, { fragment }] = [aduName(record), record]
    let verdict = this.#ledger.judge(name, fragment)
    if (verdict === 'no-room') {
      for (const other of this.#ledger.givingWay(name, fragment, now)) {
        this.#deleteAdu(other, 'traffic pared', effects)
      }
      verdict = this.#ledger.judge(name, fragment)
    }
    switch (verdict) {
      case 'wanted':
        return undefined
      case 'covered':
        return permanent('dtn/duplicate', 'all of it is here already')
      case 'malformed':
        return permanent('dtn/bad-fragment', 'it contradicts the other fragments')
      case 'no-room':
        return temporary('dtn/too-many-waiting', 'no room for the reassembly of its ADU')
    }
  }

  #onStored(key: string, now: MonoMs, effects: AgentEffect[]): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    // Its lifetime may have ended while it was written.
    if (entry.isReleased) this.#drop([entry], effects)
    else if (entry.expiresAt <= now) this.#delete(entry, EXPIRED, effects)
    else this.#dispatch(entry, now, effects)
  }

  #onNotStored(key: string): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) this.#forget(entry)
  }

  /** RFC 9171 §5.3: deliver or forward. */
  #dispatch(entry: Entry, now: MonoMs, effects: AgentEffect[]): void {
    const { record } = entry
    this.#countStranded(entry, !record.own && this.#isStranded(record))
    if (this.#isLocal(record)) {
      this.#dispatchLocally(entry, now, effects)
      return
    }
    const plan = choosePlan(this.#options.plans, record.destination)
    if (plan === undefined) {
      entry.state = 'stranded'
      return
    }
    entry.state = 'forwarding'
    const way = this.#wayOf(plan)
    way.lane.add(record.key, record.sizeBytes)
    this.#proceed(way, now, effects)
  }

  /** RFC 9171 §5.7. */
  #dispatchLocally(entry: Entry, now: MonoMs, effects: AgentEffect[]): void {
    const { record } = entry
    // Our administrative element knows no kind of record yet.
    if (record.administrative || serviceOf(record) === 0n) {
      this.#delete(entry, 'administrative record not understood', effects)
      return
    }
    let [key, sizeBytes] = [record.key, record.sizeBytes]
    if (record.fragment !== undefined) {
      const name = aduName(record as FragmentRecord)
      const outcome = this.#ledger.add(name, record.key, record.fragment, now)
      entry.state = 'assembling'
      if (outcome === 'useless') this.#drop([entry], effects)
      if (outcome !== 'complete') return
      key = this.#ledger.keys(name)[0] ?? key
      sizeBytes = record.fragment.aduBytes
    }
    this.#deliver({ key, sizeBytes, service: serviceOf(record) }, now, effects)
  }

  #deliver(
    unit: { readonly key: string; readonly sizeBytes: number; readonly service: bigint },
    now: MonoMs,
    effects: AgentEffect[],
  ): void {
    const way = this.#registrations.get(unit.service)
    for (const entry of this.#unitOf(unit.key)) {
      entry.state = way === undefined ? 'stranded' : 'delivering'
    }
    if (way === undefined) {
      const unclaimed = this.#unclaimed.get(unit.service) ?? new Set()
      this.#unclaimed.set(unit.service, unclaimed.add(unit.key))
      return
    }
    way.lane.add(unit.key, unit.sizeBytes)
    this.#proceed(way, now, effects)
  }

  #onRegistered(service: bigint, now: MonoMs, effects: AgentEffect[]): void {
    assert(!this.#registrations.has(service), `service ${service} is registered already`)
    const way: Way = {
      lane: new Lane({
        underWayMax: DELIVERIES_MAX,
        underWayBytesMax: DELIVERY_BYTES_MAX,
        pause: 'item',
      }),
      target: { service },
    }
    this.#registrations.set(service, way)
    for (const entry of this.#entries.values()) {
      if (this.#isLocal(entry.record) && serviceOf(entry.record) === service) {
        this.#countStranded(entry, false)
      }
    }
    const unclaimed = this.#unclaimed.get(service) ?? []
    this.#unclaimed.delete(service)
    for (const key of unclaimed) {
      const unit = this.#unitOf(key)
      for (const entry of unit) entry.state = 'delivering'
      way.lane.add(key, sum(unit))
    }
    this.#proceed(way, now, effects)
  }

  #onDone(key: string, now: MonoMs, effects: AgentEffect[]): void {
    const way = this.#answered(key)
    way?.lane.finish(key)
    const entry = this.#entries.get(key)
    if (entry?.record.hold !== undefined) {
      entry.state = 'held'
      effects.push({ type: 'forwarded', hold: entry.record.hold })
    } else if (entry !== undefined) this.#drop(this.#unitOf(key), effects)
    if (way !== undefined) this.#proceed(way, now, effects)
  }

  #onFailed(key: string, failure: Failure, now: MonoMs, effects: AgentEffect[]): void {
    const way = this.#answered(key)
    const entry = this.#entries.get(key)
    if (failure.temporary) {
      way?.lane.postpone(key, now)
      if (entry === undefined) way?.lane.forget(key)
    } else {
      way?.lane.finish(key)
      if (entry !== undefined) this.#delete(entry, failure.reason, effects)
    }
    if (way !== undefined) this.#proceed(way, now, effects)
  }

  #answered(key: string): Way | undefined {
    const way = this.#underWay.get(key)
    this.#underWay.delete(key)
    return way
  }

  /** Begins what may begin. */
  #proceed({ lane, target }: Way, now: MonoMs, effects: AgentEffect[]): void {
    if (this.#isStopped) return
    for (const key of lane.take(now)) {
      const entry = this.#entries.get(key)
      assert(entry !== undefined, 'what has gone has left its lane')
      this.#underWay.set(key, { lane, target })
      const { id, expiresAt } = entry.record
      if ('plan' in target) {
        const residenceMs = now - entry.arrivedAt
        effects.push({ type: 'transmit', key, id, plan: target.plan, residenceMs })
      } else {
        const keys = this.#unitOf(key).map(({ record }) => record.key)
        effects.push({ type: 'deliver', key, keys, service: target.service, expiresAt })
      }
    }
  }

  /** RFC 9171 §5.5. What is being written is looked at when it is stored. */
  #expire(now: MonoMs, effects: AgentEffect[]): void {
    for (let next = this.#expiries.peek(); next !== undefined && next.at <= now; ) {
      this.#expiries.pop()
      const entry = this.#entries.get(next.key)
      if (entry !== undefined && entry.state !== 'storing') {
        this.#delete(entry, EXPIRED, effects)
      }
      next = this.#expiries.peek()
    }
  }

  #enter(record: BundleRecord, wall: WallMs, now: MonoMs): Entry {
    const entry: Entry = {
      record,
      arrivedAt: addMs(now, Math.min(0, record.arrivedAt - wall)),
      expiresAt: addMs(now, record.expiresAt - wall),
      state: 'storing',
      isReleased: false,
      isStrandedGuest: false,
    }
    this.#entries.set(record.key, entry)
    this.#keysById.set(record.id, record.key)
    if (record.hold !== undefined) this.#keysByHold.set(record.hold, record.key)
    this.#expiries.push({ at: entry.expiresAt, key: record.key })
    // Most bundles go long before their lifetime ends: their expiries must not pile up.
    if (this.#expiries.size > 2 * this.#entries.size + EXPIRIES_SPARE) {
      this.#expiries = newExpiries()
      for (const { expiresAt: at, record: r } of this.#entries.values()) {
        this.#expiries.push({ at, key: r.key })
      }
    }
    return entry
  }

  /** RFC 9171 §5.10: with all that belongs to the same ADU, which could not be delivered any more. */
  #delete(entry: Entry, reason: string, effects: AgentEffect[]): void {
    const unit = new Set([...this.#unitOf(entry.record.key), entry])
    const { record } = entry
    const isFragment = this.#isFragmentForUs(record)
    const isRepeat = isFragment && this.#ledger.isRepeat(aduName(record))
    this.#drop([...unit], effects)
    // The ADU was delivered: that a part of it came again is nothing to tell of.
    if (isRepeat) return
    effects.push({ type: 'deleted', id: isFragment ? record.fragment.aduId : record.id, reason })
    const { hold } = record
    if (hold !== undefined && reason !== EXPIRED) effects.push({ type: 'lost', hold })
  }

  #deleteAdu(name: string, reason: string, effects: AgentEffect[]): void {
    const entry = this.#entries.get(this.#ledger.keys(name)[0] ?? '')
    if (entry !== undefined) this.#delete(entry, reason, effects)
  }

  #drop(unit: readonly Entry[], effects: AgentEffect[]): void {
    for (const entry of unit) this.#forget(entry)
    effects.push({ type: 'remove', keys: unit.map(({ record }) => record.key) })
  }

  #forget(entry: Entry): void {
    const { record } = entry
    this.#entries.delete(record.key)
    this.#keysById.delete(record.id)
    if (record.hold !== undefined) this.#keysByHold.delete(record.hold)
    this.#countStranded(entry, false)
    if (!this.#isLocal(record)) {
      const plan = choosePlan(this.#options.plans, record.destination)
      if (plan !== undefined) this.#wayOf(plan).lane.forget(record.key)
      return
    }
    const service = serviceOf(record)
    this.#registrations.get(service)?.lane.forget(record.key)
    const unclaimed = this.#unclaimed.get(service)
    unclaimed?.delete(record.key)
    if (unclaimed?.size === 0) this.#unclaimed.delete(service)
    if (this.#isFragmentForUs(record)) this.#ledger.drop(aduName(record), record.key)
  }

  #held(hold: string): Entry | undefined {
    return this.#entries.get(this.#keysByHold.get(hold) ?? '')
  }

  /** What is delivered, and goes, together with the bundle `key`. */
  #unitOf(key: string): readonly Entry[] {
    const entry = this.#entries.get(key)
    if (entry === undefined) return []
    if (!this.#isFragmentForUs(entry.record)) return [entry]
    return this.#ledger.keys(aduName(entry.record)).flatMap((k) => this.#entries.get(k) ?? [])
  }

  #wayOf(plan: StaticPlan): Way {
    const known = this.#plans.get(plan)
    if (known !== undefined) return known
    const way: Way = {
      lane: new Lane({
        underWayMax: TRANSMISSIONS_MAX,
        underWayBytesMax: TRANSMISSION_BYTES_MAX,
        pause: 'lane',
      }),
      target: { plan },
    }
    this.#plans.set(plan, way)
    return way
  }

  #isLocal(record: BundleRecord): boolean {
    const { destination } = record
    return destination.scheme === 'ipn' && destination.node === this.#options.node
  }

  #isFragmentForUs(record: BundleRecord): record is FragmentRecord {
    return record.fragment !== undefined && this.#isLocal(record)
  }

  /** Whether it has nowhere to go for now. */
  #isStranded(record: BundleRecord): boolean {
    return this.#isLocal(record)
      ? !record.administrative && !this.#registrations.has(serviceOf(record))
      : choosePlan(this.#options.plans, record.destination) === undefined
  }

  #countStranded(entry: Entry, isStrandedGuest: boolean): void {
    if (entry.isStrandedGuest === isStrandedGuest) return
    entry.isStrandedGuest = isStrandedGuest
    const sign = isStrandedGuest ? 1 : -1
    this.#stranded.count += sign
    this.#stranded.bytes += sign * entry.record.sizeBytes
  }
}

type FragmentRecord = BundleRecord & { readonly fragment: FragmentExtent }

interface Expiry {
  readonly at: MonoMs
  readonly key: string
}

const EXPIRIES_SPARE = 1024

/** RFC 9171 §9.5. */
const EXPIRED = 'lifetime expired'

function newExpiries(): Heap<Expiry> {
  return new Heap((a, b) => a.at < b.at || (a.at === b.at && a.key < b.key))
}

/** Of a bundle for this node, whose destination is of the ipn scheme. */
function serviceOf(record: BundleRecord): bigint {
  return record.destination.scheme === 'ipn' ? record.destination.service : 0n
}

/** Fragments with the same source and timestamp but another destination are a forgery. */
function aduName(record: FragmentRecord): string {
  return `${record.fragment.aduId} ${formatEndpointId(record.destination)}`
}

function sum(unit: readonly Entry[]): number {
  return unit.reduce((bytes, { record }) => bytes + record.sizeBytes, 0)
}

function temporary(code: DtnFaultCode, message: string): Fault<DtnFaultCode> {
  return new Fault(code, message, { temporary: true })
}

function permanent(code: DtnFaultCode, message: string): Fault<DtnFaultCode> {
  return new Fault(code, message, { temporary: false })
}
