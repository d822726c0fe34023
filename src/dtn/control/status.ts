/** What a node tells of itself, as JSON. */

/** Counts and bytes since the node was started, by what happened: the classes of ION's bpstats. */
export const STATISTICS = ['src', 'fwd', 'xmt', 'rcv', 'dlv', 'rfw', 'exp'] as const
export type Statistic = (typeof STATISTICS)[number]

export interface Tally {
  readonly bundles: number
  readonly bytes: number
}

export interface NodeStatus {
  readonly node: string
  /** POSIX milliseconds: since when the tallies count. */
  readonly since: number
  readonly now: number
  readonly statistics: Readonly<Record<Statistic, Tally>>
  readonly endpoints: readonly EndpointStatus[]
  readonly plans: readonly PlanStatus[]
}

export interface EndpointStatus {
  readonly endpoint: string
  readonly isOpen: boolean
}

export interface PlanStatus {
  /** Node number of the neighbour. */
  readonly node: string
  readonly protocol: string
  readonly duct: string
}

/** What a stored bundle waits for: an application, its neighbour, an acknowledgement, or any way at all. */
export type BundleState = 'delivery' | 'forwarding' | 'release' | 'limbo'

/** A stored bundle, for ION's bplist. */
export interface BundleSummary {
  /** Keys sort in the order of arrival. */
  readonly key: string
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
