/** What programs on this machine may do with a bundle node, whatever it is a part of. */

import { toHex } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { type WallMs, wallToDtn } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import {
  type EndpointId,
  formatEndpointId,
  NULL_ENDPOINT,
  parseEndpointId,
} from '../proto/bpv7/endpoint-id.ts'
import type { ControlFaultCode } from './control/fault.ts'
import { BUNDLES_PER_PAGE, PAYLOAD_PREVIEW_BYTES_MAX } from './control/limits.ts'
import type { SendAdu, SendItem } from './control/message.ts'
import type { AdminSession, ControlledNode, ItemDelivery } from './control/service.ts'
import type { BundleState, BundleSummary, ControlStatus, DtpcStatus } from './control/status.ts'
import type { DtpcService } from './dtpc/service.ts'
import type { BundleNode, StaticPlan, StoredBundle } from './node.ts'
import {
  type ActiveRegistration,
  type Delivery,
  type EndpointOptions,
  Registrations,
  type RegistrationsOptions,
} from './registrations.ts'
import { neighbourOf } from './static-plan.ts'

export interface NodeAccessPorts {
  readonly node: BundleNode
  readonly clock: Clock
  /** Begins a run of an admin program; default: there is none. */
  readonly administer?: () => AdminSession
  /** Default: the node does not speak it. */
  readonly dtpc?: () => DtpcService | undefined
  /** What the host does besides bundles; default: nothing. */
  readonly call?: (name: string, body: Uint8Array) => Promise<Uint8Array>
}

export class NodeAccess implements ControlledNode {
  readonly node: bigint
  readonly #options: RegistrationsOptions
  readonly #ports: NodeAccessPorts
  readonly #since: WallMs
  readonly #registrations: Registrations

  /** Before the node starts. */
  constructor(options: RegistrationsOptions, ports: NodeAccessPorts) {
    this.node = options.node
    this.#options = options
    this.#ports = ports
    this.#since = ports.clock.wall()
    this.#registrations = new Registrations(options, ports)
  }

  /** Before the node stops: what programs did not take stays with it. */
  stop(): void {
    this.#registrations.stop()
  }

  declare(endpoint: EndpointOptions): void {
    this.#registrations.declare(endpoint)
  }

  withdraw(service: bigint): void {
    this.#registrations.withdraw(service)
  }

  isOpen(endpoint: EndpointId): boolean {
    return this.#registrations.isOpen(endpoint)
  }

  open(endpoint: EndpointId, receive: (delivery: Delivery) => void): ActiveRegistration {
    return this.#registrations.open(endpoint, receive)
  }

  send({ reports, reportTo, ...adu }: SendAdu): Promise<string> {
    const requested =
      reports.length === 0
        ? {}
        : { reports: { kinds: reports, times: true, ...(reportTo && { to: reportTo }) } }
    return this.#ports.node.send({ ...adu, ...requested })
  }

  openTopic(topic: number, receive: (delivery: ItemDelivery) => void): ActiveRegistration {
    return this.#dtpc().open(topic, ({ item, take }) => {
      const source = parseEndpointId(item.source) ?? NULL_ENDPOINT
      receive({
        item: { topic, source, bytes: item.bytes },
        // A crash before it is on the disk lets the item come again.
        take: () => void take().catch(() => {}),
      })
    })
  }

  sendItem({ destination, ...item }: SendItem): Promise<void> {
    return this.#dtpc().send({ ...item, destination: formatEndpointId(destination) })
  }

  #dtpc(): DtpcService {
    const dtpc = this.#ports.dtpc?.()
    if (dtpc === undefined) throw unavailable('this node does not speak DTPC')
    return dtpc
  }

  status(): ControlStatus {
    const { node, clock } = this.#ports
    const dtpc = this.#ports.dtpc?.()
    return {
      ...node.status(),
      ...{ since: this.#since, now: clock.wall() },
      ...(dtpc && { dtpc: dtpcStatusOf(dtpc) }),
    }
  }

  bundles(after: number | undefined): readonly BundleSummary[] {
    const { node } = this.#ports
    return node.stored(after, BUNDLES_PER_PAGE).map((stored) => {
      const plan = node.planTo(stored.bundle.primary.destination)
      return summaryOf(stored, { plan, node: this.#options.node })
    })
  }

  administer(): AdminSession {
    const { administer } = this.#ports
    if (administer !== undefined) return administer()
    throw unavailable('this node takes no commands of admin programs')
  }

  async call(name: string, body: Uint8Array): Promise<Uint8Array> {
    const { call } = this.#ports
    if (call === undefined) throw unavailable('this node has no mail')
    return call(name, body)
  }
}

function unavailable(message: string): Fault<ControlFaultCode> {
  return new Fault('control/unavailable', message, { temporary: false })
}

function dtpcStatusOf({ status, counts }: DtpcService): DtpcStatus {
  return {
    outgoing: { ...counts.outgoing, waiting: status.outgoing },
    inbox: { ...counts.inbox, waiting: status.inbox },
  }
}

/** What goes by an exit waits at the plan for its gateway, as in ION. */
function planName(plan: StaticPlan): string {
  return `ipn:${plan.until === undefined ? plan.node : neighbourOf(plan)}.0`
}

function summaryOf(
  { record, bundle }: StoredBundle,
  { plan, node }: { readonly plan: StaticPlan | undefined; readonly node: bigint },
): BundleSummary {
  const { primary, blocks, payload } = bundle
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
    ...(plan !== undefined && !isLocal && { plan: planName(plan) }),
    state,
  }
}
