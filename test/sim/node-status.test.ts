import { expect, test } from 'vitest'
import { fromUtf8 } from '../../src/base/bytes.ts'
import { Fault } from '../../src/base/fault.ts'
import { RETRY_FIRST_MS } from '../../src/dtn/limits.ts'
import { formatPrometheus } from '../../src/dtn/node-metrics.ts'
import { BLOCK_TYPES } from '../../src/proto/bpv7/bundle.ts'
import { ipnEndpoint } from '../../src/proto/bpv7/endpoint-id.ts'
import { encodePreviousNode } from '../../src/proto/bpv7/extension/previous-node.ts'
import { BundleLab, bundleFor } from '../support/bundle-lab.ts'

test('what passes is counted by layer, by neighbour and by endpoint, and what waits is measured', async () => {
  const lab = await BundleLab.start({}, [1n])
  const outcomes = [new Fault('test/busy', 'later', { temporary: true }), undefined]
  lab.node.register(2n, async () => {
    const fault = outcomes.shift()
    if (fault !== undefined) throw fault
  })
  lab.node.declare(3n, 'defer')
  const data = encodePreviousNode(ipnEndpoint(3n, 0n))
  const blocks = [
    { type: BLOCK_TYPES.previousNode, number: 2, flags: 0n, crcType: 0 as const, data },
  ]
  const here = bundleFor(ipnEndpoint(2n, 1n), { blocks, data: fromUtf8('12345') })
  const there = bundleFor(ipnEndpoint(3n, 9n))
  const busy = bundleFor(ipnEndpoint(2n, 2n), {
    primary: { creationTimestamp: { time: 848_736_000_000n, sequence: 1n } },
  })
  const waiting = bundleFor(ipnEndpoint(2n, 3n), {
    primary: { creationTimestamp: { time: 848_736_000_000n, sequence: 2n } },
  })
  await lab.exchange(here, there, busy, waiting, fromUtf8('nonsense'))
  await lab.perform(
    lab.node.send({
      sourceService: 1n,
      destination: ipnEndpoint(77n, 1n),
      payload: fromUtf8('abc'),
      lifetimeMs: 1e6,
    }),
  )
  await lab.runFor(2 * RETRY_FIRST_MS)
  const status = lab.node.status()
  const receivedBytes = [here, there, busy, waiting].reduce((sum, b) => sum + b.length, 0)
  expect(status.layers).toEqual([
    {
      protocol: 'udp',
      received: { bundles: 5, bytes: receivedBytes + 8 },
      sent: { bundles: 1, bytes: lab.datagrams[0]?.length },
      refused: 1,
      retries: 0,
      faults: {},
    },
  ])
  expect(status.neighbours).toMatchObject([
    {
      node: 'ipn:3.0',
      sent: { bundles: 1 },
      received: { bundles: 1, bytes: here.length },
      queue: { bundles: 0, bytes: 0, oldestMs: undefined },
    },
  ])
  const endpoint = (name: string) => status.endpoints.find((each) => each.endpoint === name)
  expect(endpoint('ipn:2.1')).toMatchObject({
    state: 'active',
    delivered: { bundles: 1, bytes: 5 },
    sent: { bundles: 1, bytes: 3 },
  })
  expect(endpoint('ipn:2.2')).toMatchObject({ delivered: { bundles: 1 }, retries: 1 })
  expect(endpoint('ipn:2.3')).toMatchObject({
    state: 'closed',
    queue: { bundles: 1, bytes: waiting.length, oldestMs: 2 * RETRY_FIRST_MS + 20 - 1 },
  })
  expect(status.refused).toEqual({ 'cbor/unexpected-item': 1 })
  expect(status.bundles).toEqual({ storing: 0, waiting: 2, held: 0, stranded: 1 })
  expect(formatPrometheus(status)).toContain(
    `lightlag_bundle_node_endpoint_queue_bytes{endpoint="ipn:2.3"} ${waiting.length}\n`,
  )
  expect(JSON.parse(JSON.stringify(status))).toMatchObject({
    nodeIds: ['ipn:2.0'],
    state: 'running',
  })
})

test('a neighbour that cannot be reached shows in its retries and its queue', async () => {
  const plans = [{ node: 3n, protocol: 'udp', duct: 'nowhere' }]
  const lab = await BundleLab.start({ plans })
  await lab.exchange(bundleFor(ipnEndpoint(3n, 9n)))
  await lab.runFor(RETRY_FIRST_MS)
  const [neighbour] = lab.node.status().neighbours
  expect(neighbour?.retries).toBe(2)
  expect(neighbour?.queue).toMatchObject({ bundles: 1 })
  expect(neighbour?.queue.oldestMs).toBeGreaterThan(RETRY_FIRST_MS)
})
