/** The endpoints that applications have opened on this node, and what is delivered to them. */

import { asFault, Fault } from '../base/fault.ts'
import { addMs, type WallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import type { StoreChange } from '../ports/store.ts'
import { BUNDLE_FLAGS, type Bundle, bundleId } from '../proto/bpv7/bundle.ts'
import {
  EndpointFormatter,
  type EndpointId,
  formatEndpointId,
  ipnEndpoint,
  isAdministrative,
  isNullEndpoint,
  isSingleton,
} from '../proto/bpv7/endpoint-id.ts'
import type { BundleAgent } from './agent.ts'
import type { AgentEffect, AgentEvent, Failure } from './agent-events.ts'
import { assemble } from './assemble.ts'
import type { BundleStore } from './bundle-store.ts'
import type { Counters } from './counters.ts'
import type { DeliveredAdus } from './delivered.ts'
import type { DtnFaultCode } from './fault.ts'
import { PROMPT_MS_MAX } from './limits.ts'
import {
  administrativeEndpoints,
  isOwnEndpoint,
  type NodeNames,
  resolveLocalNode,
} from './membership.ts'
import type { WhenInactive } from './registration.ts'
import type { Reporting } from './reporting.ts'

export interface ReceivedAdu {
  /** The bundle's ID; of fragments that of the bundle they were cut from. */
  readonly bundle: string
  readonly source: EndpointId
  readonly destination: EndpointId
  readonly payload: Uint8Array
  /** The payload is an administrative record. RFC 9171 §6.1. */
  readonly administrative: boolean
  readonly expiresAt: WallMs
}

/** An endpoint that an application has opened. RFC 9171 §3.3. */
export interface EndpointRegistration {
  readonly endpoint: EndpointId
  /** Active: bundles are delivered as they come. Passive: one at a time, when polled. */
  setActive(isActive: boolean): void
  /** Delivers the bundle that has waited longest; false where none waits. */
  poll(): boolean
  /** Whoever registers the endpoint next gets what waits; a group's bundles are let go. */
  unregister(): void
}

/** What is proven of how an ADU came: whoever must know whom to believe asks here. */
export interface Provenance {
  /** Those who handed over the bundle, or its fragments; undefined where one of them is not proven. */
  readonly neighbours: readonly EndpointId[] | undefined
}

/**
 * Takes an ADU. What it gives to `alongside` before it resolves goes to the disk together with the
 * bundle's departure: who notes there that it was taken has it noted exactly once.
 */
export type Deliver = (
  adu: ReceivedAdu,
  alongside: (changes: readonly StoreChange[]) => void,
  provenance: Provenance,
) => Promise<void>

export interface RegistrationOptions {
  /** Default: true. */
  readonly isActive?: boolean
  /**
   * Whether a bundle that was delivered before and comes again is delivered again, for an application
   * that answers each. Default: false, as far back as the node remembers.
   */
  readonly takesRepeats?: boolean
  /**
   * Whether the payload is only borrowed until the promise resolves, and its memory used again then:
   * for an application that is done with it, or has copied it. Default: false, it is the application's.
   */
  readonly borrows?: boolean
  /**
   * Whether it puts what it takes on the disk itself: until it has taken it, for PROMPT_MS_MAX, nothing is
   * written of a bundle, nor its neighbour told that it is accepted. Default: false.
   */
  readonly isPrompt?: boolean
}

interface Application {
  readonly deliver: Deliver
  readonly takesRepeats: boolean
  readonly borrows: boolean
  readonly isPrompt: boolean
}

/** A delivery that the agent has asked for, by its key. */
interface Turn {
  readonly key: number
  readonly done: () => void
}

export interface ApplicationsPorts {
  readonly clock: Clock
  readonly events: EventSink
  readonly agent: BundleAgent
  readonly store: BundleStore
  readonly delivered: DeliveredAdus
  readonly counters: Counters
  readonly reporting: Reporting
  feed(event: AgentEvent): void
  /** What the agent needs to know of it. */
  failureOf(fault: Fault, where: string): Failure
}

export class Applications {
  readonly #names: NodeNames
  readonly #ports: ApplicationsPorts
  /** By endpoint, in text. */
  readonly #open = new Map<string, Application>()
  /** By ADU that an application looks at, the deliveries of the same that wait for the end of that. */
  readonly #beingTaken = new Map<string, readonly Turn[]>()
  readonly #formatter = new EndpointFormatter()

  constructor(names: NodeNames, ports: ApplicationsPorts) {
    this.#names = names
    this.#ports = ports
  }

  /** The node's own endpoints, of which each name has one. */
  openAdministrative(): void {
    const application = { deliver: administer, takesRepeats: true, borrows: true, isPrompt: false }
    for (const endpoint of administrativeEndpoints(this.#names)) {
      this.#add(endpoint, application, 'active')
    }
  }

  /** As `BundleNode.register`. */
  register(
    service: bigint | EndpointId,
    deliver: Deliver,
    options: RegistrationOptions,
  ): EndpointRegistration {
    const { agent, feed } = this.#ports
    const endpoint = this.#endpointOf(service)
    const { takesRepeats = false, borrows = false, isPrompt = false } = options
    const application = { deliver, takesRepeats, borrows, isPrompt }
    const isOpen = (): boolean => this.#open.get(formatEndpointId(endpoint)) === application
    this.#add(endpoint, application, options.isActive === false ? 'passive' : 'active')
    return {
      endpoint,
      setActive: (isActive) => {
        if (!isOpen()) return
        feed({ type: 'registered', endpoint, state: isActive ? 'active' : 'passive' })
      },
      poll: () => {
        if (!isOpen() || !agent.registration(endpoint)?.lane.isWaiting) return false
        feed({ type: 'polled', endpoint })
        return true
      },
      unregister: () => {
        if (!isOpen()) return
        this.#open.delete(formatEndpointId(endpoint))
        feed({ type: 'registered', endpoint, state: 'closed' })
      },
    }
  }

  declare(service: bigint | EndpointId, whenInactive: WhenInactive): void {
    const endpoint = this.#endpointOf(service)
    this.#ports.feed({ type: 'declared', endpoint, whenInactive })
  }

  withdraw(service: bigint | EndpointId): void {
    this.#ports.feed({ type: 'withdrawn', endpoint: this.#endpointOf(service) })
  }

  /**
   * RFC 9171 §5.7. `done` hears when it is over.
   *
   * An ADU may be here more than once: whole, in fragments, and anew while the application looks at one
   * that the store has refused meanwhile. So it is asked here, and not only when a bundle comes,
   * whether it was delivered; where it is just being delivered, that comes to its end first.
   */
  deliver(effect: AgentEffect & { readonly type: 'deliver' }, done: () => void): void {
    const { key, keys, endpoint, expiresAt } = effect
    const { store, delivered, clock } = this.#ports
    const name = this.#formatter.format(endpoint)
    const application = this.#open.get(name)
    // Closed, or refused by the store, in the turn in which it was to be delivered.
    if (application === undefined || !store.has(key)) {
      this.#later({ key, done })
      return
    }
    const parts = keys.map((k) => store.read(k))
    const assembled = assemble(parts)
    if (!assembled.ok) {
      this.#onNotDelivered(key, name, assembled.fault)
      done()
      return
    }
    const adu = aduOf(assembled.value, expiresAt)
    // All anonymous ADUs have the same name. RFC 9171 §4.2.3.
    const isOnce = !application.takesRepeats && !isNullEndpoint(adu.source)
    if (isOnce && !this.#begin(adu.bundle, effect, { key, done })) return
    // Beside a whole bundle nothing of the fragments is used.
    const isWhole = parts[0]?.primary.fragment === undefined
    const provenance = this.#provenanceOf(isWhole ? keys.slice(0, 1) : keys)
    const changes: StoreChange[] = []
    const resume = application.isPrompt ? this.#postpone(keys) : NOTHING
    void application
      .deliver(adu, (alongside) => changes.push(...alongside), provenance)
      .then(
        () => {
          if (isOnce) delivered.remember(adu.bundle, expiresAt, clock.wall())
          store.alongside(changes)
          if (application.borrows) for (const each of keys) store.giveBack(each)
          this.#onDelivered(key, name, adu)
          resume()
          done()
          if (isOnce) this.#end(adu.bundle, (next) => this.#onRepeat(next))
        },
        (error: unknown) => {
          this.#onNotDelivered(key, name, asFault(error))
          resume()
          done()
          if (isOnce) this.#end(adu.bundle, (next) => this.#later(next))
        },
      )
  }

  /** Until the result is called, or it has taken too long. */
  #postpone(keys: readonly number[]): () => void {
    const { store, clock } = this.#ports
    store.postpone(keys)
    const resume = (): void => store.resume(keys)
    const cancel = clock.at(addMs(clock.now(), PROMPT_MS_MAX), resume)
    return () => {
      cancel()
      resume()
    }
  }

  #provenanceOf(keys: readonly number[]): Provenance {
    const neighbours = keys.flatMap((key) => this.#ports.agent.neighbourOf(key) ?? [])
    return { neighbours: neighbours.length === keys.length ? neighbours : undefined }
  }

  /** Whether the application shall be given the ADU now; where not, what becomes of it is seen to. */
  #begin(adu: string, { keys }: { readonly keys: readonly number[] }, turn: Turn): boolean {
    const { delivered, store } = this.#ports
    const behind = this.#beingTaken.get(adu)
    const isRepeat = delivered.has(adu)
    if (!isRepeat && behind === undefined) {
      this.#beingTaken.set(adu, [])
      return true
    }
    for (const each of keys) store.giveBack(each)
    if (isRepeat || behind === undefined) this.#onRepeat(turn)
    else {
      // Those that the store has refused meanwhile keep no place.
      const gone = behind.filter(({ key }) => !store.has(key))
      this.#beingTaken.set(adu, [...behind.filter(({ key }) => store.has(key)), turn])
      for (const next of gone) this.#later(next)
    }
    return false
  }

  #end(adu: string, settle: (turn: Turn) => void): void {
    const behind = this.#beingTaken.get(adu)
    this.#beingTaken.delete(adu)
    if (behind !== undefined) for (const next of behind) settle(next)
  }

  #onRepeat({ key, done }: Turn): void {
    this.#ports.counters.repeated()
    this.#ports.feed({ type: 'delivered', key, isRepeat: true })
    done()
  }

  #later({ key, done }: Turn): void {
    this.#ports.feed({ type: 'not-delivered', key, failure: { temporary: true } })
    done()
  }

  #onDelivered(key: number, name: string, adu: ReceivedAdu): void {
    const { payload, source, bundle, administrative } = adu
    this.#ports.counters.delivered(name, payload.length)
    if (administrative) this.#ports.reporting.hear(payload, source)
    this.#ports.events({
      type: 'bundle-delivered',
      bundle,
      endpoint: this.#formatter.format(adu.destination),
      payloadBytes: payload.length,
    })
    this.#ports.feed({ type: 'delivered', key, isRepeat: false })
  }

  #onNotDelivered(key: number, name: string, fault: Fault): void {
    const failure = this.#ports.failureOf(fault, name)
    this.#ports.counters.deliveryFailed(name, failure)
    this.#ports.feed({ type: 'not-delivered', key, failure })
  }

  /** Throws a Fault where it cannot be opened by an application. */
  #endpointOf(service: bigint | EndpointId): EndpointId {
    const endpoint =
      typeof service === 'bigint'
        ? ipnEndpoint(this.#names.node, service)
        : resolveLocalNode(this.#names, service)
    const name = formatEndpointId(endpoint)
    if (isSingleton(endpoint) && !isOwnEndpoint(this.#names, endpoint)) {
      const message = `${name} is not an endpoint of this node`
      throw new Fault<DtnFaultCode>('dtn/not-ours', message, { temporary: false })
    }
    if (isAdministrative(endpoint)) throw occupied(`${name} is the node's own`)
    return endpoint
  }

  #add(endpoint: EndpointId, application: Application, state: 'active' | 'passive'): void {
    const name = formatEndpointId(endpoint)
    if (this.#open.has(name)) throw occupied(`${name} is open already`)
    this.#open.set(name, application)
    this.#ports.feed({ type: 'registered', endpoint, state })
  }
}

function NOTHING(): void {}

/** The administrative element: it understands status reports and nothing else. RFC 9171 §6. */
async function administer({ bundle, administrative }: ReceivedAdu): Promise<void> {
  if (administrative) return
  const message = `${bundle} is no administrative record`
  throw new Fault<DtnFaultCode>('dtn/unacceptable', message, { temporary: false })
}

function aduOf(bundle: Bundle, expiresAt: WallMs): ReceivedAdu {
  const { source, destination, flags } = bundle.primary
  const administrative = (flags & BUNDLE_FLAGS.administrativeRecord) !== 0n
  const { data: payload } = bundle.payload
  return { bundle: bundleId(bundle), source, destination, payload, administrative, expiresAt }
}

function occupied(message: string): Fault<DtnFaultCode> {
  return new Fault('dtn/occupied', message, { temporary: false })
}
