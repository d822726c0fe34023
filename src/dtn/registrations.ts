/**
 * The endpoints of a node that programs open and leave again: a registration is active while a
 * program has it open. What it was given and did not take goes to the next program, in its order.
 * RFC 9171 §3.1, §5.7; ION's `a endpoint EID q|x`.
 */

import { asFault, Fault } from '../base/fault.ts'
import type { Clock } from '../ports/clock.ts'
import { type EndpointId, formatEndpointId, ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import type { ControlFaultCode } from './control/fault.ts'
import type { DtnFaultCode } from './fault.ts'
import type { BundleNode, ReceivedAdu } from './node.ts'
import type { WhenInactive } from './registration.ts'

export interface EndpointOptions {
  readonly service: bigint
  /** ION's `q` is `defer`, its `x` is `abandon`. */
  readonly whenInactive: WhenInactive
}

export interface RegistrationsOptions {
  /** Fully qualified. */
  readonly node: bigint
  readonly endpoints: readonly EndpointOptions[]
  /** Whether only these can be opened, as with ION, or any that the node itself does not use. */
  readonly onlyDeclared: boolean
}

/** One copy of an ADU, on its way to whoever has the endpoint open. */
export interface Delivery {
  readonly adu: ReceivedAdu
  /** It is done with, and may leave the store. */
  take(): void
}

export interface ActiveRegistration {
  close(): void
}

interface Waiting {
  readonly adu: ReceivedAdu
  readonly resolve: () => void
  readonly reject: (fault: Fault) => void
}

export class Registrations {
  readonly #options: RegistrationsOptions
  readonly #ports: { readonly node: BundleNode; readonly clock: Clock }
  readonly #whenInactive = new Map<string, WhenInactive>()
  /** In text: those that a program has open. */
  readonly #open = new Set<string>()
  /** By endpoint, in the order in which they came; the node bounds how many it delivers at once. */
  readonly #untaken = new Map<string, Set<Waiting>>()
  #isStopped = false

  /** Before the node starts, so that nothing finds its endpoint missing. */
  constructor(
    options: RegistrationsOptions,
    ports: { readonly node: BundleNode; readonly clock: Clock },
  ) {
    this.#options = options
    this.#ports = ports
    for (const endpoint of options.endpoints) this.declare(endpoint)
  }

  /** Adds an endpoint, or changes what its bundles meet. Throws a Fault where it is the node's own. */
  declare({ service, whenInactive }: EndpointOptions): void {
    this.#ports.node.declare(service, whenInactive)
    this.#whenInactive.set(this.#nameOf(service), whenInactive)
  }

  /** A program that has it open keeps it; nobody can open it again. */
  withdraw(service: bigint): void {
    this.#ports.node.withdraw(service)
    this.#whenInactive.delete(this.#nameOf(service))
  }

  /** Whether a program has it open. */
  isOpen(endpoint: EndpointId): boolean {
    return this.#open.has(formatEndpointId(endpoint))
  }

  /** `receive` hears each copy once. Throws a Fault where the endpoint is unknown or occupied. */
  open(endpoint: EndpointId, receive: (delivery: Delivery) => void): ActiveRegistration {
    const name = formatEndpointId(endpoint)
    if (this.#options.onlyDeclared && !this.#whenInactive.has(name)) throw unknown(name)
    const untaken = this.#untaken.get(name) ?? new Set()
    this.#untaken.set(name, untaken)
    const earlier = [...untaken]
    const registration = this.#register(endpoint, (adu) => this.#deliver(adu, untaken, receive))
    this.#open.add(name)
    for (const waiting of earlier) this.#hand(waiting, untaken, receive)
    return {
      close: () => {
        registration.unregister()
        this.#open.delete(name)
        if (this.#whenInactive.get(name) !== 'abandon') return
        for (const { reject } of untaken) reject(abandoned())
        untaken.clear()
      },
    }
  }

  /** Lets go of what waits, so that the node can stop: it stays in the store. */
  stop(): void {
    this.#isStopped = true
    for (const untaken of this.#untaken.values()) {
      for (const { reject } of untaken) reject(stopped())
      untaken.clear()
    }
  }

  #nameOf(service: bigint): string {
    return formatEndpointId(ipnEndpoint(this.#options.node, service))
  }

  /** In the words of ION, for whoever looks for them. */
  #register(
    endpoint: EndpointId,
    deliver: (adu: ReceivedAdu) => Promise<void>,
  ): ReturnType<BundleNode['register']> {
    const name = formatEndpointId(endpoint)
    try {
      // Whoever takes an ADU has it in a message on the control socket, which is a copy.
      return this.#ports.node.register(endpoint, deliver, { borrows: true })
    } catch (error) {
      const { code } = asFault(error)
      if (code === 'dtn/not-ours') throw unknown(name)
      if (code === 'dtn/occupied') {
        throw permanent('control/occupied', `Endpoint is already open: ${name}`)
      }
      throw error
    }
  }

  #deliver(
    adu: ReceivedAdu,
    untaken: Set<Waiting>,
    receive: (delivery: Delivery) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped) throw stopped()
      const waiting: Waiting = { adu, resolve, reject }
      untaken.add(waiting)
      this.#hand(waiting, untaken, receive)
    })
  }

  #hand(waiting: Waiting, untaken: Set<Waiting>, receive: (delivery: Delivery) => void): void {
    if (waiting.adu.expiresAt <= this.#ports.clock.wall()) {
      untaken.delete(waiting)
      waiting.reject(permanent('dtn/expired', 'its lifetime has expired'))
      return
    }
    const take = (): void => {
      if (untaken.delete(waiting)) waiting.resolve()
    }
    receive({ adu: waiting.adu, take })
  }
}

function unknown(name: string): Fault<ControlFaultCode> {
  return permanent('control/unknown-endpoint', `Endpoint not known: ${name}`)
}

function abandoned(): Fault<ControlFaultCode> {
  return permanent('control/no-application', 'its application left it')
}

function stopped(): Fault<DtnFaultCode> {
  return new Fault('dtn/stopped', 'the node is stopping', { temporary: true })
}

function permanent<Code extends ControlFaultCode | DtnFaultCode>(
  code: Code,
  message: string,
): Fault<Code> {
  return new Fault(code, message, { temporary: false })
}
