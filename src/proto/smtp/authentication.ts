/** One AUTH and the lines after it, as replies to give and questions to ask. RFC 2554 §4. */

import { fromBase64, NO_BYTES, toBase64 } from '../../base/bytes.ts'
import type { Result } from '../../base/fault.ts'
import type { ChannelBinding } from '../../base/tls.ts'
import { SaslExchange, type SaslStep } from '../sasl/exchange.ts'
import type { SaslMechanism } from '../sasl/mechanism.ts'
import type { ScramKeys } from '../sasl/scram.ts'
import type { SmtpFaultCode } from './fault.ts'
import type { OpenQuestion } from './question.ts'
import type { Reply } from './reply.ts'
import * as replies from './reply.ts'

export type AuthenticationStep =
  /** The client's next line is awaited. */
  | { readonly type: 'say'; readonly reply: Reply }
  | { readonly type: 'ask'; readonly question: OpenQuestion }
  | { readonly type: 'refuse'; readonly reply: Reply }
  | { readonly type: 'done'; readonly user: string }

export class Authentication {
  readonly #exchange: SaslExchange
  readonly #mechanism: SaslMechanism
  /** Who it is, once that is certain but not yet said. */
  #accepted: string | undefined
  #final: Uint8Array = NO_BYTES

  constructor(mechanism: SaslMechanism, binding: ChannelBinding | undefined) {
    this.#mechanism = mechanism
    this.#exchange = new SaslExchange(mechanism, binding)
  }

  /** `=` is an empty response, and no response is none. */
  begin(initialResponse: string | undefined): AuthenticationStep {
    if (initialResponse === undefined) return this.#translate(this.#exchange.step(undefined))
    return this.#respond(initialResponse === '=' ? '' : initialResponse)
  }

  line(line: Result<string, SmtpFaultCode>): AuthenticationStep {
    if (!line.ok) return { type: 'refuse', reply: replies.replyTo(line.fault) }
    if (line.value === '*') return { type: 'refuse', reply: replies.AUTHENTICATION_CANCELLED }
    return this.#respond(line.value)
  }

  /** The answer to `scram-keys`. */
  keys(keys: ScramKeys, nonce: string): AuthenticationStep {
    return this.#translate(this.#exchange.keys(keys, nonce))
  }

  /** The answer to `authenticate` was yes. */
  accept(user: string): AuthenticationStep {
    if (this.#final.length === 0) return { type: 'done', user }
    // What the server has to prove comes as one more challenge. RFC 2554 §4.
    this.#accepted = user
    return { type: 'say', reply: replies.challenge(toBase64(this.#final)) }
  }

  #respond(base64: string): AuthenticationStep {
    const response = fromBase64(base64)
    if (response === undefined) return { type: 'refuse', reply: replies.BAD_BASE64 }
    if (this.#accepted === undefined) return this.#translate(this.#exchange.step(response))
    return response.length === 0
      ? { type: 'done', user: this.#accepted }
      : { type: 'refuse', reply: replies.AUTHENTICATION_FAILED }
  }

  #translate(step: SaslStep): AuthenticationStep {
    const mechanism = this.#mechanism
    switch (step.type) {
      case 'challenge':
        return { type: 'say', reply: replies.challenge(toBase64(step.bytes)) }
      case 'credentials':
        return { type: 'ask', question: { type: 'authenticate', mechanism, ...step.credentials } }
      case 'user':
        return { type: 'ask', question: { type: 'scram-keys', user: step.user } }
      case 'proof': {
        const { user, isProven, final } = step
        this.#final = final
        const question = { type: 'authenticate', mechanism, user, password: { isProven } } as const
        return { type: 'ask', question }
      }
      case 'refused':
        return { type: 'refuse', reply: replies.AUTHENTICATION_FAILED }
    }
  }
}
