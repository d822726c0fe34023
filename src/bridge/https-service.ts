/** Where peers post objects to, and gateways of other makes batch SMTP: `https` in a host's file. */

import { concat, NO_BYTES, toHex } from '../base/bytes.ts'
import { asFault } from '../base/fault.ts'
import { sha256 } from '../base/sha256.ts'
import { addMs, type WallMs, wallMs } from '../base/time.ts'
import { runSession } from '../drive/session.ts'
import { SessionPort, type SessionPortOptions } from '../mail/session-port.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import type { EventSink } from '../ports/events.ts'
import type { ByteStream, Network, SocketAddress } from '../ports/network.ts'
import type { TlsIdentity, TlsTrust } from '../ports/tls.ts'
import {
  type HttpAnswer,
  type HttpQuestion,
  type HttpRequest,
  type HttpResponse,
  HttpServer,
} from '../proto/http/server.ts'
import { encodeAcknowledgements } from './adu.ts'
import type { ReceivedAdu } from './carrier.ts'
import type { Gateway } from './gateway.ts'
import { BATCH_TYPE, EXPIRES_FIELD, OBJECT_TYPE, peerOf, typeIn } from './https-message.ts'
import { BARE_COPIES_MS, POSTS_COMING_MAX } from './limits.ts'
import type { GatewayReads } from './object-packing.ts'
import type { Peer } from './parcel-carrier.ts'

export interface HttpsServiceOptions extends SessionPortOptions {
  readonly peers: readonly Peer[]
  readonly bodyBytesMax: number
  /** To the clients. Default: 0. */
  readonly oneWayDelayMs?: number
}

export interface HttpsServicePorts {
  readonly gateway: Pick<Gateway, 'receive'>
  readonly tls: { readonly identity: TlsIdentity; readonly trust?: TlsTrust | undefined }
  readonly network: Network
  readonly reads: GatewayReads
  readonly clock: Clock
  readonly entropy: Entropy
  readonly events: EventSink
}

interface Session {
  /** Undefined until its head was taken. */
  post: { readonly peer: Peer; readonly type: string; readonly expiresAt: WallMs } | undefined
  /** Of the body that is to come. */
  promisedBytes: number
  /** What is being taken; the stream may be gone before. */
  work: Promise<void>
}

export class HttpsService {
  readonly #options: HttpsServiceOptions
  readonly #ports: HttpsServicePorts
  readonly #port: SessionPort<Session>
  #promisedBytes = 0

  constructor(options: HttpsServiceOptions, ports: HttpsServicePorts) {
    this.#options = options
    this.#ports = ports
    this.#port = new SessionPort(
      options,
      { ...ports, service: 'https' },
      {
        // Without TLS there is nothing that could be said.
        refusal: NO_BYTES,
        open: (_, stream) => this.#open(stream),
        ended: (session) => this.#ended(session),
      },
    )
  }

  /** Resolves with the address in use. Rejects with a Fault of the network. */
  start(): Promise<SocketAddress> {
    return this.#port.open()
  }

  /** What has come whole is taken and answered; the rest comes again. */
  async stop(): Promise<void> {
    await this.#port.close()
    const ending = [...this.#port.sessions].map(async ([session, stream]) => {
      await session.work
      stream.close()
    })
    await Promise.all(ending)
  }

  #open(stream: ByteStream): Session {
    const { clock, tls } = this.#ports
    const { bodyBytesMax, oneWayDelayMs = 0 } = this.#options
    const session: Session = { post: undefined, promisedBytes: 0, work: Promise.resolve() }
    runSession<HttpAnswer, HttpQuestion>(
      new HttpServer({ bodyBytesMax, tls: true, oneWayDelayMs }),
      stream,
      clock,
      (question, answer) => {
        if (question.type === 'head') answer(this.#judge(session, question.request))
        else {
          session.work = this.#take(session, question.body).then((response) =>
            answer({ type: 'respond', response }),
          )
        }
      },
      {
        tls: {
          role: 'server',
          ...{ identity: tls.identity, trust: tls.trust },
          ...{ alpn: ['http/1.1'], peerCertificate: 'told' },
        },
      },
    )
    return session
  }

  /** Before anything of the body is read. */
  #judge(session: Session, request: HttpRequest): HttpAnswer {
    const { method, fields, contentLength } = request
    const { peers, bodyBytesMax } = this.#options
    const { clock } = this.#ports
    const peer = peerOf(peers, fields.get('authorization'), request.session)
    if (peer === undefined) return refusal(401, { 'WWW-Authenticate': 'Bearer' })
    if (method !== 'POST') return refusal(405, { Allow: 'POST' })
    const type = typeIn(fields)
    if (type !== OBJECT_TYPE && type !== BATCH_TYPE) return refusal(415, { Accept: ACCEPTED })
    const now = clock.wall()
    const expires = fields.get(EXPIRES_FIELD)
    if (expires !== undefined && !/^\d{1,15}$/.test(expires)) return refusal(400)
    const expiresAt = expires === undefined ? addMs(now, BARE_COPIES_MS) : wallMs(Number(expires))
    if (expiresAt <= now) return refusal(410)
    const bytes = contentLength ?? bodyBytesMax
    if (this.#promisedBytes + bytes > POSTS_COMING_MAX * bodyBytesMax) return refusal(503, AGAIN)
    this.#promisedBytes += bytes
    session.promisedBytes = bytes
    session.post = { peer, type, expiresAt }
    return { type: 'go-on' }
  }

  async #take({ post }: Session, payload: Uint8Array): Promise<HttpResponse> {
    if (post === undefined) return { status: 400 }
    const { gateway, reads, events } = this.#ports
    const { peer, type, expiresAt } = post
    // An object of another make has no name but what it is.
    const id = type === BATCH_TYPE ? `${peer.name}/${toHex(sha256(payload))}` : peer.name
    const received: ReceivedAdu = { from: peer.name, id, payload, expiresAt, hearsRefusal: true }
    try {
      const { answers, later } = await gateway.receive(received)
      if (answers.length === 0) return later === undefined ? { status: 204 } : LATER
      const body = concat(...encodeAcknowledgements({ ...reads, answers }))
      return { status: 200, fields: { 'Content-Type': OBJECT_TYPE }, body }
    } catch (error) {
      const { temporary, message } = asFault(error)
      events({ type: 'trouble', where: `post of ${peer.name}`, reason: message })
      return temporary ? LATER : { status: 422 }
    }
  }

  async #ended(session: Session): Promise<void> {
    this.#promisedBytes -= session.promisedBytes
    session.promisedBytes = 0
    await session.work
  }
}

const ACCEPTED = `${OBJECT_TYPE}, ${BATCH_TYPE}`
const AGAIN = { 'Retry-After': '60' }
const LATER: HttpResponse = { status: 503, fields: AGAIN }

function refusal(status: number, fields: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { type: 'respond', response: { status, fields } }
}
