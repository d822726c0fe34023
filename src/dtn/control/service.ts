/** Lets programs on this machine use a node: listens on its control socket and serves each. */

import { fromUtf8 } from '../../base/bytes.ts'
import { asFault, Fault } from '../../base/fault.ts'
import { runSession } from '../../drive/session.ts'
import type { Clock } from '../../ports/clock.ts'
import type { EventSink } from '../../ports/events.ts'
import {
  type ByteStream,
  formatAddress,
  type Listener,
  type Network,
  type SocketAddress,
} from '../../ports/network.ts'
import { type EndpointId, formatEndpointId, isNullEndpoint } from '../../proto/bpv7/endpoint-id.ts'
import type { ActiveRegistration, Delivery } from '../registrations.ts'
import type { ControlFaultCode } from './fault.ts'
import { CLIENTS_MAX, ENDPOINTS_PER_CLIENT_MAX } from './limits.ts'
import type {
  AdminAnswer,
  AdminLine,
  AnsweredRequest,
  ControlRequest,
  ReceivedItem,
  SendAdu,
  SendItem,
} from './message.ts'
import {
  type ControlAnswer,
  type ControlQuestion,
  ControlServer,
  NOTHING_TO_TELL,
} from './server.ts'
import type { BundleSummary, ControlStatus } from './status.ts'

/** What a program may ask of a node. Each throws or rejects with a Fault, which the program is told. */
export interface ControlledNode {
  readonly node: bigint
  open(endpoint: EndpointId, receive: (delivery: Delivery) => void): ActiveRegistration
  /** Resolves with the bundle's ID once it is durable. */
  send(adu: SendAdu): Promise<string>
  /** `receive` hears of one item at a time. */
  openTopic(topic: number, receive: (delivery: ItemDelivery) => void): ActiveRegistration
  /** Resolves once it is durable. */
  sendItem(item: SendItem): Promise<void>
  status(): ControlStatus
  /** A page of what is stored, in the order of arrival: after the bundle with this key, or the first. */
  bundles(after: number | undefined): readonly BundleSummary[]
  /** Begins a run of an admin program. Throws a Fault where the node takes no commands. */
  administer(): AdminSession
  /** What the host does besides bundles, for a program; `left` resolves once that has gone. */
  call(name: string, body: Uint8Array, left: Promise<void>): Promise<Uint8Array>
}

/** An item of DTPC, on its way to whoever has its topic open. */
export interface ItemDelivery {
  readonly item: ReceivedItem
  take(): void
}

/** One run of an admin program. */
export interface AdminSession {
  /** Rejects with nothing: what cannot be done is in the answer. */
  perform(line: AdminLine): Promise<AdminAnswer>
}

export interface ControlServicePorts {
  readonly network: Network
  readonly clock: Clock
  readonly events: EventSink
  readonly node: ControlledNode
}

export class ControlService {
  readonly #listen: SocketAddress
  readonly #ports: ControlServicePorts
  readonly #streams = new Set<ByteStream>()
  #listener: Listener | undefined

  constructor(listen: SocketAddress, ports: ControlServicePorts) {
    this.#listen = listen
    this.#ports = ports
  }

  /** Rejects with the network's Fault. */
  async start(): Promise<void> {
    const { network, events } = this.#ports
    this.#listener = await network.listen(this.#listen, (stream) => this.#serve(stream))
    const address = formatAddress(this.#listener.address)
    events({ type: 'listening', service: 'control', address })
  }

  async stop(): Promise<void> {
    await this.#listener?.close()
    for (const stream of this.#streams) stream.abort()
  }

  #serve(stream: ByteStream): void {
    const { node, clock } = this.#ports
    const isFull = this.#streams.size >= CLIENTS_MAX
    const server = new ControlServer({
      node: node.node,
      ...(isFull && {
        refusal: temporary('control/too-many-clients', 'too many programs at once'),
      }),
    })
    const session = new Session(node)
    if (!isFull) this.#streams.add(stream)
    runSession<ControlAnswer, ControlQuestion>(server, stream, clock, (question, answer) => {
      if (question.type === 'leave') {
        this.#streams.delete(stream)
        session.end()
      } else {
        session.ask(question, answer)
      }
    })
  }
}

type Answer = (answer: ControlAnswer) => void

/** What one program has open and not yet taken. */
class Session {
  readonly #node: ControlledNode
  readonly #open = new Map<string, ActiveRegistration>()
  readonly #deliveries = new Map<number, { take(): void }>()
  #deliveryCount = 0
  #admin: AdminSession | undefined
  readonly #left: Promise<void>
  #leave = (): void => {}

  constructor(node: ControlledNode) {
    this.#node = node
    this.#left = new Promise((resolve) => {
      this.#leave = resolve
    })
  }

  ask(request: Exclude<ControlRequest, { readonly type: 'leave' }>, answer: Answer): void {
    if (request.type === 'take') {
      const delivery = this.#deliveries.get(request.delivery)
      this.#deliveries.delete(request.delivery)
      delivery?.take()
      return
    }
    const { id } = request
    this.#do(request, answer).then(
      (body) => answer({ type: 'done', id, body }),
      (error: unknown) => answer({ type: 'failed', id, fault: asFault(error) }),
    )
  }

  end(): void {
    this.#leave()
    for (const registration of this.#open.values()) registration.close()
    this.#open.clear()
    this.#deliveries.clear()
  }

  async #do(request: AnsweredRequest, answer: Answer): Promise<Uint8Array> {
    switch (request.type) {
      case 'open':
        this.#openEndpoint(request.endpoint, answer)
        return NOTHING_TO_TELL
      case 'send-adu':
        return fromUtf8(await this.#send(request.adu))
      case 'open-topic':
        this.#openTopic(request.topic, answer)
        return NOTHING_TO_TELL
      case 'send-item':
        await this.#node.sendItem(request.item)
        return NOTHING_TO_TELL
      case 'status':
        return fromUtf8(JSON.stringify(this.#node.status()))
      case 'bundles':
        return fromUtf8(JSON.stringify(this.#node.bundles(request.after)))
      case 'admin':
        this.#admin ??= this.#node.administer()
        return fromUtf8(JSON.stringify(await this.#admin.perform(request.line)))
      case 'call':
        return this.#node.call(request.name, request.body, this.#left)
    }
  }

  #openTopic(topic: number, answer: Answer): void {
    this.#requireRoom()
    const registration = this.#node.openTopic(topic, (delivery) => {
      const number = this.#deliveryCount++
      this.#deliveries.set(number, delivery)
      answer({ type: 'deliver-item', delivery: number, item: delivery.item })
    })
    this.#open.set(`topic ${topic}`, registration)
  }

  #requireRoom(): void {
    if (this.#open.size < ENDPOINTS_PER_CLIENT_MAX) return
    throw temporary('control/too-many-clients', 'too many endpoints of one program')
  }

  #openEndpoint(endpoint: EndpointId, answer: Answer): void {
    this.#requireRoom()
    const registration = this.#node.open(endpoint, (delivery) => {
      const number = this.#deliveryCount++
      this.#deliveries.set(number, delivery)
      answer({ type: 'deliver', delivery: number, adu: delivery.adu })
    })
    this.#open.set(formatEndpointId(endpoint), registration)
  }

  async #send(adu: SendAdu): Promise<string> {
    const { source } = adu
    if (!isNullEndpoint(source) && !this.#open.has(formatEndpointId(source))) {
      const message = `${formatEndpointId(source)} is not open`
      throw new Fault<ControlFaultCode>('control/not-open', message, { temporary: false })
    }
    return this.#node.send(adu)
  }
}

function temporary(code: ControlFaultCode, message: string): Fault<ControlFaultCode> {
  return new Fault(code, message, { temporary: true })
}
