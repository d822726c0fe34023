/** One of the two nodes of the bundles benchmark; its job comes as its only argument. */

import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import type { ConvergenceLayer } from '../dtn/convergence-layer.ts'
import { BundleNode, type PayloadCrc, type ReceivedAdu, type SendRequest } from '../dtn/node.ts'
import { stcpConvergenceLayer } from '../dtn/stcp.ts'
import { tcpclConvergenceLayer } from '../dtn/tcpcl.ts'
import { udpConvergenceLayer } from '../dtn/udp.ts'
import { hostClock } from '../host/clock.ts'
import { hostCrc32c } from '../host/crc32c.ts'
import { hostNetwork } from '../host/network.ts'
import { openLmdbStore } from '../host/store.ts'
import { LabStore } from '../lab/store.ts'
import { formatAddress, type SocketAddress } from '../ports/network.ts'
import { ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'

export type Layer = 'udp' | 'tcp' | 'stcp'
export type StoreKind = 'memory' | 'durable'

export interface Job {
  readonly role: 'sender' | 'receiver'
  readonly layer: Layer
  readonly store: StoreKind
  readonly directory: string
  readonly bytes: number
  readonly count: number
  /** The receiver's address, for the sender. */
  readonly to: string
  readonly rateBytesPerSec: number | undefined
  readonly payloadCrc: PayloadCrc
}

export type Told =
  | { readonly type: 'listening'; readonly address: string }
  | ({ readonly type: 'sent'; readonly startedAt: number } & Cost)
  | ({ readonly type: 'received'; readonly endedAt: number; readonly count: number } & Cost)

interface Cost {
  readonly cpuSec: number
  readonly rssMiB: number
}

/** Bundles handed to the node and not yet handed over to the neighbour: a disk is waited for longer. */
const WINDOWS: Readonly<Record<StoreKind, number>> = { memory: 1024, durable: 2048 }
/** Of the memory store alone: what is in flight is what collections of garbage have to copy. */
const WINDOW_BYTES = 4_000_000
/** First byte of what is sent before the clock starts. */
const WARM_UP = 0x77
const WARM_UP_COUNT = 10_000
const WARM_UP_STEP = 8
const WARM_UP_REST_MS = 500
/** Silence after which the rest counts as lost. */
const SILENCE_MS = 10_000

const job = JSON.parse(process.argv[2] ?? '') as Job

const store =
  job.store === 'memory'
    ? new LabStore({ isSuspicious: false })
    : await openLmdbStore(job.directory, { capacityBytes: 4 * 2 ** 30 })
const address = await freeAddress()
let isTransmitted = (): void => {}
const layer = counting(newLayer())
const node = new BundleNode(
  {
    node: job.role === 'sender' ? 2n : 3n,
    payloadCrc: job.payloadCrc,
    plans: job.role === 'sender' ? [{ node: 3n, protocol: job.layer, duct: job.to }] : [],
  },
  { store, clock: hostClock, events: () => {}, layers: [layer], crc32c: hostCrc32c },
)

process.on('disconnect', () => process.exit(0))
if (job.role === 'receiver') await receive()
else await send()

async function receive(): Promise<void> {
  let count = 0
  let endedAt = 0
  let done = (): void => {}
  const finished = new Promise<void>((resolve) => {
    done = resolve
  })
  const take = async ({ payload }: ReceivedAdu): Promise<void> => {
    if (payload[0] === WARM_UP) return
    endedAt = Date.now()
    if (++count === job.count) done()
  }
  node.register(1n, take, { borrows: true })
  await node.start()
  const silence = setInterval(() => {
    if (count > 0 && Date.now() - endedAt > SILENCE_MS) done()
  }, 200)
  tell({ type: 'listening', address: formatAddress(address) })
  await finished
  clearInterval(silence)
  tell({ type: 'received', endedAt, count, ...cost() })
}

async function send(): Promise<void> {
  await node.start()
  await warmUp()
  const payload = new Uint8Array(job.bytes).fill(0x61)
  const startedAt = Date.now()
  let left = job.count
  const isInMemory = job.store === 'memory'
  const fitting = isInMemory ? Math.ceil(WINDOW_BYTES / job.bytes) : Number.POSITIVE_INFINITY
  let free = Math.min(WINDOWS[job.store], fitting)
  let wake = (): void => {}
  isTransmitted = () => {
    free++
    wake()
  }
  while (left > 0) {
    for (; free > 0 && left > 0; free--, left--) void node.send(bundle(payload))
    await new Promise<void>((resolve) => {
      wake = resolve
    })
  }
  tell({ type: 'sent', startedAt, ...cost() })
  await once(process, 'disconnect')
}

/** What runs for the first time runs slowly, and a neighbour that is slow loses datagrams. */
async function warmUp(): Promise<void> {
  const payload = new Uint8Array(job.bytes).fill(WARM_UP)
  for (let left = WARM_UP_COUNT; left > 0; ) {
    for (let i = 0; i < WARM_UP_STEP; i++, left--) void node.send(bundle(payload))
    await setTimeout(1)
  }
  await setTimeout(WARM_UP_REST_MS)
}

function bundle(payload: Uint8Array): SendRequest {
  return {
    sourceService: 1n,
    destination: ipnEndpoint(3n, 1n),
    payload,
    lifetimeMs: 3_600_000,
  }
}

function newLayer(): ConvergenceLayer {
  const ports = { network: hostNetwork, clock: hostClock, events: () => {} }
  const listen = job.role === 'receiver' ? { listen: address } : {}
  switch (job.layer) {
    case 'udp': {
      const { rateBytesPerSec } = job
      const rate = rateBytesPerSec === undefined ? {} : { rateBytesPerSec }
      return udpConvergenceLayer({ listen: address, ...rate }, hostNetwork, hostClock)
    }
    case 'tcp':
      return tcpclConvergenceLayer(
        { ...listen, nodeId: job.role === 'sender' ? 'ipn:2.0' : 'ipn:3.0' },
        ports,
      )
    case 'stcp':
      return stcpConvergenceLayer({ ...listen, framing: 'stcp' }, ports)
  }
}

/** The same layer, whose answers are heard here too. */
function counting(layer: ConvergenceLayer): ConvergenceLayer {
  return {
    protocol: layer.protocol,
    bundleBytesMax: layer.bundleBytesMax,
    hasLeft: layer.hasLeft === true,
    start: (receive) => layer.start(receive),
    stop: () => layer.stop(),
    transmit: (bundle, duct, done) =>
      layer.transmit(bundle, duct, (fault) => {
        if (fault === undefined) isTransmitted()
        done(fault)
      }),
  }
}

/** One that was free a moment ago. */
async function freeAddress(): Promise<SocketAddress> {
  const listener = await hostNetwork.listen({ host: '127.0.0.1', port: 0 }, () => {})
  await listener.close()
  return listener.address
}

function cost(): Cost {
  const { user, system } = process.cpuUsage()
  return {
    cpuSec: Math.round((user + system) / 1e4) / 100,
    rssMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
  }
}

function tell(message: Told): void {
  process.send?.(message)
}
