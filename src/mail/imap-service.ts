/** The ports of IMAP: with STARTTLS, and with TLS from the first octet. */

import { runSession } from '../drive/session.ts'
import { StreamFlow } from '../drive/stream-flow.ts'
import type { Compression } from '../ports/compression.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { ByteStream, Network, SocketAddress } from '../ports/network.ts'
import type { TlsIdentity } from '../ports/tls.ts'
import type { ImapAnswer, ImapQuestion } from '../proto/imap/question.ts'
import { ImapServer, tooManySessions } from '../proto/imap/server.ts'
import { ImapSession, type ImapSessionContext } from './imap/session.ts'
import { mechanismsFor } from './login.ts'
import { SessionPort, type SessionPortOptions } from './session-port.ts'

export interface ImapServiceOptions extends SessionPortOptions {
  /** Whether a password may cross the network unencrypted. */
  readonly plaintextAuth: 'allow' | 'refuse'
  /** To the clients: what is waited for may take longer by it, there and back. */
  readonly oneWayDelayMs: number
}

export interface ImapServiceContext extends Omit<ImapSessionContext, 'service' | 'secret'> {
  readonly service: 'imap' | 'imaps'
  readonly hostname: string
  readonly network: Network
  readonly entropy: Entropy
  /** Default: there is no TLS. */
  readonly tls?: { readonly identity: TlsIdentity }
  readonly compression: Compression
}

export class ImapService {
  readonly #options: ImapServiceOptions
  readonly #context: ImapServiceContext
  readonly #port: SessionPort<ImapSession>
  readonly #session: ImapSessionContext
  readonly #feeds = new Map<ImapSession, (event: ImapAnswer) => void>()

  constructor(options: ImapServiceOptions, context: ImapServiceContext) {
    this.#options = options
    this.#context = context
    this.#session = {
      ...context,
      secret: context.entropy.bytes(32),
    }
    this.#port = new SessionPort(options, context, {
      refusal: tooManySessions(),
      open: (id, stream) => this.#open(id, stream),
      ended: (session) => {
        this.#feeds.delete(session)
        return session.end()
      },
    })
  }

  /** Resolves with the address in use. Rejects with a Fault of the network. */
  start(): Promise<SocketAddress> {
    return this.#port.open()
  }

  /** What a command has begun is finished; the sessions are told, and closed. */
  async stop(): Promise<void> {
    await this.#port.close()
    const ending = [...this.#port.sessions.keys()].map((session) => {
      this.#feeds.get(session)?.({ type: 'shut-down' })
      return session.end()
    })
    await Promise.all(ending)
  }

  #open(id: string, stream: ByteStream): ImapSession {
    const { service, hostname, tls, accounts, messageBytesMax, clock, compression } = this.#context
    const { plaintextAuth, oneWayDelayMs } = this.#options
    const flow = new StreamFlow(stream)
    const session = new ImapSession(id, this.#session, stream.remote.host, flow)
    const machine = new ImapServer({
      hostname,
      plaintextAuth,
      oneWayDelayMs,
      messageBytesMax,
      mechanisms: mechanismsFor(accounts),
      ...(tls && { tls: service === 'imaps' ? 'first' : 'offered' }),
    })
    const feed = runSession<ImapAnswer, ImapQuestion>(
      machine,
      stream,
      clock,
      (question, answer) => session.ask(question, answer),
      {
        flow,
        compression,
        tls: tls && { role: 'server', identity: tls.identity, peerCertificate: 'ignored' },
      },
    )
    this.#feeds.set(session, feed)
    return session
  }
}
