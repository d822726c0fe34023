/** The handshake of one end of a connection, from message to message: RFC 8446 §2, RFC 5246 §7.3. */

import { concat, fromUtf8, NO_BYTES, toHex } from '../base/bytes.ts'
import type { Fault } from '../base/fault.ts'
import { parseIpAddress } from '../base/ip-address.ts'
import type { WallMs } from '../base/time.ts'
import type { PeerCertificate, TlsSession } from '../base/tls.ts'
import type { TlsSettings } from '../config/tls-settings.ts'
import { certificateFault, type TlsOptions } from '../ports/tls.ts'
import { certificateOf, decodeCertificate, encodeCertificate, standingOf } from './certificate.ts'
import {
  decodeCertificates,
  decodeClientHello,
  decodeEncryptedExtensions,
  decodeNewSessionTicket,
  decodeServerHello,
  encodeCertificateRequest,
  encodeCertificates,
  encodeCertificateVerify,
  encodeClientHello,
  encodeClientKeyExchange,
  encodeEncryptedExtensions,
  encodeFinished,
  encodeMessage,
  encodeNewSessionTicket,
  encodeServerHello,
  encodeServerKeyExchange,
  MESSAGES,
  type TlsVersion,
} from './tls-messages.ts'
import type { KnownSession, TlsSessions } from './tls-sessions.ts'

export interface LabTlsOptions {
  readonly tls: TlsOptions
  /** No other connection has it. */
  readonly nonce: string
  readonly now: () => WallMs
  readonly settings: TlsSettings
  /** Of the host. */
  readonly sessions: TlsSessions
  /** Address and port of the peer: whose tickets a client looks for. */
  readonly peer: string
}

/** Numbers of alerts. RFC 8446 §6. */
export const ALERT = { closeNotify: 0, handshakeFailure: 40, badCertificate: 42 } as const

const CIPHERS: Readonly<Record<TlsVersion, string>> = {
  'TLSv1.2': 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  'TLSv1.3': 'TLS_AES_256_GCM_SHA384',
}

/** What OpenSSL's servers send of them in TLS 1.3. */
const TICKETS_OF_13 = 2

/** What a handshake has done to the connection below it. */
export interface Connection {
  /** Sealed once the cipher has changed. */
  send(message: Uint8Array): void
  changeCipher(): void
  secured(session: TlsSession): void
  fail(alert: number, reason: string | Fault): void
}

export class Handshake {
  readonly #options: LabTlsOptions
  readonly #connection: Connection
  /** Types of messages of which one comes next. */
  #expected: readonly number[]
  #version: TlsVersion = 'TLSv1.3'
  #peerSeals = false
  #isDone = false
  #randoms: readonly Uint8Array[] = []
  #agreed: { readonly alpn: string | undefined; readonly serverName: string | undefined } = {
    alpn: undefined,
    serverName: undefined,
  }
  #offered: ReturnType<TlsSessions['heldFor']>
  #resumed: KnownSession | undefined
  #isAsked = false
  /** Empty where the peer has shown none. */
  #peerCertificate: Uint8Array = NO_BYTES

  constructor(options: LabTlsOptions, connection: Connection) {
    this.#options = options
    this.#connection = connection
    const { role } = options.tls
    this.#expected = [role === 'server' ? MESSAGES.clientHello : MESSAGES.serverHello]
  }

  get version(): TlsVersion {
    return this.#version
  }

  /** What comes is sealed. */
  get peerSeals(): boolean {
    return this.#peerSeals
  }

  /** A client's first flight; a server waits for it. */
  start(): void {
    const { tls, settings, sessions, now } = this.#options
    if (tls.role === 'server') return
    const { alpn = [], serverName } = tls
    const isName = serverName !== undefined && parseIpAddress(serverName) === undefined
    if (settings.resumption) this.#offered = sessions.heldFor(this.#server, now())
    const versions: readonly TlsVersion[] =
      settings.version === 'TLSv1.2' ? ['TLSv1.2'] : ['TLSv1.3', 'TLSv1.2']
    const random = this.#random()
    const hello = encodeClientHello({
      random,
      sessionId: random,
      serverName: isName ? serverName : undefined,
      alpn,
      versions,
      ticket: this.#offered?.ticket,
    })
    this.#randoms = [random]
    this.#connection.send(hello)
  }

  /** ChangeCipherSpec has come, which has no meaning in TLS 1.3. RFC 8446 §5. */
  peerChangedCipher(): void {
    if (this.#version === 'TLSv1.2') this.#peerSeals = true
  }

  /** Whether it is what was to come, and made sense. */
  handle(type: number, body: Uint8Array): boolean {
    return this.#expected.includes(type) && this.#onMessage(type, body)
  }

  #onMessage(type: number, body: Uint8Array): boolean {
    switch (type) {
      case MESSAGES.clientHello:
        return this.#onClientHello(body)
      case MESSAGES.serverHello:
        return this.#onServerHello(body)
      case MESSAGES.encryptedExtensions:
        return this.#onEncryptedExtensions(body)
      case MESSAGES.certificateRequest:
        this.#isAsked = true
        this.#expect(this.#is13 ? MESSAGES.certificate : MESSAGES.serverHelloDone)
        return true
      case MESSAGES.certificate:
        return this.#onCertificate(body)
      case MESSAGES.certificateVerify:
        this.#expect(MESSAGES.finished)
        return true
      case MESSAGES.serverKeyExchange:
        this.#expect(MESSAGES.certificateRequest, MESSAGES.serverHelloDone)
        return true
      case MESSAGES.serverHelloDone:
        if (this.#isTrusting()) this.#sendKeysOf12()
        return true
      case MESSAGES.clientKeyExchange:
        this.#expect(
          this.#peerCertificate.length > 0 ? MESSAGES.certificateVerify : MESSAGES.finished,
        )
        return true
      case MESSAGES.newSessionTicket:
        return this.#onTicket(body)
      default:
        return this.#onFinished()
    }
  }

  #onClientHello(body: Uint8Array): boolean {
    const hello = decodeClientHello(body)
    const { tls, settings, sessions, now } = this.#options
    if (hello === undefined || tls.role !== 'server') return false
    const agreed = tls.alpn?.find((protocol) => hello.alpn.includes(protocol))
    if (agreed === undefined && tls.alpn !== undefined && hello.alpn.length > 0) {
      this.#connection.fail(ALERT.handshakeFailure, 'no application protocol in common')
      return true
    }
    const understands13 = settings.version === 'TLSv1.3' && hello.versions.includes('TLSv1.3')
    this.#version = understands13 ? 'TLSv1.3' : 'TLSv1.2'
    this.#agreed = { alpn: agreed, serverName: hello.serverName }
    this.#randoms = [hello.random, this.#random()]
    const known = hello.ticket && settings.resumption && sessions.recall(hello.ticket, now())
    if (known && known.version === this.#version) this.#resumed = known
    this.#peerCertificate = this.#resumed?.peerCertificate ?? NO_BYTES
    if (this.#is13) this.#answerOf13(hello.sessionId)
    else this.#answerOf12(hello.sessionId)
    return true
  }

  #serverHello(sessionId: Uint8Array): Uint8Array {
    return encodeServerHello({
      version: this.#version,
      random: this.#randoms[1] ?? NO_BYTES,
      sessionId,
      isResumed: this.#resumed !== undefined,
      alpn: this.#agreed.alpn,
    })
  }

  #answerOf13(sessionId: Uint8Array): void {
    this.#connection.send(this.#serverHello(sessionId))
    this.#connection.changeCipher()
    this.#peerSeals = true
    this.#connection.send(encodeEncryptedExtensions(this.#agreed.alpn))
    this.#expect(MESSAGES.finished)
    if (this.#resumed === undefined) {
      if (this.#asks) {
        this.#connection.send(encodeCertificateRequest('TLSv1.3'))
        this.#expect(MESSAGES.certificate)
      }
      this.#connection.send(encodeCertificates('TLSv1.3', this.#ownCertificate()))
      this.#connection.send(encodeCertificateVerify())
    }
    this.#connection.send(encodeFinished('TLSv1.3'))
  }

  #answerOf12(sessionId: Uint8Array): void {
    if (this.#resumed !== undefined) {
      this.#connection.send(this.#serverHello(sessionId))
      this.#connection.changeCipher()
      this.#connection.send(encodeFinished('TLSv1.2'))
      this.#expect(MESSAGES.finished)
      return
    }
    this.#connection.send(this.#serverHello(NO_BYTES))
    this.#connection.send(encodeCertificates('TLSv1.2', this.#ownCertificate()))
    this.#connection.send(encodeServerKeyExchange())
    if (this.#asks) this.#connection.send(encodeCertificateRequest('TLSv1.2'))
    this.#connection.send(encodeMessage(MESSAGES.serverHelloDone))
    this.#expect(this.#asks ? MESSAGES.certificate : MESSAGES.clientKeyExchange)
  }

  #onServerHello(body: Uint8Array): boolean {
    const hello = decodeServerHello(body)
    const { tls, settings } = this.#options
    if (hello === undefined || tls.role !== 'client') return false
    if (hello.version === 'TLSv1.3' && settings.version === 'TLSv1.2') return false
    this.#version = hello.version
    const [own = NO_BYTES] = this.#randoms
    this.#randoms = [own, hello.random]
    this.#agreed = { alpn: hello.alpn, serverName: tls.serverName }
    this.#peerSeals = this.#is13
    const goesOn = this.#is13
      ? hello.isResumed
      : hello.sessionId.length > 0 && toHex(hello.sessionId) === toHex(own)
    if (goesOn && this.#offered?.session.version === hello.version) {
      this.#resumed = this.#offered.session
      this.#peerCertificate = this.#resumed.peerCertificate
    }
    if (this.#is13) this.#expect(MESSAGES.encryptedExtensions)
    else this.#expect(goesOn ? MESSAGES.finished : MESSAGES.certificate)
    return goesOn === (this.#resumed !== undefined)
  }

  #onEncryptedExtensions(body: Uint8Array): boolean {
    const extensions = decodeEncryptedExtensions(body)
    if (extensions === undefined) return false
    this.#agreed = { ...this.#agreed, alpn: extensions.alpn }
    if (this.#resumed !== undefined) this.#expect(MESSAGES.finished)
    else this.#expect(MESSAGES.certificateRequest, MESSAGES.certificate)
    return true
  }

  #onCertificate(body: Uint8Array): boolean {
    const certificate = decodeCertificates(this.#version, body)
    if (certificate === undefined) return false
    this.#peerCertificate = certificate
    const isClient = this.#options.tls.role === 'client'
    if (this.#is13) {
      this.#expect(certificate.length > 0 ? MESSAGES.certificateVerify : MESSAGES.finished)
    } else this.#expect(isClient ? MESSAGES.serverKeyExchange : MESSAGES.clientKeyExchange)
    return true
  }

  #sendKeysOf12(): void {
    const own = this.#isAsked ? this.#ownCertificate() : undefined
    if (this.#isAsked) this.#connection.send(encodeCertificates('TLSv1.2', own))
    this.#connection.send(encodeClientKeyExchange())
    if (own !== undefined) this.#connection.send(encodeCertificateVerify())
    this.#connection.changeCipher()
    this.#connection.send(encodeFinished('TLSv1.2'))
    this.#expect(MESSAGES.newSessionTicket, MESSAGES.finished)
  }

  #onTicket(body: Uint8Array): boolean {
    const ticket = decodeNewSessionTicket(this.#version, body)
    if (ticket === undefined) return false
    const { sessions, settings } = this.#options
    if (settings.resumption) sessions.hold(this.#server, ticket, this.#known())
    if (!this.#isDone) this.#expect(MESSAGES.finished)
    return true
  }

  #onFinished(): boolean {
    if (!this.#peerSeals) return false
    const isClient = this.#options.tls.role === 'client'
    if (!this.#isTrusting()) return true
    if (isClient && this.#is13) this.#sendFinishedOf13()
    else if (isClient && this.#resumed !== undefined) this.#sendFinishedOf12()
    else if (!isClient && !this.#is13 && this.#resumed === undefined) {
      this.#sendTickets(1)
      this.#sendFinishedOf12()
    }
    this.#isDone = true
    this.#expect(...(isClient && this.#is13 ? [MESSAGES.newSessionTicket] : []))
    if (!isClient && this.#is13) this.#sendTickets(TICKETS_OF_13)
    this.#connection.secured(this.#session())
    return true
  }

  #sendFinishedOf13(): void {
    this.#connection.changeCipher()
    const own = this.#isAsked ? this.#ownCertificate() : undefined
    if (this.#isAsked) this.#connection.send(encodeCertificates('TLSv1.3', own))
    if (own !== undefined) this.#connection.send(encodeCertificateVerify())
    this.#connection.send(encodeFinished('TLSv1.3'))
  }

  #sendFinishedOf12(): void {
    this.#connection.changeCipher()
    this.#connection.send(encodeFinished('TLSv1.2'))
  }

  #sendTickets(count: number): void {
    const { sessions } = this.#options
    for (let i = 0; i < count; i++) {
      const ticket = sessions.give(this.#known(), this.#randoms[1] ?? NO_BYTES)
      this.#connection.send(encodeNewSessionTicket(this.#version, ticket))
    }
  }

  #known(): KnownSession {
    const { now } = this.#options
    return {
      version: this.#version,
      peerCertificate: this.#peerCertificate,
      issuedAt: this.#resumed?.issuedAt ?? now(),
    }
  }

  /** Fails where the peer's certificate is not what is asked of it. */
  #isTrusting(): boolean {
    const objection = certificateFault(this.#peer(), this.#options.tls)
    if (objection === undefined) return true
    this.#connection.fail(ALERT.badCertificate, objection)
    return false
  }

  #session(): TlsSession {
    const { tls } = this.#options
    const serverCertificate =
      tls.role === 'server' ? encodeCertificate(certificateOf(tls.identity)) : this.#peerCertificate
    return {
      version: this.#version,
      cipher: CIPHERS[this.#version],
      ...this.#agreed,
      peer: this.#peer(),
      channelBinding: {
        tlsExporter: this.#is13 ? digest(concat(...this.#randoms)) : undefined,
        tlsServerEndPoint: digest(serverCertificate),
      },
    }
  }

  #peer(): PeerCertificate | undefined {
    const { tls, now } = this.#options
    if (tls.peerCertificate === 'ignored') return undefined
    const certificate = decodeCertificate(this.#peerCertificate)
    if (certificate === undefined) return undefined
    const standing = standingOf(certificate, tls.trust, now())
    return { der: this.#peerCertificate, names: certificate.names, standing }
  }

  #expect(...types: readonly number[]): void {
    this.#expected = types
  }

  get #is13(): boolean {
    return this.#version === 'TLSv1.3'
  }

  /** Whether a server asks for a certificate. */
  get #asks(): boolean {
    return this.#options.tls.peerCertificate !== 'ignored'
  }

  #ownCertificate(): Uint8Array | undefined {
    const { identity } = this.#options.tls
    return identity && encodeCertificate(certificateOf(identity))
  }

  /** Which server a client's tickets are for. */
  get #server(): string {
    const { tls, peer } = this.#options
    return `${peer} ${tls.role === 'client' ? (tls.serverName ?? '') : ''}`
  }

  /** That of no other connection. */
  #random(): Uint8Array {
    return digest(fromUtf8(`${this.#options.tls.role} ${this.#options.nonce}`))
  }
}

/** 32 octets that differ where the bytes do: enough where nobody is trying. */
function digest(bytes: Uint8Array): Uint8Array {
  const octets = new Uint8Array(32)
  let sum = 0x811c9dc5
  for (let at = 0; at < octets.length; at++) {
    for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193)
    octets[at] = sum >>> 24
  }
  return octets
}
