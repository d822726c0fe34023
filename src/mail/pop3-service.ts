/** The ports of POP3: with STLS, and with TLS from the first octet. */

import { runSession } from '../drive/session.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { ByteStream, Network, SocketAddress } from '../ports/network.ts'
import type { TlsIdentity } from '../ports/tls.ts'
import type { Pop3Answer, Pop3Question } from '../proto/pop3/question.ts'
import { Pop3Server, tooManySessions } from '../proto/pop3/server.ts'
import { mechanismsFor } from './login.ts'
import { Pop3Session, type Pop3SessionContext } from './pop3-session.ts'
import { SessionPort, type SessionPortOptions } from './session-port.ts'

export interface Pop3ServiceOptions extends SessionPortOptions {
  /** Whether a password may cross the network unencrypted; where not, nobody can log in yet. */
  readonly plaintextAuth: 'allow' | 'refuse'
  /** To the clients: what is waited for may take longer by it, there and back. */
  readonly oneWayDelayMs: number
  /** Between two logins of a user. Default: 0. RFC 2449 §6.5. */
  readonly loginDelayMs?: number
}

export interface Pop3ServiceContext extends Omit<Pop3SessionContext, 'secret' | 'loginDelayMs'> {
  readonly hostname: string
  /** Default: there is no TLS. */
  readonly tls?: { readonly identity: TlsIdentity }
  readonly network: Network
  readonly clock: Clock
  readonly entropy: Entropy
}

export class Pop3Service {
  readonly #options: Pop3ServiceOptions
  readonly #context: Pop3ServiceContext
  readonly #port: SessionPort<Pop3Session>
  readonly #session: Pop3SessionContext

  constructor(options: Pop3ServiceOptions, context: Pop3ServiceContext) {
    this.#options = options
    this.#context = context
    const { loginDelayMs = 0 } = options
    this.#session = { ...context, loginDelayMs, secret: context.entropy.bytes(32) }
    this.#port = new SessionPort(options, context, {
      refusal: tooManySessions(),
      open: (id, stream) => this.#open(id, stream),
      ended: (session) => session.end(),
    })
  }

  /** Resolves with the address in use. Rejects with a Fault of the network. */
  start(): Promise<SocketAddress> {
    return this.#port.open()
  }

  /** What a QUIT has begun is finished; all other sessions end without removing anything. */
  async stop(): Promise<void> {
    await this.#port.close()
    const ending = [...this.#port.sessions].map(([session, stream]) => {
      stream.close()
      return session.end()
    })
    await Promise.all(ending)
  }

  #open(id: string, stream: ByteStream): Pop3Session {
    const { service, hostname, clock, tls, accounts } = this.#context
    const { plaintextAuth, oneWayDelayMs } = this.#options
    const session = new Pop3Session(id, this.#session, stream.remote.host)
    const machine = new Pop3Server({
      hostname,
      plaintextAuth,
      oneWayDelayMs,
      loginDelaySec: Math.ceil(this.#session.loginDelayMs / 1000),
      mechanisms: mechanismsFor(accounts),
      ...(tls && { tls: service === 'pop3s' ? 'first' : 'offered' }),
    })
    runSession<Pop3Answer, Pop3Question>(
      machine,
      stream,
      clock,
      (question, answer) => session.ask(question, answer),
      { tls: tls && { role: 'server', identity: tls.identity, peerCertificate: 'ignored' } },
    )
    return session
  }
}
