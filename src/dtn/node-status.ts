/** A node at one moment, as a value: for `lightlag node status`, for JSON, for metrics. */

import { formatMetrics, type Labels, type Metric } from '../base/metrics.ts'
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
  type Traffic,
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

/** In the text format of Prometheus. */
export function formatPrometheus(status: NodeStatus): string {
  return formatMetrics(metricsOf(status))
}

function metricsOf(status: NodeStatus): readonly Metric[] {
  const { store, bundles, reports } = status
  const neighbours = status.neighbours.map(({ node, until, protocol, duct, ...counts }) => {
    const labels = { node, ...(until !== undefined && { until }), protocol, duct }
    return [labels, counts] as const
  })
  const layers = status.layers.map((layer) => [{ protocol: layer.protocol }, layer] as const)
  const endpoints = status.endpoints.map((e) => [{ endpoint: e.endpoint }, e] as const)
  return [
    gauge('store_bundles', 'Bundles in the store.', [[{}, store.bundles]]),
    gauge('store_bundles_max', 'Bundles that the store takes.', [[{}, store.bundlesMax]]),
    gauge('store_bytes', 'Bytes of bundles in the store.', [[{}, store.bytes]]),
    gauge('store_bytes_max', 'Bytes of bundles that the store takes.', [[{}, store.bytesMax]]),
    gauge('bundles', 'Bundles by what they wait for.', entriesOf(bundles, 'state')),
    ...traffic('layer_received', 'received by the convergence layer', layers, (l) => l.received),
    ...traffic('layer_sent', 'sent by the convergence layer', layers, (l) => l.sent),
    counter('layer_refused_total', 'Bundles refused on arrival.', layers, (l) => l.refused),
    {
      ...gauge(
        'layer_faults_total',
        'Sessions that ended badly and messages that made no sense, by reason.',
        layers.flatMap(([labels, { faults }]) =>
          Object.entries(faults).map(([reason, count]) => [{ ...labels, reason }, count] as const),
        ),
      ),
      type: 'counter',
    },
    counter('layer_retries_total', 'Transmissions that failed for now.', layers, (l) => l.retries),
    ...traffic('neighbour_received', 'received from the neighbour', neighbours, (n) => n.received),
    ...traffic('neighbour_sent', 'sent to the neighbour', neighbours, (n) => n.sent),
    counter(
      'neighbour_retries_total',
      'Transmissions that failed for now.',
      neighbours,
      (n) => n.retries,
    ),
    ...queue('neighbour', 'for the neighbour', neighbours),
    gauge(
      'neighbour_open',
      'Whether bundles may leave for the neighbour: 0 between contacts.',
      neighbours.map(([labels, { gate }]) => [labels, gate.state === 'closed' ? 0 : 1]),
    ),
    gauge(
      'neighbour_contact_rate_bytes_per_second',
      'Rate of the contact that is open.',
      neighbours.flatMap(([labels, { gate }]) =>
        gate.state === 'open' ? [[labels, gate.rateBytesPerSec] as const] : [],
      ),
    ),
    gauge('contacts', 'Contacts in the plan that are not over.', [[{}, status.contacts.length]]),
    ...traffic('endpoint_sent', 'sent from the endpoint', endpoints, (e) => e.sent),
    ...traffic('endpoint_delivered', 'delivered at the endpoint', endpoints, (e) => e.delivered),
    counter(
      'endpoint_retries_total',
      'Deliveries that failed for now.',
      endpoints,
      (e) => e.retries,
    ),
    counter('endpoint_refused_total', 'ADUs refused for good.', endpoints, (e) => e.refused),
    ...queue('endpoint', 'at the endpoint', endpoints),
    {
      ...gauge(
        'refused_total',
        'Bundles not taken, by reason.',
        entriesOf(status.refused, 'reason'),
      ),
      type: 'counter',
    },
    {
      ...gauge('deleted_total', 'Bundles deleted, by reason.', entriesOf(status.deleted, 'reason')),
      type: 'counter',
    },
    {
      ...gauge('status_reports_total', 'Status reports.', entriesOf({ ...reports }, 'direction')),
      type: 'counter',
    },
  ]
}

const PREFIX = 'lightlag_bundle_node_'

function gauge(name: string, help: string, samples: Metric['samples']): Metric {
  return { name: `${PREFIX}${name}`, type: 'gauge', help, samples }
}

function counter<T>(
  name: string,
  help: string,
  subjects: readonly (readonly [Labels, T])[],
  numberOf: (subject: T) => number,
): Metric {
  const samples = subjects.map(([labels, subject]) => [labels, numberOf(subject)] as const)
  return { name: `${PREFIX}${name}`, type: 'counter', help, samples }
}

function traffic<T>(
  name: string,
  what: string,
  subjects: readonly (readonly [Labels, T])[],
  trafficOf: (subject: T) => Traffic,
): readonly Metric[] {
  return [
    counter(`${name}_bundles_total`, `Bundles ${what}.`, subjects, (s) => trafficOf(s).bundles),
    counter(`${name}_bytes_total`, `Bytes ${what}.`, subjects, (s) => trafficOf(s).bytes),
  ]
}

function queue<T extends { readonly queue: Queue }>(
  name: string,
  where: string,
  subjects: readonly (readonly [Labels, T])[],
): readonly Metric[] {
  const of = (numberOf: (queue: Queue) => number): Metric['samples'] =>
    subjects.map(([labels, subject]) => [labels, numberOf(subject.queue)] as const)
  return [
    gauge(
      `${name}_queue_bundles`,
      `Bundles waiting ${where}.`,
      of((q) => q.bundles),
    ),
    gauge(
      `${name}_queue_bytes`,
      `Bytes waiting ${where}.`,
      of((q) => q.bytes),
    ),
    gauge(
      `${name}_queue_oldest_seconds`,
      `Age of the oldest bundle waiting ${where}.`,
      of((q) => (q.oldestMs ?? 0) / 1000),
    ),
  ]
}

function entriesOf(counts: Counts, label: string): Metric['samples'] {
  return Object.entries(counts).map(([name, value]) => [{ [label]: name }, value])
}
