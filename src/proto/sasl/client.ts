/** The client's side of one authentication, by the best mechanism that both sides speak. */

import { attempt, type Result } from '../../base/fault.ts'
import type { ChannelBinding } from '../../base/tls.ts'
import { clientResponses } from './exchange.ts'
import { saslFault } from './fault.ts'
import type { Credentials, PasswordMechanism, SaslMechanism } from './mechanism.ts'
import { canBind, ScramClient } from './scram-client.ts'

export interface SaslClient {
  readonly mechanism: SaslMechanism
  /** What goes with the name of the mechanism; undefined where the server speaks first. */
  initialResponse(): Uint8Array | undefined
  /** The answer to a challenge; fails for one that the mechanism does not have. */
  respond(challenge: Uint8Array): Result<Uint8Array>
  /** Whether the server may say that all is well: it has proven itself, where it has to. */
  readonly mayEnd: boolean
}

export interface SaslClientOptions {
  readonly credentials: Credentials
  /** As the server lists them, in upper case. */
  readonly offered: readonly string[]
  /** What the stream offers; undefined without TLS. */
  readonly binding: ChannelBinding | undefined
  /** For SCRAM, unpredictable and for this exchange alone. Default: no SCRAM. */
  readonly nonce?: string | undefined
}

/** PLAIN before LOGIN wherever it is offered. draft-murchison-sasl-login §1. */
const MECHANISMS: readonly SaslMechanism[] = [
  'SCRAM-SHA-256-PLUS',
  'SCRAM-SHA-256',
  'PLAIN',
  'LOGIN',
]

/** Undefined where the server offers none of ours. */
export function saslClient(options: SaslClientOptions): SaslClient | undefined {
  const { credentials, offered, binding, nonce } = options
  const mechanism = MECHANISMS.find((ours) => {
    if (!offered.includes(ours)) return false
    if (ours === 'SCRAM-SHA-256-PLUS') return nonce !== undefined && canBind(binding)
    return ours !== 'SCRAM-SHA-256' || nonce !== undefined
  })
  switch (mechanism) {
    case undefined:
      return undefined
    case 'PLAIN':
    case 'LOGIN':
      return new PasswordClient(mechanism, credentials)
    default: {
      const isPlus = mechanism === 'SCRAM-SHA-256-PLUS'
      return scramClient(
        mechanism,
        new ScramClient({ credentials, nonce: nonce ?? '', isPlus, binding }),
      )
    }
  }
}

class PasswordClient implements SaslClient {
  readonly mechanism: PasswordMechanism
  readonly mayEnd = true
  readonly #responses: Uint8Array[]

  constructor(mechanism: PasswordMechanism, credentials: Credentials) {
    this.mechanism = mechanism
    this.#responses = [...clientResponses(mechanism, credentials)]
  }

  /** Only in PLAIN the client speaks first. RFC 2554 §4. */
  initialResponse(): Uint8Array | undefined {
    return this.mechanism === 'PLAIN' ? this.#responses.shift() : undefined
  }

  respond(): Result<Uint8Array> {
    return attempt(() => {
      const response = this.#responses.shift()
      if (response !== undefined) return response
      throw saslFault('sasl/bad-message', 'a challenge too many')
    })
  }
}

function scramClient(mechanism: SaslMechanism, scram: ScramClient): SaslClient {
  return {
    mechanism,
    initialResponse: () => scram.first(),
    respond: (challenge) => attempt(() => scram.respond(challenge)),
    get mayEnd() {
      return scram.isServerProven
    },
  }
}
