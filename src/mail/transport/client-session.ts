import { asFault, type Fault } from '../../base/fault.ts'
import { runSession } from '../../drive/session.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ByteStream } from '../../ports/network.ts'
import type { TlsOptions } from '../../ports/tls.ts'
import {
  SmtpClient,
  type SmtpClientEvent,
  type SmtpClientOptions,
} from '../../proto/smtp/client.ts'
import type { OutgoingMail } from '../../proto/smtp/client-envelope.ts'
import { type Extensions, NO_EXTENSIONS } from '../../proto/smtp/extension.ts'
import type { Reply } from '../../proto/smtp/reply.ts'
import type { BodySource } from './body.ts'
import { refusalOf, transportFault } from './fault.ts'
import { MAILS_PER_CONNECTION_MAX } from './limits.ts'

export interface ClientSessionOptions {
  /** As logs and reports name it: `mx.b.com[10.0.0.1]:25`. */
  readonly server: string
  readonly client: SmtpClientOptions
  readonly tls?: TlsOptions | undefined
}

interface Waiting {
  readonly resolve: () => void
  readonly reject: (fault: Fault) => void
}

/** A connection to a server, for one mail after another. */
export class ClientSession {
  readonly server: string
  readonly #stream: ByteStream
  readonly #feed: (event: SmtpClientEvent) => void
  #state: 'busy' | 'ready' | 'over' = 'busy'
  /** Why it is over. */
  #fault: Fault | undefined
  #waiting: Waiting | undefined
  #replies: readonly Reply[] = []
  #offered: Extensions = NO_EXTENSIONS
  #body: BodySource | undefined
  #isAnswerAwaited = false
  #mails = 0
  /** Called once, when the connection is of no more use. */
  onOver: () => void = () => {}

  /** Resolves when mail can be sent; rejects with a Fault where the server, or what leads to it, will not. */
  static async open(
    stream: ByteStream,
    options: ClientSessionOptions,
    clock: Clock,
  ): Promise<ClientSession> {
    const session = new ClientSession(stream, options, clock)
    await session.#turn()
    // With the last of its greeting a server may have said farewell.
    session.#requireOpen()
    return session
  }

  private constructor(stream: ByteStream, options: ClientSessionOptions, clock: Clock) {
    this.server = options.server
    this.#stream = stream
    this.#feed = runSession(
      new SmtpClient(options.client),
      stream,
      clock,
      (effect, answer) => {
        switch (effect.type) {
          case 'ready':
            this.#state = 'ready'
            this.#offered = effect.offered
            this.#done()
            return
          case 'more-body':
            this.#giveBody(answer)
            return
          case 'settled':
            this.#isAnswerAwaited = false
            this.#replies = effect.replies
            this.#done()
            return
          case 'failed':
            this.#over(
              effect.reply === undefined ? effect.fault : refusalOf(effect.reply, this.server),
              effect.fault,
            )
            return
          case 'finished':
            this.#over(transportFault('transport/stopped', 'the session has ended', '4.4.2'))
        }
      },
      { tls: options.tls },
    )
  }

  get isReady(): boolean {
    return this.#state === 'ready'
  }

  /** What the server can do. */
  get offered(): Extensions {
    return this.#offered
  }

  /** Whether one more mail may go over this connection. */
  get takesMore(): boolean {
    const { mailsMax = MAILS_PER_CONNECTION_MAX } = this.#offered
    return this.isReady && this.#mails < Math.min(mailsMax, MAILS_PER_CONNECTION_MAX)
  }

  /** The server has the end of a message and has not said whether it took it: cut off, it may have. */
  get isAnswerAwaited(): boolean {
    return this.#isAnswerAwaited && this.#state !== 'over'
  }

  /** One reply for each recipient. Rejects with a Fault where the session ended before. */
  async send(mail: OutgoingMail, body: BodySource): Promise<readonly Reply[]> {
    this.#requireOpen()
    this.#mails++
    this.#state = 'busy'
    this.#body = body
    const turn = this.#turn()
    this.#feed({ type: 'mail', ...mail })
    await turn
    return this.#replies
  }

  quit(): void {
    if (this.#state !== 'ready') return
    this.#state = 'busy'
    this.#feed({ type: 'quit' })
  }

  abort(): void {
    this.#stream.abort()
    this.#over(transportFault('transport/stopped', 'this host is stopping', '4.3.2'))
  }

  #requireOpen(): void {
    if (this.#fault !== undefined) throw this.#fault
  }

  /** Nobody waits for two things at once. */
  #turn(): Promise<void> {
    this.#requireOpen()
    return new Promise<void>((resolve, reject) => {
      if (this.#state === 'ready') resolve()
      this.#waiting = { resolve, reject }
    })
  }

  #giveBody(answer: (event: SmtpClientEvent) => void): void {
    const body = this.#body
    body?.next().then(
      (bytes) => {
        const isLast = body.isOver === true
        this.#isAnswerAwaited = isLast || bytes === undefined
        answer(bytes === undefined ? { type: 'body-end' } : { type: 'body', bytes, isLast })
      },
      // Closing before its end takes the message back. RFC 5321 §4.1.1.4.
      (error: unknown) => {
        this.#stream.abort()
        this.#over(asFault(error))
      },
    )
  }

  #done(): void {
    this.#waiting?.resolve()
    this.#waiting = undefined
  }

  #over(fault: Fault, cause: Fault = fault): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    // Without TLS the same server may do better, so that this one must be told apart.
    this.#fault = cause.code === 'smtp/tls-failed' ? cause : fault
    this.#waiting?.reject(this.#fault)
    this.#waiting = undefined
    this.onOver()
  }
}
