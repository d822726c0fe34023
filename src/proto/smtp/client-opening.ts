/** The beginning of a session: names, TLS, authentication. RFC 5321 §3.1, §3.2, RFC 3207 §4, RFC 2554 §4. */

import { fromBase64, toBase64 } from '../../base/bytes.ts'
import type { TlsSession } from '../../base/tls.ts'
import { type SaslClient, saslClient } from '../sasl/client.ts'
import type { SmtpClientOptions } from './client-events.ts'
import { type Command, formatCommand } from './command.ts'
import { type Extensions, NO_EXTENSIONS, readExtensions } from './extension.ts'
import type { SmtpFaultCode } from './fault.ts'
import { isPositive, isTemporary, type Reply } from './reply.ts'

type Hello = 'EHLO' | 'HELO' | 'LHLO'

/** What a reply is awaited for. */
export type OpeningStep =
  | { readonly type: 'greeting' | 'starttls' | 'auth' }
  | { readonly type: 'hello'; readonly verb: Hello }

export type OpeningMove =
  /** The reply to `line` is for `step`. */
  | { readonly type: 'say'; readonly line: string; readonly step: OpeningStep }
  | { readonly type: 'secure' }
  /** Mail may go. */
  | { readonly type: 'open'; readonly offered: Extensions; readonly isVerified: boolean }
  /** No mail will: after QUIT where the server would still understand it. */
  | {
      readonly type: 'leave' | 'fail'
      readonly code: SmtpFaultCode
      readonly message: string
      readonly reply?: Reply | undefined
    }

export class ClientOpening {
  readonly #options: SmtpClientOptions
  #offered: Extensions = NO_EXTENSIONS
  #tls: TlsSession | undefined
  #sasl: SaslClient | undefined

  constructor(options: SmtpClientOptions) {
    this.#options = options
  }

  hear(step: OpeningStep, reply: Reply): OpeningMove {
    switch (step.type) {
      case 'greeting':
        if (isPositive(reply)) return this.#hello()
        return leave('smtp/refused', 'the server refuses the session', reply)
      case 'hello':
        return this.#onHelloReply(step.verb, reply)
      case 'starttls':
        if (!isPositive(reply)) {
          return this.#goOnUnprotected('the server refuses STARTTLS', reply)
        }
        // Nobody vouches for what was offered before. RFC 3207 §4.2.
        this.#offered = NO_EXTENSIONS
        return { type: 'secure' }
      case 'auth':
        return this.#onAuthReply(reply)
    }
  }

  /** Undefined where the server has yet to greet. */
  secured(session: TlsSession): OpeningMove | undefined {
    this.#tls = session
    return this.#options.tls === 'first' ? undefined : this.#hello()
  }

  #hello(verb: Hello = this.#options.protocol === 'LMTP' ? 'LHLO' : 'EHLO'): OpeningMove {
    return this.#say({ verb, domain: this.#options.hostname }, { type: 'hello', verb })
  }

  #onHelloReply(verb: Hello, reply: Reply): OpeningMove {
    if (!isPositive(reply)) {
      // RFC 5321 §3.2.
      if (verb === 'EHLO' && !isTemporary(reply)) return this.#hello('HELO')
      return leave('smtp/refused', 'the server refuses our name', reply)
    }
    this.#offered = verb === 'HELO' ? NO_EXTENSIONS : readExtensions(reply)
    const { tls } = this.#options
    if (tls === undefined || this.#tls !== undefined) return this.#authenticate()
    if (this.#offered.startTls) return this.#say({ verb: 'STARTTLS' }, { type: 'starttls' })
    return this.#goOnUnprotected('the server offers no STARTTLS')
  }

  #goOnUnprotected(why: string, reply?: Reply): OpeningMove {
    const { tls, credentials } = this.#options
    if (tls === 'required' || credentials !== undefined) return leave('smtp/no-tls', why, reply)
    return this.#authenticate()
  }

  #authenticate(): OpeningMove {
    const { credentials, nonce } = this.#options
    if (credentials === undefined) return this.#open()
    this.#sasl = saslClient({
      credentials,
      nonce,
      offered: this.#offered.mechanisms,
      binding: this.#tls?.channelBinding,
    })
    if (this.#sasl === undefined) {
      const message = 'the server offers no AUTH that we speak'
      return leave('smtp/no-authentication', message)
    }
    const { mechanism } = this.#sasl
    const initial = this.#sasl.initialResponse()
    const initialResponse = initial && toBase64(initial)
    return this.#say({ verb: 'AUTH', mechanism, initialResponse }, { type: 'auth' })
  }

  #onAuthReply(reply: Reply): OpeningMove {
    const sasl = this.#sasl
    if (reply.code === 334) {
      const challenge = fromBase64(reply.lines[0] ?? '')
      const response = challenge && sasl?.respond(challenge)
      if (response?.ok) {
        return { type: 'say', line: `${toBase64(response.value)}\r\n`, step: { type: 'auth' } }
      }
      const message = response?.fault.message ?? 'a challenge that is no base64'
      return { type: 'fail', code: 'smtp/bad-reply', message, reply }
    }
    if (!isPositive(reply)) {
      return leave('smtp/authentication-failed', 'the server refuses the credentials', reply)
    }
    if (sasl?.mayEnd) return this.#open()
    const message = 'the server does not prove that it knows the password'
    return { type: 'fail', code: 'smtp/bad-reply', message, reply }
  }

  #open(): OpeningMove {
    const { tls } = this.#options
    const isVerified = (tls === 'required' || tls === 'first') && this.#tls !== undefined
    return { type: 'open', offered: this.#offered, isVerified }
  }

  #say(command: Command, step: OpeningStep): OpeningMove {
    return { type: 'say', line: `${formatCommand(command)}\r\n`, step }
  }
}

function leave(code: SmtpFaultCode, message: string, reply?: Reply): OpeningMove {
  return { type: 'leave', code, message, reply }
}
