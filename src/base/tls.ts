/** What TLS has established about a stream, as data: machines see this, and never TLS itself. */

import { parseIpAddress } from './ip-address.ts'

export interface TlsSession {
  readonly version: 'TLSv1.2' | 'TLSv1.3'
  /** Its name in the registry, `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string
  /** The application protocol that was agreed on; undefined where none was. */
  readonly alpn: string | undefined
  /** The name that the client asked for (SNI); undefined where it asked for none. */
  readonly serverName: string | undefined
  /** Undefined where the peer has shown no certificate. */
  readonly peer: PeerCertificate | undefined
  readonly channelBinding: ChannelBinding
}

export interface PeerCertificate {
  readonly der: Uint8Array
  /** Claims, and no more than that unless `standing` is `trusted`. */
  readonly names: CertificateNames
  readonly standing: CertificateStanding
}

/** `trusted`: within its dates, and it leads to a trusted authority. */
export type CertificateStanding = 'trusted' | 'out-of-date' | 'untrusted'

/** The names that a certificate bears in its Subject Alternative Name; a Common Name is none. */
export interface CertificateNames {
  /** Lower case; perhaps with `*` for the first label. */
  readonly dns: readonly string[]
  readonly ip: readonly string[]
  /** The NODE-IDs of RFC 9174 §4.4.1: endpoint IDs as text. */
  readonly nodeIds: readonly string[]
}

/**
 * Octets that both ends of one TLS connection share and no other connection has, for authentication
 * that must not be relayed (SCRAM with `-PLUS`). Undefined where this connection offers none.
 */
export interface ChannelBinding {
  /** RFC 9266; TLS 1.3 only. */
  readonly tlsExporter: Uint8Array | undefined
  /** RFC 5929: follows from the server's certificate. */
  readonly tlsServerEndPoint: Uint8Array | undefined
}

/** Whether a certificate of these names speaks for `host`, a DNS name or an IP address. RFC 6125. */
export function certifiesHost(names: CertificateNames, host: string): boolean {
  const address = parseIpAddress(host)
  if (address !== undefined) {
    return names.ip.some((text) => {
      const ip = parseIpAddress(text)
      return ip?.bits === address.bits && ip.value === address.value
    })
  }
  const name = host.toLowerCase().replace(/\.$/, '')
  return name !== '' && names.dns.some((pattern) => matchesName(pattern.toLowerCase(), name))
}

/** `*` stands for one whole label, the first, and never for all of a top-level domain. */
function matchesName(pattern: string, name: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === name
  const rest = pattern.slice(1)
  const label = name.slice(0, -rest.length)
  return name.endsWith(rest) && label !== '' && !label.includes('.') && /\..+\./.test(pattern)
}
