import type { Slab } from '../../base/slab.ts'
import type { SessionRole } from '../bundle-session/session.ts'
import type { TcpclVersion } from './contact-header.ts'

export interface TcpclOptions {
  readonly role: SessionRole
  /** Those that are understood; the active side speaks the first. */
  readonly versions: readonly [TcpclVersion, ...TcpclVersion[]]
  /** What we say that we are, `ipn:2.0`; empty to say nothing. */
  readonly nodeId: string
  /** What we offer; 0 for no keepalives. */
  readonly keepaliveSec: number
  /** Largest bundle that is received. */
  readonly transferBytesMax: number
  /** After so long without a transfer the session is terminated; default: never. RFC 9174 §6.2. */
  readonly idleMs?: number
  /** Default: TLS is not offered. */
  readonly tls?: TcpclTls
  /** For what is received: sessions that share one share what it keeps. Default: its own. */
  readonly slab?: Slab
}

export interface TcpclTls {
  /** `require`: no session without it, and so none of version 3. */
  readonly policy: 'offer' | 'require'
  readonly authentication: TcpclAuthentication
  /** The peer's, where its certificate has to bear it. */
  readonly peerAddress: string
}

/**
 * What the certificate of a peer has to show, where TLS is used. RFC 9174 §4.4.4.
 *
 * `none`: nothing. `authority`: that it is of a trusted authority; a node ID in it is that of the
 * peer. `address`: also its IP address. `node-id`: also its node ID, as RFC 9174 §4.4.5 recommends.
 */
export type TcpclAuthentication = 'none' | 'authority' | 'address' | 'node-id'
