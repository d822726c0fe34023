/** A bundle node by itself: its layers, the endpoints that programs may open, its control socket. */

import { asFault } from '../base/fault.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import { formatAddress, type Network, type SocketAddress } from '../ports/network.ts'
import type { Store } from '../ports/store.ts'
import type { Crc32c } from '../proto/bpv7/crc.ts'
import { type EndpointId, formatEndpointId, ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import type { ContactPlan } from './contact-plan.ts'
import { ControlService } from './control/service.ts'
import type { ConvergenceLayer } from './convergence-layer.ts'
import { DtpcService, type ServiceProfile } from './dtpc/service.ts'
import { ECHO_SERVICE, registerEcho } from './echo.ts'
import { BundleNode, type BundleNodeLimits, type EndpointRegistration } from './node.ts'
import { NodeAccess, type NodeAccessPorts } from './node-access.ts'
import type { EndpointOptions } from './registrations.ts'
import { isSamePlace, type StaticPlan } from './static-plan.ts'
import type { StatusReportOptions } from './status-reporter.ts'
import { stcpConvergenceLayer } from './stcp.ts'
import { type TcpclConvergenceLayerOptions, tcpclConvergenceLayer } from './tcpcl.ts'
import { udpConvergenceLayer } from './udp.ts'

export interface BundleHostOptions extends BundleHostSetup {
  /** Fully qualified node number. */
  readonly node: bigint
  /** The first is spoken to neighbours that speak several. Default: that of the convergence layer. */
  readonly tcpclVersions?: TcpclConvergenceLayerOptions['versions']
  /** Default: nobody can use the node from outside its process. */
  readonly control?: SocketAddress
  /** Default: none are sent. */
  readonly statusReports?: StatusReportOptions
  /** Where they differ from DEFAULT_LIMITS. */
  readonly limits?: Partial<BundleNodeLimits>
}

/** What may change while it runs. */
export interface BundleHostSetup {
  readonly endpoints: readonly EndpointOptions[]
  readonly plans: readonly StaticPlan[]
  readonly contactPlan: ContactPlan
  readonly inducts: readonly InductOptions[]
  /** The profiles of DTPC; default: it is not spoken. */
  readonly dtpc?: readonly ServiceProfile[]
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
  /** Where the host has a faster one. */
  readonly crc32c?: Crc32c
  readonly administer?: NonNullable<NodeAccessPorts['administer']>
}

export class BundleHost {
  readonly #options: BundleHostOptions
  readonly #ports: BundleHostPorts
  readonly #node: BundleNode
  readonly #access: NodeAccess
  readonly #control: ControlService | undefined
  #setup: BundleHostSetup
  /** By their names in `layersOf`. */
  readonly #layers = new Map<string, ConvergenceLayer>()
  #echo: EndpointRegistration | undefined
  #dtpc: DtpcService | undefined
  #started: Promise<void> = Promise.resolve()
  #isStopping = false

  /** Throws a Fault where a plan wants a convergence layer that is not there. */
  constructor(options: BundleHostOptions, ports: BundleHostPorts) {
    const { node, plans, contactPlan, endpoints, limits, control, statusReports } = options
    this.#options = options
    this.#ports = ports
    this.#setup = options
    for (const { name, ...layer } of layersOf(options)) this.#layers.set(name, this.#layer(layer))
    this.#node = new BundleNode(
      {
        node,
        plans,
        contactPlan,
        ...(limits !== undefined && { limits }),
        ...(statusReports !== undefined && { statusReports }),
      },
      { ...ports, layers: [...this.#layers.values()] },
    )
    this.#setEcho(endpoints)
    const access = { node, endpoints, onlyDeclared: true }
    this.#access = new NodeAccess(access, {
      ...ports,
      node: this.#node,
      dtpc: () => this.#dtpc,
    })
    if (options.dtpc !== undefined) this.#makeDtpc(options.dtpc)
    this.#control =
      control === undefined
        ? undefined
        : new ControlService(control, { ...ports, node: this.#access })
  }

  /** Rejects with a Fault; `stop` clears up what had been started. */
  start(): Promise<void> {
    this.#started = this.#start()
    return this.#started
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#started.catch(asFault)
    // First, lest an application that is cut off seem to have left what it was given.
    this.#access.stop()
    await this.#control?.stop()
    await this.#dtpc?.stop()
    await this.#node.stop()
    this.#ports.events({ type: 'stopped' })
  }

  /** What is stopped meanwhile goes no further: nothing may be opened behind the stop. */
  async #start(): Promise<void> {
    await this.#node.start()
    if (this.#isStopping) return
    this.#dtpc?.start()
    await this.#control?.start()
    this.#ports.events({ type: 'started' })
  }

  /** Whether a program has it open. */
  isOpen(endpoint: EndpointId): boolean {
    return this.#access.isOpen(endpoint)
  }

  /**
   * Makes the node that runs one that was set up so: what is no different goes on. Rejects with a
   * Fault where a new induct cannot listen, and then nothing has changed. One at a time.
   */
  async change(setup: BundleHostSetup): Promise<void> {
    const before = this.#setup
    const wanted = layersOf(setup)
    await this.#addLayers(wanted)
    this.#setup = setup
    this.#changeEndpoints(before.endpoints, setup.endpoints)
    await this.#changeDtpc(setup.dtpc)
    this.#node.setContactPlan(setup.contactPlan)
    for (const { node, until } of before.plans) {
      const place = until === undefined ? { node } : { node, until }
      if (!setup.plans.some((plan) => isSamePlace(plan, place))) this.#node.removePlan(place)
    }
    for (const plan of setup.plans) {
      const old = before.plans.find((one) => isSamePlace(one, plan))
      if (old === undefined || !isSamePlan(old, plan)) this.#node.setPlan(plan)
    }
    const names = wanted.map(({ name }) => name)
    await this.#removeLayers([...this.#layers.keys()].filter((name) => !names.includes(name)))
  }

  #makeDtpc(profiles: readonly ServiceProfile[]): DtpcService {
    const { clock, store, events } = this.#ports
    this.#dtpc = new DtpcService(profiles, { clock, store, events, node: this.#node })
    this.#dtpc.register()
    return this.#dtpc
  }

  async #changeDtpc(profiles: readonly ServiceProfile[] | undefined): Promise<void> {
    if (profiles === undefined) {
      const dtpc = this.#dtpc
      this.#dtpc = undefined
      await dtpc?.stop()
    } else if (this.#dtpc !== undefined) this.#dtpc.setProfiles(profiles)
    else this.#makeDtpc(profiles).start()
  }

  async #addLayers(wanted: readonly LayerOptions[]): Promise<void> {
    const added: string[] = []
    try {
      for (const { name, ...options } of wanted) {
        if (this.#layers.has(name)) continue
        const layer = this.#layer(options)
        await this.#node.addLayer(layer)
        this.#layers.set(name, layer)
        added.push(name)
      }
    } catch (error) {
      await this.#removeLayers(added)
      throw error
    }
  }

  async #removeLayers(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const layer = this.#layers.get(name)
      this.#layers.delete(name)
      if (layer !== undefined) await this.#node.removeLayer(layer)
    }
  }

  #changeEndpoints(before: readonly EndpointOptions[], now: readonly EndpointOptions[]): void {
    for (const { service } of before) {
      if (!now.some((one) => one.service === service)) this.#access.withdraw(service)
    }
    for (const endpoint of now) {
      const old = before.find(({ service }) => service === endpoint.service)
      if (old?.whenInactive !== endpoint.whenInactive) this.#access.declare(endpoint)
    }
    this.#setEcho(now)
  }

  /** ION has none; a declared endpoint with this number is for its application. */
  #setEcho(endpoints: readonly EndpointOptions[]): void {
    if (endpoints.some(({ service }) => service === ECHO_SERVICE)) {
      this.#echo?.unregister()
      this.#echo = undefined
      return
    }
    try {
      this.#echo ??= registerEcho(this.#node, this.#ports.clock)
    } catch (error) {
      // An application still has it from when it was declared.
      if (asFault(error).code !== 'dtn/occupied') throw error
    }
  }

  #layer({ protocol, listen }: Omit<LayerOptions, 'name'>): ConvergenceLayer {
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

interface LayerOptions {
  readonly name: string
  readonly protocol: Protocol
  /** Without it, the layer only sends. */
  readonly listen?: SocketAddress
}

/** One for each induct, and one for each protocol that a plan wants and no induct has. */
function layersOf({ inducts, plans }: BundleHostSetup): readonly LayerOptions[] {
  return PROTOCOLS.flatMap((protocol): readonly LayerOptions[] => {
    const own = inducts.filter((induct) => induct.protocol === protocol)
    if (own.length > 0) {
      return own.map(({ listen }) => {
        return { name: `${protocol}/${formatAddress(listen)}`, protocol, listen }
      })
    }
    const isWanted = plans.some((plan) => plan.protocol === protocol)
    return isWanted ? [{ name: protocol, protocol }] : []
  })
}

function isSamePlan(a: StaticPlan, b: StaticPlan): boolean {
  const spell = (plan: StaticPlan): string => Object.entries(plan).sort().join('\n')
  return spell(a) === spell(b)
}

const ANY_ADDRESS: SocketAddress = { host: '0.0.0.0', port: 0 }
