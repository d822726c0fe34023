/** A node at one moment, as a value: for `lightlag node status`, for JSON, for metrics. */

import type { MonoMs, WallMs } from '../base/time.ts'
import { formatEndpointId, ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import type { BundleAgent } from './agent.ts'
import { EMPTY_QUEUE, type Queue, type RegistrationQueue } from './agent-events.ts'
import type { BundleStore } from './bundle-store.ts'
import type { Contact, Gate, NodePair } from './contact-plan.ts'
import {
  type Counters,
  type Counts,
  type EndpointCounts,
  type LayerCounts,
  type NeighbourCounts,
  noEndpointCounts,
  type ReportCounts,
} from './counters.ts'
import type { BundleNodeLimits } from './limits.ts'
import { administrativeEndpoints, type NodeNames } from './membership.ts'
import type { Neighbours } from './neighbours.ts'
import type { RegistrationState, WhenInactive } from './registration.ts'
import { neighbourOf } from './static-plan.ts'

export interface NodeStatus {
  /** The node IDs: `ipn:2.0` and, where it has one, `dtn://moon/`. */
  readonly nodeIds: readonly string[]
  readonly state: 'new' | 'running' | 'stopped'
  readonly store: {
    readonly bundles: number
    readonly bytes: number
    readonly bundlesMax: number
    readonly bytesMax: number
  }
  readonly bundles: {
    /** On their way to the disk. */
    readonly storing: number
    readonly waiting: number
    /** Forwarded, and kept until they are released. */
    readonly held: number
    /** Of those that wait: from others, with nowhere to go. */
    readonly stranded: number
  }
  readonly layers: readonly LayerStatus[]
  readonly neighbours: readonly NeighbourStatus[]
  /** Of the whole plan, those between other nodes among them, that are not over. */
  readonly contacts: readonly ContactStatus[]
  readonly endpoints: readonly EndpointStatus[]
  /** Bundles that were not taken, by the code of the Fault. */
  readonly refused: Counts
  /** Bundles that were deleted, by the reason. RFC 9171 §9.5. */
  readonly deleted: Counts
  readonly reports: ReportCounts
}

export interface LayerStatus extends LayerCounts {
  readonly protocol: string
}

export interface NeighbourStatus extends NeighbourCounts {
  /** Its node ID, or that of the first node that the plan is for. */
  readonly node: string
  /** That of the last one, where they are several. */
  readonly until?: string
  readonly protocol: string
  readonly duct: string
  /** Whether bundles for it may leave now, by the contacts with whoever is at the other end of the duct. */
  readonly gate: Gate
  /** Undefined where no range says. */
  readonly oneWayDelayMs: number | undefined
  readonly queue: Queue
}

/** `source` and `destination` are node IDs, times POSIX milliseconds. */
export interface ContactStatus extends Omit<Contact, keyof NodePair> {
  readonly source: string
  readonly destination: string
}

export interface EndpointStatus extends EndpointCounts {
  readonly endpoint: string
  readonly state: RegistrationState
  readonly whenInactive: WhenInactive
  readonly queue: Queue
}

/** What the parts of a node know. */
export interface NodeParts {
  readonly names: NodeNames
  readonly neighbours: Neighbours
  readonly protocols: readonly string[]
  readonly state: NodeStatus['state']
  readonly store: Pick<BundleStore, 'count' | 'usedBytes'>
  readonly limits: BundleNodeLimits
  readonly agent: BundleAgent
  readonly counters: Counters
  readonly reportsLeftOut: number
  readonly now: MonoMs
  readonly wall: WallMs
}

export function statusOf(parts: NodeParts): NodeStatus {
  const { names, store, limits, agent, neighbours, counters, now, wall } = parts
  const planQueues = agent.planQueues(now)
  return {
    nodeIds: administrativeEndpoints(names).map(formatEndpointId),
    state: parts.state,
    store: {
      bundles: store.count,
      bytes: store.usedBytes,
      bundlesMax: limits.storeCountMax,
      bytesMax: Math.floor(limits.storeBytesMax),
    },
    bundles: { ...agent.census, stranded: agent.strandedCount },
    layers: parts.protocols.map((protocol) => ({ protocol, ...counters.layer(protocol) })),
    neighbours: agent.plans.map((plan) => ({
      node: nodeId(plan.node),
      ...(plan.until !== undefined && { until: nodeId(plan.until) }),
      protocol: plan.protocol,
      duct: plan.duct,
      gate: neighbours.gate(neighbourOf(plan), wall),
      oneWayDelayMs: neighbours.oneWayDelayMs(neighbourOf(plan), wall),
      ...counters.neighbour(plan),
      queue: planQueues.get(plan) ?? EMPTY_QUEUE,
    })),
    contacts: neighbours.contactPlan.contacts
      .filter(({ until }) => until > wall)
      .map((contact) => ({
        ...contact,
        source: nodeId(contact.source),
        destination: nodeId(contact.destination),
      })),
    endpoints: endpointsOf(agent.registrationQueues(now), counters),
    refused: counters.refusals,
    deleted: counters.deletions,
    reports: { ...counters.reports, leftOut: parts.reportsLeftOut },
  }
}

function nodeId(node: bigint): string {
  return formatEndpointId(ipnEndpoint(node, 0n))
}

/** The endpoints that exist, and those that were open once. */
function endpointsOf(
  queues: readonly RegistrationQueue[],
  counters: Counters,
): readonly EndpointStatus[] {
  const counts = new Map(counters.endpoints)
  const present = queues.map(({ endpoint, state, whenInactive, ...queue }): EndpointStatus => {
    const name = formatEndpointId(endpoint)
    const counted = counts.get(name) ?? noEndpointCounts()
    counts.delete(name)
    return { endpoint: name, state, whenInactive, ...counted, queue }
  })
  const past = [...counts].map(([endpoint, counted]): EndpointStatus => {
    return { endpoint, state: 'closed', whenInactive: 'defer', ...counted, queue: EMPTY_QUEUE }
  })
  return [...present, ...past]
}
