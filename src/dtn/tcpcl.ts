/** The TCPCL convergence layer: version 4 (RFC 9174) and version 3 (RFC 7242), which ION speaks. */

import { Slab } from '../base/slab.ts'
import type { SocketAddress } from '../ports/network.ts'
import type { TlsIdentity, TlsOptions, TlsTrust } from '../ports/tls.ts'
import type { SessionRole } from '../proto/bundle-session/session.ts'
import type { TcpclVersion } from '../proto/tcpcl/contact-header.ts'
import { KEEPALIVE_SEC } from '../proto/tcpcl/limits.ts'
import type { TcpclTls } from '../proto/tcpcl/options.ts'
import { TcpclSession } from '../proto/tcpcl/session.ts'
import { STREAM_BUNDLE_BYTES_MAX } from './limits.ts'
import { type StreamConvergenceLayer, StreamLayer, type StreamLayerPorts } from './stream-layer.ts'

export interface TcpclConvergenceLayerOptions {
  /** Its name in plans; default ION's, `tcp`. */
  readonly protocol?: string
  /** Default: it does not listen. */
  readonly listen?: SocketAddress
  /** What we say that we are, `ipn:2.0`; empty to say nothing. */
  readonly nodeId: string
  /** Those that are understood; the first is spoken to neighbours. Default: 4, and 3 with who asks for it. */
  readonly versions?: readonly [TcpclVersion, ...TcpclVersion[]]
  /** 0 for none; default 30. */
  readonly keepaliveSec?: number
  /** Sessions without a transfer for so long are ended; default: never. */
  readonly idleMs?: number
  readonly bundleBytesMax?: number
  /** Default: no TLS. */
  readonly tls?: TcpclTlsOptions | undefined
}

export interface TcpclTlsOptions extends Pick<TcpclTls, 'policy' | 'authentication'> {
  /** Shown to whoever connects and to whom we connect. */
  readonly identity: TlsIdentity
  /** Default: the authorities of the system. */
  readonly trust?: TlsTrust | undefined
}

export function tcpclConvergenceLayer(
  options: TcpclConvergenceLayerOptions,
  ports: StreamLayerPorts,
): StreamConvergenceLayer {
  const { protocol = 'tcp', listen, nodeId, versions = [4, 3], idleMs, tls } = options
  const { keepaliveSec = KEEPALIVE_SEC, bundleBytesMax = STREAM_BUNDLE_BYTES_MAX } = options
  const session = {
    nodeId,
    versions,
    keepaliveSec,
    transferBytesMax: bundleBytesMax,
    slab: new Slab(),
    ...(idleMs !== undefined && { idleMs }),
  }
  return new StreamLayer(
    {
      protocol,
      listen,
      bundleBytesMax,
      session: (role, peerAddress) =>
        new TcpclSession({ ...session, role, ...(tls && { tls: demandsOf(tls, peerAddress) }) }),
      tls: tls && ((role) => streamTls(role, tls)),
    },
    ports,
  )
}

function demandsOf({ policy, authentication }: TcpclTlsOptions, peerAddress: string): TcpclTls {
  return { policy, authentication, peerAddress }
}

/** Whoever has connected is the client, and each is asked for a certificate. RFC 9174 §4.4.3. */
function streamTls(
  sessionRole: SessionRole,
  { authentication, identity, trust }: TcpclTlsOptions,
): TlsOptions {
  const role = sessionRole === 'active' ? 'client' : 'server'
  const peerCertificate = authentication === 'none' ? 'told' : 'required'
  return { role, identity, trust, peerCertificate }
}
