/** What is offered. RFC 2449 §6. */

import type { SaslMechanism } from '../sasl/mechanism.ts'

export interface Offer {
  readonly mechanisms: readonly SaslMechanism[]
  readonly mayShowPassword: boolean
  readonly canSecure: boolean
  readonly loginDelaySec: number
}

const ALWAYS = [
  'TOP',
  'UIDL',
  'PIPELINING',
  'RESP-CODES',
  'AUTH-RESP-CODE',
  // Nothing is removed but by its owner. RFC 2449 §6.7.
  'EXPIRE NEVER',
  'UTF8 USER',
  'IMPLEMENTATION Lightlag',
]

/** One for each line of the list. */
export function capabilities(offer: Offer): readonly string[] {
  const { mechanisms } = offer
  return [
    ...(offer.mayShowPassword ? ['USER'] : []),
    ...(mechanisms.length > 0 ? [`SASL ${mechanisms.join(' ')}`] : []),
    ...(offer.canSecure ? ['STLS'] : []),
    ...ALWAYS,
    `LOGIN-DELAY ${offer.loginDelaySec}`,
  ]
}
