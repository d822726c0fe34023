/** The SMTP port and the submission port: sessions, their bounds and their end. */

import { runSession } from '../drive/session.ts'
import {
  type ByteStream,
  formatAddress,
  type Listener,
  type Network,
  type SocketAddress,
} from '../ports/network.ts'
import { shuttingDown, tooManySessions } from '../proto/smtp/reply.ts'
import { encodeReply } from '../proto/smtp/reply-codec.ts'
import { type SmtpAnswer, type SmtpQuestion, SmtpServer } from '../proto/smtp/server.ts'
import { SESSIONS_MAX, SESSIONS_PER_PEER_MAX } from './limits.ts'
import { newQueueId } from './queue-id.ts'
import { SmtpSession, type SmtpSessionContext } from './smtp-session.ts'

export interface SmtpServiceOptions {
  readonly listen: SocketAddress
  readonly sizeBytesMax: number
  /** At least 100. RFC 5321 §4.5.3.1.8. */
  readonly recipientsMax: number
  /** Whether a password may cross the network unencrypted; where not, AUTH is not offered. */
  readonly plaintextAuth: 'allow' | 'refuse'
  readonly sessionsMax?: number
  readonly sessionsPerPeerMax?: number
}

export interface SmtpServiceContext extends SmtpSessionContext {
  readonly network: Network
}

export class SmtpService {
  readonly #options: SmtpServiceOptions
  readonly #context: SmtpServiceContext
  readonly #sessions = new Map<SmtpSession, ByteStream>()
  readonly #sessionsOfPeer = new Map<string, number>()
  #listener: Listener | undefined

  constructor(options: SmtpServiceOptions, context: SmtpServiceContext) {
    this.#options = options
    this.#context = context
  }

  /** Resolves with the address in use. Rejects with a Fault of the network. */
  async start(): Promise<SocketAddress> {
    const { network, events, service } = this.#context
    this.#listener = await network.listen(this.#options.listen, (stream) => this.#accept(stream))
    const { address } = this.#listener
    events({ type: 'listening', service, address: formatAddress(address) })
    return address
  }

  /** What is being accepted is accepted and answered; then every session is closed. */
  async stop(): Promise<void> {
    await this.#listener?.close()
    const farewell = encodeReply(shuttingDown(this.#context.hostname))
    for (const [session, stream] of this.#sessions) {
      stream.pause()
      await session.idle
      stream.send(farewell)
      stream.close()
      await session.abandon()
    }
  }

  #accept(stream: ByteStream): void {
    const { sessionsMax = SESSIONS_MAX, sessionsPerPeerMax = SESSIONS_PER_PEER_MAX } = this.#options
    const { service, hostname, events, clock, entropy } = this.#context
    const peer = stream.remote.host
    const ofPeer = this.#sessionsOfPeer.get(peer) ?? 0
    if (this.#sessions.size >= sessionsMax || ofPeer >= sessionsPerPeerMax) {
      stream.send(encodeReply(tooManySessions(hostname)))
      stream.close()
      events({ type: 'session-refused', service, peer, reason: 'too many sessions' })
      return
    }
    const id = newQueueId(clock, entropy)
    const session = new SmtpSession(id, this.#context, stream)
    this.#sessions.set(session, stream)
    this.#sessionsOfPeer.set(peer, ofPeer + 1)
    events({ type: 'session-opened', service, session: id, peer: formatAddress(stream.remote) })
    runSession<SmtpAnswer, SmtpQuestion>(this.#machine(), stream, clock, (question, answer) =>
      session.ask(question, answer),
    )
    const endSession = stream.onEnd
    stream.onEnd = (fault) => {
      endSession(fault)
      this.#sessions.delete(session)
      const left = (this.#sessionsOfPeer.get(peer) ?? 1) - 1
      if (left > 0) this.#sessionsOfPeer.set(peer, left)
      else this.#sessionsOfPeer.delete(peer)
      events({ type: 'session-closed', service, session: id })
    }
  }

  #machine(): SmtpServer {
    const { service, hostname } = this.#context
    const { sizeBytesMax, recipientsMax, plaintextAuth } = this.#options
    const submission = service === 'submission'
    return new SmtpServer({
      hostname,
      role: submission ? 'submission' : 'transfer',
      sizeBytesMax,
      recipientsMax,
      mechanisms: submission && plaintextAuth === 'allow' ? ['PLAIN', 'LOGIN'] : [],
      requireAuthentication: submission,
    })
  }
}
