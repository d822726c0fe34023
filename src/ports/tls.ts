/**
 * TLS over a stream that is open already: a command such as STARTTLS and TLS from the first octet are
 * the same thing here. Version 1.2 or later.
 */

import { Fault } from '../base/fault.ts'
import { certifiesHost, type PeerCertificate } from '../base/tls.ts'

declare const identity: unique symbol
declare const trust: unique symbol

/** A certificate, those that lead to its authority, and its key, in the keeping of whoever made it. */
export interface TlsIdentity {
  readonly [identity]: 'identity'
}

/** The authorities whose certificates are believed. */
export interface TlsTrust {
  readonly [trust]: 'trust'
}

export type TlsOptions = TlsClientOptions | TlsServerOptions

interface TlsCommonOptions {
  /** Default: those that the system trusts. */
  readonly trust?: TlsTrust | undefined
  /** Application protocols that are understood, the preferred first. */
  readonly alpn?: readonly string[] | undefined
  /**
   * What is asked of the peer's certificate. `ignored`: a server asks for none, a client looks at
   * none. `told`: whatever it is, the session tells. `required`: one that is trusted and, where a
   * client names a server, speaks for that name; without it the handshake fails.
   */
  readonly peerCertificate: 'ignored' | 'told' | 'required'
}

export interface TlsClientOptions extends TlsCommonOptions {
  readonly role: 'client'
  /** Shown to a server that asks. */
  readonly identity?: TlsIdentity | undefined
  /** A DNS name or an IP address. A DNS name is told to the server (SNI). */
  readonly serverName?: string | undefined
}

export interface TlsServerOptions extends TlsCommonOptions {
  readonly role: 'server'
  readonly identity: TlsIdentity
}

/** All temporary: certificates are renewed, and a peer may do better the next time. */
export type TlsFaultCode =
  /** No handshake, for whichever reason but the peer's certificate: the message says what it was. */
  | 'network/tls-failed'
  | 'network/tls-certificate-missing'
  | 'network/tls-certificate-out-of-date'
  | 'network/tls-certificate-untrusted'
  /** Of another name than the one that was asked for. */
  | 'network/tls-certificate-name'

/** What is wrong with the certificate of a peer, by what is asked of it. */
export function certificateFault(
  peer: PeerCertificate | undefined,
  options: TlsOptions,
): Fault<TlsFaultCode> | undefined {
  if (options.peerCertificate !== 'required') return undefined
  if (peer === undefined) {
    return tlsFault('network/tls-certificate-missing', 'the peer showed no certificate')
  }
  switch (peer.standing) {
    case 'out-of-date':
      return tlsFault(
        'network/tls-certificate-out-of-date',
        "the peer's certificate is not valid at this time",
      )
    case 'untrusted':
      return tlsFault(
        'network/tls-certificate-untrusted',
        "the peer's certificate does not lead to a trusted authority",
      )
    case 'trusted':
      return options.role === 'client' ? nameFault(peer, options.serverName) : undefined
  }
}

function nameFault(
  { names }: PeerCertificate,
  serverName: string | undefined,
): Fault<TlsFaultCode> | undefined {
  if (serverName === undefined || certifiesHost(names, serverName)) return undefined
  const borne = [...names.dns, ...names.ip, ...names.nodeIds].join(', ') || 'nobody'
  return tlsFault(
    'network/tls-certificate-name',
    `the peer's certificate is for ${borne}, not for ${serverName}`,
  )
}

export function tlsFault(
  code: TlsFaultCode,
  message: string,
  cause?: unknown,
): Fault<TlsFaultCode> {
  return new Fault(code, message, { temporary: true, cause })
}
