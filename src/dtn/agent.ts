/**
 * The bundle protocol agent: which bundle waits for what, and what is done with it next. It knows
 * records only; the bundles' bytes are in the store. RFC 9171 §5.
 *
 *     offered → storing ─→ waiting ─→ gone
 *                             ↑ └───→ held ─(resend)→ waiting …
 *     recovered ──────────────┘
 *
 * What waits does so for its delivery, for its forwarding, or for both (a group's): the retention
 * constraints of RFC 9171 §5. It is dropped, or held, when none is left.
 */

import { assert } from '../base/assert.ts'
import { Fault } from '../base/fault.ts'
import type { Machine } from '../base/machine.ts'
import { addMs, earlier, type MonoMs, type WallMs } from '../base/time.ts'
import { Window } from '../base/window.ts'
import {
  EndpointFormatter,
  type EndpointId,
  isNullEndpoint,
  isSingleton,
} from '../proto/bpv7/endpoint-id.ts'
import { describeReason, STATUS_REASONS, type StatusKind } from '../proto/bpv7/status-report.ts'
import type {
  AgentEffect,
  AgentEvent,
  Census,
  Failure,
  Queue,
  RegistrationQueue,
} from './agent-events.ts'
import type { BundleRecord } from './bundle-record.ts'
import {
  aduName,
  Entries,
  type Entry,
  type FragmentRecord,
  isFragment,
  isFragmentForUs,
  isOwnRecord,
} from './entries.ts'
import type { DtnFaultCode } from './fault.ts'
import type { BundleNodeLimits } from './limits.ts'
import { isOwnEndpoint, type NodeNames } from './membership.ts'
import { Queues } from './queues.ts'
import { ReassemblyLedger } from './reassembly-ledger.ts'
import { Registration, type RegistrationState } from './registration.ts'
import { leadsTo, neighbourOf, type StaticPlan } from './static-plan.ts'
import { type Way, Ways } from './ways.ts'

export interface BundleAgentOptions extends NodeNames {
  readonly plans: readonly StaticPlan[]
  readonly limits: BundleNodeLimits
}

export class BundleAgent implements Machine<AgentEvent, AgentEffect> {
  readonly #options: BundleAgentOptions
  readonly #entries: Entries = new Entries()
  readonly #ways: Ways
  /** By endpoint, in text. */
  readonly #registrations = new Map<string, Registration>()
  /** Those that are active: few, however many endpoints others send to. */
  readonly #active = new Set<Registration>()
  /** Where an answer is due, even when the bundle is gone by then. */
  readonly #transmitting: Window<Way> = new Window()
  readonly #delivering: Window<Registration> = new Window()
  /** Of those what a poll asked for. */
  readonly #polled = new Set<number>()
  readonly #ledger: ReassemblyLedger
  readonly #names = new EndpointFormatter()
  #isStopped = false

  constructor(options: BundleAgentOptions) {
    this.#options = options
    this.#ways = new Ways(options.plans)
    this.#ledger = new ReassemblyLedger(options.limits)
  }

  get deadline(): MonoMs | undefined {
    if (this.#isStopped) return undefined
    let deadline = this.#entries.deadline
    for (const { lane } of this.#ways.values()) deadline = earlier(deadline, lane.deadline)
    for (const { lane } of this.#active) deadline = earlier(deadline, lane.deadline)
    return deadline
  }

  get census(): Census {
    return this.#entries.census
  }

  /** Of others, with nowhere to go for now. */
  get strandedCount(): number {
    return this.#entries.stranded.count
  }

  /** Of the bundle with this ID in the store; undefined where it is not here. */
  keyOf(id: string): number | undefined {
    return this.#entries.keyOf(id)
  }

  /** Who handed a bundle over, where a certificate has shown it. */
  neighbourOf(key: number): EndpointId | undefined {
    return this.#entries.get(key)?.record.neighbour
  }

  /** Whether a bundle held under this name is neither released nor expired. */
  holds(hold: string): boolean {
    return this.#entries.heldAs(hold) !== undefined
  }

  /** Whether this bundle was sent here and is neither gone nor on its way to the disk. */
  mayCancel(id: string): boolean {
    return this.#cancelable(id) !== undefined
  }

  registration(endpoint: EndpointId): Registration | undefined {
    return this.#registrations.get(this.#names.format(endpoint))
  }

  get plans(): readonly StaticPlan[] {
    return [...this.#ways.values()].map(({ plan }) => plan)
  }

  /** The plan that leads to `destination`. */
  planTo(destination: EndpointId): StaticPlan | undefined {
    return this.#ways.to(destination)?.plan
  }

  /** What waits for each plan, by its node. Looks at every bundle. */
  planQueues(now: MonoMs): ReadonlyMap<bigint, Queue> {
    const queues = new Queues<bigint>()
    for (const entry of this.#entries.values()) {
      if (entry.toForward && entry.way !== undefined) {
        queues.count(entry.way.plan.node, entry, now)
      }
    }
    return queues.places
  }

  /** What waits at each endpoint that the node is a member of. Looks at every bundle. */
  registrationQueues(now: MonoMs): readonly RegistrationQueue[] {
    const queues = new Queues<Registration>()
    for (const entry of this.#entries.values()) {
      if (entry.toDeliver && entry.registration) queues.count(entry.registration, entry, now)
    }
    return [...this.#registrations.values()]
      .filter(({ isMember }) => isMember)
      .map((registration) => {
        const { endpoint, state, whenInactive } = registration
        return { endpoint, state, whenInactive, ...queues.at(registration) }
      })
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
      case 'planned':
        this.#ways.set(event.plan).lane.setWindow(event.window)
        this.#reroute(now, effects)
        break
      case 'unplanned':
        this.#ways.delete(event.node)
        this.#reroute(now, effects)
        break
      case 'contact':
        for (const way of this.#ways.values()) {
          if (neighbourOf(way.plan) !== event.neighbour) continue
          way.lane.setWindow(event.window)
          this.#transmit(way, now, effects)
        }
        break
      case 'declared': {
        const registration = this.#registrationAt(event.endpoint)
        registration.isDeclared = true
        registration.whenInactive = event.whenInactive
        break
      }
      case 'withdrawn':
        this.#onWithdrawn(event.endpoint, effects)
        break
      case 'registered':
        this.#onRegistered(event.endpoint, event.state, now, effects)
        break
      case 'polled': {
        const registration = this.registration(event.endpoint)
        if (registration !== undefined) this.#poll(registration, now, effects)
        break
      }
      case 'transmitted':
        this.#onTransmitted(event.key, now, effects)
        break
      case 'delivered':
        this.#onDelivered(event.key, event.isRepeat, now, effects)
        break
      case 'not-transmitted':
        this.#onNotTransmitted(event.key, event.failure, now, effects)
        break
      case 'not-delivered':
        this.#onNotDelivered(event.key, event.failure, now, effects)
        break
      case 'resend': {
        const entry = this.#entries.heldAs(event.hold)
        if (entry?.state !== 'held') break
        entry.isRepeat = true
        this.#dispatch(entry, now, effects)
        break
      }
      case 'release': {
        const entry = this.#entries.heldAs(event.hold)
        if (entry?.state === 'storing') entry.isReleased = true
        else if (entry !== undefined) this.#drop([entry], effects)
        break
      }
      case 'cancel': {
        const entry = this.#cancelable(event.id)
        if (entry !== undefined) this.#delete(entry, STATUS_REASONS.transmissionCanceled, effects)
        break
      }
      case 'stop':
        this.#isStopped = true
        break
      case 'tick':
        for (const way of this.#ways.values()) this.#transmit(way, now, effects)
        for (const registration of this.#active) this.#deliver(registration, now, effects)
    }
    return effects
  }

  /** RFC 9171 §5.2 and §5.6, past the checks of the blocks. */
  #onOffered(
    event: AgentEvent & { readonly type: 'offered' },
    now: MonoMs,
    effects: AgentEffect[],
  ): void {
    const { record } = event
    const fault = this.#objection(record, event.wall, now, effects)
    if (fault !== undefined) {
      effects.push({ type: 'refuse', record, fault })
      return
    }
    const entry = this.#enter(record, event.wall, now)
    this.#countStranded(entry)
    if (isFragmentForUs(entry))
      this.#ledger.reserve(aduName(entry.record), entry.record.fragment, now)
    effects.push({ type: 'store', record })
    if (this.#mayGoAhead(entry)) this.#goAhead(entry, now, effects)
  }

  /**
   * Whether it may be delivered while it is being written: nobody is told of it before either is done,
   * and who takes it at once saves the writing.
   */
  #mayGoAhead({ record, registration, way }: Entry): boolean {
    const { own, fragment, reports, hold, destination } = record
    return (
      registration?.state === 'active' &&
      way === undefined &&
      !own &&
      fragment === undefined &&
      reports === undefined &&
      hold === undefined &&
      isSingleton(destination)
    )
  }

  #goAhead(entry: Entry, now: MonoMs, effects: AgentEffect[]): void {
    const { record, registration } = entry
    if (registration === undefined) return
    entry.isAhead = true
    entry.toDeliver = true
    registration.lane.add(record.key, record.sizeBytes)
    this.#deliver(registration, now, effects)
  }

  #objection(
    record: BundleRecord,
    wall: WallMs,
    now: MonoMs,
    effects: AgentEffect[],
  ): Fault<DtnFaultCode> | undefined {
    const { limits } = this.#options
    const isHeld = record.hold !== undefined && this.holds(record.hold)
    if (isHeld || this.#entries.keyOf(record.id) !== undefined) {
      return permanent('dtn/duplicate', 'it is here already')
    }
    if (isNullEndpoint(record.destination)) {
      return permanent('dtn/no-destination', 'its destination is the null endpoint')
    }
    if (record.expiresAt <= wall) return permanent('dtn/expired', 'its lifetime has expired')
    if (isOwnRecord(record) && this.#entries.ownRecordCount >= limits.ownRecordCountMax) {
      return temporary('dtn/too-many-waiting', 'too many status reports of ours are waiting')
    }
    const isForUs = this.#isForUs(record.destination)
    if (!record.own && this.#isStranded(record)) {
      const { count, bytes } = this.#entries.stranded
      if (count >= limits.strandedCountMax || bytes + record.sizeBytes > limits.strandedBytesMax) {
        return temporary('dtn/too-many-waiting', 'too many bundles have nowhere to go')
      }
    }
    return isForUs && isFragment(record) ? this.#fragmentObjection(record, now, effects) : undefined
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
        this.#deleteAdu(other, effects)
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

  #onStored(key: number, now: MonoMs, effects: AgentEffect[]): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    // Its lifetime may have ended while it was written.
    if (entry.isReleased) this.#drop([entry], effects)
    else if (entry.expiresAt <= now) this.#delete(entry, expiryReason(entry), effects)
    else if (entry.isAhead) entry.state = 'waiting'
    else this.#dispatch(entry, now, effects)
  }

  #onNotStored(key: number): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) this.#forget(entry)
  }

  /** RFC 9171 §5.3: deliver, and forward where the endpoint may have other members. */
  #dispatch(entry: Entry, now: MonoMs, effects: AgentEffect[]): void {
    const { record, registration } = entry
    entry.way = this.#wayFor(record)
    entry.state = 'waiting'
    entry.toDeliver = registration !== undefined
    entry.toForward = !entry.toDeliver || entry.way !== undefined
    this.#countStranded(entry)
    if (entry.way !== undefined) {
      entry.way.lane.add(record.key, record.sizeBytes)
      this.#transmit(entry.way, now, effects)
    }
    if (registration !== undefined) this.#dispatchLocally(entry, registration, now, effects)
  }

  /** After a change of the plans each takes the way that it would take if it came now. */
  #reroute(now: MonoMs, effects: AgentEffect[]): void {
    for (const entry of this.#entries.values()) {
      const { state, toForward, record } = entry
      const way = this.#wayFor(record)
      if (state !== 'waiting' || !toForward || way === entry.way) continue
      entry.way?.lane.forget(record.key)
      entry.way = way
      this.#countStranded(entry)
      // What is under way goes on, and takes the new one if it fails.
      if (!this.#transmitting.has(record.key)) way?.lane.add(record.key, record.sizeBytes)
    }
    for (const way of this.#ways.values()) this.#transmit(way, now, effects)
  }

  /** RFC 9171 §5.7. */
  #dispatchLocally(
    entry: Entry,
    registration: Registration,
    now: MonoMs,
    effects: AgentEffect[],
  ): void {
    const { record } = entry
    let [key, sizeBytes] = [record.key, record.sizeBytes]
    if (isFragment(record)) {
      const name = aduName(record)
      const outcome = this.#ledger.add(name, record.key, record.fragment, now)
      if (outcome === 'useless') this.#settle([entry], 'toDeliver', effects)
      if (outcome !== 'complete') return
      key = this.#ledger.keys(name)[0] ?? key
      sizeBytes = record.fragment.aduBytes
    }
    if (registration.state !== 'active' && registration.whenInactive === 'abandon') {
      this.#giveUp(entry, 'toDeliver', ABANDONED, effects)
      return
    }
    registration.lane.add(key, sizeBytes)
    if (registration.state === 'active') this.#deliver(registration, now, effects)
  }

  #onRegistered(
    endpoint: EndpointId,
    state: RegistrationState,
    now: MonoMs,
    effects: AgentEffect[],
  ): void {
    const registration = this.#registrationAt(endpoint)
    registration.state = state
    if (state === 'active') this.#active.add(registration)
    else this.#active.delete(registration)
    for (const entry of this.#entries.all((e) => e.registration === registration))
      this.#countStranded(entry)
    if (state === 'active') this.#deliver(registration, now, effects)
    this.#disavow(registration, effects)
  }

  #onWithdrawn(endpoint: EndpointId, effects: AgentEffect[]): void {
    const registration = this.registration(endpoint)
    if (registration === undefined) return
    registration.isDeclared = false
    registration.whenInactive = 'defer'
    this.#disavow(registration, effects)
  }

  /** Who has left a group gets none of its bundles; those for a singleton wait for its return. */
  #disavow(registration: Registration, effects: AgentEffect[]): void {
    if (registration.isMember) return
    if (!isSingleton(registration.endpoint)) {
      const entries = this.#entries.all(
        (e) => e.registration === registration && e.state === 'waiting',
      )
      for (const entry of entries)
        this.#settle(this.#unitOf(entry.record.key), 'toDeliver', effects)
    }
    if (registration.isUnused) this.#registrations.delete(this.#names.format(registration.endpoint))
  }

  /** RFC 9171 §5.4 step 5. */
  #onTransmitted(key: number, now: MonoMs, effects: AgentEffect[]): void {
    const way = this.#transmitting.get(key)
    this.#transmitting.delete(key)
    way?.lane.finish(key)
    const entry = this.#entries.get(key)
    if (entry?.toForward) {
      report(entry, 'forwarded', STATUS_REASONS.noAdditionalInformation, effects)
      this.#settle([entry], 'toForward', effects)
    }
    if (way !== undefined) this.#transmit(way, now, effects)
  }

  /** RFC 9171 §5.7 step 3. */
  #onDelivered(key: number, isRepeat: boolean, now: MonoMs, effects: AgentEffect[]): void {
    const registration = this.#delivering.get(key)
    this.#delivering.delete(key)
    registration?.lane.finish(key)
    const [first, ...rest] = this.#unitOf(key)
    if (first?.toDeliver) {
      report(first, 'delivered', STATUS_REASONS.noAdditionalInformation, effects)
      this.#settle([first, ...rest], 'toDeliver', effects)
    }
    const wasPolled = this.#polled.delete(key)
    if (registration?.state === 'active') this.#deliver(registration, now, effects)
    // Whoever polled has been given nothing yet.
    else if (isRepeat && wasPolled && registration?.state === 'passive') {
      this.#poll(registration, now, effects)
    }
  }

  #onNotTransmitted(key: number, failure: Failure, now: MonoMs, effects: AgentEffect[]): void {
    const way = this.#transmitting.get(key)
    this.#transmitting.delete(key)
    const entry = this.#entries.get(key)
    if (entry !== undefined && entry.way !== way) {
      way?.lane.finish(key)
      entry.way?.lane.add(key, entry.record.sizeBytes)
      if (entry.way !== undefined) this.#transmit(entry.way, now, effects)
      return
    }
    if (failure.temporary) {
      way?.lane.postpone(key, now)
      if (entry === undefined) way?.lane.forget(key)
    } else {
      way?.lane.finish(key)
      if (entry !== undefined) this.#giveUp(entry, 'toForward', failure, effects)
    }
    if (way !== undefined) this.#transmit(way, now, effects)
  }

  #onNotDelivered(key: number, failure: Failure, now: MonoMs, effects: AgentEffect[]): void {
    const registration = this.#delivering.get(key)
    this.#delivering.delete(key)
    this.#polled.delete(key)
    const entry = this.#entries.get(key)
    if (failure.temporary && entry?.toDeliver) registration?.lane.postpone(key, now)
    else {
      registration?.lane.finish(key)
      if (entry !== undefined && !failure.temporary) {
        this.#giveUp(entry, 'toDeliver', failure, effects)
      }
    }
    if (registration?.state === 'active') this.#deliver(registration, now, effects)
  }

  /** Begins what may begin. */
  #transmit(way: Way, now: MonoMs, effects: AgentEffect[]): void {
    if (this.#isStopped) return
    for (const key of way.lane.take(now)) {
      const entry = this.#entries.get(key)
      assert(entry !== undefined, 'what has gone has left its lane')
      this.#transmitting.set(key, way)
      const { record, isRepeat, arrivedAt } = entry
      const residenceMs = now - arrivedAt
      effects.push({ type: 'transmit', key, id: record.id, plan: way.plan, residenceMs, isRepeat })
    }
  }

  #deliver(registration: Registration, now: MonoMs, effects: AgentEffect[]): void {
    if (this.#isStopped) return
    for (const key of registration.lane.take(now)) this.#hand(key, registration, effects)
  }

  /** Of what waits the first alone. */
  #poll(registration: Registration, now: MonoMs, effects: AgentEffect[]): void {
    if (this.#isStopped) return
    for (const key of registration.lane.take(now, 1)) {
      this.#polled.add(key)
      this.#hand(key, registration, effects)
    }
  }

  #hand(key: number, registration: Registration, effects: AgentEffect[]): void {
    const entry = this.#entries.get(key)
    assert(entry !== undefined, 'what has gone has left its lane')
    this.#delivering.set(key, registration)
    const keys = isFragmentForUs(entry) ? this.#unitOf(key).map(({ record }) => record.key) : [key]
    const { expiresAt } = entry.record
    effects.push({ type: 'deliver', key, keys, endpoint: registration.endpoint, expiresAt })
  }

  /** RFC 9171 §5.5. What is being written is looked at when it is stored. */
  #expire(now: MonoMs, effects: AgentEffect[]): void {
    for (
      let entry = this.#entries.takeExpired(now);
      entry !== undefined;
      entry = this.#entries.takeExpired(now)
    ) {
      if (entry.state !== 'storing') this.#delete(entry, expiryReason(entry), effects)
    }
  }

  #enter(record: BundleRecord, wall: WallMs, now: MonoMs): Entry {
    const registration = this.#isForUs(record.destination)
      ? this.#registrationAt(record.destination)
      : undefined
    const entry: Entry = {
      record,
      arrivedAt: addMs(now, Math.min(0, record.arrivedAt - wall)),
      expiresAt: addMs(now, record.expiresAt - wall),
      registration,
      state: 'storing',
      toDeliver: false,
      toForward: false,
      isReleased: false,
      isAhead: false,
      isRepeat: false,
      way: this.#wayFor(record),
      isStrandedGuest: false,
    }
    if (registration !== undefined) registration.bundleCount++
    this.#entries.add(entry)
    return entry
  }

  /** One way of a bundle has failed for good; another may be left. RFC 9171 §5.4.2 step 2. */
  #giveUp(
    entry: Entry,
    constraint: 'toDeliver' | 'toForward',
    failure: Failure & { readonly temporary: false },
    effects: AgentEffect[],
  ): void {
    const unit = constraint === 'toDeliver' ? this.#unitOf(entry.record.key) : [entry]
    const isLast = unit.every((e) => !(constraint === 'toDeliver' ? e.toForward : e.toDeliver))
    if (isLast) this.#delete(entry, failure.status, effects, failure.reason)
    else this.#settle(unit, constraint, effects)
  }

  /** RFC 9171 §5.10: with all that belongs to the same ADU, which could not be delivered any more. */
  #delete(
    entry: Entry,
    status: number,
    effects: AgentEffect[],
    reason: string = describeReason(status),
  ): void {
    const unit = [...new Set([...this.#unitOf(entry.record.key), entry])]
    const { record } = entry
    const isPart = isFragmentForUs(entry)
    const isRepeat = isPart && this.#ledger.isRepeat(aduName(entry.record))
    if (!isRepeat) for (const each of unit) report(each, 'deleted', status, effects)
    this.#drop(unit, effects)
    // The ADU was delivered: that a part of it came again is nothing to tell of.
    if (isRepeat) return
    effects.push({
      type: 'deleted',
      id: isPart ? entry.record.fragment.aduId : record.id,
      reason,
      status,
    })
    const isExpired = status === STATUS_REASONS.lifetimeExpired
    if (record.hold !== undefined && !isExpired) effects.push({ type: 'lost', hold: record.hold })
  }

  #deleteAdu(name: string, effects: AgentEffect[]): void {
    const entry = this.#entries.get(this.#ledger.keys(name)[0] ?? NO_KEY)
    if (entry !== undefined) this.#delete(entry, STATUS_REASONS.trafficPared, effects)
  }

  /** Takes a constraint from each; those that have none left are held or dropped. RFC 9171 §5.11. */
  #settle(
    unit: readonly Entry[],
    constraint: 'toDeliver' | 'toForward',
    effects: AgentEffect[],
  ): void {
    const free: Entry[] = []
    for (const entry of unit) {
      entry[constraint] = false
      if (constraint === 'toDeliver') entry.registration?.lane.forget(entry.record.key)
      if (entry.toDeliver || entry.toForward) continue
      if (entry.record.hold === undefined) free.push(entry)
      else {
        entry.state = 'held'
        effects.push({ type: 'forwarded', hold: entry.record.hold })
      }
    }
    if (free.length > 0) this.#drop(free, effects)
  }

  #drop(unit: readonly Entry[], effects: AgentEffect[]): void {
    for (const entry of unit) this.#forget(entry)
    effects.push({ type: 'remove', keys: unit.map(({ record }) => record.key) })
  }

  #forget(entry: Entry): void {
    const { record, registration } = entry
    this.#entries.delete(entry)
    entry.way?.lane.forget(record.key)
    if (registration === undefined) return
    registration.lane.forget(record.key)
    registration.bundleCount--
    if (registration.isUnused) this.#registrations.delete(this.#names.format(registration.endpoint))
    if (isFragment(record)) this.#ledger.drop(aduName(record), record.key)
  }

  #cancelable(id: string): Entry | undefined {
    const entry = this.#entries.withId(id)
    return entry?.record.own && entry.state !== 'storing' ? entry : undefined
  }

  /** What is delivered, and goes, together with the bundle `key`. */
  #unitOf(key: number): readonly Entry[] {
    const entry = this.#entries.get(key)
    if (entry === undefined) return []
    if (!isFragmentForUs(entry)) return [entry]
    return this.#ledger.keys(aduName(entry.record)).flatMap((k) => this.#entries.get(k) ?? [])
  }

  #registrationAt(endpoint: EndpointId): Registration {
    const name = this.#names.format(endpoint)
    const registration = this.#registrations.get(name) ?? new Registration(endpoint)
    this.#registrations.set(name, registration)
    return registration
  }

  /** An endpoint of ours, or a group that we have joined. */
  #isForUs(endpoint: EndpointId): boolean {
    if (isOwnEndpoint(this.#options, endpoint)) return true
    return !isSingleton(endpoint) && this.registration(endpoint)?.isMember === true
  }

  /** Never one for a bundle to ourselves, nor for a group's back to where it came from. §5.3 step 1. */
  #wayFor({ destination, previousNode }: BundleRecord): Way | undefined {
    if (isOwnEndpoint(this.#options, destination)) return undefined
    const way = this.#ways.to(destination)
    if (way === undefined || previousNode === undefined) return way
    return leadsTo(way.plan, previousNode) ? undefined : way
  }

  /** Whether it has nowhere to go for now. */
  #isStranded(record: BundleRecord): boolean {
    if (this.#wayFor(record) !== undefined) return false
    return this.registration(record.destination)?.state !== 'active'
  }

  #countStranded(entry: Entry): void {
    const hasNowhereToGo = entry.way === undefined && entry.registration?.state !== 'active'
    this.#entries.setStranded(entry, hasNowhereToGo && !entry.record.own)
  }
}

/** Of no bundle. */
const NO_KEY = -1

/** RFC 9171 §5.7 step 2: nobody is there, and nothing shall wait for anybody. */
const ABANDONED = {
  temporary: false,
  reason: describeReason(STATUS_REASONS.destinationEndpointIdUnavailable),
  status: STATUS_REASONS.destinationEndpointIdUnavailable,
} as const

/** RFC 9171 §5.5: by the lifetime of its primary block, or by ours. */
function expiryReason({ record }: Entry): number {
  return record.pared ? STATUS_REASONS.trafficPared : STATUS_REASONS.lifetimeExpired
}

function report(
  { record }: Entry,
  status: StatusKind,
  reason: number,
  effects: AgentEffect[],
): void {
  if (record.reports?.includes(status)) {
    effects.push({ type: 'report', key: record.key, status, reason })
  }
}

function temporary(code: DtnFaultCode, message: string): Fault<DtnFaultCode> {
  return new Fault(code, message, { temporary: true })
}

function permanent(code: DtnFaultCode, message: string): Fault<DtnFaultCode> {
  return new Fault(code, message, { temporary: false })
}
