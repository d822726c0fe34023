import type { SaslMechanism } from '../sasl/mechanism.ts'

export interface Pop3ServerOptions {
  /** For the greeting. */
  readonly hostname: string
  /** Whether a password may cross this stream. RFC 2595 §2.3. */
  readonly plaintextAuth: 'allow' | 'refuse'
  /** For AUTH, the preferred first. */
  readonly mechanisms: readonly SaslMechanism[]
  /** `first`: before the greeting. Default: there is none. RFC 2595 §4. */
  readonly tls?: 'offered' | 'first'
  /** How far the client is away; what we wait for may take longer by its way there and back. */
  readonly oneWayDelayMs: number
  /** What CAPA says lies between two logins of a user; whoever answers `open` sees to it. RFC 2449 §6.5. */
  readonly loginDelaySec: number
}
