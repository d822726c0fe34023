/** A bundle node: the agent, its store and its convergence layers put together. RFC 9171 §3.1. */

import { assert } from '../base/assert.ts'
import { asFault, Fault } from '../base/fault.ts'
import type { WallMs } from '../base/time.ts'
import { runMachine } from '../drive/run.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import type { Store } from '../ports/store.ts'
import { BLOCK_TYPES, type Bundle, bundleId, type CreationTimestamp } from '../proto/bpv7/bundle.ts'
import { decodeBundle, encodeBundle } from '../proto/bpv7/codec.ts'
import {
  type EndpointId,
  formatEndpointId,
  ipnEndpoint,
  NULL_ENDPOINT,
} from '../proto/bpv7/endpoint-id.ts'
import { encodeBundleAge } from '../proto/bpv7/extension/bundle-age.ts'
import { encodeHopCount } from '../proto/bpv7/extension/hop-count.ts'
import { type AgentEffect, type AgentEvent, BundleAgent, type Failure } from './agent.ts'
import { processReceived } from './block-processing.ts'
import { type BundleRecord, BundleStore } from './bundle-store.ts'
import type { ConvergenceLayer } from './convergence-layer.ts'
import { CreationTimestamps } from './creation-timestamps.ts'
import type { DtnFaultCode } from './fault.ts'
import { assemble, recordOf } from './inbound.ts'
import { type BundleNodeLimits, DEFAULT_LIMITS, HOP_LIMIT } from './limits.ts'
import { Outbound } from './outbound.ts'
import type { StaticPlan } from './static-plan.ts'

export type { BundleNodeLimits } from './limits.ts'
export type { StaticPlan } from './static-plan.ts'

export interface BundleNodeOptions {
  /** Fully qualified node number. */
  readonly node: bigint
  readonly plans: readonly StaticPlan[]
  /** Where they differ from DEFAULT_LIMITS. */
  readonly limits?: Partial<BundleNodeLimits>
}

export interface BundleNodePorts {
  readonly store: Store
  readonly clock: Clock
  readonly events: EventSink
  readonly layers: readonly ConvergenceLayer[]
}

export interface SendRequest {
  readonly sourceService: bigint
  readonly destination: EndpointId
  readonly payload: Uint8Array
  /** Above 0. */
  readonly lifetimeMs: number
  /**
   * Keep the bundle after it was forwarded, until `release` or the end of its lifetime, under this
   * name, which no other held bundle may bear.
   */
  readonly hold?: string
}

export interface ReceivedAdu {
  /** The bundle's ID; of fragments that of the bundle they were cut from. */
  readonly bundle: string
  readonly source: EndpointId
  readonly destination: EndpointId
  readonly payload: Uint8Array
  readonly expiresAt: WallMs
}

type Deliver = (adu: ReceivedAdu) => Promise<void>

/** Who waits to hear whether a bundle was accepted. */
interface Offer {
  stored(): void
  refused(fault: Fault): void
}

const NODE_TABLE = 'bundle-node'
const TIMESTAMPS_KEY = 'creation-timestamps'

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
  readonly #outbound: Outbound
  readonly #feed: (event: AgentEvent) => void
  readonly #deliver = new Map<bigint, Deliver>()
  /** By the key of a bundle that is not yet on the disk. */
  readonly #offers = new Map<string, Offer>()
  /** Work that `stop` waits for. */
  readonly #underWay = new Set<Promise<void>>()
  #timestamps: CreationTimestamps | undefined
  #state: 'new' | 'running' | 'stopped' = 'new'

  /** Throws a Fault where a plan wants a convergence layer that is not there. */
  constructor(options: BundleNodeOptions, ports: BundleNodePorts) {
    this.#options = options
    this.#ports = ports
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#store = new BundleStore(ports.store, this.#limits, ports.events)
    this.#agent = new BundleAgent({ ...options, limits: this.#limits })
    this.#outbound = new Outbound(options, ports.layers, ports.clock)
    this.#feed = runMachine<AgentEvent, AgentEffect>(this.#agent, ports.clock, (effect) =>
      this.#perform(effect),
    )
  }

  /** Starts the layers and takes up what an earlier run left. Rejects with a layer's or store's Fault. */
  async start(): Promise<void> {
    assert(this.#state === 'new', 'a node is started once')
    const { store, clock, layers } = this.#ports
    this.#timestamps = new CreationTimestamps(store.get(NODE_TABLE, TIMESTAMPS_KEY))
    const records = this.#store.open()
    for (const layer of layers) {
      await layer.start((bytes, from, answer) => this.#receive(bytes, from, answer))
    }
    this.#state = 'running'
    for (const record of records) this.#feed({ type: 'recovered', record, wall: clock.wall() })
  }

  /** Resolves when deliveries under way have ended and everything is on the disk. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#feed({ type: 'stop' })
    this.#outbound.stop()
    await Promise.all(this.#ports.layers.map((layer) => layer.stop()))
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
    await this.#store.settled()
  }

  /**
   * Registers an endpoint of this node, once. The bundle leaves the store after the promise resolves;
   * a Fault keeps it for a later try (temporary) or discards it (permanent). The same ADU may come
   * again: what a duplicate means is for the application to decide.
   */
  register(service: bigint, deliver: Deliver): void {
    this.#deliver.set(service, deliver)
    this.#feed({ type: 'registered', service })
  }

  /** Resolves with the bundle's ID once it is durable. Rejects with a Fault (store full: temporary). */
  async send(request: SendRequest): Promise<string> {
    assert(request.lifetimeMs > 0, 'a lifetime is above 0')
    const { payload, hold } = request
    if (this.#state !== 'running' || this.#timestamps === undefined) {
      throw new Fault<DtnFaultCode>('dtn/stopped', 'the node is not running', { temporary: true })
    }
    if (payload.length > this.#limits.aduBytesMax) {
      throw new Fault<DtnFaultCode>('dtn/adu-too-large', `ADU of ${payload.length} bytes`, {
        temporary: false,
      })
    }
    const wall = this.#ports.clock.wall()
    const bundle = this.#newBundle(request, this.#timestamps.next(wall))
    const bytes = encodeBundle(bundle)
    const record = recordOf(bundle, bytes, {
      key: this.#store.newKey(),
      own: true,
      ...(hold !== undefined && { hold }),
      wall,
    })
    return new Promise((resolve, reject) => {
      const stored = (): void => {
        this.#ports.events({
          type: 'bundle-created',
          bundle: record.id,
          destination: formatEndpointId(request.destination),
          payloadBytes: payload.length,
          lifetimeMs: request.lifetimeMs,
        })
        resolve(record.id)
      }
      this.#offers.set(record.key, { stored, refused: reject })
      this.#feed({ type: 'offered', record, bytes, wall })
    })
  }

  /** Forwards a held bundle once more; false where it is no longer held (expired or never was). */
  resend(hold: string): boolean {
    if (this.#state !== 'running' || !this.#agent.holds(hold)) return false
    this.#feed({ type: 'resend', hold })
    return true
  }

  /** Drops the hold; the bundle leaves the store. Resolves when that is on the disk. */
  async release(hold: string): Promise<void> {
    this.#feed({ type: 'release', hold })
    // Called from inside a handler of ours, the event waits for its turn.
    await Promise.resolve()
    await this.#store.settled()
  }

  #newBundle(request: SendRequest, creationTimestamp: CreationTimestamp): Bundle {
    const block = { flags: 0n, crcType: 0 } as const
    const hopCount = encodeHopCount({ limit: HOP_LIMIT, count: 0 })
    // Without a clock its age must tell when it expires, §4.4.2.
    const age = { ...block, type: BLOCK_TYPES.bundleAge, number: 3, data: encodeBundleAge(0n) }
    return {
      primary: {
        flags: 0n,
        crcType: 2,
        destination: request.destination,
        source: ipnEndpoint(this.#options.node, request.sourceService),
        reportTo: NULL_ENDPOINT,
        creationTimestamp,
        lifetimeMs: BigInt(Math.ceil(request.lifetimeMs)),
      },
      blocks: [
        { ...block, type: BLOCK_TYPES.hopCount, number: 2, data: hopCount },
        ...(creationTimestamp.time === 0n ? [age] : []),
      ],
      payload: {
        type: BLOCK_TYPES.payload,
        number: 1,
        flags: 0n,
        crcType: 2,
        data: request.payload,
      },
    }
  }

  /** RFC 9171 §5.6. `borrowed` is copied, for the decoded bundle refers to its bytes. */
  #receive(
    borrowed: Uint8Array,
    from: string,
    answer: (fault: Fault | undefined) => void = () => {},
  ): void {
    if (this.#state !== 'running') {
      answer(new Fault<DtnFaultCode>('dtn/stopped', 'the node is not running', { temporary: true }))
      return
    }
    const { events, clock } = this.#ports
    const received = borrowed.slice()
    const decoded = decodeBundle(received)
    if (!decoded.ok) {
      events({ type: 'bundle-refused', from, reason: decoded.fault.message })
      answer(decoded.fault)
      return
    }
    const id = bundleId(decoded.value)
    events({ type: 'bundle-received', bundle: id, from, wireBytes: received.length })
    const processed = processReceived(decoded.value)
    if (!processed.ok) {
      events({ type: 'bundle-deleted', bundle: id, reason: processed.reason })
      answer(undefined)
      return
    }
    const { bundle } = processed
    const bytes = bundle === decoded.value ? received : encodeBundle(bundle)
    const wall = clock.wall()
    const key = this.#store.newKey()
    const record = recordOf(bundle, bytes, { key, own: false, wall })
    const refused = (fault: Fault): void => {
      // What is here already, or never can be used, has been received all the same.
      answer(fault.temporary ? fault : undefined)
      // A repeated transmission is nothing to tell of: the first one is on its way.
      if (fault.code === 'dtn/duplicate') return
      events({ type: 'bundle-refused', from, reason: `${id}: ${fault.message}` })
    }
    this.#offers.set(key, { stored: () => answer(undefined), refused })
    this.#feed({ type: 'offered', record, bytes, wall })
  }

  #perform(effect: AgentEffect): void {
    switch (effect.type) {
      case 'store':
        this.#track(this.#persist(effect.record, effect.bytes))
        return
      case 'refuse':
        this.#takeOffer(effect.record.key)?.refused(effect.fault)
        return
      case 'transmit':
        this.#track(this.#transmit(effect))
        return
      case 'deliver':
        this.#track(this.#deliverUnit(effect))
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
      case 'deleted':
        this.#ports.events({ type: 'bundle-deleted', bundle: effect.id, reason: effect.reason })
    }
  }

  async #persist(record: BundleRecord, bytes: Uint8Array): Promise<void> {
    const { key, own } = record
    const timestamps = this.#timestamps
    const alongside =
      own && timestamps !== undefined
        ? [{ table: NODE_TABLE, key: TIMESTAMPS_KEY, value: timestamps.save() }]
        : []
    try {
      await this.#store.add(record, bytes, alongside)
    } catch (error) {
      this.#feed({ type: 'not-stored', key })
      this.#takeOffer(key)?.refused(asFault(error))
      return
    }
    this.#takeOffer(key)?.stored()
    this.#feed({ type: 'stored', key })
  }

  async #transmit(effect: AgentEffect & { readonly type: 'transmit' }): Promise<void> {
    const { key, id, plan, residenceMs } = effect
    try {
      const bytes = this.#store.read(key)
      const { wireBytes, fragments } = await this.#outbound.transmit({ bytes, plan, residenceMs })
      this.#ports.events({ type: 'bundle-sent', bundle: id, to: plan.duct, wireBytes, fragments })
    } catch (error) {
      const failure = this.#failureOf(error, `${plan.protocol}/${plan.duct}`)
      this.#feed({ type: 'not-transmitted', key, failure })
      return
    }
    this.#feed({ type: 'transmitted', key })
  }

  /** RFC 9171 §5.7. */
  async #deliverUnit(effect: AgentEffect & { readonly type: 'deliver' }): Promise<void> {
    const { key, keys, service, expiresAt } = effect
    const deliver = this.#deliver.get(service)
    assert(deliver !== undefined, 'delivered to registered endpoints only')
    try {
      const assembled = assemble(keys.map((k) => this.#store.read(k)))
      if (!assembled.ok) throw assembled.fault
      const { primary, payload } = assembled.value
      const { source, destination } = primary
      const bundle = bundleId(assembled.value)
      await deliver({ bundle, source, destination, payload: payload.data, expiresAt })
      this.#ports.events({
        type: 'bundle-delivered',
        bundle,
        endpoint: formatEndpointId(destination),
        payloadBytes: payload.data.length,
      })
    } catch (error) {
      const failure = this.#failureOf(error, `ipn:${this.#options.node}.${service}`)
      this.#feed({ type: 'not-delivered', key, failure })
      return
    }
    this.#feed({ type: 'delivered', key })
  }

  /** What the agent needs to know of a failure; a temporary one is told here, for nobody else will. */
  #failureOf(error: unknown, where: string): Failure {
    const fault = asFault(error)
    if (!fault.temporary) return { temporary: false, reason: fault.message }
    if (this.#state === 'running') {
      this.#ports.events({ type: 'trouble', where, reason: fault.message })
    }
    return { temporary: true }
  }

  #takeOffer(key: string): Offer | undefined {
    const offer = this.#offers.get(key)
    this.#offers.delete(key)
    return offer
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#underWay.delete(tracked))
    this.#underWay.add(tracked)
  }
}
