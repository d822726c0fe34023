import { expect, test } from 'vitest'
import { wallMs } from '../base/time.ts'
import { Counters, OTHER_ENDPOINTS } from './counters.ts'
import { ENDPOINTS_COUNTED_MAX } from './limits.ts'
import { formatPrometheus } from './node-metrics.ts'
import type { NodeStatus } from './node-status.ts'

const NO_TRAFFIC = { bundles: 0, bytes: 0 }

const status: NodeStatus = {
  nodeIds: ['ipn:2.0'],
  state: 'running',
  store: { bundles: 3, bytes: 300, bundlesMax: 10, bytesMax: 1000 },
  bundles: { storing: 0, waiting: 2, held: 1, stranded: 0 },
  layers: [
    {
      protocol: 'udp',
      received: { bundles: 5, bytes: 500 },
      sent: NO_TRAFFIC,
      refused: 1,
      retries: 2,
      faults: { 'tcpcl/bad-magic': 2 },
    },
  ],
  neighbours: [
    {
      node: 'ipn:3.0',
      protocol: 'udp',
      duct: 'a"b\\c\nd',
      gate: { state: 'closed', opensAt: wallMs(5) },
      oneWayDelayMs: undefined,
      sent: NO_TRAFFIC,
      received: NO_TRAFFIC,
      retries: 0,
      queue: { bundles: 2, bytes: 200, oldestMs: 1500 },
    },
  ],
  contacts: [],
  endpoints: [],
  refused: { 'bpv7/bad-crc': 1 },
  deleted: { 'lifetime expired': 4 },
  reports: { sent: 0, leftOut: 0, received: 0 },
}

test('each number is a sample with its labels, each metric with its type and its help', () => {
  const text = formatPrometheus(status)
  for (const line of [
    '# HELP lightlag_bundle_node_store_bundles Bundles in the store.',
    '# TYPE lightlag_bundle_node_store_bundles gauge',
    'lightlag_bundle_node_store_bundles 3',
    'lightlag_bundle_node_bundles{state="held"} 1',
    'lightlag_bundle_node_layer_faults_total{protocol="udp",reason="tcpcl/bad-magic"} 2',
    '# TYPE lightlag_bundle_node_layer_received_bytes_total counter',
    'lightlag_bundle_node_layer_received_bytes_total{protocol="udp"} 500',
    'lightlag_bundle_node_contacts 0',
    'lightlag_bundle_node_refused_total{reason="bpv7/bad-crc"} 1',
    'lightlag_bundle_node_deleted_total{reason="lifetime expired"} 4',
    'lightlag_bundle_node_status_reports_total{direction="leftOut"} 0',
  ]) {
    expect(text.split('\n')).toContain(line)
  }
})

const waiting = { count: 0, bytes: 0 }
const dtpc = {
  outgoing: { items: 7, bundles: 3, over: { acknowledged: 2 }, waiting: { count: 1, bytes: 90 } },
  inbox: { received: 5, taken: 4, letGo: 1, waiting },
}

test('what DTPC has done is among them where the node speaks it', () => {
  expect(formatPrometheus(status)).not.toContain('dtpc')
  const lines = formatPrometheus({ ...status, dtpc }).split('\n')
  for (const line of [
    '# TYPE lightlag_bundle_node_dtpc_items_sent_total counter',
    'lightlag_bundle_node_dtpc_items_sent_total 7',
    'lightlag_bundle_node_dtpc_bundles_sent_total 3',
    'lightlag_bundle_node_dtpc_ended_total{outcome="acknowledged"} 2',
    'lightlag_bundle_node_dtpc_items_received_total 5',
    'lightlag_bundle_node_dtpc_items_taken_total 4',
    'lightlag_bundle_node_dtpc_items_let_go_total 1',
    'lightlag_bundle_node_dtpc_waiting{where="outgoing"} 1',
    'lightlag_bundle_node_dtpc_waiting{where="inbox"} 0',
    'lightlag_bundle_node_dtpc_waiting_bytes{where="outgoing"} 90',
  ]) {
    expect(lines).toContain(line)
  }
})

test('label values are escaped, and every line ends', () => {
  const text = formatPrometheus(status)
  expect(text).toContain('{node="ipn:3.0",protocol="udp",duct="a\\"b\\\\c\\nd"} 1.5\n')
  expect(text.endsWith('\n')).toBe(true)
  for (const line of text.trimEnd().split('\n')) {
    expect(line).toMatch(
      /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="([^"\\]|\\.)*"(,[a-z]+="([^"\\]|\\.)*")*\})? [\d.]+)$/,
    )
  }
})

test('no metric is named twice', () => {
  const names = [...formatPrometheus({ ...status, dtpc }).matchAll(/^# TYPE (\S+)/gm)].map(
    ([, name]) => name,
  )
  expect(new Set(names).size).toBe(names.length)
})

test('endpoints beyond the bound are counted together', () => {
  const counters = new Counters()
  for (let i = 0; i < ENDPOINTS_COUNTED_MAX + 5; i++) counters.delivered(`ipn:2.${i}`, 10)
  counters.delivered('ipn:2.0', 10)
  expect(counters.endpoints.size).toBe(ENDPOINTS_COUNTED_MAX + 1)
  expect(counters.endpoints.get(OTHER_ENDPOINTS)?.delivered).toEqual({ bundles: 5, bytes: 50 })
  expect(counters.endpoints.get('ipn:2.0')?.delivered).toEqual({ bundles: 2, bytes: 20 })
})

test('what was read of the counters does not change any more', () => {
  const counters = new Counters()
  const before = counters.layer('udp')
  counters.received('udp', 7)
  expect(before.received).toEqual(NO_TRAFFIC)
  expect(counters.layer('udp').received).toEqual({ bundles: 1, bytes: 7 })
})
