/**
 * Bare bundle nodes on a torus of planes and places, each with four neighbours: those in its plane are
 * always there, those beside it come and go. All send to a few gateways along static plans.
 */

import { seededRandom } from '../base/random.ts'
import { addMs, monoMs, wallMs } from '../base/time.ts'
import type { LinkContact } from '../config/link-quality.ts'
import type { Contact } from '../dtn/contact-plan.ts'
import { BundleNode } from '../dtn/node.ts'
import type { StaticPlan } from '../dtn/static-plan.ts'
import { udpConvergenceLayer } from '../dtn/udp.ts'
import { hostCrc32c } from '../host/crc32c.ts'
import { PromptSettling } from '../host/settle.ts'
import { Capture } from '../lab/capture.ts'
import { LabNetwork } from '../lab/network.ts'
import { LabStore } from '../lab/store.ts'
import { World } from '../lab/world.ts'
import { ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'

export interface ConstellationSize {
  readonly nodes: number
  /** Of each link that comes and goes, in 24 hours. */
  readonly contactsPerLink: number
  readonly bundles: number
}

export interface ConstellationResult extends ConstellationSize {
  /** In the plans of all nodes. */
  readonly contacts: number
  readonly delivered: number
  /** Bundles handed from one node to the next. */
  readonly hops: number
  readonly events: number
  readonly eventsPerSec: number
  /** To make the world, and to play the day. */
  readonly startSec: number
  readonly runSec: number
  readonly rssMiB: number
  /** Idle, before the first bundle. */
  readonly idleKiBPerNode: number
}

const DAY_MS = 86_400_000
const STARTS_AT = wallMs(1_795_420_800_000)
const GATEWAYS = 10
const PORT = 4556
const SERVICE = 1n
const PAYLOAD_BYTES = 200
const RATE = 125_000
const ONE_WAY_DELAY_MS = 15
/** After the day, for what is still on its way. */
const AFTER_MS = 6 * 3_600_000
const ALWAYS: LinkContact = { fromMs: 0, untilMs: 10 * DAY_MS }

interface Edge {
  readonly neighbour: number
  readonly contacts: readonly LinkContact[]
}

export async function runConstellation(size: ConstellationSize): Promise<ConstellationResult> {
  const settling = new PromptSettling()
  const before = process.memoryUsage().rss
  const beganAt = performance.now()
  const { settle } = settling
  const world = new World({ settle, wallAtStart: STARTS_AT, eventsMax: Number.MAX_SAFE_INTEGER })
  const network = new LabNetwork({ world, random: seededRandom(1), capture: Capture.none() })
  const edges = torus(size)
  const tally = { delivered: 0, hops: 0 }
  const nodes = makeNodes(edges, network, tally)
  await world.perform(Promise.all(nodes.map((node) => node.start())))
  const startSec = (performance.now() - beganAt) / 1000
  const idleKiBPerNode = (process.memoryUsage().rss - before) / 1024 / size.nodes
  const runAt = performance.now()
  sendAll(nodes, size, world)
  await world.run(() => tally.delivered === size.bundles || world.now() > DAY_MS + AFTER_MS)
  const runSec = (performance.now() - runAt) / 1000
  settling.end()
  return {
    ...size,
    ...tally,
    contacts: edges.flat().reduce((sum, { contacts }) => sum + contacts.length, 0),
    events: world.eventCount,
    eventsPerSec: Math.round(world.eventCount / runSec),
    startSec: tenth(startSec),
    runSec: tenth(runSec),
    rssMiB: Math.round(process.memoryUsage().rss / 1_048_576),
    idleKiBPerNode: Math.round(idleKiBPerNode),
  }
}

/** By node, from 0. In whole milliseconds, as all contacts of files: parts of one are lost in dates. */
function torus({ nodes, contactsPerLink }: ConstellationSize): readonly (readonly Edge[])[] {
  const planeLength = Math.ceil(Math.sqrt(nodes))
  const everyMs = DAY_MS / contactsPerLink
  const passing = (shift: number): readonly LinkContact[] =>
    Array.from({ length: contactsPerLink }, (_, i) => {
      const fromMs = Math.round(i * everyMs + (((shift * everyMs) / 7) % (everyMs / 2)))
      const isLast = i === contactsPerLink - 1
      return { fromMs, untilMs: isLast ? 10 * DAY_MS : fromMs + Math.round(everyMs / 3) }
    })
  const edges: Edge[][] = Array.from({ length: nodes }, () => [])
  const join = (a: number, b: number, contacts: readonly LinkContact[]): void => {
    if (a === b || edges[a]?.some(({ neighbour }) => neighbour === b)) return
    edges[a]?.push({ neighbour: b, contacts })
    edges[b]?.push({ neighbour: a, contacts })
  }
  for (let i = 0; i < nodes; i++) {
    const isLast = (i + 1) % planeLength === 0 || i + 1 === nodes
    join(i, isLast ? i - (i % planeLength) : i + 1, [ALWAYS])
    join(i, (i + planeLength) % nodes, passing(i % 7))
  }
  return edges
}

function makeNodes(
  edges: readonly (readonly Edge[])[],
  network: LabNetwork,
  tally: { delivered: number; hops: number },
): readonly BundleNode[] {
  for (const [a, neighbours] of edges.entries()) {
    for (const { neighbour, contacts } of neighbours) {
      if (neighbour < a) continue
      const quality = { oneWayDelayMs: ONE_WAY_DELAY_MS, lossShare: 0, contacts }
      network.addLink([siteOf(a), siteOf(neighbour)], quality)
    }
  }
  const plans = plansOf(edges)
  return edges.map((neighbours, i) => {
    const host = network.addHost(`node-${i}`, siteOf(i), addressOf(i))
    const { clock } = host
    const listen = { host: addressOf(i), port: PORT }
    const node = new BundleNode(
      {
        node: BigInt(i + 1),
        plans: plans[i] ?? [],
        contactPlan: { contacts: contactsOf(i, neighbours), ranges: [] },
      },
      {
        clock,
        store: new LabStore({ isSuspicious: false, latency: { clock, durationMs: 1 } }),
        events: ({ type }) => {
          if (type === 'bundle-received') tally.hops++
        },
        layers: [udpConvergenceLayer({ listen }, host.network, clock)],
        crc32c: hostCrc32c,
      },
    )
    node.register(SERVICE, async () => {
      tally.delivered++
    })
    return node
  })
}

/** Of this node towards its neighbours. */
function contactsOf(i: number, neighbours: readonly Edge[]): readonly Contact[] {
  return neighbours.flatMap(({ neighbour, contacts }) =>
    contacts.map(({ fromMs, untilMs }) => ({
      source: BigInt(i + 1),
      destination: BigInt(neighbour + 1),
      from: addMs(STARTS_AT, fromMs),
      until: addMs(STARTS_AT, untilMs),
      rateBytesPerSec: RATE,
      confidence: 1,
    })),
  )
}

/** By node: where the shortest way to each gateway begins. */
function plansOf(edges: readonly (readonly Edge[])[]): readonly (readonly StaticPlan[])[] {
  const plans: StaticPlan[][] = edges.map(() => [])
  for (const gateway of gatewaysOf(edges.length)) {
    const seen = new Set([gateway])
    for (const reached of seen) {
      for (const { neighbour } of edges[reached] ?? []) {
        if (seen.has(neighbour)) continue
        seen.add(neighbour)
        plans[neighbour]?.push({
          node: BigInt(gateway + 1),
          via: BigInt(reached + 1),
          protocol: 'udp',
          duct: `${addressOf(reached)}:${PORT}`,
        })
      }
    }
  }
  return plans
}

/** Each bundle at a random time of the day, from a random node to a random gateway. */
function sendAll(nodes: readonly BundleNode[], { bundles }: ConstellationSize, world: World): void {
  const random = seededRandom(2)
  const gateways = gatewaysOf(nodes.length)
  const payload = new Uint8Array(PAYLOAD_BYTES)
  let left = bundles
  // The next is drawn when the one before has left: a hundred thousand timers would be in the way.
  const sendNext = (): void => {
    if (left-- === 0) return
    world.at(monoMs(world.now() + 2 * random.next() * (DAY_MS / bundles)), () => {
      const node = nodes[Math.floor(random.next() * nodes.length)]
      const gateway = gateways[Math.floor(random.next() * gateways.length)] ?? 0
      void node?.send({
        sourceService: SERVICE,
        destination: ipnEndpoint(BigInt(gateway + 1), SERVICE),
        payload,
        lifetimeMs: 3 * DAY_MS,
      })
      sendNext()
    })
  }
  sendNext()
}

function gatewaysOf(nodes: number): readonly number[] {
  const count = Math.min(GATEWAYS, nodes)
  return Array.from({ length: count }, (_, i) => Math.floor((i * nodes) / count))
}

function siteOf(i: number): string {
  return `net-${i}`
}

function addressOf(i: number): string {
  return `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10
}
