/** A bundle node by itself: its layers, the endpoints that programs may open, its control socket. */

import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import type { Network, SocketAddress } from '../ports/network.ts'
import type { Store } from '../ports/store.ts'
import { formatEndpointId, ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import type { ContactPlan } from './contact-plan.ts'
import { ControlService } from './control/service.ts'
import type { ConvergenceLayer } from './convergence-layer.ts'
import { ECHO_SERVICE, registerEcho } from './echo.ts'
import { BundleNode, type BundleNodeLimits } from './node.ts'
import { NodeAccess, type NodeAccessPorts } from './node-access.ts'
import type { EndpointOptions } from './registrations.ts'
import type { StaticPlan } from './static-plan.ts'
import type { StatusReportOptions } from './status-reporter.ts'
import { stcpConvergenceLayer } from './stcp.ts'
import { type TcpclConvergenceLayerOptions, tcpclConvergenceLayer } from './tcpcl.ts'
import { udpConvergenceLayer } from './udp.ts'

export interface BundleHostOptions {
  /** Fully qualified node number. */
  readonly node: bigint
  readonly endpoints: readonly EndpointOptions[]
  readonly plans: readonly StaticPlan[]
  /** Default: nothing is held back. */
  readonly contactPlan?: ContactPlan
  readonly inducts: readonly InductOptions[]
  /** The first is spoken to neighbours that speak several. Default: that of the convergence layer. */
  readonly tcpclVersions?: TcpclConvergenceLayerOptions['versions']
  /** Default: nobody can use the node from outside its process. */
  readonly control?: SocketAddress
  /** Default: none are sent. */
  readonly statusReports?: StatusReportOptions
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
  readonly admin?: NonNullable<NodeAccessPorts['admin']>
}

export class BundleHost {
  readonly #options: BundleHostOptions
  readonly #ports: BundleHostPorts
  readonly #node: BundleNode
  readonly #access: NodeAccess
  readonly #control: ControlService | undefined

  /** Throws a Fault where a plan wants a convergence layer that is not there. */
  constructor(options: BundleHostOptions, ports: BundleHostPorts) {
    const { node, plans, contactPlan, endpoints, limits, control, statusReports } = options
    this.#options = options
    this.#ports = ports
    this.#node = new BundleNode(
      {
        node,
        plans,
        ...(contactPlan !== undefined && { contactPlan }),
        ...(limits !== undefined && { limits }),
        ...(statusReports !== undefined && { statusReports }),
      },
      { ...ports, layers: this.#layers() },
    )
    // ION has none; a declared endpoint with this number is for its application.
    if (!endpoints.some(({ service }) => service === ECHO_SERVICE)) {
      registerEcho(this.#node, ports.clock)
    }
    const access = { node, endpoints, onlyDeclared: true }
    this.#access = new NodeAccess(access, { ...ports, node: this.#node })
    this.#control =
      control === undefined
        ? undefined
        : new ControlService(control, { ...ports, node: this.#access })
  }

  /** Rejects with a Fault; `stop` clears up what had been started. */
  async start(): Promise<void> {
    await this.#node.start()
    await this.#control?.start()
    this.#ports.events({ type: 'started' })
  }

  async stop(): Promise<void> {
    // First, lest an application that is cut off seem to have left what it was given.
    this.#access.stop()
    await this.#control?.stop()
    await this.#node.stop()
    this.#ports.events({ type: 'stopped' })
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
