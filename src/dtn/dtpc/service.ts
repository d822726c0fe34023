/** DTPC on a bundle node: applications send items to a topic of another node, and take those of theirs. */

import { Fault } from '../../base/fault.ts'
import type { Clock } from '../../ports/clock.ts'
import type { EventSink } from '../../ports/events.ts'
import type { Store, StoreChange } from '../../ports/store.ts'
import type { EndpointId } from '../../proto/bpv7/endpoint-id.ts'
import type { DtnFaultCode } from '../fault.ts'
import type { BundleNode, EndpointRegistration, Provenance } from '../node.ts'
import { type DtpcDelivery, Inbox, type InboxCounts, type TopicRegistration } from './inbox.ts'
import { DTPC_RECEIVE_SERVICE, Incoming } from './incoming.ts'
import { Journal } from './journal.ts'
import {
  type Outcome,
  Outgoing,
  type OutgoingCounts,
  type OutgoingItem,
  type ServiceProfile,
} from './outgoing.ts'

export type { DtpcDelivery, DtpcItem, TopicRegistration } from './inbox.ts'
export { DTPC_RECEIVE_SERVICE } from './incoming.ts'
export type { Outcome, OutgoingItem, ServiceProfile } from './outgoing.ts'

export interface DtpcServicePorts {
  readonly node: BundleNode
  readonly store: Store
  readonly clock: Clock
  readonly events: EventSink
  /** Throws a permanent Fault where an ADU of `source` is not to be believed. Default: all are. */
  readonly admit?: (source: EndpointId, provenance: Provenance) => void
}

export interface DtpcCounts {
  readonly outgoing: OutgoingCounts
  readonly inbox: InboxCounts
}

export class DtpcService {
  readonly #ports: DtpcServicePorts
  readonly #journal: Journal
  readonly #inbox: Inbox
  readonly #outgoing: Outgoing
  readonly #incoming: Incoming
  #registration: EndpointRegistration | undefined
  #state: 'new' | 'running' | 'stopped' = 'new'

  constructor(profiles: readonly ServiceProfile[], ports: DtpcServicePorts) {
    this.#ports = ports
    this.#journal = new Journal(ports)
    this.#inbox = new Inbox({ ...ports, journal: this.#journal })
    this.#outgoing = new Outgoing({ ...ports, journal: this.#journal })
    this.#outgoing.setProfiles(profiles)
    const parts = { journal: this.#journal, inbox: this.#inbox, outgoing: this.#outgoing }
    this.#incoming = new Incoming({ ...ports, ...parts })
  }

  /** Takes the endpoint of ADUs. Before the node starts; throws a Fault where an application has it. */
  register(): void {
    this.#inbox.recover()
    this.#incoming.recover()
    this.#registration = this.#ports.node.register(
      DTPC_RECEIVE_SERVICE,
      async (adu, alongside, how) => {
        this.#ports.admit?.(adu.source, how)
        await this.#incoming.receive(adu, alongside)
      },
    )
  }

  /** When the node has started: what an earlier run left goes on. */
  start(): void {
    this.#state = 'running'
    this.#outgoing.recover()
  }

  /** Before the node stops: what waits for applications or acknowledgements stays on the disk. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#registration?.unregister()
    this.#outgoing.stop()
    await this.#journal.stop()
  }

  setProfiles(profiles: readonly ServiceProfile[]): void {
    this.#outgoing.setProfiles(profiles)
  }

  /** As `Outgoing.send`; besides `dtn/stopped`. */
  async send(item: OutgoingItem): Promise<void> {
    if (this.#state !== 'running') {
      throw new Fault<DtnFaultCode>('dtn/stopped', 'DTPC is not running', { temporary: true })
    }
    await this.#outgoing.send(item)
  }

  /** What becomes of a named item, once that is on the disk; undefined where nothing is known of it. */
  whenSettled(name: string): Promise<Outcome> | undefined {
    return this.#outgoing.whenSettled(name)
  }

  /** The changes that forget what became of a named item. */
  forgetting(name: string): readonly StoreChange[] {
    return this.#outgoing.forgetting(name)
  }

  /** The same for all whose names begin so. */
  forgettingAll(prefix: string): readonly StoreChange[] {
    return this.#outgoing.forgettingAll(prefix)
  }

  /**
   * Items of a topic come one at a time, each until it is taken. Throws a Fault where an application
   * has it open.
   */
  open(topic: number, receive: (delivery: DtpcDelivery) => void): TopicRegistration {
    return this.#inbox.open(topic, receive)
  }

  /** What has passed since the start. */
  get counts(): DtpcCounts {
    return { outgoing: this.#outgoing.counts, inbox: this.#inbox.counts }
  }

  get status(): {
    readonly outgoing: { readonly count: number; readonly bytes: number }
    readonly inbox: { readonly count: number; readonly bytes: number }
  } {
    return { outgoing: this.#outgoing.status, inbox: this.#inbox.status }
  }
}
