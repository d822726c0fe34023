/** Bundles on their way to other nodes. RFC 9171 §5.4. */

import { assert } from '../base/assert.ts'
import type { MonoMs } from '../base/time.ts'
import { Window } from '../base/window.ts'
import type { EndpointId } from '../proto/bpv7/endpoint-id.ts'
import { STATUS_REASONS } from '../proto/bpv7/status-report.ts'
import type { AgentEffect, Failure, Queue } from './agent-events.ts'
import type { BundleRecord } from './bundle-record.ts'
import type { ContactWindow } from './contact-window.ts'
import type { Endpoints } from './endpoints.ts'
import type { Entries, Entry } from './entries.ts'
import { Queues } from './queues.ts'
import { type Retention, report } from './retention.ts'
import { leadsTo, neighbourOf, type PlanPlace, type StaticPlan } from './static-plan.ts'
import { type Way, Ways } from './ways.ts'

export class Forwarding {
  readonly #ways: Ways
  readonly #entries: Entries
  readonly #endpoints: Endpoints
  readonly #retention: Retention
  /** Where an answer is due, even when the bundle is gone by then. */
  readonly #transmitting: Window<Way> = new Window()
  #isStopped = false

  constructor(
    plans: readonly StaticPlan[],
    entries: Entries,
    endpoints: Endpoints,
    retention: Retention,
  ) {
    this.#ways = new Ways(plans)
    this.#entries = entries
    this.#endpoints = endpoints
    this.#retention = retention
  }

  get deadline(): MonoMs | undefined {
    return this.#ways.deadline
  }

  get plans(): readonly StaticPlan[] {
    return this.#ways.values().map(({ plan }) => plan)
  }

  /** The plan that leads to `destination`. */
  planTo(destination: EndpointId): StaticPlan | undefined {
    return this.#ways.to(destination)?.plan
  }

  /** What waits for each of `plans`. Looks at every bundle. */
  queues(now: MonoMs): ReadonlyMap<StaticPlan, Queue> {
    const queues = new Queues<StaticPlan>()
    for (const entry of this.#entries.values()) {
      if (entry.toForward && entry.way !== undefined) {
        queues.count(entry.way.plan, entry, now)
      }
    }
    return queues.places
  }

  /** Never one for a bundle to ourselves, nor for a group's back to where it came from. §5.3 step 1. */
  wayFor({ destination, previousNode }: BundleRecord): Way | undefined {
    if (this.#endpoints.isOwn(destination)) return undefined
    const way = this.#ways.to(destination)
    if (way === undefined || previousNode === undefined) return way
    return leadsTo(way.plan, previousNode) ? undefined : way
  }

  /** Where a bundle has a way, it waits there for its turn. */
  add({ record, way }: Entry, now: MonoMs, effects: AgentEffect[]): void {
    if (way === undefined) return
    way.lane.add(record.key, record.sizeBytes)
    this.#transmit(way, now, effects)
  }

  /** `window` is of the contact with its neighbour, as in `setContact`. */
  setPlan(
    plan: StaticPlan,
    window: ContactWindow | undefined,
    now: MonoMs,
    effects: AgentEffect[],
  ): void {
    this.#ways.set(plan).lane.setWindow(window)
    this.#reroute(now, effects)
  }

  removePlan(place: PlanPlace, now: MonoMs, effects: AgentEffect[]): void {
    this.#ways.delete(place)
    this.#reroute(now, effects)
  }

  /** With a neighbour: the one that is open or comes next; undefined where nothing is held back. */
  setContact(
    neighbour: bigint,
    window: ContactWindow | undefined,
    now: MonoMs,
    effects: AgentEffect[],
  ): void {
    for (const way of this.#ways.values()) {
      if (neighbourOf(way.plan) !== neighbour) continue
      way.lane.setWindow(window)
      this.#transmit(way, now, effects)
    }
  }

  /** RFC 9171 §5.4 step 5. */
  onTransmitted(key: number, now: MonoMs, effects: AgentEffect[]): void {
    const way = this.#transmitting.get(key)
    this.#transmitting.delete(key)
    way?.lane.finish(key)
    const entry = this.#entries.get(key)
    if (entry?.toForward) {
      report(entry, 'forwarded', STATUS_REASONS.noAdditionalInformation, effects)
      this.#retention.settle([entry], 'toForward', effects)
    }
    if (way !== undefined) this.#transmit(way, now, effects)
  }

  onNotTransmitted(key: number, failure: Failure, now: MonoMs, effects: AgentEffect[]): void {
    const way = this.#transmitting.get(key)
    this.#transmitting.delete(key)
    const entry = this.#entries.get(key)
    if (entry !== undefined && entry.way !== way) {
      way?.lane.finish(key)
      entry.way?.lane.add(key, entry.record.sizeBytes)
      if (entry.way !== undefined) this.#transmit(entry.way, now, effects)
      // Others may have waited there for the end of this one.
      if (way !== undefined) this.#transmit(way, now, effects)
      return
    }
    if (failure.temporary) {
      way?.lane.postpone(key, now)
      if (entry === undefined) way?.lane.forget(key)
    } else {
      way?.lane.finish(key)
      if (entry !== undefined) this.#retention.giveUp(entry, 'toForward', failure, effects)
    }
    if (way !== undefined) this.#transmit(way, now, effects)
  }

  /** Begins whatever has its turn by now. */
  tick(now: MonoMs, effects: AgentEffect[]): void {
    for (const way of this.#ways.values()) this.#transmit(way, now, effects)
  }

  /** Begins nothing more. */
  stop(): void {
    this.#isStopped = true
  }

  /** After a change of the plans each takes the way that it would take if it came now. */
  #reroute(now: MonoMs, effects: AgentEffect[]): void {
    for (const entry of this.#entries.values()) {
      const { state, toForward, record } = entry
      const way = this.wayFor(record)
      if (state !== 'waiting' || !toForward || way === entry.way) continue
      entry.way?.lane.forget(record.key)
      entry.way = way
      this.#entries.countStranded(entry)
      // What is under way goes on, and takes the new one if it fails.
      if (!this.#transmitting.has(record.key)) way?.lane.add(record.key, record.sizeBytes)
    }
    for (const way of this.#ways.values()) this.#transmit(way, now, effects)
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
}
