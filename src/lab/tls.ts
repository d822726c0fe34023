/**
 * TLS 1.3 as a network sees it: the flights of the handshake (RFC 8446), each of the size that it
 * has with one certificate of an elliptic curve, and records with what they add to the content
 * (likewise). Nothing is encrypted: the content of a record is there to be read, and marked.
 */

import { ByteQueue } from '../base/byte-queue.ts'
import { concat, fromBase64, fromLatin1, fromUtf8, toBase64 } from '../base/bytes.ts'
import type { Fault } from '../base/fault.ts'
import { parseIpAddress } from '../base/ip-address.ts'
import type { WallMs } from '../base/time.ts'
import type { PeerCertificate, TlsSession } from '../base/tls.ts'
import { certificateFault, type TlsOptions, tlsFault } from '../ports/tls.ts'
import {
  certificateOf,
  decodeCertificate,
  encodeCertificate,
  isRecord,
  isTexts,
  parseJson,
  standingOf,
} from './certificate.ts'

export type TlsOutcome =
  | { readonly type: 'send'; readonly bytes: Uint8Array }
  | { readonly type: 'secured'; readonly session: TlsSession }
  | { readonly type: 'content'; readonly bytes: Uint8Array }
  /** The last: nothing more is understood. */
  | { readonly type: 'failed'; readonly fault: Fault }

export interface LabTlsOptions {
  readonly tls: TlsOptions
  /** No other connection has it. */
  readonly nonce: string
  readonly now: () => WallMs
}

/** Types of records. RFC 8446. */
const TYPES = { alert: 21, handshake: 22, content: 23 } as const
const HEAD_BYTES = 5
const CONTENT_BYTES_MAX = 16_384
const ALERT = { closeNotify: 0, handshakeFailure: 40, badCertificate: 42 } as const

/** In place of the authentication tag and the octet that names the type of the content. */
const MARK: Uint8Array = fromLatin1('\x17 not encrypted! ')

/** What OpenSSL sends, without and with a certificate of the client. */
const CLIENT_HELLO_BYTES = 278
const SERVER_FLIGHT_BYTES = { plain: 865, mutual: 1307 } as const
const CLIENT_FLIGHT_BYTES = { plain: 80, mutual: 1056 } as const

/** One end of a connection. */
export class LabTls {
  readonly #options: LabTlsOptions
  readonly #received: ByteQueue = new ByteQueue()
  /** A client's, while it waits, are those of its own hello. */
  #nonces: string
  #state: 'hello' | 'finished' | 'secured' | 'failed' = 'hello'
  #agreed: { readonly alpn: string | undefined; readonly serverName: string | undefined } = {
    alpn: undefined,
    serverName: undefined,
  }

  constructor(options: LabTlsOptions) {
    this.#options = options
    this.#nonces = options.nonce
  }

  /** A client's first flight; a server waits for it. */
  start(): readonly TlsOutcome[] {
    const { tls, nonce } = this.#options
    if (tls.role === 'server') return []
    const { alpn = [], serverName = '' } = tls
    const isAddress = parseIpAddress(serverName) !== undefined
    const hello = { nonce, alpn, serverName: isAddress ? '' : serverName }
    return [handshake(hello, CLIENT_HELLO_BYTES)]
  }

  /** `content`, in records. */
  seal(content: Uint8Array): Uint8Array {
    const records: Uint8Array[] = []
    for (let at = 0; at < content.length; at += CONTENT_BYTES_MAX) {
      const piece = content.subarray(at, at + CONTENT_BYTES_MAX)
      records.push(record(TYPES.content, concat(piece, MARK)))
    }
    return concat(...records)
  }

  closeNotify(): Uint8Array {
    return alert(ALERT.closeNotify)
  }

  receive(bytes: Uint8Array): readonly TlsOutcome[] {
    if (this.#state !== 'failed') this.#received.append(bytes)
    const outcomes: TlsOutcome[] = []
    while (this.#state !== 'failed') {
      const next = this.#takeRecord()
      if (next === undefined) break
      const of = next === 'garbage' ? this.#fail(ALERT.handshakeFailure, 'not TLS') : this.#on(next)
      outcomes.push(...of)
    }
    return outcomes
  }

  #takeRecord(): TlsRecord | 'garbage' | undefined {
    const [type, major, , high = 0, low = 0] = this.#received.view.subarray(0, HEAD_BYTES)
    if (type === undefined) return undefined
    if (!Object.values(TYPES).some((known) => known === type)) return 'garbage'
    if (major !== undefined && major !== 3) return 'garbage'
    const length = (high << 8) | low
    if (length > CONTENT_BYTES_MAX + MARK.length) return 'garbage'
    if (this.#received.length < HEAD_BYTES + length) return undefined
    this.#received.skip(HEAD_BYTES)
    return { type, body: this.#received.take(length) }
  }

  #on({ type, body }: TlsRecord): readonly TlsOutcome[] {
    if (type === TYPES.alert) return this.#onAlert(body[1])
    if (this.#state === 'secured') {
      const isContent = type === TYPES.content && body.length >= MARK.length
      return isContent
        ? [{ type: 'content', bytes: body.subarray(0, body.length - MARK.length) }]
        : this.#fail(ALERT.handshakeFailure, 'a handshake after the handshake')
    }
    const message = type === TYPES.handshake ? parseJson(body) : undefined
    if (!isRecord(message)) return this.#fail(ALERT.handshakeFailure, 'not a handshake')
    if (this.#options.tls.role === 'client') return this.#onServerFlight(message)
    return this.#state === 'hello' ? this.#onHello(message) : this.#onClientFlight(message)
  }

  #onAlert(description: number | undefined): readonly TlsOutcome[] {
    // The end of the stream is right behind it.
    if (description === ALERT.closeNotify && this.#state === 'secured') return []
    return this.#fail(undefined, `the peer ended it with alert ${description}`)
  }

  #onHello({ nonce, alpn, serverName }: Message): readonly TlsOutcome[] {
    const { tls, nonce: own } = this.#options
    if (tls.role !== 'server' || typeof nonce !== 'string' || !isTexts(alpn)) {
      return this.#fail(ALERT.handshakeFailure, 'not a ClientHello')
    }
    const agreed = tls.alpn?.find((protocol) => alpn.includes(protocol))
    if (agreed === undefined && tls.alpn !== undefined && alpn.length > 0) {
      return this.#fail(ALERT.handshakeFailure, 'no application protocol in common')
    }
    this.#state = 'finished'
    this.#nonces = nonce + own
    const asked = typeof serverName === 'string' && serverName !== '' ? serverName : undefined
    this.#agreed = { alpn: agreed, serverName: asked }
    const asks = tls.peerCertificate !== 'ignored'
    const certificate = toBase64(encodeCertificate(certificateOf(tls.identity)))
    return [
      handshake(
        { nonce: own, alpn: agreed ?? '', certificate, asks },
        SERVER_FLIGHT_BYTES[asks ? 'mutual' : 'plain'],
      ),
    ]
  }

  #onServerFlight({ nonce, alpn, certificate, asks }: Message): readonly TlsOutcome[] {
    const { tls } = this.#options
    if (tls.role !== 'client' || typeof nonce !== 'string' || typeof certificate !== 'string') {
      return this.#fail(ALERT.handshakeFailure, 'not the flight of a server')
    }
    this.#nonces += nonce
    const agreed = typeof alpn === 'string' && alpn !== '' ? alpn : undefined
    this.#agreed = { alpn: agreed, serverName: tls.serverName }
    const own =
      asks === true && tls.identity !== undefined
        ? toBase64(encodeCertificate(certificateOf(tls.identity)))
        : ''
    const finished = handshake(
      { certificate: own },
      CLIENT_FLIGHT_BYTES[own === '' ? 'plain' : 'mutual'],
    )
    return this.#conclude(certificate, certificate, [finished])
  }

  #onClientFlight({ certificate }: Message): readonly TlsOutcome[] {
    const { tls } = this.#options
    if (tls.role !== 'server' || typeof certificate !== 'string') {
      return this.#fail(ALERT.handshakeFailure, 'not the last flight of a client')
    }
    const own = toBase64(encodeCertificate(certificateOf(tls.identity)))
    return this.#conclude(certificate, own, [])
  }

  /** Both certificates as they came; that of the peer is empty where it has shown none. */
  #conclude(
    peerText: string,
    serverText: string,
    answer: readonly TlsOutcome[],
  ): readonly TlsOutcome[] {
    const { tls } = this.#options
    const peer = tls.peerCertificate === 'ignored' ? undefined : this.#peerOf(peerText)
    const objection = certificateFault(peer, tls)
    if (objection !== undefined) return this.#fail(ALERT.badCertificate, objection)
    this.#state = 'secured'
    const session: TlsSession = {
      version: 'TLSv1.3',
      cipher: 'TLS_AES_256_GCM_SHA384',
      ...this.#agreed,
      peer,
      channelBinding: {
        tlsExporter: digest(this.#nonces),
        tlsServerEndPoint: digest(serverText),
      },
    }
    return [...answer, { type: 'secured', session }]
  }

  #peerOf(text: string): PeerCertificate | undefined {
    const { tls, now } = this.#options
    const der = fromBase64(text)
    const certificate = der && decodeCertificate(der)
    if (der === undefined || certificate === undefined) return undefined
    const standing = standingOf(certificate, tls.trust, now())
    return { der, names: certificate.names, standing }
  }

  /** Tells the peer, unless it knows. */
  #fail(description: number | undefined, reason: string | Fault): readonly TlsOutcome[] {
    const before = this.#state === 'secured' ? 'TLS failed' : 'the TLS handshake failed'
    this.#state = 'failed'
    this.#received.clear()
    const fault =
      typeof reason === 'string' ? tlsFault('network/tls-failed', `${before}: ${reason}`) : reason
    return [
      ...(description === undefined ? [] : [{ type: 'send', bytes: alert(description) } as const]),
      { type: 'failed', fault },
    ]
  }
}

interface TlsRecord {
  readonly type: number
  readonly body: Uint8Array
}

type Message = Readonly<Record<string, unknown>>

/** One flight, in one record of `sizeBytes` in all; more only where names are longer than usual. */
function handshake(message: Message, sizeBytes: number): TlsOutcome {
  const text = fromUtf8(JSON.stringify(message))
  const body = new Uint8Array(Math.max(text.length, sizeBytes - HEAD_BYTES)).fill(0x20)
  body.set(text)
  return { type: 'send', bytes: record(TYPES.handshake, body) }
}

function alert(description: number): Uint8Array {
  return record(TYPES.alert, concat(Uint8Array.of(2, description), MARK))
}

function record(type: number, body: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(type, 3, 3, body.length >> 8, body.length & 0xff), body)
}

/** 32 octets that differ where the text does: enough where nobody is trying. */
function digest(text: string): Uint8Array {
  const octets = new Uint8Array(32)
  let sum = 0x811c9dc5
  for (let at = 0; at < octets.length; at++) {
    for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193)
    octets[at] = sum >>> 24
  }
  return octets
}
