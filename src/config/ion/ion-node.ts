/** What ION's files say of a node, as values. */

import type { ContactPlan } from '../../dtn/contact-plan.ts'
import type { EndpointId } from '../../proto/bpv7/endpoint-id.ts'
import type { ReceiveRule } from './programs/bpadmin.ts'
import type { DtpcProfile } from './programs/dtpcadmin.ts'
import type { SpanArguments } from './programs/ltpadmin.ts'

export interface IonNode {
  readonly node: bigint
  readonly clock: IonClock
  /** By source, destination and time. */
  readonly contactPlan: ContactPlan
  readonly keys: readonly IonKey[]
  readonly ltp: IonLtp
  readonly schemes: readonly IonScheme[]
  readonly endpoints: readonly IonEndpoint[]
  readonly protocols: readonly IonProtocol[]
  readonly inducts: readonly IonInduct[]
  readonly outducts: readonly IonOutduct[]
  /** By endpoint, lower nodes first. */
  readonly plans: readonly IonPlan[]
  readonly exits: readonly IonExit[]
  readonly profiles: readonly DtpcProfile[]
}

export interface IonClock {
  /** How wrong it may be, 0 to 60. */
  readonly errorSec: number
  readonly isSynchronized: boolean
  /** Local time less UTC. */
  readonly utcDeltaSec: number
}

export interface IonKey {
  readonly name: string
  readonly file: string
}

export interface IonLtp {
  /** Undefined where nothing creates an engine. */
  readonly sessions: number | undefined
  readonly spans: readonly SpanArguments[]
  /** Commands of daemons that receive segments. */
  readonly seats: readonly string[]
}

export interface IonScheme {
  readonly name: string
  readonly forwarder: string
  readonly adminEndpoint: string
}

export interface IonEndpoint {
  readonly endpoint: EndpointId
  readonly rule: ReceiveRule
  /** Run when a bundle comes and no application has the endpoint open. */
  readonly script?: string
}

export interface IonProtocol {
  readonly name: string
  readonly protocolClass?: number
}

export interface DuctName {
  readonly protocol: string
  /** In the protocol's own notation, an address for most. */
  readonly duct: string
}

export interface IonInduct extends DuctName {
  readonly daemon: string
}

export interface IonOutduct extends DuctName {
  /** Empty where the induct's daemon sends too. */
  readonly daemon: string
  /** Default: no bound, except that of the protocol. */
  readonly payloadBytesMax?: number
}

export interface IonPlan {
  readonly endpoint: EndpointId
  /** Where no contact says: default any. */
  readonly rateBytesPerSec?: number
  readonly ducts: readonly DuctName[]
  /** The gateway that gets its bundles instead. */
  readonly via?: EndpointId
  readonly isBlocked: boolean
}

export interface IonExit {
  readonly first: bigint
  readonly last: bigint
  readonly gateway: EndpointId
}
