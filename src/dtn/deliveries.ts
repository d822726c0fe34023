/** Bundles on their way to applications of this node. RFC 9171 §5.7. */

import { assert } from '../base/assert.ts'
import { earlier, type MonoMs } from '../base/time.ts'
import { Window } from '../base/window.ts'
import { type EndpointId, isSingleton } from '../proto/bpv7/endpoint-id.ts'
import { describeReason, STATUS_REASONS } from '../proto/bpv7/status-report.ts'
import type { AgentEffect, Failure, RegistrationQueue } from './agent-events.ts'
import type { Endpoints } from './endpoints.ts'
import { aduName, type Entries, type Entry, isFragment, isFragmentForUs } from './entries.ts'
import { Queues } from './queues.ts'
import type { ReassemblyLedger } from './reassembly-ledger.ts'
import type { Registration, RegistrationState, WhenInactive } from './registration.ts'
import { type Retention, report } from './retention.ts'

export class Deliveries {
  readonly #endpoints: Endpoints
  readonly #entries: Entries
  readonly #ledger: ReassemblyLedger
  readonly #retention: Retention
  /** Where an answer is due, even when the bundle is gone by then. */
  readonly #delivering: Window<Registration> = new Window()
  /** Of those what a poll asked for. */
  readonly #polled = new Set<number>()
  #isStopped = false

  constructor(
    endpoints: Endpoints,
    entries: Entries,
    ledger: ReassemblyLedger,
    retention: Retention,
  ) {
    this.#endpoints = endpoints
    this.#entries = entries
    this.#ledger = ledger
    this.#retention = retention
  }

  get deadline(): MonoMs | undefined {
    let deadline: MonoMs | undefined
    for (const { lane } of this.#endpoints.active) deadline = earlier(deadline, lane.deadline)
    return deadline
  }

  /** What waits at each endpoint that the node is a member of. Looks at every bundle. */
  queues(now: MonoMs): readonly RegistrationQueue[] {
    const queues = new Queues<Registration>()
    for (const entry of this.#entries.values()) {
      if (entry.toDeliver && entry.registration) queues.count(entry.registration, entry, now)
    }
    return [...this.#endpoints.values()]
      .filter(({ isMember }) => isMember)
      .map((registration) => {
        const { endpoint, state, whenInactive } = registration
        return { endpoint, state, whenInactive, ...queues.at(registration) }
      })
  }

  /**
   * Whether it may be delivered while it is being written: nobody is told of it before either is done,
   * and who takes it at once saves the writing.
   */
  mayGoAhead({ record, registration, way }: Entry): boolean {
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

  goAhead(entry: Entry, now: MonoMs, effects: AgentEffect[]): void {
    const { record, registration } = entry
    if (registration === undefined) return
    entry.isAhead = true
    entry.toDeliver = true
    registration.lane.add(record.key, record.sizeBytes)
    this.#deliver(registration, now, effects)
  }

  /** RFC 9171 §5.7. */
  dispatch(entry: Entry, registration: Registration, now: MonoMs, effects: AgentEffect[]): void {
    const { record } = entry
    let [key, sizeBytes] = [record.key, record.sizeBytes]
    if (isFragment(record)) {
      const name = aduName(record)
      const outcome = this.#ledger.add(name, record.key, record.fragment, now)
      if (outcome === 'useless') this.#retention.settle([entry], 'toDeliver', effects)
      if (outcome !== 'complete') return
      key = this.#ledger.keys(name)[0] ?? key
      sizeBytes = record.fragment.aduBytes
    }
    if (registration.state !== 'active' && registration.whenInactive === 'abandon') {
      this.#retention.giveUp(entry, 'toDeliver', ABANDONED, effects)
      return
    }
    registration.lane.add(key, sizeBytes)
    if (registration.state === 'active') this.#deliver(registration, now, effects)
  }

  /** It exists from now on whether an application has opened it or not. */
  declare(endpoint: EndpointId, whenInactive: WhenInactive): void {
    const registration = this.#endpoints.at(endpoint)
    registration.isDeclared = true
    registration.whenInactive = whenInactive
  }

  withdraw(endpoint: EndpointId, effects: AgentEffect[]): void {
    const registration = this.#endpoints.get(endpoint)
    if (registration === undefined) return
    registration.isDeclared = false
    registration.whenInactive = 'defer'
    this.#disavow(registration, effects)
  }

  setState(
    endpoint: EndpointId,
    state: RegistrationState,
    now: MonoMs,
    effects: AgentEffect[],
  ): void {
    const registration = this.#endpoints.at(endpoint)
    this.#endpoints.setState(registration, state)
    for (const entry of this.#entries.all((e) => e.registration === registration))
      this.#entries.countStranded(entry)
    if (state === 'active') this.#deliver(registration, now, effects)
    this.#disavow(registration, effects)
  }

  /** Of what waits there, the first alone goes, whether the registration is active or not. */
  poll(endpoint: EndpointId, now: MonoMs, effects: AgentEffect[]): void {
    const registration = this.#endpoints.get(endpoint)
    if (registration !== undefined) this.#poll(registration, now, effects)
  }

  /** RFC 9171 §5.7 step 3. */
  onDelivered(key: number, isRepeat: boolean, now: MonoMs, effects: AgentEffect[]): void {
    const registration = this.#delivering.get(key)
    this.#delivering.delete(key)
    registration?.lane.finish(key)
    const [first, ...rest] = this.#retention.unitOf(key)
    if (first?.toDeliver) {
      report(first, 'delivered', STATUS_REASONS.noAdditionalInformation, effects)
      this.#retention.settle([first, ...rest], 'toDeliver', effects)
    }
    const wasPolled = this.#polled.delete(key)
    if (registration?.state === 'active') this.#deliver(registration, now, effects)
    // Whoever polled has been given nothing yet.
    else if (isRepeat && wasPolled && registration?.state === 'passive') {
      this.#poll(registration, now, effects)
    }
  }

  onNotDelivered(key: number, failure: Failure, now: MonoMs, effects: AgentEffect[]): void {
    const registration = this.#delivering.get(key)
    this.#delivering.delete(key)
    this.#polled.delete(key)
    const entry = this.#entries.get(key)
    if (failure.temporary && entry?.toDeliver) registration?.lane.postpone(key, now)
    else {
      registration?.lane.finish(key)
      if (entry !== undefined && !failure.temporary) {
        this.#retention.giveUp(entry, 'toDeliver', failure, effects)
      }
    }
    if (registration?.state === 'active') this.#deliver(registration, now, effects)
  }

  /** Begins whatever has its turn by now. */
  tick(now: MonoMs, effects: AgentEffect[]): void {
    for (const registration of this.#endpoints.active) this.#deliver(registration, now, effects)
  }

  /** Begins nothing more. */
  stop(): void {
    this.#isStopped = true
  }

  /** Who has left a group gets none of its bundles; those for a singleton wait for its return. */
  #disavow(registration: Registration, effects: AgentEffect[]): void {
    if (registration.isMember) return
    if (!isSingleton(registration.endpoint)) {
      const entries = this.#entries.all(
        (e) => e.registration === registration && e.state === 'waiting',
      )
      for (const entry of entries)
        this.#retention.settle(this.#retention.unitOf(entry.record.key), 'toDeliver', effects)
    }
    this.#endpoints.leave(registration)
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
    const keys = isFragmentForUs(entry)
      ? this.#retention.unitOf(key).map(({ record }) => record.key)
      : [key]
    const { expiresAt } = entry.record
    effects.push({ type: 'deliver', key, keys, endpoint: registration.endpoint, expiresAt })
  }
}

/** RFC 9171 §5.7 step 2: nobody is there, and nothing shall wait for anybody. */
const ABANDONED = {
  temporary: false,
  reason: describeReason(STATUS_REASONS.destinationEndpointIdUnavailable),
  status: STATUS_REASONS.destinationEndpointIdUnavailable,
} as const
