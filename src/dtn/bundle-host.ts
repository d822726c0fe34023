/** A bundle node by itself: its layers, the endpoints that programs may open, its control socket. */

import { toHex } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { type WallMs, wallToDtn } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import type { Network, SocketAddress } from '../ports/network.ts'
import type { Store } from '../ports/store.ts'
import {
  type EndpointId,
  formatEndpointId,
  ipnEndpoint,
  isNullEndpoint,
} from '../proto/bpv7/endpoint-id.ts'
import type { ControlFaultCode } from './control/fault.ts'
import { BUNDLES_PER_PAGE, PAYLOAD_PREVIEW_BYTES_MAX } from './control/limits.ts'
import type { AdminProgram, SendAdu } from './control/message.ts'
import { type ControlledNode, ControlService } from './control/service.ts'
import type { BundleState, BundleSummary, NodeStatus } from './control/status.ts'
import type { ConvergenceLayer } from './convergence-layer.ts'
import { BundleNode, type BundleNodeLimits, type StoredBundle } from './node.ts'
import {
  type ActiveRegistration,
  type Delivery,
  type EndpointOptions,
  Registrations,
} from './registrations.ts'
import { choosePlan, type StaticPlan } from './static-plan.ts'
import { Statistics } from './statistics.ts'
import { stcpConvergenceLayer } from './stcp.ts'
import { type TcpclConvergenceLayerOptions, tcpclConvergenceLayer } from './tcpcl.ts'
import { udpConvergenceLayer } from './udp.ts'

export interface BundleHostOptions {
  /** Fully qualified node number. */
  readonly node: bigint
  readonly endpoints: readonly EndpointOptions[]
  readonly plans: readonly StaticPlan[]
  readonly inducts: readonly InductOptions[]
  /** The first is spoken to neighbours that speak several. Default: that of the convergence layer. */
  readonly tcpclVersions?: TcpclConvergenceLayerOptions['versions']
  /** Default: nobody can use the node from outside its process. */
  readonly control?: SocketAddress
  /** Where they differ from DEFAULT_LIMITS. */
  readonly limits?: Partial<BundleNodeLimits>
}

/** ION's names of the convergence layers that there are. */
export const PROTOCOLS = ['udp', 'tcp', 'stcp', 'mtcp'] as const
export type Protocol = (typeof PROTOCOLS)[number]

/** Where a convergence layer listens. */
export interface InductOptions {
  readonly protocol: Protocol
  readonly listen: SocketAddress
}

export interface BundleHostPorts {
  readonly clock: Clock
  readonly network: Network
  readonly store: Store
  readonly events: EventSink
  /** Carries out a line of an admin program; default: there is none. */
  readonly admin?: (program: AdminProgram, line: string) => Promise<readonly string[]>
}

export class BundleHost implements ControlledNode {
  readonly node: bigint
  readonly #options: BundleHostOptions
  readonly #ports: BundleHostPorts
  readonly #since: WallMs
  readonly #statistics: Statistics = new Statistics()
  readonly #registrations: Registrations
  readonly #bundleNode: BundleNode
  readonly #control: ControlService | undefined

  /** Throws a Fault where a plan wants a convergence layer that is not there. */
  constructor(options: BundleHostOptions, ports: BundleHostPorts) {
    const { node, plans, limits, control } = options
    this.node = node
    this.#options = options
    this.#ports = ports
    this.#since = ports.clock.wall()
    const events = this.#statistics.counting(ports.events)
    this.#bundleNode = new BundleNode(
      { node, plans, ...(limits !== undefined && { limits }) },
      { ...ports, events, layers: this.#layers() },
    )
    this.#registrations = new Registrations(node, ports.clock)
    this.#registrations.declare(options.endpoints, (service, deliver) =>
      this.#bundleNode.register(service, deliver),
    )
    this.#control =
      control === undefined ? undefined : new ControlService(control, { ...ports, node: this })
  }

  /** Rejects with a Fault; `stop` clears up what had been started. */
  async start(): Promise<void> {
    await this.#bundleNode.start()
    await this.#control?.start()
    this.#ports.events({ type: 'started' })
  }

  async stop(): Promise<void> {
    // First, lest an application that is cut off seem to have left what it was given.
    this.#registrations.stop()
    await this.#control?.stop()
    await this.#bundleNode.stop()
    this.#ports.events({ type: 'stopped' })
  }

  open(endpoint: EndpointId, receive: (delivery: Delivery) => void): ActiveRegistration {
    if (endpoint.scheme !== 'ipn' || endpoint.node !== this.node) {
      const name = formatEndpointId(endpoint)
      throw permanent('control/unknown-endpoint', `Endpoint not known: ${name}`)
    }
    return this.#registrations.open(endpoint.service, receive)
  }

  send(adu: SendAdu): Promise<string> {
    const { source, destination, payload, lifetimeMs, reportTo } = adu
    return this.#bundleNode.send({
      sourceService: source.scheme === 'ipn' ? source.service : 0n,
      anonymous: isNullEndpoint(source),
      destination,
      payload,
      lifetimeMs,
      ...(reportTo !== undefined && { reportTo }),
    })
  }

  status(): NodeStatus {
    const { endpoints, plans } = this.#options
    return {
      node: `ipn:${this.node}`,
      since: this.#since,
      now: this.#ports.clock.wall(),
      statistics: this.#statistics.tallies(),
      endpoints: endpoints.map(({ service }) => ({
        endpoint: `ipn:${this.node}.${service}`,
        isOpen: this.#registrations.isOpen(service),
      })),
      plans: plans.map(({ node, protocol, duct }) => ({ node: String(node), protocol, duct })),
    }
  }

  bundles(after: string | undefined): readonly BundleSummary[] {
    return this.#bundleNode
      .stored(after, BUNDLES_PER_PAGE)
      .map((stored) => summaryOf(stored, this.#options))
  }

  admin(program: AdminProgram, line: string): Promise<readonly string[]> {
    const { admin } = this.#ports
    if (admin !== undefined) return admin(program, line)
    const message = 'this node takes no commands of admin programs'
    return Promise.reject(permanent('control/unavailable', message))
  }

  /** The first induct of a protocol also sends, so it comes last: the node takes the last of a kind. */
  #layers(): readonly ConvergenceLayer[] {
    const { inducts, plans } = this.#options
    return PROTOCOLS.flatMap((protocol) => {
      const own = inducts.filter((induct) => induct.protocol === protocol)
      if (own.length > 0) return own.reverse().map(({ listen }) => this.#layer(protocol, listen))
      const isWanted = plans.some((plan) => plan.protocol === protocol)
      return isWanted ? [this.#layer(protocol, undefined)] : []
    })
  }

  /** Without `listen` it only sends. */
  #layer(protocol: Protocol, listen: SocketAddress | undefined): ConvergenceLayer {
    const { network, clock } = this.#ports
    const { node, tcpclVersions } = this.#options
    const at = listen === undefined ? {} : { listen }
    switch (protocol) {
      case 'udp':
        return udpConvergenceLayer({ listen: listen ?? ANY_ADDRESS }, network, clock)
      case 'tcp': {
        const nodeId = formatEndpointId(ipnEndpoint(node, 0n))
        const versions = tcpclVersions === undefined ? {} : { versions: tcpclVersions }
        return tcpclConvergenceLayer({ nodeId, ...at, ...versions }, this.#ports)
      }
      case 'stcp':
      case 'mtcp':
        return stcpConvergenceLayer({ framing: protocol, ...at }, this.#ports)
    }
  }
}

const ANY_ADDRESS: SocketAddress = { host: '0.0.0.0', port: 0 }

function summaryOf(
  { record, bundle }: StoredBundle,
  { node, plans }: BundleHostOptions,
): BundleSummary {
  const { primary, blocks, payload } = bundle
  const plan = choosePlan(plans, primary.destination)
  const isLocal = primary.destination.scheme === 'ipn' && primary.destination.node === node
  let state: BundleState = plan === undefined ? 'limbo' : 'forwarding'
  if (record.hold !== undefined) state = 'release'
  else if (isLocal) state = 'delivery'
  return {
    key: record.key,
    source: formatEndpointId(primary.source),
    destination: formatEndpointId(primary.destination),
    reportTo: formatEndpointId(primary.reportTo),
    creationTime: String(primary.creationTimestamp.time),
    sequence: String(primary.creationTimestamp.sequence),
    flags: String(primary.flags),
    fragmentOffset: String(primary.fragment?.offset ?? 0n),
    totalAduLength: String(primary.fragment?.totalAduLength ?? payload.data.length),
    expiresSec: Math.floor(wallToDtn(record.expiresAt) / 1000),
    extensions: blocks.map(({ data }) => toHex(data)),
    payloadBytes: payload.data.length,
    payload: toHex(payload.data.subarray(0, PAYLOAD_PREVIEW_BYTES_MAX)),
    ...(plan !== undefined && !isLocal && { plan: `ipn:${plan.node}.0` }),
    state,
  }
}

function permanent(code: ControlFaultCode, message: string): Fault<ControlFaultCode> {
  return new Fault(code, message, { temporary: false })
}
