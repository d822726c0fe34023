import { setImmediate } from 'node:timers/promises'
import { toHex } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { addMs } from '../../src/base/time.ts'
import type { Counts } from '../../src/dtn/counters.ts'
import { BundleNode } from '../../src/dtn/node.ts'
import { stcpConvergenceLayer } from '../../src/dtn/stcp.ts'
import { tcpclConvergenceLayer } from '../../src/dtn/tcpcl.ts'
import { udpConvergenceLayer } from '../../src/dtn/udp.ts'
import { LabNetwork } from '../../src/lab/network.ts'
import { LabStore } from '../../src/lab/store.ts'
import { World } from '../../src/lab/world.ts'
import type { ByteStream, Network } from '../../src/ports/network.ts'

const HOST = '172.21.0.3'
const PORTS = { tcp: 4556, stcp: 4557, mtcp: 4558, udp: 4559 } as const

export type Protocol = keyof typeof PORTS

/** Node 2 listens on every layer, in virtual time, and somebody on the same link connects to it. */
export class HostileLab {
  readonly node: BundleNode
  readonly delivered: Uint8Array[] = []
  readonly #world: World
  readonly #peer: Network

  private constructor() {
    this.#world = new World({ settle: () => setImmediate() })
    const lab = new LabNetwork({ world: this.#world, random: seededRandom(1) })
    lab.addLink(['earth', 'moon'], { oneWayDelayMs: 1, lossShare: 0 })
    const { network, clock } = lab.addHost('node', 'earth', HOST)
    this.#peer = lab.addHost('peer', 'moon', '172.22.0.3').network
    const ports = { network, clock, events: () => {} }
    const at = (protocol: Protocol) => ({ host: HOST, port: PORTS[protocol] })
    this.node = new BundleNode(
      { node: 2n, plans: [] },
      {
        store: new LabStore(),
        clock,
        events: () => {},
        layers: [
          tcpclConvergenceLayer({ listen: at('tcp'), nodeId: 'ipn:2.0', keepaliveSec: 0 }, ports),
          stcpConvergenceLayer({ framing: 'stcp', listen: at('stcp') }, ports),
          stcpConvergenceLayer({ framing: 'mtcp', listen: at('mtcp') }, ports),
          udpConvergenceLayer({ listen: at('udp') }, network, clock),
        ],
      },
    )
    this.node.register(1n, async ({ payload }) => void this.delivered.push(payload))
  }

  static async start(): Promise<HostileLab> {
    const lab = new HostileLab()
    await lab.node.start()
    return lab
  }

  async connect(protocol: Exclude<Protocol, 'udp'>): Promise<HostilePeer> {
    let stream: ByteStream | undefined
    void this.#peer.connect({ host: HOST, port: PORTS[protocol] }, 10_000).then((opened) => {
      stream = opened
    })
    await this.#world.run(() => stream !== undefined)
    return new HostilePeer(stream as ByteStream, (durationMs) => this.runFor(durationMs))
  }

  async datagram(bytes: Uint8Array): Promise<void> {
    const socket = await this.#peer.bind({ host: '172.22.0.3', port: 0 })
    socket.send(bytes, { host: HOST, port: PORTS.udp }, () => {})
    await this.runFor(20)
    await socket.close()
  }

  runFor(durationMs: number): Promise<void> {
    return this.#world.run(addMs(this.#world.now(), durationMs))
  }

  /** What was wrong so far, on this layer and with the bundles that it brought. */
  wrongs(protocol: Protocol): Counts {
    const { layers, refused } = this.node.status()
    return { ...layers.find((layer) => layer.protocol === protocol)?.faults, ...refused }
  }
}

export class HostilePeer {
  readonly #stream: ByteStream
  readonly #runFor: (durationMs: number) => Promise<void>
  /** What the node has said, in hex. */
  heard = ''
  isClosed = false

  constructor(stream: ByteStream, runFor: (durationMs: number) => Promise<void>) {
    this.#stream = stream
    this.#runFor = runFor
    stream.onBytes = (bytes) => {
      this.heard += toHex(bytes)
    }
    stream.onEnd = () => {
      this.isClosed = true
    }
  }

  /** What the node says to these within a moment, in hex. */
  async say(...parts: readonly Uint8Array[]): Promise<string> {
    const before = this.heard.length
    for (const part of parts) this.#stream.send(part)
    await this.#runFor(20)
    return this.heard.slice(before)
  }

  abort(): void {
    this.#stream.abort()
  }
}
