/** The SMTP port and the submission port. */

import { runSession } from '../drive/session.ts'
import { StreamFlow } from '../drive/stream-flow.ts'
import type { ByteStream, Network, SocketAddress } from '../ports/network.ts'
import { shuttingDown, tooManySessions } from '../proto/smtp/reply.ts'
import { encodeReply } from '../proto/smtp/reply-codec.ts'
import { type SmtpAnswer, type SmtpQuestion, SmtpServer } from '../proto/smtp/server.ts'
import { SessionPort, type SessionPortOptions } from './session-port.ts'
import { SmtpSession, type SmtpSessionContext } from './smtp-session.ts'

export interface SmtpServiceOptions extends SessionPortOptions {
  readonly sizeBytesMax: number
  /** At least 100. RFC 5321 §4.5.3.1.8. */
  readonly recipientsMax: number
  /** Whether a password may cross the network unencrypted; where not, AUTH is not offered. */
  readonly plaintextAuth: 'allow' | 'refuse'
}

export interface SmtpServiceContext extends SmtpSessionContext {
  readonly network: Network
}

export class SmtpService {
  readonly #options: SmtpServiceOptions
  readonly #context: SmtpServiceContext
  readonly #port: SessionPort<SmtpSession>

  constructor(options: SmtpServiceOptions, context: SmtpServiceContext) {
    this.#options = options
    this.#context = context
    this.#port = new SessionPort(options, context, {
      refusal: encodeReply(tooManySessions(context.hostname)),
      open: (id, stream) => this.#open(id, stream),
      ended: (session) => session.abandon(),
    })
  }

  /** Resolves with the address in use. Rejects with a Fault of the network. */
  start(): Promise<SocketAddress> {
    return this.#port.open()
  }

  /** What is being accepted is accepted and answered; then every session is closed. */
  async stop(): Promise<void> {
    await this.#port.close()
    const farewell = encodeReply(shuttingDown(this.#context.hostname))
    const ending = [...this.#port.sessions].map(async ([session, stream]) => {
      await session.finish()
      stream.send(farewell)
      stream.close()
      await session.abandon()
    })
    await Promise.all(ending)
  }

  #open(id: string, stream: ByteStream): SmtpSession {
    const flow = new StreamFlow(stream)
    const session = new SmtpSession(id, this.#context, stream.remote.host, flow)
    runSession<SmtpAnswer, SmtpQuestion>(
      this.#machine(),
      stream,
      this.#context.clock,
      (question, answer) => session.ask(question, answer),
      { flow },
    )
    return session
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
