/** The exchange of messages from challenge to credentials, on either side. */

import { fromUtf8, toUtf8Strict } from '../../base/bytes.ts'
import { type SaslFault, saslFault } from './fault.ts'
import type { Credentials, SaslMechanism } from './mechanism.ts'
import { decodePlain, encodePlain, PART_MAX } from './plain.ts'

export type SaslStep =
  /** To be sent; the next response is awaited. */
  | { readonly type: 'challenge'; readonly bytes: Uint8Array }
  /** Complete: whether they are right is for others to say. */
  | { readonly type: 'credentials'; readonly credentials: Credentials }
  | { readonly type: 'refused'; readonly fault: SaslFault }

/** The words that a widely deployed client insists on. draft-murchison-sasl-login §2.2. */
const LOGIN_CHALLENGES = { user: 'Username:', password: 'Password:' } as const

/** The server's side of one authentication. */
export class SaslExchange {
  readonly mechanism: SaslMechanism
  #user: string | undefined

  constructor(mechanism: SaslMechanism) {
    this.mechanism = mechanism
  }

  /** Undefined: the client has sent no initial response. Not to be called after the last step. */
  step(response: Uint8Array | undefined): SaslStep {
    return this.mechanism === 'PLAIN' ? stepPlain(response) : this.#stepLogin(response)
  }

  #stepLogin(response: Uint8Array | undefined): SaslStep {
    if (response === undefined) return challenge(LOGIN_CHALLENGES.user)
    const text = toUtf8Strict(response)
    if (text === undefined || text === '' || text.includes('\0') || response.length > PART_MAX) {
      return { type: 'refused', fault: saslFault('sasl/bad-message', 'not a LOGIN response') }
    }
    if (this.#user !== undefined) {
      return { type: 'credentials', credentials: { user: this.#user, password: text } }
    }
    this.#user = text
    return challenge(LOGIN_CHALLENGES.password)
  }
}

/** The client's messages, in order; the contents of the challenges do not matter. */
export function clientResponses(
  mechanism: SaslMechanism,
  credentials: Credentials,
): readonly Uint8Array[] {
  return mechanism === 'PLAIN'
    ? [encodePlain(credentials)]
    : [fromUtf8(credentials.user), fromUtf8(credentials.password)]
}

function stepPlain(response: Uint8Array | undefined): SaslStep {
  if (response === undefined) return challenge('')
  const decoded = decodePlain(response)
  if (decoded.ok) return { type: 'credentials', credentials: decoded.value }
  return { type: 'refused', fault: decoded.fault }
}

function challenge(text: string): SaslStep {
  return { type: 'challenge', bytes: fromUtf8(text) }
}
