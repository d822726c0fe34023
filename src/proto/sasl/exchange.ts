/** The exchange of messages from challenge to credentials, on either side. */

import { fromUtf8, toUtf8Strict } from '../../base/bytes.ts'
import type { ChannelBinding } from '../../base/tls.ts'
import { saslFault } from './fault.ts'
import type { Credentials, PasswordMechanism, SaslMechanism } from './mechanism.ts'
import { decodePlain, encodePlain, PART_MAX } from './plain.ts'
import { type ScramKeys, type ScramProof, ScramServer } from './scram.ts'

export type SaslStep =
  /** To be sent; the next response is awaited. */
  | { readonly type: 'challenge'; readonly bytes: Uint8Array }
  /** Complete: whether they are right is for others to say. */
  | { readonly type: 'credentials'; readonly credentials: Credentials }
  /** Whose keys of SCRAM are needed: to be answered by `keys`. */
  | { readonly type: 'user'; readonly user: string }
  | ScramProof

/** The words that a widely deployed client insists on. draft-murchison-sasl-login §2.2. */
const LOGIN_CHALLENGES = { user: 'Username:', password: 'Password:' } as const

/** The server's side of one authentication. */
export class SaslExchange {
  readonly mechanism: SaslMechanism
  readonly #scram: ScramServer
  #user: string | undefined
  #isKeyed = false

  /** `binding`: what the stream offers; undefined without TLS. */
  constructor(mechanism: SaslMechanism, binding?: ChannelBinding) {
    this.mechanism = mechanism
    this.#scram = new ScramServer(mechanism === 'SCRAM-SHA-256-PLUS', binding)
  }

  /** Undefined: the client has sent no initial response. Not to be called after the last step. */
  step(response: Uint8Array | undefined): SaslStep {
    switch (this.mechanism) {
      case 'PLAIN':
        return stepPlain(response)
      case 'LOGIN':
        return this.#stepLogin(response)
      case 'EXTERNAL':
        return stepExternal(response)
      default:
        return this.#stepScram(response)
    }
  }

  /** The answer to `user`. */
  keys(keys: ScramKeys, nonce: string): SaslStep {
    this.#isKeyed = true
    return { type: 'challenge', bytes: this.#scram.challenge(keys, nonce) }
  }

  #stepScram(response: Uint8Array | undefined): SaslStep {
    if (response === undefined) return challenge('')
    if (this.#isKeyed) return this.#scram.final(response)
    const user = this.#scram.first(response)
    if (user !== undefined) return { type: 'user', user }
    return { type: 'refused', fault: saslFault('sasl/bad-message', 'not a first SCRAM message') }
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
  mechanism: PasswordMechanism,
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

/** The client has to say who it wants to be: we cannot tell it by name. RFC 4422 §A.1. */
function stepExternal(response: Uint8Array | undefined): SaslStep {
  if (response === undefined) return challenge('')
  const user = response.length > PART_MAX ? undefined : toUtf8Strict(response)
  if (user === undefined || user === '' || user.includes('\0')) {
    return { type: 'refused', fault: saslFault('sasl/bad-message', 'not an EXTERNAL response') }
  }
  return { type: 'credentials', credentials: { user, password: '' } }
}

function challenge(text: string): SaslStep {
  return { type: 'challenge', bytes: fromUtf8(text) }
}
