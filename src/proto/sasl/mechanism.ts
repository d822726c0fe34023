/** The SASL mechanisms that we speak: RFC 4616, draft-murchison-sasl-login, RFC 7677. */

/** Those by which a client sends its password. */
export type PasswordMechanism = 'PLAIN' | 'LOGIN'

export type SaslMechanism = PasswordMechanism | 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS'

export interface Credentials {
  readonly user: string
  readonly password: string
}
