/** A listening port with a bounded number of sessions, in all and for each peer: what the services share. */

import { asFault, Fault } from '../base/fault.ts'
import { networkOf } from '../base/ip-address.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink, MailService } from '../ports/events.ts'
import {
  type ByteStream,
  formatAddress,
  type Listener,
  type Network,
  type SocketAddress,
} from '../ports/network.ts'
import { LIMITED_SENDERS_MAX, SESSIONS_MAX, SESSIONS_PER_PEER_MAX } from './limits.ts'
import { Allowances } from './policy/allowances.ts'
import { newQueueId } from './queue-id.ts'

export interface SessionPortOptions {
  readonly listen: SocketAddress
  readonly sessionsMax?: number
  readonly sessionsPerPeerMax?: number
  /** In a minute, from one address or IPv6 network. Default: as many as they like. */
  readonly connectionsPerPeerMax?: number
}

export interface SessionPortContext {
  readonly service: MailService
  readonly network: Network
  readonly clock: Clock
  readonly entropy: Entropy
  readonly events: EventSink
}

export interface SessionHooks<Session> {
  /** What a peer beyond the bound is told before the stream is closed. */
  readonly refusal: Uint8Array
  /** Runs a session over the stream; `id` is for the log. */
  open(id: string, stream: ByteStream): Session
  /** The stream is gone; resolves when the session has cleared up. */
  ended(session: Session): Promise<void>
}

const MINUTE_MS = 60_000

export class SessionPort<Session> {
  readonly #options: SessionPortOptions
  readonly #context: SessionPortContext
  readonly #hooks: SessionHooks<Session>
  readonly #sessions = new Map<Session, ByteStream>()
  readonly #sessionsOfPeer = new Map<string, number>()
  readonly #connections: Allowances
  #listener: Listener | undefined

  constructor(
    options: SessionPortOptions,
    context: SessionPortContext,
    hooks: SessionHooks<Session>,
  ) {
    this.#options = options
    this.#context = context
    this.#hooks = hooks
    const bounds = { periodMs: MINUTE_MS, keysMax: LIMITED_SENDERS_MAX }
    this.#connections = new Allowances(context.clock, bounds)
  }

  /** Those whose stream still stands. */
  get sessions(): ReadonlyMap<Session, ByteStream> {
    return this.#sessions
  }

  /** Resolves with the address in use. Rejects with a Fault of the network. */
  async open(): Promise<SocketAddress> {
    const { events, service } = this.#context
    this.#listener = await this.#listen()
    const { address } = this.#listener
    events({ type: 'listening', service, address: formatAddress(address) })
    return address
  }

  /** Says in a Fault which of the services it is. */
  async #listen(): Promise<Listener> {
    const { network, service } = this.#context
    try {
      return await network.listen(this.#options.listen, (stream) => this.#accept(stream), {
        sendsTogether: true,
      })
    } catch (error) {
      const { code, message, temporary } = asFault(error)
      throw new Fault(code, `${service}: ${message}`, { temporary, cause: error })
    }
  }

  /** Accepts no more; the sessions go on. */
  async close(): Promise<void> {
    await this.#listener?.close()
  }

  #accept(stream: ByteStream): void {
    const { service, events, clock, entropy } = this.#context
    const peer = stream.remote.host
    // Whoever has one address of IPv6 has a network of them.
    const place = networkOf(peer)
    const ofPeer = this.#sessionsOfPeer.get(place) ?? 0
    const reason = this.#objectionTo(place, ofPeer)
    if (reason !== undefined) {
      stream.send(this.#hooks.refusal)
      stream.close()
      events({ type: 'session-refused', service, peer, reason })
      return
    }
    const id = newQueueId(clock, entropy)
    events({ type: 'session-opened', service, session: id, peer: formatAddress(stream.remote) })
    const session = this.#hooks.open(id, stream)
    this.#sessions.set(session, stream)
    this.#sessionsOfPeer.set(place, ofPeer + 1)
    const endSession = stream.onEnd
    stream.onEnd = (fault) => {
      endSession(fault)
      this.#forget(session, place)
      void this.#hooks.ended(session).then(() => {
        events({ type: 'session-closed', service, session: id, peer: formatAddress(stream.remote) })
      })
    }
  }

  #objectionTo(place: string, sessionsOfPeer: number): string | undefined {
    const { sessionsMax = SESSIONS_MAX, sessionsPerPeerMax = SESSIONS_PER_PEER_MAX } = this.#options
    if (this.#sessions.size >= sessionsMax || sessionsOfPeer >= sessionsPerPeerMax) {
      return 'too many sessions'
    }
    const { connectionsPerPeerMax: max } = this.#options
    if (max === undefined || this.#connections.take(place, max, 1)) return undefined
    return 'too many connections'
  }

  #forget(session: Session, place: string): void {
    this.#sessions.delete(session)
    const left = (this.#sessionsOfPeer.get(place) ?? 1) - 1
    if (left > 0) this.#sessionsOfPeer.set(place, left)
    else this.#sessionsOfPeer.delete(place)
  }
}
