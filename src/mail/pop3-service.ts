/** The POP3 port. */

import { runSession } from '../drive/session.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { ByteStream, Network, SocketAddress } from '../ports/network.ts'
import {
  type Pop3Answer,
  type Pop3Question,
  Pop3Server,
  tooManySessions,
} from '../proto/pop3/server.ts'
import { Pop3Session, type Pop3SessionContext } from './pop3-session.ts'
import { SessionPort, type SessionPortOptions } from './session-port.ts'

export interface Pop3ServiceOptions extends SessionPortOptions {
  /** Whether a password may cross the network unencrypted; where not, nobody can log in yet. */
  readonly plaintextAuth: 'allow' | 'refuse'
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
  readonly #port: SessionPort<Pop3Session>
  readonly #locked = new Set<string>()

  constructor(options: Pop3ServiceOptions, context: Pop3ServiceContext) {
    this.#options = options
    this.#context = context
    this.#port = new SessionPort(
      options,
      { ...context, service: 'pop3' },
      {
        refusal: tooManySessions(),
        open: (id, stream) => this.#open(id, stream),
        ended: (session) => session.end(),
      },
    )
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
    const { hostname, clock } = this.#context
    const session = new Pop3Session(id, this.#context, stream.remote.host, this.#locked)
    const machine = new Pop3Server({ hostname, plaintextAuth: this.#options.plaintextAuth })
    runSession<Pop3Answer, Pop3Question>(machine, stream, clock, (question, answer) =>
      session.ask(question, answer),
    )
    return session
  }
}
