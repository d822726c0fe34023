/**
 * The endpoints of a node that programs may open and leave again: a registration is active while a
 * program has it open, and passive otherwise. What comes to a passive one is deferred until its
 * lifetime ends, or abandoned, as its declaration says. RFC 9171 §3.1, §5.7; ION's
 * `a endpoint EID q|x`.
 */

import { Fault } from '../base/fault.ts'
import type { Clock } from '../ports/clock.ts'
import type { ControlFaultCode } from './control/fault.ts'
import type { DtnFaultCode } from './fault.ts'
import type { ReceivedAdu } from './node.ts'

export interface EndpointOptions {
  readonly service: bigint
  /** ION's `q` and `x`. */
  readonly whenInactive: 'defer' | 'abandon'
}

/** One copy of an ADU, on its way to whoever has the endpoint open. */
export interface Delivery {
  readonly adu: ReceivedAdu
  /** It is done with, and may leave the store. */
  take(): void
}

export interface ActiveRegistration {
  /** Makes it passive: what is not taken waits for the next program, or is abandoned. */
  close(): void
}

/** Of a BundleNode. */
export type Register = (service: bigint, deliver: (adu: ReceivedAdu) => Promise<void>) => void

interface Waiting {
  readonly adu: ReceivedAdu
  readonly resolve: () => void
  readonly reject: (fault: Fault) => void
}

interface Endpoint {
  readonly whenInactive: EndpointOptions['whenInactive']
  /** Undefined while passive. */
  receive: ((delivery: Delivery) => void) | undefined
  /** In the order in which they came; the node bounds how many it delivers at once. */
  readonly untaken: Set<Waiting>
}

export class Registrations {
  readonly #node: bigint
  readonly #clock: Clock
  readonly #endpoints = new Map<bigint, Endpoint>()
  #isStopped = false

  constructor(node: bigint, clock: Clock) {
    this.#node = node
    this.#clock = clock
  }

  /** Call before the node starts, so that nothing finds its endpoint missing. */
  declare(endpoints: readonly EndpointOptions[], register: Register): void {
    for (const { service, whenInactive } of endpoints) {
      const endpoint: Endpoint = { whenInactive, receive: undefined, untaken: new Set() }
      this.#endpoints.set(service, endpoint)
      register(service, (adu) => this.#deliver(endpoint, adu))
    }
  }

  /** `receive` hears each copy once. Throws a Fault where the endpoint is unknown or occupied. */
  open(service: bigint, receive: (delivery: Delivery) => void): ActiveRegistration {
    const endpoint = this.#endpoints.get(service)
    const name = `ipn:${this.#node}.${service}`
    if (endpoint === undefined) {
      throw fault('control/unknown-endpoint', `Endpoint not known: ${name}`)
    }
    if (endpoint.receive !== undefined) {
      throw fault('control/occupied', `Endpoint is already open: ${name}`)
    }
    endpoint.receive = receive
    for (const waiting of [...endpoint.untaken]) this.#hand(endpoint, waiting)
    return {
      close: () => {
        if (endpoint.receive !== receive) return
        endpoint.receive = undefined
        if (endpoint.whenInactive === 'abandon') {
          for (const waiting of endpoint.untaken) waiting.reject(abandoned())
          endpoint.untaken.clear()
        }
      },
    }
  }

  isOpen(service: bigint): boolean {
    return this.#endpoints.get(service)?.receive !== undefined
  }

  /** Lets go of what waits, so that the node can stop: it stays in the store. */
  stop(): void {
    this.#isStopped = true
    for (const { untaken } of this.#endpoints.values()) {
      for (const { reject } of untaken) reject(stopped())
      untaken.clear()
    }
  }

  #deliver(endpoint: Endpoint, adu: ReceivedAdu): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped) throw stopped()
      if (endpoint.receive === undefined && endpoint.whenInactive === 'abandon') throw abandoned()
      const waiting: Waiting = { adu, resolve, reject }
      endpoint.untaken.add(waiting)
      this.#hand(endpoint, waiting)
    })
  }

  #hand(endpoint: Endpoint, waiting: Waiting): void {
    if (endpoint.receive === undefined) return
    if (waiting.adu.expiresAt <= this.#clock.wall()) {
      endpoint.untaken.delete(waiting)
      waiting.reject(fault('dtn/expired', 'lifetime expired'))
      return
    }
    const take = (): void => {
      if (endpoint.untaken.delete(waiting)) waiting.resolve()
    }
    endpoint.receive({ adu: waiting.adu, take })
  }
}

function abandoned(): Fault<ControlFaultCode> {
  return fault('control/no-application', 'no application has its endpoint open')
}

function stopped(): Fault<DtnFaultCode> {
  return new Fault('dtn/stopped', 'the node is stopping', { temporary: true })
}

function fault<Code extends ControlFaultCode | DtnFaultCode>(
  code: Code,
  message: string,
): Fault<Code> {
  return new Fault(code, message, { temporary: false })
}
