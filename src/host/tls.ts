/** TLS by OpenSSL over connected sockets. */

import { createHash, constants as crypto, type X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { connect, createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import type { Fault } from '../base/fault.ts'
import { parseIpAddress } from '../base/ip-address.ts'
import type { ChannelBinding, PeerCertificate, TlsSession } from '../base/tls.ts'
import type { NetworkFaultCode } from '../ports/network.ts'
import {
  certificateFault,
  type TlsIdentity,
  type TlsOptions,
  type TlsTrust,
  tlsFault,
} from '../ports/tls.ts'
import { plainBytes } from './bytes.ts'
import { namesOf, signatureAlgorithm } from './certificate.ts'
import { networkFault } from './network-fault.ts'

/** Both PEM; the certificate is followed by those between it and its authority. */
export interface IdentityMaterial {
  readonly certificate: string
  readonly key: string
}

/** Of a handle whose content may be replaced: handshakes that begin later use the new one. */
export interface Replaceable<Handle, Content> {
  readonly handle: Handle
  /** Throws what OpenSSL says where it cannot use it; then the old content stays. */
  replace(content: Content): void
}

class HostIdentity {
  #material: IdentityMaterial
  #contexts = new WeakMap<Authorities, SecureContext>()

  constructor(material: IdentityMaterial) {
    this.#material = material
    this.contextFor(NOBODY)
  }

  replace(material: IdentityMaterial): void {
    makeContext(NOBODY, material)
    this.#material = material
    this.#contexts = new WeakMap()
  }

  contextFor(authorities: Authorities): SecureContext {
    const known = this.#contexts.get(authorities)
    if (known !== undefined) return known
    const made = makeContext(authorities, this.#material)
    this.#contexts.set(authorities, made)
    return made
  }
}

/** PEM; undefined for those that come with Node. */
interface Authorities {
  readonly certificates: string | undefined
}

const SYSTEM: Authorities = { certificates: undefined }
const NOBODY: Authorities = { certificates: '' }

class HostTrust {
  authorities: Authorities
  /** Of clients without a certificate: reading many authorities takes long. */
  context: SecureContext

  constructor(certificates: string) {
    this.authorities = { certificates }
    this.context = makeContext(this.authorities)
  }

  replace(certificates: string): void {
    this.context = makeContext({ certificates })
    this.authorities = { certificates }
  }
}

export function makeIdentity(
  material: IdentityMaterial,
): Replaceable<TlsIdentity, IdentityMaterial> {
  const made = new HostIdentity(material)
  return {
    handle: made as unknown as TlsIdentity,
    replace: (content) => made.replace(content),
  }
}

export function makeTrust(certificates: string): Replaceable<TlsTrust, string> {
  const made = new HostTrust(certificates)
  return { handle: made as unknown as TlsTrust, replace: (content) => made.replace(content) }
}

/** What RFC 9325 recommends: with forward secrecy and authenticated encryption only. */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE+AESGCM',
  'ECDHE+CHACHA20',
].join(':')

function makeContext(authorities: Authorities, material?: IdentityMaterial): SecureContext {
  const { certificates } = authorities
  return createSecureContext({
    ...(material && { cert: material.certificate, key: material.key }),
    ...(certificates !== undefined && { ca: certificates === '' ? [] : certificates }),
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    // Every handshake looks at the certificates anew, whatever has been renewed or has expired since.
    secureOptions: crypto.SSL_OP_NO_TICKET | crypto.SSL_OP_NO_RENEGOTIATION,
  })
}

function contextFor({ role, identity, trust, peerCertificate }: TlsOptions): SecureContext {
  const isLookedAt = peerCertificate !== 'ignored'
  assert(trust === undefined || trust instanceof HostTrust, 'a trust that this host has made')
  const authorities = isLookedAt
    ? ((trust as HostTrust | undefined)?.authorities ?? SYSTEM)
    : NOBODY
  if (identity === undefined && role === 'client') {
    const known = isLookedAt ? (trust as HostTrust | undefined)?.context : undefined
    return known ?? makeContext(authorities)
  }
  assert(identity instanceof HostIdentity, 'an identity that this host has made')
  return (identity as unknown as HostIdentity).contextFor(authorities)
}

export interface TlsHandlers {
  readonly secured: (session: TlsSession) => void
  /** Of the handshake, or of what came after it. The socket is being destroyed. */
  readonly failed: (fault: Fault) => void
}

/**
 * Begins the handshake on a connected socket without a reader, from which nobody but the socket that
 * is returned reads or writes from now on.
 */
export function startTls(plain: Socket, options: TlsOptions, handlers: TlsHandlers): TLSSocket {
  const socket =
    options.role === 'client' ? startClient(plain, options) : startServer(plain, options)
  let isSecured = false
  const fail = (fault: Fault): void => {
    handlers.failed(fault)
    socket.destroy()
  }
  // A server's socket that is not of a `tls.Server` tells of its errors in its own way.
  for (const event of ['error', '_tlsError']) {
    socket.on(event, (error: Error) => fail(faultOf(error, isSecured)))
  }
  // A peer that has broken off: whoever began the handshake says so.
  socket.once('end', () => {
    if (!isSecured) socket.destroy()
  })
  socket.once('secure', () => {
    // Asked for once: Node gives it out once.
    const certificate = socket.getPeerX509Certificate()
    const peer = options.peerCertificate === 'ignored' ? undefined : peerOf(socket, certificate)
    const objection = certificateFault(peer, options)
    if (objection !== undefined) {
      fail(objection)
      return
    }
    isSecured = true
    const server = options.role === 'client' ? certificate : socket.getX509Certificate()
    handlers.secured(sessionOf(socket, options, peer, server))
  })
  return socket
}

function startClient(plain: Socket, options: TlsOptions & { readonly role: 'client' }): TLSSocket {
  const { serverName = '', alpn } = options
  return connect({
    socket: plain,
    secureContext: contextFor(options),
    // Literal addresses are not permitted in it. RFC 6066.
    servername: parseIpAddress(serverName) === undefined ? serverName : '',
    ...(alpn && { ALPNProtocols: [...alpn] }),
    // Judged by certificateFault, once for host and lab.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  })
}

function startServer(plain: Socket, options: TlsOptions & { readonly role: 'server' }): TLSSocket {
  const { alpn, peerCertificate } = options
  return new TLSSocket(plain, {
    isServer: true,
    secureContext: contextFor(options),
    requestCert: peerCertificate !== 'ignored',
    // OpenSSL refuses only who shows none, and with an alert that says so.
    rejectUnauthorized: peerCertificate === 'required',
    ...(alpn && { ALPNProtocols: [...alpn] }),
  })
}

function peerOf(
  socket: TLSSocket,
  certificate: X509Certificate | undefined,
): PeerCertificate | undefined {
  if (certificate === undefined) return undefined
  const der = plainBytes(Uint8Array.from(certificate.raw))
  return { der, names: namesOf(der), standing: standingOf(socket) }
}

/** Node reports it of clients only; OpenSSL, which is below both, has the same answer for servers. */
function standingOf(socket: TLSSocket): PeerCertificate['standing'] {
  const { ssl } = socket as unknown as {
    readonly ssl: { verifyError(): (Error & { readonly code: string }) | null }
  }
  const code = ssl.verifyError()?.code
  if (code === undefined) return 'trusted'
  return DATE_ERRORS.includes(code) ? 'out-of-date' : 'untrusted'
}

const DATE_ERRORS: readonly string[] = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']

function sessionOf(
  socket: TLSSocket,
  options: TlsOptions,
  peer: PeerCertificate | undefined,
  server: X509Certificate | undefined,
): TlsSession {
  const version = socket.getProtocol() === 'TLSv1.3' ? 'TLSv1.3' : 'TLSv1.2'
  const { alpnProtocol } = socket
  const serverName =
    options.role === 'client'
      ? options.serverName
      : (socket as unknown as { readonly servername: string | false | null }).servername
  return {
    version,
    cipher: socket.getCipher().standardName,
    alpn: alpnProtocol || undefined,
    serverName: serverName || undefined,
    peer,
    channelBinding: {
      tlsExporter: version === 'TLSv1.3' ? exporter(socket) : undefined,
      tlsServerEndPoint: server && serverEndPoint(server),
    },
  }
}

/** RFC 9266. */
function exporter(socket: TLSSocket): Uint8Array {
  const none = Buffer.alloc(0)
  return Uint8Array.from(socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', none))
}

/** By the hash that the certificate is signed with, and SHA-256 for the weak ones. RFC 5929. */
function serverEndPoint({ raw }: X509Certificate): ChannelBinding['tlsServerEndPoint'] {
  const algorithm = toHex(signatureAlgorithm(raw))
  const hash = END_POINT_HASHES[algorithm]
  return hash === undefined ? undefined : Uint8Array.from(createHash(hash).update(raw).digest())
}

const END_POINT_HASHES: Readonly<Record<string, string>> = {
  // RSA with MD5, SHA-1, SHA-256, SHA-384, SHA-512.
  '2a864886f70d010104': 'sha256',
  '2a864886f70d010105': 'sha256',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  // ECDSA with SHA-1, SHA-256, SHA-384, SHA-512.
  '2a8648ce3d0401': 'sha256',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
}

function faultOf(error: Error, isSecured: boolean): Fault<NetworkFaultCode> {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (isSecured && syscall !== undefined) return networkFault(error, 'network/reset')
  if (code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') {
    return tlsFault('network/tls-certificate-missing', 'the peer showed no certificate', error)
  }
  const { reason = error.message } = error as { readonly reason?: string }
  const what = isSecured ? 'TLS failed' : 'the TLS handshake failed'
  return tlsFault('network/tls-failed', `${what}: ${reason}`, error)
}
