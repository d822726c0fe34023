/** A node as a program sees it: over its control socket, or any other way. */

import { toUtf8 } from '../../base/bytes.ts'
import { Fault } from '../../base/fault.ts'
import { addMs } from '../../base/time.ts'
import { runSession } from '../../drive/session.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Network, SocketAddress } from '../../ports/network.ts'
import { type EndpointId, formatEndpointId } from '../../proto/bpv7/endpoint-id.ts'
import type { ReceivedAdu } from '../node.ts'
import { ControlClient, type ControlHearing, type ControlWish } from './client.ts'
import type { ControlFaultCode } from './fault.ts'
import { bad } from './frame.ts'
import { CONNECT_TIMEOUT_MS, WELCOME_TIMEOUT_MS } from './limits.ts'
import type {
  AdminAnswer,
  AdminLine,
  AnsweredRequest,
  ReceivedItem,
  SendAdu,
  SendItem,
} from './message.ts'
import type { BundleSummary, ControlStatus } from './status.ts'

/** A copy that is not taken stays with the node, for the next program that opens the endpoint. */
export interface Received {
  readonly adu: ReceivedAdu
  take(): void
}

/** The next comes when it is taken; one that is not is for the next program that opens the topic. */
export interface TopicItem {
  readonly item: ReceivedItem
  take(): void
}

/** Everything rejects with the Fault that the node answers, or `control/ended` once it has gone. */
export interface NodeClient {
  readonly node: bigint
  /** Hears once that nothing more comes. */
  onOver: (fault: Fault) => void
  /** `receive` is called for each ADU, in order of arrival. */
  open(endpoint: EndpointId, receive: (received: Received) => void): Promise<void>
  /** Resolves with the bundle's ID once it is durable. */
  send(adu: SendAdu): Promise<string>
  /** `receive` is called for each item of a topic of DTPC, in order of arrival. */
  openTopic(topic: number, receive: (item: TopicItem) => void): Promise<void>
  /** Resolves once it is durable. */
  sendItem(item: SendItem): Promise<void>
  status(): Promise<ControlStatus>
  /** A page; the next begins after the last key of this one, until a page is empty. */
  bundles(after: number | undefined): Promise<readonly BundleSummary[]>
  /** Lines of one client are one run of an admin program: its reference time is theirs. */
  admin(line: AdminLine): Promise<AdminAnswer>
  /** Rejects with `control/unavailable` where the host does nothing of this name. */
  call(name: string, body: Uint8Array): Promise<Uint8Array>
  close(): void
}

/**
 * Rejects with the network's Fault, the node's where it does not let us in, or `control/silent`: the system
 * takes connections for a process that is stopped.
 */
export async function connectNode(
  socket: SocketAddress,
  ports: { readonly network: Network; readonly clock: Clock },
): Promise<NodeClient> {
  const stream = await ports.network.connect(socket, CONNECT_TIMEOUT_MS)
  const { clock } = ports
  let giveUp = (): void => {}
  try {
    return await new Promise((resolve, reject) => {
      const client = new SocketClient(resolve, reject)
      client.wish = runSession<ControlWish, ControlHearing>(
        new ControlClient(),
        stream,
        clock,
        (hearing) => client.hear(hearing),
      )
      giveUp = clock.at(addMs(clock.now(), WELCOME_TIMEOUT_MS), () => {
        reject(silent())
        stream.abort()
      })
    })
  } finally {
    giveUp()
  }
}

function silent(): Fault {
  const message = `no answer within ${WELCOME_TIMEOUT_MS / 1000} s: is its process stopped? kill -CONT lets it go on`
  return new Fault<ControlFaultCode>('control/silent', message, { temporary: true })
}

interface Pending {
  readonly resolve: (body: Uint8Array) => void
  readonly reject: (fault: Fault) => void
}

class SocketClient implements NodeClient {
  node = 0n
  onOver: (fault: Fault) => void = () => {}
  wish: (wish: ControlWish) => void = () => {}
  readonly #welcomed: (client: NodeClient) => void
  readonly #refused: (fault: Fault) => void
  readonly #pending = new Map<number, Pending>()
  readonly #receivers = new Map<string, (received: Received) => void>()
  readonly #topics = new Map<number, (item: TopicItem) => void>()
  #idCount = 0
  #fault: Fault | undefined

  constructor(welcomed: (client: NodeClient) => void, refused: (fault: Fault) => void) {
    this.#welcomed = welcomed
    this.#refused = refused
  }

  async open(endpoint: EndpointId, receive: (received: Received) => void): Promise<void> {
    const name = formatEndpointId(endpoint)
    const before = this.#receivers.get(name)
    // Its first ADUs come with the answer.
    this.#receivers.set(name, receive)
    try {
      await this.#ask((id) => ({ type: 'open', id, endpoint }))
    } catch (error) {
      if (before === undefined) this.#receivers.delete(name)
      else this.#receivers.set(name, before)
      throw error
    }
  }

  async send(adu: SendAdu): Promise<string> {
    return toUtf8(await this.#ask((id) => ({ type: 'send-adu', id, adu })))
  }

  async openTopic(topic: number, receive: (item: TopicItem) => void): Promise<void> {
    const isOpen = this.#topics.has(topic)
    // The first item comes before the answer.
    if (!isOpen) this.#topics.set(topic, receive)
    try {
      await this.#ask((id) => ({ type: 'open-topic', id, topic }))
    } catch (error) {
      if (!isOpen) this.#topics.delete(topic)
      throw error
    }
  }

  async sendItem(item: SendItem): Promise<void> {
    await this.#ask((id) => ({ type: 'send-item', id, item }))
  }

  async status(): Promise<ControlStatus> {
    return parse<ControlStatus>(await this.#ask((id) => ({ type: 'status', id })))
  }

  async bundles(after: number | undefined): Promise<readonly BundleSummary[]> {
    return parse<BundleSummary[]>(await this.#ask((id) => ({ type: 'bundles', id, after })))
  }

  async admin(line: AdminLine): Promise<AdminAnswer> {
    return parse<AdminAnswer>(await this.#ask((id) => ({ type: 'admin', id, line })))
  }

  call(name: string, body: Uint8Array): Promise<Uint8Array> {
    return this.#ask((id) => ({ type: 'call', id, name, body }))
  }

  close(): void {
    this.wish({ type: 'leave' })
  }

  hear(hearing: ControlHearing): void {
    switch (hearing.type) {
      case 'welcomed':
        this.node = hearing.node
        this.#welcomed(this)
        return
      case 'done':
        this.#take(hearing.id)?.resolve(hearing.body)
        return
      case 'failed':
        this.#take(hearing.id)?.reject(hearing.fault)
        return
      case 'delivered': {
        const { adu, delivery } = hearing
        const take = (): void => this.wish({ type: 'take', delivery })
        this.#receivers.get(formatEndpointId(adu.destination))?.({ adu, take })
        return
      }
      case 'item-delivered': {
        const { item, delivery } = hearing
        const take = (): void => this.wish({ type: 'take', delivery })
        this.#topics.get(item.topic)?.({ item, take })
        return
      }
      case 'over':
        this.#fault = hearing.fault
        this.#refused(hearing.fault)
        this.onOver(hearing.fault)
    }
  }

  #ask(request: (id: number) => AnsweredRequest): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== undefined) throw this.#fault
      const id = this.#idCount++
      this.#pending.set(id, { resolve, reject })
      this.wish({ type: 'request', request: request(id) })
    })
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    return pending
  }
}

/** What a node of the same version writes. */
function parse<Value>(body: Uint8Array): Value {
  try {
    return JSON.parse(toUtf8(body)) as Value
  } catch {
    throw bad('an answer that is no JSON')
  }
}
