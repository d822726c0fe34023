/** The ways to far gateways, each with its carrier, its format and its bounds. */

import { assert } from '../base/assert.ts'
import type { DtpcService } from '../dtn/dtpc/service.ts'
import type { BundleNode, Provenance } from '../dtn/node.ts'
import { isSamePlace, leadsTo } from '../dtn/static-plan.ts'
import type { Accounts } from '../mail/accounts.ts'
import type { Aliases } from '../mail/aliases.ts'
import type { DeliveryTarget } from '../mail/delivery.ts'
import type { RemoteHop } from '../mail/next-hop.ts'
import type { StoreChange } from '../ports/store.ts'
import { type EndpointId, formatEndpointId, parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import { BpmailFormat } from './bpmail-format.ts'
import { Budgets } from './budgets.ts'
import { BundleCarriers, type BundleCarriersPorts } from './bundle-carrier.ts'
import { CarryDesk } from './carry-desk.ts'
import { CheapLinks } from './cheap-links.ts'
import type { Gateway } from './gateway.ts'
import type { HeldAttachments } from './held-attachments.ts'
import { HoldingBack } from './holding-back.ts'
import type { HostBounds } from './host-bounds.ts'
import { HttpsCarriers } from './https-carrier.ts'
import { HELD_KEPT_MS, PROCESSING_ALLOWANCE_MS } from './limits.ts'
import { MailFormats } from './mail-format.ts'
import type { MailHostOptions } from './mail-host-options.ts'
import type { MailHostPorts } from './mail-host-ports.ts'
import { type GatewayReads, packingsRead } from './object-packing.ts'
import { ObjectTransport } from './object-transport.ts'
import { Parcels } from './parcels.ts'
import { RouteForecast } from './route-forecast.ts'

export interface FarGatewaysPorts extends MailHostPorts {
  readonly node: BundleNode
  /** Where some of them read bpmail. */
  readonly dtpc: DtpcService | undefined
  readonly held: HeldAttachments
  readonly accounts: Accounts
  readonly aliases: Aliases
  /** Throws a permanent Fault where `peer` has to be proven and is not. */
  readonly admit: (peer: EndpointId, provenance: Provenance) => void
  /** A mail should have arrived by now. */
  readonly onLate: (queueId: string) => void
}

/** A next hop that is one of them. */
export type FarHop = Extract<RemoteHop, { readonly transport: 'bp' | 'carry' | 'https' }>

export class FarGateways {
  readonly transport: ObjectTransport
  readonly desk: CarryDesk
  readonly forecast: RouteForecast
  readonly holdingBack: HoldingBack
  readonly budgets: Budgets
  /** What they are told that this one reads. */
  readonly reads: GatewayReads
  readonly #bundles: BundleCarriers
  readonly #posts: HttpsCarriers
  readonly #formats: MailFormats
  readonly #links: CheapLinks

  constructor(options: MailHostOptions, bounds: HostBounds, ports: FarGatewaysPorts) {
    const { host, peers = [], links = [] } = options
    const { objectBytesMax, takenBytesMax, parcelsBytesMax, batch } = bounds
    const { node, dtpc, held, accounts, aliases, onLate } = ports
    this.forecast = forecastOf(options, node)
    const reads = { packings: packingsRead(ports.packing), objectBytesMax: takenBytesMax }
    this.reads = reads
    this.#bundles = bundleCarriers(options, { ...ports, forecast: this.forecast, reads })
    const parcels = new Parcels(ports.store, ports.clock, { bytesMax: parcelsBytesMax })
    this.desk = new CarryDesk(
      { host, peers, payloadBytesMax: objectBytesMax },
      { ...ports, parcels, reads },
    )
    this.#posts = new HttpsCarriers({ peers, objectBytesMax }, { ...ports, parcels })
    const carriers = [this.#bundles, this.desk, this.#posts]
    const transport = new ObjectTransport({ host, batch }, { ...ports, carriers, onLate })
    this.transport = transport
    this.#posts.onAcknowledged((by, answers) => transport.acknowledged(by, answers))
    const usual = {
      target: (destination: EndpointId) => transport.target(this.#bundles.to(destination)),
      withdraw: (queueId: string) => transport.withdraw(queueId),
      removal: (queueId: string) => transport.removal(queueId),
    }
    this.#formats = new MailFormats(usual, bpmailFormats(options, ports, dtpc))
    this.budgets = new Budgets(ports.store, ports.clock)
    this.holdingBack = holdingBackOf(options, ports)
    const { budgets, holdingBack } = this
    this.#links = new CheapLinks(links, { budgets, held, holdingBack, accounts, aliases })
  }

  target(hop: FarHop): DeliveryTarget {
    return this.#links.over(hop, this.#plainTarget(hop))
  }

  #plainTarget(hop: FarHop): DeliveryTarget {
    switch (hop.transport) {
      case 'bp':
        return this.#formats.target(endpointOf(hop.nextHop))
      case 'carry':
        return this.transport.target(this.desk.to(hop.peer))
      case 'https':
        return this.transport.target(this.#posts.to(hop.peer))
    }
  }

  /** Waits no longer for answers about a mail; what was sent may still arrive. */
  withdraw(queueId: string): void {
    this.#formats.withdraw(queueId)
  }

  /** The changes that forget a mail, for the commit that removes it from the queue. */
  removal(queueId: string): readonly StoreChange[] {
    return [...this.#formats.removal(queueId), ...this.#links.removal(queueId)]
  }

  /** Has what comes from them in bundles taken; call before the node starts. */
  register(gateway: Gateway): void {
    this.#bundles.register(gateway)
  }

  /** Cuts off what is under way by HTTPS: it is posted again by the next run. */
  stop(): void {
    this.#bundles.stop()
    this.#posts.stop()
  }
}

function forecastOf({ node: number, plans }: MailHostOptions, node: BundleNode): RouteForecast {
  return new RouteForecast({
    node: number,
    contactPlan: () => node.contactPlan,
    planTo: (destination) => node.planTo(destination),
    oneWayDelayMs: (plan) => plans.find((one) => isSamePlace(one, plan))?.oneWayDelayMs ?? 0,
    allowanceMs: PROCESSING_ALLOWANCE_MS,
  })
}

function bundleCarriers(
  { mailService, plans }: MailHostOptions,
  ports: FarGatewaysPorts & Pick<BundleCarriersPorts, 'forecast' | 'reads'>,
): BundleCarriers {
  const reaches = (peer: EndpointId): boolean => plans.some((plan) => leadsTo(plan, peer))
  return new BundleCarriers({ mailService, reaches, admit: ports.admit }, ports)
}

/** By the EID of the next hop. */
function bpmailFormats(
  { bpmail = [] }: MailHostOptions,
  { packing, clock }: MailHostPorts,
  dtpc: DtpcService | undefined,
): ReadonlyMap<string, BpmailFormat> {
  if (dtpc === undefined) return new Map()
  const format = new BpmailFormat(bpmail, { packing, clock, dtpc })
  return new Map(bpmail.map(({ destination }) => [formatEndpointId(destination), format]))
}

function holdingBackOf(
  { host, domains, heldBack }: MailHostOptions,
  { held, clock }: FarGatewaysPorts,
): HoldingBack {
  const keepMs = heldBack?.keepMs ?? HELD_KEPT_MS
  return new HoldingBack({ host, domain: domains[0] ?? host, keepMs }, { held, clock })
}

function endpointOf(nextHop: string): EndpointId {
  const endpoint = parseEndpointId(nextHop)
  assert(endpoint !== undefined, `next hop ${nextHop} was checked`)
  return endpoint
}
