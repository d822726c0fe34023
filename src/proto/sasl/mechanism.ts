/** The SASL mechanisms that we speak: RFC 4616, draft-murchison-sasl-login, RFC 7677, RFC 4422. */

/** Those by which a client sends its password. */
export type PasswordMechanism = 'PLAIN' | 'LOGIN'

/** `EXTERNAL`: something else than the exchange shows who the client is. RFC 4422 §A. */
export type SaslMechanism = PasswordMechanism | 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS' | 'EXTERNAL'

export interface Credentials {
  readonly user: string
  readonly password: string
}
