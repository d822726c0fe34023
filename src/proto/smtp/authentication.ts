/** One AUTH and the lines after it, as replies to give and questions to ask. RFC 2554 §4. */

import type { Result } from '../../base/fault.ts'
import type { ChannelBinding } from '../../base/tls.ts'
import { type DialogueStep, SaslDialogue } from '../sasl/dialogue.ts'
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

const REFUSALS = {
  cancelled: replies.AUTHENTICATION_CANCELLED,
  'bad-base64': replies.BAD_BASE64,
  failed: replies.AUTHENTICATION_FAILED,
} as const

export class Authentication {
  readonly #dialogue: SaslDialogue
  readonly #mechanism: SaslMechanism
  /** Who it is, once that is asked. */
  #user = ''

  constructor(mechanism: SaslMechanism, binding: ChannelBinding | undefined) {
    this.#mechanism = mechanism
    this.#dialogue = new SaslDialogue(mechanism, binding)
  }

  /** `=` is an empty response, and no response is none. */
  begin(initialResponse: string | undefined): AuthenticationStep {
    return this.#translate(this.#dialogue.begin(initialResponse))
  }

  line(line: Result<string, SmtpFaultCode>): AuthenticationStep {
    if (!line.ok) return { type: 'refuse', reply: replies.replyTo(line.fault) }
    return this.#translate(this.#dialogue.line(line.value))
  }

  /** The answer to `scram-keys`. */
  keys(keys: ScramKeys, nonce: string): AuthenticationStep {
    return this.#translate(this.#dialogue.keys(keys, nonce))
  }

  /** The answer to `authenticate` was yes. */
  accept(): AuthenticationStep {
    return this.#translate(this.#dialogue.accept())
  }

  #translate(step: DialogueStep): AuthenticationStep {
    switch (step.type) {
      case 'say':
        return { type: 'say', reply: replies.challenge(step.base64) }
      case 'ask':
        this.#user = step.question.user
        return step.question.type === 'authenticate'
          ? { type: 'ask', question: { ...step.question, mechanism: this.#mechanism } }
          : { type: 'ask', question: step.question }
      case 'refuse':
        return { type: 'refuse', reply: REFUSALS[step.why] }
      case 'done':
        return { type: 'done', user: this.#user }
    }
  }
}
