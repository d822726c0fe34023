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

import { Fault } from '../base/fault.ts'
import type { Machine } from '../base/machine.ts'
import { addMs, earlier, type MonoMs, type WallMs } from '../base/time.ts'
import { type EndpointId, isNullEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { STATUS_REASONS } from '../proto/bpv7/status-report.ts'
import type { AgentEffect, AgentEvent, Census, Queue, RegistrationQueue } from './agent-events.ts'
import type { BundleRecord } from './bundle-record.ts'
import { Deliveries } from './deliveries.ts'
import { Endpoints } from './endpoints.ts'
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
import { temporary } from './fault.ts'
import { Forwarding } from './forwarding.ts'
import type { BundleNodeLimits } from './limits.ts'
import type { NodeNames } from './membership.ts'
import { ReassemblyLedger } from './reassembly-ledger.ts'
import type { Registration } from './registration.ts'
import { expiryReason, Retention } from './retention.ts'
import type { StaticPlan } from './static-plan.ts'
import type { Way } from './ways.ts'

export interface BundleAgentOptions extends NodeNames {
  readonly plans: readonly StaticPlan[]
  readonly limits: BundleNodeLimits
}

export class BundleAgent implements Machine<AgentEvent, AgentEffect> {
  readonly #limits: BundleNodeLimits
  readonly #entries: Entries = new Entries()
  readonly #endpoints: Endpoints
  readonly #ledger: ReassemblyLedger
  readonly #retention: Retention
  readonly #forwarding: Forwarding
  readonly #deliveries: Deliveries
  #isStopped = false

  constructor(options: BundleAgentOptions) {
    const { plans, limits } = options
    const entries = this.#entries
    const endpoints = new Endpoints(options)
    const ledger = new ReassemblyLedger(limits)
    const retention = new Retention(entries, ledger, endpoints)
    this.#limits = limits
    this.#endpoints = endpoints
    this.#ledger = ledger
    this.#retention = retention
    this.#forwarding = new Forwarding(plans, entries, endpoints, retention)
    this.#deliveries = new Deliveries(endpoints, entries, ledger, retention)
  }

  get deadline(): MonoMs | undefined {
    if (this.#isStopped) return undefined
    const deadline = earlier(this.#entries.deadline, this.#forwarding.deadline)
    return earlier(deadline, this.#deliveries.deadline)
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
    return this.#endpoints.get(endpoint)
  }

  get plans(): readonly StaticPlan[] {
    return this.#forwarding.plans
  }

  /** The plan that leads to `destination`. */
  planTo(destination: EndpointId): StaticPlan | undefined {
    return this.#forwarding.planTo(destination)
  }

  /** What waits for each of `plans`. Looks at every bundle. */
  planQueues(now: MonoMs): ReadonlyMap<StaticPlan, Queue> {
    return this.#forwarding.queues(now)
  }

  /** What waits at each endpoint that the node is a member of. Looks at every bundle. */
  registrationQueues(now: MonoMs): readonly RegistrationQueue[] {
    return this.#deliveries.queues(now)
  }

  handle(event: AgentEvent, now: MonoMs): readonly AgentEffect[] {
    const effects: AgentEffect[] = []
    if (!this.#isStopped) this.#retention.expire(now, effects)
    switch (event.type) {
      case 'offered':
        this.#onOffered(event, now, effects)
        break
      case 'recovered':
        this.#recover(event.record, event.wall, now, effects)
        break
      case 'stored':
        this.#onStored(event.key, now, effects)
        break
      case 'not-stored':
        this.#onNotStored(event.key)
        break
      case 'planned':
        this.#forwarding.setPlan(event.plan, event.window, now, effects)
        break
      case 'unplanned':
        this.#forwarding.removePlan(event, now, effects)
        break
      case 'contact':
        this.#forwarding.setContact(event.neighbour, event.window, now, effects)
        break
      case 'transmitted':
        this.#forwarding.onTransmitted(event.key, now, effects)
        break
      case 'not-transmitted':
        this.#forwarding.onNotTransmitted(event.key, event.failure, now, effects)
        break
      case 'declared':
        this.#deliveries.declare(event.endpoint, event.whenInactive)
        break
      case 'withdrawn':
        this.#deliveries.withdraw(event.endpoint, effects)
        break
      case 'registered':
        this.#deliveries.setState(event.endpoint, event.state, now, effects)
        break
      case 'polled':
        this.#deliveries.poll(event.endpoint, now, effects)
        break
      case 'delivered':
        this.#deliveries.onDelivered(event.key, event.isRepeat, now, effects)
        break
      case 'not-delivered':
        this.#deliveries.onNotDelivered(event.key, event.failure, now, effects)
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
        else if (entry !== undefined) this.#retention.drop([entry], effects)
        break
      }
      case 'cancel': {
        const entry = this.#cancelable(event.id)
        if (entry !== undefined)
          this.#retention.delete(entry, STATUS_REASONS.transmissionCanceled, effects)
        break
      }
      case 'stop':
        this.#isStopped = true
        this.#forwarding.stop()
        this.#deliveries.stop()
        break
      case 'tick':
        this.#forwarding.tick(now, effects)
        this.#deliveries.tick(now, effects)
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
    const way = this.#forwarding.wayFor(record)
    const fault = this.#objection(record, way, event.wall, now, effects)
    if (fault !== undefined) {
      effects.push({ type: 'refuse', record, fault })
      return
    }
    const entry = this.#enter(record, way, event.wall, now)
    this.#entries.countStranded(entry)
    if (isFragmentForUs(entry))
      this.#ledger.reserve(aduName(entry.record), entry.record.fragment, now)
    effects.push({ type: 'store', record })
    if (this.#deliveries.mayGoAhead(entry)) this.#deliveries.goAhead(entry, now, effects)
  }

  #recover(record: BundleRecord, wall: WallMs, now: MonoMs, effects: AgentEffect[]): void {
    const way = this.#forwarding.wayFor(record)
    this.#dispatch(this.#enter(record, way, wall, now), now, effects)
  }

  #objection(
    record: BundleRecord,
    way: Way | undefined,
    wall: WallMs,
    now: MonoMs,
    effects: AgentEffect[],
  ): Fault<DtnFaultCode> | undefined {
    const limits = this.#limits
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
    const isForUs = this.#endpoints.isForUs(record.destination)
    if (!record.own && way === undefined && !this.#isActive(record.destination)) {
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
        this.#retention.deleteAdu(other, effects)
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
      case 'too-large':
        return permanent('dtn/adu-too-large', 'its ADU is too large or in too many fragments')
    }
  }

  #onStored(key: number, now: MonoMs, effects: AgentEffect[]): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    // Its lifetime may have ended while it was written.
    if (entry.isReleased) this.#retention.drop([entry], effects)
    else if (entry.expiresAt <= now) this.#retention.delete(entry, expiryReason(entry), effects)
    else if (entry.isAhead) entry.state = 'waiting'
    else this.#dispatch(entry, now, effects)
  }

  #onNotStored(key: number): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) this.#retention.forget(entry)
  }

  /** RFC 9171 §5.3: deliver, and forward where the endpoint may have other members. */
  #dispatch(entry: Entry, now: MonoMs, effects: AgentEffect[]): void {
    const { record, registration } = entry
    entry.way = this.#forwarding.wayFor(record)
    entry.state = 'waiting'
    entry.toDeliver = registration !== undefined
    entry.toForward = !entry.toDeliver || entry.way !== undefined
    this.#entries.countStranded(entry)
    this.#forwarding.add(entry, now, effects)
    if (registration !== undefined) this.#deliveries.dispatch(entry, registration, now, effects)
  }

  #enter(record: BundleRecord, way: Way | undefined, wall: WallMs, now: MonoMs): Entry {
    const registration = this.#endpoints.isForUs(record.destination)
      ? this.#endpoints.at(record.destination)
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
      way,
      isStrandedGuest: false,
    }
    if (registration !== undefined) registration.bundleCount++
    this.#entries.add(entry)
    return entry
  }

  #cancelable(id: string): Entry | undefined {
    const entry = this.#entries.withId(id)
    return entry?.record.own && entry.state !== 'storing' ? entry : undefined
  }

  #isActive(endpoint: EndpointId): boolean {
    return this.#endpoints.get(endpoint)?.state === 'active'
  }
}

function permanent(code: DtnFaultCode, message: string): Fault<DtnFaultCode> {
  return new Fault(code, message, { temporary: false })
}
