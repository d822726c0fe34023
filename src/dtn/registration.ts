/** Endpoints in which this node is registered, and what waits for each. RFC 9171 §3.1, §5.7. */

import type { EndpointId } from '../proto/bpv7/endpoint-id.ts'
import { Lane } from './lane.ts'
import { DELIVERIES_MAX, DELIVERY_BYTES_MAX } from './limits.ts'

/** `closed` is a passive registration that no application has opened: nobody polls it either. */
export type RegistrationState = 'closed' | 'passive' | 'active'

/** The delivery failure action of a registration that is not active. */
export type WhenInactive = 'defer' | 'abandon'

export class Registration {
  readonly endpoint: EndpointId
  readonly lane: Lane = new Lane({
    underWayMax: DELIVERIES_MAX,
    underWayBytesMax: DELIVERY_BYTES_MAX,
    pause: 'item',
  })
  state: RegistrationState = 'closed'
  whenInactive: WhenInactive = 'defer'
  /** It exists whether an application has opened it or not. */
  isDeclared = false
  /** Bundles here that are for it, those still incomplete among them. */
  bundleCount = 0

  constructor(endpoint: EndpointId) {
    this.endpoint = endpoint
  }

  /** Whether the node is a member: it need not be for bundles to wait that it will be. */
  get isMember(): boolean {
    return this.isDeclared || this.state !== 'closed'
  }

  get isUnused(): boolean {
    return !this.isMember && this.bundleCount === 0
  }
}
