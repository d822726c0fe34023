import type { SaslMechanism } from '../sasl/mechanism.ts'

export interface ImapServerOptions {
  /** For the greeting. */
  readonly hostname: string
  /** Whether a password may cross this stream while it is not secured. */
  readonly plaintextAuth: 'allow' | 'refuse'
  /** The preferred first. */
  readonly mechanisms: readonly SaslMechanism[]
  /** `first`: before the greeting. Default: there is none. */
  readonly tls?: 'offered' | 'first'
  /** Of one message in an APPEND. */
  readonly messageBytesMax: number
  /** How far the client is away; what we wait for may take longer by its ways there and back. */
  readonly oneWayDelayMs: number
}
