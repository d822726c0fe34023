/** The ports of SMTP: transfer, submission with and without TLS from the start, and LMTP. */

import { addMs } from '../base/time.ts'
import { runSession } from '../drive/session.ts'
import { StreamFlow } from '../drive/stream-flow.ts'
import { OWNER_KEYWORD } from '../ports/local-users.ts'
import type { ByteStream, Network, SocketAddress } from '../ports/network.ts'
import type { TlsIdentity, TlsOptions } from '../ports/tls.ts'
import type { OptionalExtension } from '../proto/smtp/extension.ts'
import type {
  HurryEvent,
  SmtpAnswer,
  SmtpQuestion,
  SmtpServerOptions,
} from '../proto/smtp/question.ts'
import { shuttingDown, tooManySessions } from '../proto/smtp/reply.ts'
import { encodeReply } from '../proto/smtp/reply-codec.ts'
import { SmtpServer } from '../proto/smtp/server.ts'
import { CROWDED_SHARE, SESSIONS_MAX } from './limits.ts'
import { mechanismsFor } from './login.ts'
import { SessionPort, type SessionPortOptions } from './session-port.ts'
import { SmtpSession, type SmtpSessionContext } from './smtp-session.ts'

/** How a port takes mail, beyond what all of them have in common. */
export type SmtpPortOptions = SessionPortOptions &
  Pick<SmtpServerOptions, 'bareLineEnds' | 'vrfy' | 'expn' | 'oneWayDelayMs'>

export interface SmtpServiceOptions extends SmtpPortOptions {
  readonly sizeBytesMax: number
  /** At least 100. RFC 5321 §4.5.3.1.8. */
  readonly recipientsMax: number
  /** Whether a password may cross the network unencrypted. */
  readonly plaintextAuth: 'allow' | 'refuse'
}

export interface SmtpServiceContext extends Omit<SmtpSessionContext, 'secret'> {
  readonly network: Network
  /** Default: there is no TLS. */
  readonly tls?: { readonly identity: TlsIdentity }
}

export class SmtpService {
  readonly #options: SmtpServiceOptions
  readonly #context: SmtpServiceContext
  readonly #port: SessionPort<SmtpSession>
  readonly #session: SmtpSessionContext
  readonly #hurries = new Map<SmtpSession, () => void>()
  #isCrowded = false

  constructor(options: SmtpServiceOptions, context: SmtpServiceContext) {
    this.#options = options
    this.#context = context
    this.#session = { ...context, secret: context.entropy.bytes(32) }
    this.#port = new SessionPort(options, context, {
      refusal: encodeReply(tooManySessions(context.hostname)),
      open: (id, stream) => this.#open(id, stream),
      ended: (session) => {
        this.#hurries.delete(session)
        return session.abandon()
      },
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
    const session = new SmtpSession(id, this.#session, stream.remote.host, flow)
    const feed = runSession<SmtpAnswer | HurryEvent, SmtpQuestion>(
      this.#machine(id),
      stream,
      this.#context.clock,
      (question, answer) => session.ask(question, answer),
      { flow, tls: this.#tls() },
    )
    this.#hurries.set(session, () => feed({ type: 'hurry' }))
    this.#makeRoom(session)
    return session
  }

  /** Before there is none: who has waited for long gives way to who has just come. */
  #makeRoom(newcomer: SmtpSession): void {
    const { sessionsMax = SESSIONS_MAX } = this.#options
    const wasCrowded = this.#isCrowded
    this.#isCrowded = this.#hurries.size > CROWDED_SHARE * sessionsMax
    if (!this.#isCrowded) return
    const hurried = wasCrowded ? [newcomer] : [...this.#hurries.keys()]
    for (const session of hurried) this.#hurries.get(session)?.()
  }

  #tls(): TlsOptions | undefined {
    const { tls } = this.#context
    return tls && { role: 'server', identity: tls.identity, peerCertificate: 'ignored' }
  }

  #machine(session: string): SmtpServer {
    const { service, hostname, clock } = this.#context
    // Between programs of one machine there is nobody else.
    const tls = service === 'pickup' ? undefined : this.#context.tls
    const isSubmission = service === 'submission' || service === 'submissions'
    return new SmtpServer({
      ...this.#options,
      hostname,
      role: isSubmission ? 'submission' : service === 'lmtp' ? 'lmtp' : 'transfer',
      mechanisms: isSubmission ? mechanismsFor(this.#context.accounts) : [],
      requireAuthentication: isSubmission,
      ...(service === 'pickup' && {
        mechanisms: ['EXTERNAL'],
        announced: [`${OWNER_KEYWORD} ${session}`],
      }),
      ...(tls && { tls: service === 'submissions' ? 'first' : 'offered' }),
      extensions: isSubmission ? [...EXTENSIONS, 'FUTURERELEASE'] : EXTENSIONS,
      ...(isSubmission && {
        releaseMax: {
          afterSec: RELEASE_AFTER_MAX_SEC,
          until: addMs(clock.wall(), RELEASE_AFTER_MAX_SEC * 1000),
        },
      }),
    })
  }
}

/** What the queue and those behind it honour. */
const EXTENSIONS: readonly OptionalExtension[] = [
  'BINARYMIME',
  'SMTPUTF8',
  'DELIVERBY',
  'MT-PRIORITY',
  'REQUIRETLS',
  'DSN',
]

/**
 * As long as a mail may be asked to wait for its release: many large ones would fill the store. Only
 * users may ask, for nobody knows whom else to hold to that; RFC 4865 is for submission.
 */
const RELEASE_AFTER_MAX_SEC = 30 * 86_400
