/** The POP3 port: sessions, their bounds and their end. */

import { runSession } from '../drive/session.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import {
  type ByteStream,
  formatAddress,
  type Listener,
  type Network,
  type SocketAddress,
} from '../ports/network.ts'
import {
  type Pop3Answer,
  type Pop3Question,
  Pop3Server,
  tooManySessions,
} from '../proto/pop3/server.ts'
import { SESSIONS_MAX, SESSIONS_PER_PEER_MAX } from './limits.ts'
import { Pop3Session, type Pop3SessionContext } from './pop3-session.ts'
import { newQueueId } from './queue-id.ts'

export interface Pop3ServiceOptions {
  readonly listen: SocketAddress
  /** Whether a password may cross the network unencrypted; where not, nobody can log in yet. */
  readonly plaintextAuth: 'allow' | 'refuse'
  readonly sessionsMax?: number
  readonly sessionsPerPeerMax?: number
}

export interface Pop3ServiceContext extends Pop3SessionContext {
  readonly hostname: string
  readonly network: Network
  readonly clock: Clock
  readonly entropy: Entropy
}

export class Pop3Service {
  readonly #options: Pop3ServiceOptions
  readonly #context: Pop3ServiceContext
  readonly #sessions = new Map<Pop3Session, ByteStream>()
  readonly #sessionsOfPeer = new Map<string, number>()
  readonly #locked = new Set<string>()
  #listener: Listener | undefined

  constructor(options: Pop3ServiceOptions, context: Pop3ServiceContext) {
    this.#options = options
    this.#context = context
  }

  /** Resolves with the address in use. Rejects with a Fault of the network. */
  async start(): Promise<SocketAddress> {
    const { network, events } = this.#context
    this.#listener = await network.listen(this.#options.listen, (stream) => this.#accept(stream))
    const { address } = this.#listener
    events({ type: 'listening', service: 'pop3', address: formatAddress(address) })
    return address
  }

  /** What a QUIT has begun is finished; all other sessions end without removing anything. */
  async stop(): Promise<void> {
    await this.#listener?.close()
    const ending = [...this.#sessions].map(([session, stream]) => {
      stream.close()
      return session.end()
    })
    await Promise.all(ending)
  }

  #accept(stream: ByteStream): void {
    const { sessionsMax = SESSIONS_MAX, sessionsPerPeerMax = SESSIONS_PER_PEER_MAX } = this.#options
    const { hostname, events, clock, entropy } = this.#context
    const peer = stream.remote.host
    const ofPeer = this.#sessionsOfPeer.get(peer) ?? 0
    if (this.#sessions.size >= sessionsMax || ofPeer >= sessionsPerPeerMax) {
      stream.send(tooManySessions())
      stream.close()
      events({ type: 'session-refused', service: 'pop3', peer, reason: 'too many sessions' })
      return
    }
    const id = newQueueId(clock, entropy)
    const session = new Pop3Session(id, this.#context, this.#locked)
    this.#sessions.set(session, stream)
    this.#sessionsOfPeer.set(peer, ofPeer + 1)
    const from = formatAddress(stream.remote)
    events({ type: 'session-opened', service: 'pop3', session: id, peer: from })
    const machine = new Pop3Server({ hostname, plaintextAuth: this.#options.plaintextAuth })
    runSession<Pop3Answer, Pop3Question>(machine, stream, clock, (question, answer) =>
      session.ask(question, answer),
    )
    const endMachine = stream.onEnd
    stream.onEnd = (fault) => {
      endMachine(fault)
      this.#forget(session, peer)
      void session.end().then(() => {
        events({ type: 'session-closed', service: 'pop3', session: id })
      })
    }
  }

  #forget(session: Pop3Session, peer: string): void {
    this.#sessions.delete(session)
    const left = (this.#sessionsOfPeer.get(peer) ?? 1) - 1
    if (left > 0) this.#sessionsOfPeer.set(peer, left)
    else this.#sessionsOfPeer.delete(peer)
  }
}
