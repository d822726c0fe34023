import { EndpointFormatter, type EndpointId, isSingleton } from '../proto/bpv7/endpoint-id.ts'
import { isOwnEndpoint, type NodeNames } from './membership.ts'
import { Registration, type RegistrationState } from './registration.ts'

/** The endpoints of which this node is a member, or for which bundles wait until it is. RFC 9171 §3.1. */
export class Endpoints {
  readonly #names: NodeNames
  /** By endpoint, in text. */
  readonly #registrations = new Map<string, Registration>()
  /** Those that are active: few, however many endpoints others send to. */
  readonly #active = new Set<Registration>()
  readonly #formatter = new EndpointFormatter()

  constructor(names: NodeNames) {
    this.#names = names
  }

  get active(): Iterable<Registration> {
    return this.#active
  }

  values(): Iterable<Registration> {
    return this.#registrations.values()
  }

  get(endpoint: EndpointId): Registration | undefined {
    return this.#registrations.get(this.#formatter.format(endpoint))
  }

  /** Made where there is none; `leave` forgets it again. */
  at(endpoint: EndpointId): Registration {
    const name = this.#formatter.format(endpoint)
    const registration = this.#registrations.get(name) ?? new Registration(endpoint)
    this.#registrations.set(name, registration)
    return registration
  }

  /** An endpoint of ours, or a group that we have joined. */
  isForUs(endpoint: EndpointId): boolean {
    if (this.isOwn(endpoint)) return true
    return !isSingleton(endpoint) && this.get(endpoint)?.isMember === true
  }

  /** Nobody else's bundles can be for it. */
  isOwn(endpoint: EndpointId): boolean {
    return isOwnEndpoint(this.#names, endpoint)
  }

  setState(registration: Registration, state: RegistrationState): void {
    registration.state = state
    if (state === 'active') this.#active.add(registration)
    else this.#active.delete(registration)
  }

  /** After anything that may have been the last that it was there for. */
  leave(registration: Registration): void {
    if (registration.isUnused) {
      this.#registrations.delete(this.#formatter.format(registration.endpoint))
    }
  }
}
