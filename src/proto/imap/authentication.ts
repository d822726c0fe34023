/** Who the client is: LOGIN, and AUTHENTICATE with the lines after it. RFC 9051 §6.2.2, §6.2.3. */

import type { TlsSession } from '../../base/tls.ts'
import { type DialogueStep, SaslDialogue } from '../sasl/dialogue.ts'
import type { SaslMechanism } from '../sasl/mechanism.ts'
import { usableMechanisms } from '../sasl/scram.ts'
import type { SessionCommand } from './command.ts'
import type { ImapServerOptions } from './options.ts'
import type { LoginAnswer } from './question.ts'
import { bad, type Completion, no } from './response.ts'
import type { Responses } from './responses.ts'

export type LoginCommand = Extract<SessionCommand, { readonly verb: 'LOGIN' | 'AUTHENTICATE' }>

/** How such a command ends; while it has not, it goes on with what `awaits` says. */
export interface LoginEnd {
  readonly tag: string
  readonly verb: LoginCommand['verb']
  readonly outcome: 'logged-in' | 'wrong-password' | Completion
}

interface Attempt {
  readonly tag: string
  /** Of AUTHENTICATE; without it the command was LOGIN. */
  readonly dialogue: SaslDialogue | undefined
  awaits: 'line' | 'answer'
}

export class Authentication {
  readonly #options: ImapServerOptions
  readonly #responses: Responses
  #tls: TlsSession | undefined
  #attempt: Attempt | undefined

  constructor(options: ImapServerOptions, responses: Responses) {
    this.#options = options
    this.#responses = responses
  }

  get isSecured(): boolean {
    return this.#tls !== undefined
  }

  get mayShowPassword(): boolean {
    return this.isSecured || this.#options.plaintextAuth === 'allow'
  }

  /** The client's next line, or the answer to a question; undefined: nothing is under way. */
  get awaits(): 'line' | 'answer' | undefined {
    return this.#attempt?.awaits
  }

  secured(tls: TlsSession): void {
    this.#tls = tls
  }

  mechanisms(): readonly SaslMechanism[] {
    return usableMechanisms(this.#options.mechanisms, {
      binding: this.#tls?.channelBinding,
      mayShowPassword: this.mayShowPassword,
    })
  }

  begin(tag: string, command: LoginCommand): LoginEnd | undefined {
    return command.verb === 'LOGIN'
      ? this.#login(tag, command.user, command.password)
      : this.#authenticate(tag, command)
  }

  /** Undefined stands for what cannot be one. */
  line(line: string | undefined): LoginEnd | undefined {
    const attempt = this.#attempt
    if (attempt?.dialogue === undefined || attempt.awaits !== 'line') return undefined
    return this.#step(line === undefined ? NO_LINE : attempt.dialogue.line(line), attempt)
  }

  answer(answer: LoginAnswer): LoginEnd | undefined {
    const attempt = this.#attempt
    if (attempt?.awaits !== 'answer') return undefined
    const { dialogue } = attempt
    if (answer.type === 'scram-keys') {
      return dialogue && this.#step(dialogue.keys(answer.keys, answer.nonce), attempt)
    }
    switch (answer.verdict) {
      case 'accepted':
        if (dialogue === undefined) return this.#end('logged-in', attempt)
        return this.#step(dialogue.accept(), attempt)
      case 'refused':
        return this.#end('wrong-password', attempt)
      case 'not-now':
        return this.#end(NOT_NOW, attempt)
    }
  }

  #login(tag: string, user: string, password: string): LoginEnd | undefined {
    const attempt: Attempt = { tag, dialogue: undefined, awaits: 'answer' }
    if (!this.mayShowPassword) return this.#end(NOT_HERE, attempt)
    this.#attempt = attempt
    this.#responses.emit({ type: 'authenticate', user, password })
    return undefined
  }

  #authenticate(
    tag: string,
    command: Extract<LoginCommand, { readonly verb: 'AUTHENTICATE' }>,
  ): LoginEnd | undefined {
    const mechanism = this.mechanisms().find((one) => one === command.mechanism)
    if (mechanism === undefined) {
      const known = this.#options.mechanisms.some((one) => one === command.mechanism)
      const why = known ? 'PRIVACYREQUIRED' : undefined
      const outcome = no('not by this mechanism on this connection', why)
      return { tag, verb: 'AUTHENTICATE', outcome }
    }
    const dialogue = new SaslDialogue(mechanism, this.#tls?.channelBinding)
    const attempt: Attempt = { tag, dialogue, awaits: 'answer' }
    this.#attempt = attempt
    return this.#step(dialogue.begin(command.initialResponse), attempt)
  }

  #step(step: DialogueStep, attempt: Attempt): LoginEnd | undefined {
    switch (step.type) {
      case 'say':
        attempt.awaits = 'line'
        this.#responses.say(`+ ${step.base64}`)
        return undefined
      case 'ask':
        attempt.awaits = 'answer'
        this.#responses.emit(step.question)
        return undefined
      case 'done':
        return this.#end('logged-in', attempt)
      case 'refuse':
        if (step.why === 'failed') return this.#end('wrong-password', attempt)
        return this.#end(bad(step.why === 'cancelled' ? 'cancelled' : 'not in base64'), attempt)
    }
  }

  #end(outcome: LoginEnd['outcome'], { tag, dialogue }: Attempt): LoginEnd {
    this.#attempt = undefined
    return { tag, verb: dialogue === undefined ? 'LOGIN' : 'AUTHENTICATE', outcome }
  }
}

const NO_LINE: DialogueStep = { type: 'refuse', why: 'bad-base64' }
const NOT_HERE = no('not on this connection', 'PRIVACYREQUIRED')
const NOT_NOW = no('cannot look that up now, try again later', 'UNAVAILABLE')
