/** What a node tells of itself, as metrics. */

import { formatMetrics, type Labels, type Metric } from '../base/metrics.ts'
import type { Queue } from './agent-events.ts'
import type { ControlStatus, DtpcStatus, DtpcWaiting } from './control/status.ts'
import type { Counts, Traffic } from './counters.ts'
import type { NodeStatus } from './node-status.ts'

type MeasuredStatus = NodeStatus & Pick<ControlStatus, 'dtpc'>

/** In the text format of Prometheus. */
export function formatPrometheus(status: MeasuredStatus): string {
  return formatMetrics(metricsOf(status))
}

function metricsOf(status: MeasuredStatus): readonly Metric[] {
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
    ...(status.dtpc === undefined ? [] : dtpcMetrics(status.dtpc)),
  ]
}

function dtpcMetrics({ outgoing, inbox }: DtpcStatus): readonly Metric[] {
  const waiting = { outgoing: outgoing.waiting, inbox: inbox.waiting }
  const of = (numberOf: (one: DtpcWaiting) => number): Metric['samples'] =>
    Object.entries(waiting).map(([where, one]) => [{ where }, numberOf(one)])
  const total = (name: string, help: string, samples: Metric['samples']): Metric => ({
    ...gauge(`dtpc_${name}_total`, help, samples),
    type: 'counter',
  })
  return [
    total('items_sent', 'Items of DTPC taken from applications.', [[{}, outgoing.items]]),
    total('bundles_sent', 'Bundles that bore items of DTPC, again ones too.', [
      [{}, outgoing.bundles],
    ]),
    total('ended', 'ADUs of DTPC that are over, by outcome.', entriesOf(outgoing.over, 'outcome')),
    total('items_received', 'Items of DTPC that came.', [[{}, inbox.received]]),
    total('items_taken', 'Items of DTPC that applications took.', [[{}, inbox.taken]]),
    total('items_let_go', 'Items of DTPC that nobody came for and no room was for.', [
      [{}, inbox.letGo],
    ]),
    gauge(
      'dtpc_waiting',
      'Items and ADUs of DTPC that are not over; items that nobody has taken.',
      of(({ count }) => count),
    ),
    gauge(
      'dtpc_waiting_bytes',
      'Bytes of them.',
      of(({ bytes }) => bytes),
    ),
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
