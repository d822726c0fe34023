/** What a node tells of itself, as JSON. */

import type { DtpcCounts } from '../dtpc/service.ts'
import type { NodeStatus } from '../node-status.ts'

export interface ControlStatus extends NodeStatus {
  /** POSIX milliseconds: since when it counts. */
  readonly since: number
  readonly now: number
  /** Where the node speaks it. */
  readonly dtpc?: DtpcStatus
}

export interface DtpcStatus {
  readonly outgoing: DtpcCounts['outgoing'] & { readonly waiting: DtpcWaiting }
  readonly inbox: DtpcCounts['inbox'] & { readonly waiting: DtpcWaiting }
}

/** Items and ADUs that are not over; items that nobody has taken. */
export interface DtpcWaiting {
  readonly count: number
  readonly bytes: number
}

/** What a stored bundle waits for: an application, its neighbour, an acknowledgement, or any way at all. */
export type BundleState = 'delivery' | 'forwarding' | 'release' | 'limbo'

/** A stored bundle, for ION's bplist. */
export interface BundleSummary {
  /** Keys sort in the order of arrival. */
  readonly key: number
  readonly source: string
  readonly destination: string
  readonly reportTo: string
  /** DTN milliseconds and the sequence number, in decimal. */
  readonly creationTime: string
  readonly sequence: string
  readonly flags: string
  readonly fragmentOffset: string
  readonly totalAduLength: string
  /** DTN seconds. */
  readonly expiresSec: number
  /** In hexadecimal. */
  readonly extensions: readonly string[]
  readonly payloadBytes: number
  /** The first bytes, in hexadecimal. */
  readonly payload: string
  /** Of the neighbour whose plan it takes; undefined where it goes to nobody. */
  readonly plan?: string
  readonly state: BundleState
}
