/** An exchange whose messages are lines of base64, as SMTP, IMAP and POP3 have it. RFC 2554 §4, RFC 9051 §6.2.2. */

import { fromBase64, NO_BYTES, toBase64 } from '../../base/bytes.ts'
import type { ChannelBinding } from '../../base/tls.ts'
import { SaslExchange, type SaslStep } from './exchange.ts'
import type { SaslMechanism } from './mechanism.ts'
import type { ScramKeys } from './scram.ts'

/** What only others can tell. */
export type LoginQuestion =
  | {
      readonly type: 'authenticate'
      readonly user: string
      /** Or what SCRAM has shown: that the client knows the password, or does not. */
      readonly password: string | { readonly isProven: boolean }
    }
  | { readonly type: 'scram-keys'; readonly user: string }

export type DialogueStep =
  /** The client's next line is awaited. */
  | { readonly type: 'say'; readonly base64: string }
  | { readonly type: 'ask'; readonly question: LoginQuestion }
  | { readonly type: 'refuse'; readonly why: 'cancelled' | 'bad-base64' | 'failed' }
  | { readonly type: 'done' }

export class SaslDialogue {
  readonly #exchange: SaslExchange
  #isAccepted = false
  #final: Uint8Array = NO_BYTES

  constructor(mechanism: SaslMechanism, binding: ChannelBinding | undefined) {
    this.#exchange = new SaslExchange(mechanism, binding)
  }

  /** `=` is an empty response, and no response is none. RFC 4959 §3. */
  begin(initialResponse: string | undefined): DialogueStep {
    if (initialResponse === undefined) return this.#translate(this.#exchange.step(undefined))
    return this.#respond(initialResponse === '=' ? '' : initialResponse)
  }

  line(line: string): DialogueStep {
    return line === '*' ? { type: 'refuse', why: 'cancelled' } : this.#respond(line)
  }

  /** The answer to `scram-keys`. */
  keys(keys: ScramKeys, nonce: string): DialogueStep {
    return this.#translate(this.#exchange.keys(keys, nonce))
  }

  /** The answer to `authenticate` was yes. */
  accept(): DialogueStep {
    if (this.#final.length === 0) return { type: 'done' }
    // What the server has to prove comes as one more challenge, answered by nothing.
    this.#isAccepted = true
    return { type: 'say', base64: toBase64(this.#final) }
  }

  #respond(base64: string): DialogueStep {
    const response = fromBase64(base64)
    if (response === undefined) return { type: 'refuse', why: 'bad-base64' }
    if (!this.#isAccepted) return this.#translate(this.#exchange.step(response))
    return response.length === 0 ? { type: 'done' } : { type: 'refuse', why: 'failed' }
  }

  #translate(step: SaslStep): DialogueStep {
    switch (step.type) {
      case 'challenge':
        return { type: 'say', base64: toBase64(step.bytes) }
      case 'credentials': {
        const { user, password } = step.credentials
        return { type: 'ask', question: { type: 'authenticate', user, password } }
      }
      case 'user':
        return { type: 'ask', question: { type: 'scram-keys', user: step.user } }
      case 'proof': {
        const { user, isProven, final } = step
        this.#final = final
        return { type: 'ask', question: { type: 'authenticate', user, password: { isProven } } }
      }
      case 'refused':
        return { type: 'refuse', why: 'failed' }
    }
  }
}
