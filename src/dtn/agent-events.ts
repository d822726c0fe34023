/** What the bundle protocol agent hears, and what it wants done. */

import type { Fault } from '../base/fault.ts'
import type { WallMs } from '../base/time.ts'
import type { EndpointId } from '../proto/bpv7/endpoint-id.ts'
import type { StatusKind } from '../proto/bpv7/status-report.ts'
import type { BundleRecord } from './bundle-record.ts'
import type { ContactWindow } from './contact-window.ts'
import type { DtnFaultCode } from './fault.ts'
import type { RegistrationState, WhenInactive } from './registration.ts'
import type { PlanPlace, StaticPlan } from './static-plan.ts'

export type AgentEvent =
  /** Found in the store at the start. */
  | { readonly type: 'recovered'; readonly record: BundleRecord; readonly wall: WallMs }
  /** Sent by an application or received from a neighbour; answered by `store` or `refuse`. */
  | {
      readonly type: 'offered'
      readonly record: BundleRecord
      readonly wall: WallMs
    }
  /** Answers to `store`. */
  | { readonly type: 'stored'; readonly key: number }
  | { readonly type: 'not-stored'; readonly key: number }
  /** A plan is added, or takes the place of the one for the same node. `window` is as in `contact`. */
  | {
      readonly type: 'planned'
      readonly plan: StaticPlan
      readonly window: ContactWindow | undefined
    }
  /** A plan is removed: what waited for it waits for another. */
  | ({ readonly type: 'unplanned' } & PlanPlace)
  /** To a neighbour, the one that is open or comes next; undefined where nothing is held back. */
  | {
      readonly type: 'contact'
      readonly neighbour: bigint
      readonly window: ContactWindow | undefined
    }
  /** An endpoint that exists whether an application has opened it or not. */
  | {
      readonly type: 'declared'
      readonly endpoint: EndpointId
      readonly whenInactive: WhenInactive
    }
  | { readonly type: 'withdrawn'; readonly endpoint: EndpointId }
  /** An application opens an endpoint, switches between active and passive, or closes it. */
  | {
      readonly type: 'registered'
      readonly endpoint: EndpointId
      readonly state: RegistrationState
    }
  /** Asks for the bundle that has waited longest at a registration that is not active. */
  | { readonly type: 'polled'; readonly endpoint: EndpointId }
  /** Answers to `transmit`. */
  | { readonly type: 'transmitted'; readonly key: number }
  | { readonly type: 'not-transmitted'; readonly key: number; readonly failure: Failure }
  /** Answers to `deliver`. `isRepeat`: the ADU had been delivered before, and was not again. */
  | { readonly type: 'delivered'; readonly key: number; readonly isRepeat: boolean }
  | { readonly type: 'not-delivered'; readonly key: number; readonly failure: Failure }
  /** Of a held bundle, by the name that it is held under. */
  | { readonly type: 'resend'; readonly hold: string }
  | { readonly type: 'release'; readonly hold: string }
  /** Of a bundle that was sent here, by its ID. RFC 9171 §5.12. */
  | { readonly type: 'cancel'; readonly id: string }
  /** Nothing new begins any more; what is under way is still answered. */
  | { readonly type: 'stop' }
  | { readonly type: 'tick' }

export type Failure =
  | { readonly temporary: true }
  /** `status` is the reason as a status report gives it. */
  | { readonly temporary: false; readonly reason: string; readonly status: number }

export type AgentEffect =
  | { readonly type: 'store'; readonly record: BundleRecord }
  | { readonly type: 'refuse'; readonly record: BundleRecord; readonly fault: Fault<DtnFaultCode> }
  | {
      readonly type: 'transmit'
      readonly key: number
      readonly id: string
      readonly plan: StaticPlan
      /** How long it has been at this node. */
      readonly residenceMs: number
      /** It has gone before, and was asked for again. */
      readonly isRepeat: boolean
    }
  /** `keys` are all the fragments of one ADU, or one bundle; `key` is the first. */
  | {
      readonly type: 'deliver'
      readonly key: number
      readonly keys: readonly number[]
      readonly endpoint: EndpointId
      readonly expiresAt: WallMs
    }
  /** A held bundle has been handed over completely. */
  | { readonly type: 'forwarded'; readonly hold: string }
  /** A held bundle was deleted before its time: it could never go. */
  | { readonly type: 'lost'; readonly hold: string }
  /** Its source asked to be told of this; the bundle is still in the store. */
  | {
      readonly type: 'report'
      readonly key: number
      readonly status: StatusKind
      readonly reason: number
    }
  | { readonly type: 'remove'; readonly keys: readonly number[] }
  | {
      readonly type: 'deleted'
      readonly id: string
      readonly reason: string
      readonly status: number
    }

/** How many bundles are where. */
export interface Census {
  readonly storing: number
  readonly waiting: number
  readonly held: number
}

/** What waits somewhere. */
export interface Queue {
  readonly bundles: number
  readonly bytes: number
  /** How long the oldest has been here; undefined where nothing waits. */
  readonly oldestMs: number | undefined
}

export const EMPTY_QUEUE: Queue = { bundles: 0, bytes: 0, oldestMs: undefined }

export interface RegistrationQueue extends Queue {
  readonly endpoint: EndpointId
  readonly state: RegistrationState
  readonly whenInactive: WhenInactive
}
