// A bundle node with a durable store and real sockets, in a process that a test kills. Its job comes
// as its only argument; it says `{ up }` when it runs and `{ count }` at each step of its work.

import { BundleNode } from '../../dist/dtn/node.js'
import { stcpConvergenceLayer } from '../../dist/dtn/stcp.js'
import { tcpclConvergenceLayer } from '../../dist/dtn/tcpcl.js'
import { udpConvergenceLayer } from '../../dist/dtn/udp.js'
import { hostClock } from '../../dist/host/clock.js'
import { hostNetwork } from '../../dist/host/network.js'
import { openLmdbStore } from '../../dist/host/store.js'
import { parseAddress } from '../../dist/ports/network.js'
import { ipnEndpoint } from '../../dist/proto/bpv7/endpoint-id.js'
import { ConfirmedSending } from './confirmed-sending.js'

/** { role, layer, listen, peer, directory, count, payloadBytes } */
const job = JSON.parse(process.argv[2])
const [own, other] = job.role === 'sender' ? [2n, 3n] : [3n, 2n]
const isAcknowledged = job.layer.startsWith('tcp')
const DELIVERED = 'delivered'
const LIFETIME_MS = 3_600_000

const store = await openLmdbStore(job.directory, { capacityBytes: 2 ** 30 })
const layer = newLayer()
const node = new BundleNode(
  {
    node: own,
    plans: [{ node: other, protocol: layer.protocol, duct: job.peer }],
    statusReports: { ratePerSec: 1_000_000 },
    limits: { ownRecordCountMax: 2 * job.count },
  },
  { store, clock: hostClock, events: () => {}, layers: [layer] },
)

process.on('disconnect', () => process.exit(1))
process.on('message', () => void stop())
if (job.role === 'sender') await send()
else await receive()

async function send() {
  const sending = new ConfirmedSending({
    node,
    store,
    clock: hostClock,
    count: job.count,
    isAcknowledged,
    request: (number) => ({
      sourceService: 1n,
      destination: ipnEndpoint(other, 1n),
      payload: payloadOf(number),
      lifetimeMs: LIFETIME_MS,
      ...(!isAcknowledged && { reports: { kinds: ['delivered'] } }),
    }),
    onConfirmed: (count) => tell({ count }),
  })
  node.register(1n, (adu) => sending.hear(adu))
  await node.start()
  tell({ up: true })
  await sending.run()
  tell({ done: true })
}

/** Counts, in its own store, how often each number is delivered. */
async function receive() {
  let count = [...store.keys(DELIVERED, {})].length
  node.register(1n, async ({ payload }, alongside) => {
    const key = String(new DataView(payload.buffer, payload.byteOffset).getUint32(0))
    const times = (store.get(DELIVERED, key)?.[0] ?? 0) + 1
    alongside([{ table: DELIVERED, key, value: Uint8Array.of(times) }])
    if (times === 1) tell({ count: ++count })
  })
  await node.start()
  tell({ up: true })
}

async function stop() {
  await node.stop()
  await store.close()
  process.exit(0)
}

function payloadOf(number) {
  const payload = new Uint8Array(job.payloadBytes)
  new DataView(payload.buffer).setUint32(0, number)
  return payload
}

function newLayer() {
  const listen = parseAddress(job.listen)
  const ports = { network: hostNetwork, clock: hostClock, events: () => {} }
  switch (job.layer) {
    case 'udp':
      // Slower than a receiver that shares the processor loses datagrams.
      return udpConvergenceLayer({ listen, rateBytesPerSec: 4_000_000 }, hostNetwork, hostClock)
    case 'stcp':
    case 'mtcp':
      return stcpConvergenceLayer({ framing: job.layer, listen }, ports)
    default:
      return tcpclConvergenceLayer(
        { listen, nodeId: `ipn:${own}.0`, versions: [job.layer === 'tcp3' ? 3 : 4] },
        ports,
      )
  }
}

function tell(message) {
  process.send(message)
}
