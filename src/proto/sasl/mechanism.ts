/** The SASL mechanisms that we speak: RFC 4616 (PLAIN) and draft-murchison-sasl-login (LOGIN). */

export type SaslMechanism = 'PLAIN' | 'LOGIN'

export interface Credentials {
  readonly user: string
  readonly password: string
}
