import { setImmediate } from 'node:timers/promises'
import { toUtf8 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { monoMs, type WallMs } from '../../src/base/time.ts'
import type { LinkQuality } from '../../src/config/link-quality.ts'
import { BundleNode, type BundleNodeOptions, type ReceivedAdu } from '../../src/dtn/node.ts'
import { udpConvergenceLayer } from '../../src/dtn/udp.ts'
import { LabNetwork } from '../../src/lab/network.ts'
import { LabStore } from '../../src/lab/store.ts'
import { World } from '../../src/lab/world.ts'
import type { HostEvent } from '../../src/ports/events.ts'
import type { DatagramSocket } from '../../src/ports/network.ts'
import type { Bundle } from '../../src/proto/bpv7/bundle.ts'
import { decodeBundle, encodeBundle } from '../../src/proto/bpv7/codec.ts'
import { ipnEndpoint, NULL_ENDPOINT } from '../../src/proto/bpv7/endpoint-id.ts'
import {
  decodeAdministrativeRecord,
  STATUS_KINDS,
  type StatusReport,
} from '../../src/proto/bpv7/status-report.ts'

export interface BundleLabOptions extends Partial<BundleNodeOptions> {
  readonly wallAtStart?: WallMs
  readonly store?: LabStore
  /** Between the two. */
  readonly link?: Partial<LinkQuality>
}

const NODE = { host: '172.21.0.3', port: 2113 }
const PEER = { host: '172.22.0.3', port: 3113 }

/** Node 2, real but for its surroundings, and a neighbour, node 3, that is only a socket. */
export class BundleLab {
  readonly world: World
  readonly node: BundleNode
  readonly store: LabStore
  readonly events: HostEvent[] = []
  /** Every datagram that came to the neighbour. */
  readonly datagrams: Uint8Array[] = []
  /** When each came, in milliseconds since the beginning. */
  readonly arrivals: number[] = []
  readonly delivered: ReceivedAdu[] = []
  readonly #network: LabNetwork
  #socket: DatagramSocket | undefined

  private constructor(options: BundleLabOptions) {
    const { wallAtStart } = options
    this.world = new World({
      settle: () => setImmediate(),
      ...(wallAtStart !== undefined && { wallAtStart }),
    })
    this.#network = new LabNetwork({ world: this.world, random: seededRandom(1) })
    this.#network.addLink(['earth', 'moon'], { oneWayDelayMs: 1, lossShare: 0, ...options.link })
    const { clock, network } = this.#network.addHost('node', 'earth', NODE.host)
    const plans = [{ node: 3n, protocol: 'udp', duct: `${PEER.host}:${PEER.port}` }]
    this.store = options.store ?? new LabStore()
    this.node = new BundleNode(
      { node: 2n, plans, ...options },
      {
        store: this.store,
        clock,
        events: (event) => void this.events.push(event),
        layers: [udpConvergenceLayer({ listen: NODE }, network, clock)],
      },
    )
  }

  /** `services` are registered before anything comes. */
  static async start(
    options: BundleLabOptions = {},
    services: readonly bigint[] = [],
  ): Promise<BundleLab> {
    const lab = new BundleLab(options)
    for (const service of services) {
      lab.node.register(service, async (adu) => void lab.delivered.push(adu))
    }
    await lab.node.start()
    const host = lab.#network.addHost('peer', 'moon', PEER.host)
    lab.#socket = await host.network.bind(PEER)
    lab.#socket.onDatagram = (bytes) => {
      lab.datagrams.push(bytes.slice())
      lab.arrivals.push(lab.world.now())
    }
    return lab
  }

  /** The neighbour sends these one after the other. */
  send(...datagrams: readonly Uint8Array[]): void {
    for (const bytes of datagrams) this.#socket?.send(bytes, NODE, () => {})
  }

  /** The neighbour sends this, and time passes until all that follows at once has happened. */
  async exchange(...datagrams: readonly Uint8Array[]): Promise<void> {
    this.send(...datagrams)
    await this.runFor(20)
  }

  runFor(durationMs: number): Promise<void> {
    return this.world.run(monoMs(this.world.now() + durationMs))
  }

  /** Carries out `work` while time passes. */
  perform<T>(work: Promise<T>): Promise<T> {
    return this.world.perform(work)
  }

  /** The bundles that came to the neighbour; whatever is none fails the test. */
  get bundles(): readonly Bundle[] {
    return this.datagrams.map((bytes) => {
      const decoded = decodeBundle(bytes)
      if (!decoded.ok) throw decoded.fault
      return decoded.value
    })
  }

  get reports(): readonly StatusReport[] {
    return this.bundles.flatMap(({ primary, payload }) => {
      if ((primary.flags & 2n) === 0n) return []
      const record = decodeAdministrativeRecord(payload.data)
      if (!record.ok) throw record.fault
      return record.value.type === 'status-report' ? [record.value.report] : []
    })
  }

  get texts(): readonly string[] {
    return this.delivered.map(({ payload }) => toUtf8(payload))
  }

  reasons(type: 'bundle-refused' | 'bundle-deleted'): readonly string[] {
    return this.events.flatMap((event) => (event.type === type ? [event.reason] : []))
  }
}

/** `deleted 1`: what a report asserts and the reason that it gives. */
export function told(report: StatusReport): string {
  return `${STATUS_KINDS.filter((kind) => report[kind].asserted).join('+')} ${report.reason}`
}

/** A bundle of node 9 for node 2, as bytes. */
export function bundleFor(
  destination: Bundle['primary']['destination'],
  more: {
    readonly primary?: Partial<Bundle['primary']>
    readonly blocks?: Bundle['blocks']
    readonly data?: Uint8Array
  } = {},
): Uint8Array {
  return encodeBundle({
    primary: {
      flags: 0n,
      crcType: 2,
      destination,
      source: ipnEndpoint(9n, 1n),
      reportTo: NULL_ENDPOINT,
      creationTimestamp: { time: 848_736_000_000n, sequence: 0n },
      lifetimeMs: 3_600_000n,
      ...more.primary,
    },
    blocks: more.blocks ?? [],
    payload: { type: 1, number: 1, flags: 0n, crcType: 2, data: more.data ?? new Uint8Array(3) },
  })
}
