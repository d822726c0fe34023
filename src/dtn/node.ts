/** A bundle node: the agent, its store and its convergence layers put together. RFC 9171 §3.1. */

import { assert } from '../base/assert.ts'
import { Fault } from '../base/fault.ts'
import { type Piece, Slab } from '../base/slab.ts'
import { runMachine } from '../drive/run.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import type { Store } from '../ports/store.ts'
import type { Crc32c } from '../proto/bpv7/crc.ts'
import type { EndpointId } from '../proto/bpv7/endpoint-id.ts'
import { STATUS_REASONS } from '../proto/bpv7/status-report.ts'
import { ROOM_BYTES } from '../proto/bundle-session/limits.ts'
import { Acceptance } from './acceptance.ts'
import { BundleAgent } from './agent.ts'
import type { AgentEffect, AgentEvent, Failure } from './agent-events.ts'
import {
  Applications,
  type Deliver,
  type EndpointRegistration,
  type RegistrationOptions,
} from './applications.ts'
import { BundleStore } from './bundle-store.ts'
import { type ContactPlan, NO_CONTACTS } from './contact-plan.ts'
import type { ConvergenceLayer } from './convergence-layer.ts'
import { Counters } from './counters.ts'
import { DeliveredAdus } from './delivered.ts'
import type { DtnFaultCode } from './fault.ts'
import { Layers } from './layers.ts'
import { type BundleNodeLimits, DEFAULT_LIMITS, DELIVERED_REMEMBERED_MAX } from './limits.ts'
import { Neighbours } from './neighbours.ts'
import { type NodeStatus, statusOf } from './node-status.ts'
import { Outbound } from './outbound.ts'
import type { OwnBundleOptions, SendRequest } from './own-bundle.ts'
import { type Arrival, Reception } from './reception.ts'
import { limitRefusals } from './refusal-notices.ts'
import type { WhenInactive } from './registration.ts'
import { Reporting } from './reporting.ts'
import type { PlanPlace, StaticPlan } from './static-plan.ts'
import type { StatusReportOptions } from './status-reporter.ts'
import type { StoredBundle } from './stored-bundle.ts'

export type {
  Deliver,
  EndpointRegistration,
  Provenance,
  ReceivedAdu,
  RegistrationOptions,
} from './applications.ts'
export type { BundleNodeLimits } from './limits.ts'
export type { NodeStatus } from './node-status.ts'
export type { PayloadCrc, SendRequest } from './own-bundle.ts'
export type { StaticPlan } from './static-plan.ts'
export type { StoredBundle } from './stored-bundle.ts'

export interface BundleNodeOptions extends OwnBundleOptions {
  readonly plans: readonly StaticPlan[]
  /** Default: nothing is held back. */
  readonly contactPlan?: ContactPlan
  /** Where they differ from DEFAULT_LIMITS. */
  readonly limits?: Partial<BundleNodeLimits>
  /** Default: none are sent. RFC 9171 §5.1. */
  readonly statusReports?: StatusReportOptions
  /**
   * Its clock need not be right: bundles made here carry no creation time but their age, and those of
   * others are as old as their Bundle Age Block says. RFC 9171 §4.2.7, §5.5.
   */
  readonly isClockless?: boolean
}

export interface BundleNodePorts {
  readonly store: Store
  readonly clock: Clock
  readonly events: EventSink
  readonly layers: readonly ConvergenceLayer[]
  /** Where the host has a faster one. */
  readonly crc32c?: Crc32c
}

export class BundleNode {
  /** Hears each time a held bundle, by its name, has been handed to its convergence layer completely. */
  onForwarded: (hold: string) => void = () => {}
  /** Hears that a held bundle, by its name, was deleted before its time: it could never go. */
  onLost: (hold: string) => void = () => {}
  readonly #options: BundleNodeOptions
  readonly #limits: BundleNodeLimits
  readonly #ports: BundleNodePorts
  readonly #store: BundleStore
  readonly #agent: BundleAgent
  readonly #layers: Layers
  readonly #outbound: Outbound
  readonly #neighbours: Neighbours
  readonly #feed: (event: AgentEvent) => void
  readonly #counters = new Counters()
  readonly #reporting: Reporting
  readonly #applications: Applications
  readonly #reception: Reception
  readonly #acceptance: Acceptance
  readonly #delivered: DeliveredAdus
  readonly #aids: { readonly slab: Slab; readonly crc32c?: Crc32c | undefined }
  /** Transmissions and deliveries that `stop` waits for. */
  #underWay = 0
  #onIdle = (): void => {}
  #state: 'new' | 'running' | 'stopped' = 'new'

  /** Throws a Fault where a plan wants a convergence layer that is not there. */
  constructor(options: BundleNodeOptions, given: BundleNodePorts) {
    const ports = { ...given, events: limitRefusals(given.events, given.clock) }
    this.#options = options
    this.#ports = ports
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#delivered = new DeliveredAdus(ports.store, DELIVERED_REMEMBERED_MAX)
    this.#store = new BundleStore(
      ports.store,
      this.#limits,
      ports.events,
      () => this.#acceptance.timestampChanges(),
      () => this.#delivered.takeChanges(),
    )
    this.#agent = new BundleAgent({ ...options, limits: this.#limits })
    this.#layers = new Layers(ports.layers)
    this.#aids = { slab: new Slab(), crc32c: ports.crc32c }
    this.#outbound = new Outbound(options.node, this.#layers, ports.clock, ports.crc32c)
    for (const plan of options.plans) this.#outbound.setPlan(plan)
    this.#reporting = new Reporting(options, {
      ...ports,
      counters: this.#counters,
      hasWayTo: (endpoint) => this.planTo(endpoint) !== undefined,
      send: (report) => {
        if (this.#state === 'running') this.#acceptance.sendReport(report)
      },
    })
    this.#feed = runMachine<AgentEvent, AgentEffect>(this.#agent, ports.clock, (effect) =>
      this.#perform(effect),
    )
    const contactPlan = options.contactPlan ?? NO_CONTACTS
    this.#neighbours = new Neighbours(options.node, contactPlan, {
      clock: ports.clock,
      agent: this.#agent,
      outbound: this.#outbound,
      feed: this.#feed,
    })
    const shared = {
      ...ports,
      counters: this.#counters,
      reporting: this.#reporting,
      delivered: this.#delivered,
    }
    this.#acceptance = new Acceptance(
      { ...options, limits: this.#limits, isClockless: options.isClockless === true },
      {
        ...{ ...shared, agent: this.#agent, store: this.#store, aids: this.#aids },
        feed: this.#feed,
      },
    )
    this.#reception = new Reception(options, {
      ...shared,
      aids: this.#aids,
      planTo: (endpoint) => this.planTo(endpoint),
      whenDurable: (done) => this.#store.whenDurable(done),
    })
    this.#applications = new Applications(options, {
      ...shared,
      agent: this.#agent,
      store: this.#store,
      feed: this.#feed,
      failureOf: (fault, where) => this.#failureOf(fault, where),
    })
    this.#applications.openAdministrative()
  }

  /** Starts the layers and takes up what an earlier run left. Rejects with a layer's or store's Fault. */
  async start(): Promise<void> {
    assert(this.#state === 'new', 'a node is started once')
    const { store, clock } = this.#ports
    this.#acceptance.open(store)
    this.#delivered.open()
    const records = this.#store.open()
    await this.#layers.start((layer) => {
      const { protocol } = layer
      return layer.start(
        (bytes, from, answer = ignore, piece, neighbour) => {
          const arrival = { from, protocol, answer, neighbour, isReportable: false }
          this.#receive(bytes, piece, { type: 'received', ...arrival })
        },
        ({ code }) => this.#counters.faulted(protocol, code),
      )
    })
    this.#state = 'running'
    this.#neighbours.start()
    for (const record of records) this.#feed({ type: 'recovered', record, wall: clock.wall() })
  }

  /** Resolves when deliveries under way have ended and everything is on the disk. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#feed({ type: 'stop' })
    this.#neighbours.stop()
    this.#outbound.stop()
    await this.#layers.stop()
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    await this.#store.settled()
  }

  /**
   * Opens an endpoint of this node, by its service number or in full, or joins a group. The bundle
   * leaves the store after the promise resolves; a Fault keeps it for a later try (temporary) or
   * discards it (permanent). An ADU comes again after a crash in between, and where the application
   * `takesRepeats`. Throws a Fault: `dtn/occupied`, `dtn/not-ours`.
   */
  register(
    service: bigint | EndpointId,
    deliver: Deliver,
    options: RegistrationOptions = {},
  ): EndpointRegistration {
    return this.#applications.register(service, deliver, options)
  }

  /**
   * Makes an endpoint exist while no application has it open: what comes for it waits (`defer`) or is
   * deleted (`abandon`); a declared group is joined. What comes for an endpoint of this node that is
   * not declared waits as well, within the bound on bundles that have nowhere to go. Throws a Fault:
   * `dtn/occupied` (of the node itself), `dtn/not-ours`.
   */
  declare(service: bigint | EndpointId, whenInactive: WhenInactive): void {
    this.#applications.declare(service, whenInactive)
  }

  /** Undoes `declare`. An application that has the endpoint open keeps it. */
  withdraw(service: bigint | EndpointId): void {
    this.#applications.withdraw(service)
  }

  /**
   * Resolves with the bundle's ID once it is durable. Rejects with a Fault: store full (temporary),
   * `dtn/adu-too-large`, `dtn/unacceptable`.
   */
  send(request: SendRequest): Promise<string> {
    if (this.#state !== 'running') return Promise.reject(notRunning())
    return this.#acceptance.send(request)
  }

  /** Whether a bundle that was sent here has not left yet. */
  mayCancel(bundle: string): boolean {
    return this.#state === 'running' && this.#agent.mayCancel(bundle)
  }

  /** Deletes a bundle that was sent here; false where it is not here any more. RFC 9171 §5.12. */
  cancel(bundle: string): boolean {
    if (!this.mayCancel(bundle)) return false
    this.#feed({ type: 'cancel', id: bundle })
    return true
  }

  /** Forwards a held bundle once more; false where it is no longer held (expired or never was). */
  resend(hold: string): boolean {
    if (this.#state !== 'running' || !this.#agent.holds(hold)) return false
    this.#feed({ type: 'resend', hold })
    return true
  }

  /** At most `count` of what is stored, in the order of arrival, behind the one with this key. */
  stored(after: number | undefined, count: number): readonly StoredBundle[] {
    return this.#store.records(after, count)
  }

  /** Drops the hold; the bundle leaves the store. Resolves when that is on the disk. */
  async release(hold: string): Promise<void> {
    this.#feed({ type: 'release', hold })
    // Called from inside a handler of ours, the event waits for its turn.
    await Promise.resolve()
    await this.#store.settled()
  }

  /** Starts a convergence layer more; the first of a protocol sends. Rejects with its Fault. */
  addLayer(layer: ConvergenceLayer): Promise<void> {
    return this.#layers.add(layer)
  }

  /** Stops one; what it had not sent is sent by another. */
  removeLayer(layer: ConvergenceLayer): Promise<void> {
    return this.#layers.remove(layer)
  }

  /** The plan that leads to `destination`; undefined where none does. */
  planTo(destination: EndpointId): StaticPlan | undefined {
    return this.#agent.planTo(destination)
  }

  /**
   * Adds a plan, or puts it in the place of the one for the same node: what waited for it goes. Throws
   * a Fault where it wants a convergence layer that is not there.
   */
  setPlan(plan: StaticPlan): void {
    this.#neighbours.setPlan(plan)
  }

  /** What waited for it waits for another; false where there is none. */
  removePlan(place: PlanPlace): boolean {
    return this.#neighbours.removePlan(place)
  }

  get contactPlan(): ContactPlan {
    return this.#neighbours.contactPlan
  }

  /** Takes the place of the one that there was, also for what waits. */
  setContactPlan(contactPlan: ContactPlan): void {
    this.#neighbours.setContactPlan(contactPlan)
  }

  /** The node at this moment. Looks at every bundle. */
  status(): NodeStatus {
    return statusOf({
      names: this.#options,
      neighbours: this.#neighbours,
      protocols: this.#layers.protocols,
      state: this.#state,
      store: this.#store,
      limits: this.#limits,
      agent: this.#agent,
      counters: this.#counters,
      reportsLeftOut: this.#reporting.leftOutCount,
      now: this.#ports.clock.now(),
      wall: this.#ports.clock.wall(),
    })
  }

  /** Bytes that are only borrowed are copied, for the decoded bundle refers to them. */
  #receive(bytes: Uint8Array, piece: Piece | undefined, arrival: Arrival): void {
    if (this.#state !== 'running') {
      arrival.answer(notRunning())
      return
    }
    let arrived = piece
    if (arrived === undefined) {
      arrived = this.#aids.slab.piece(bytes.length + ROOM_BYTES)
      arrived.bytes.set(bytes)
    }
    const acceptable = this.#reception.receive(arrived, bytes.length, arrival)
    if (acceptable === undefined) return
    this.#acceptance.receive(acceptable, arrival)
  }

  #perform(effect: AgentEffect): void {
    switch (effect.type) {
      case 'store':
        this.#acceptance.store(effect.record)
        return
      case 'refuse':
        this.#acceptance.refuse(effect.record, effect.fault)
        return
      case 'transmit':
        this.#transmit(effect)
        return
      case 'deliver':
        this.#underWay++
        this.#applications.deliver(effect, () => this.#finishOne())
        return
      case 'forwarded':
        this.onForwarded(effect.hold)
        return
      case 'lost':
        this.onLost(effect.hold)
        return
      case 'remove':
        this.#store.remove(effect.keys)
        return
      case 'report': {
        const bundle = this.#store.read(effect.key)
        if (bundle !== undefined) this.#reporting.tellOfStored(bundle, effect)
        return
      }
      case 'deleted':
        this.#counters.deleted(effect.status)
        this.#ports.events({ type: 'bundle-deleted', bundle: effect.id, reason: effect.reason })
    }
  }

  #transmit(effect: AgentEffect & { readonly type: 'transmit' }): void {
    const { key, id, plan, residenceMs, isRepeat } = effect
    const bundle = this.#store.read(key)
    this.#underWay++
    this.#outbound.transmit({ bundle, plan, residenceMs, isRepeat }, (outcome) => {
      if (outcome.ok) {
        const { wireBytes, fragments, hasLeft } = outcome.value
        // After a failure a connection that is closing may still hold its bytes.
        if (hasLeft) this.#store.giveBack(key)
        this.#counters.transmitted(plan, wireBytes)
        const contactUntil = this.#neighbours.openUntil(plan)
        const sent = { bundle: id, to: plan.duct, wireBytes, fragments }
        const within = contactUntil !== undefined && { contactUntil }
        this.#ports.events({ type: 'bundle-sent', ...sent, ...within })
        this.#feed({ type: 'transmitted', key })
      } else {
        const failure = this.#failureOf(outcome.fault, `${plan.protocol}/${plan.duct}`)
        if (failure.temporary) this.#counters.transmissionFailed(plan)
        this.#feed({ type: 'not-transmitted', key, failure })
      }
      this.#finishOne()
    })
  }

  /** What the agent needs to know of a failure; a temporary one is told here, for nobody else will. */
  #failureOf(fault: Fault, where: string): Failure {
    if (!fault.temporary) {
      const status = Number(fault.detail['status'] ?? STATUS_REASONS.noAdditionalInformation)
      return { temporary: false, reason: fault.message, status }
    }
    if (this.#state === 'running') {
      this.#ports.events({ type: 'trouble', where, reason: fault.message })
    }
    return { temporary: true }
  }

  #finishOne(): void {
    if (--this.#underWay === 0) this.#onIdle()
  }
}

/** For a layer whose peer is told nothing. */
function ignore(): void {}

function notRunning(): Fault<DtnFaultCode> {
  return new Fault('dtn/stopped', 'the node is not running', { temporary: true })
}
