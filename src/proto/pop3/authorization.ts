/** The AUTHORIZATION state: who the client is. RFC 1939 §4, RFC 1734 §2, RFC 2595 §4. */

import { unreachable } from '../../base/assert.ts'
import type { TlsSession } from '../../base/tls.ts'
import { type DialogueStep, SaslDialogue } from '../sasl/dialogue.ts'
import type { SaslMechanism } from '../sasl/mechanism.ts'
import { usableMechanisms } from '../sasl/scram.ts'
import { capabilities } from './capability.ts'
import type { Command } from './command.ts'
import { LOGIN_FAILURES_MAX } from './limits.ts'
import type { MaildropMessage } from './maildrop.ts'
import type { Pop3ServerOptions } from './options.ts'
import type { LoginAnswer } from './question.ts'
import type { Responses } from './responses.ts'

/** How the state ends; undefined: it goes on. */
export type AuthorizationEnd =
  | { readonly type: 'opened'; readonly messages: readonly MaildropMessage[] }
  /** What was said in the clear is not believed; it begins again behind the handshake. */
  | { readonly type: 'secure' }
  | { readonly type: 'close' }

type State =
  | { readonly name: 'commands'; readonly user: string | undefined }
  /** `opened`: the client is right, and is being shown that the server is too. */
  | {
      readonly name: 'authenticating'
      readonly dialogue: SaslDialogue
      readonly opened: readonly MaildropMessage[] | undefined
    }
  /** `dialogue`: of AUTH; without it there was a password. */
  | { readonly name: 'opening'; readonly dialogue: SaslDialogue | undefined }

const NOT_OPENED = {
  credentials: '[AUTH] wrong user name or password',
  'in-use': '[IN-USE] another session has this maildrop open',
  'too-soon': '[LOGIN-DELAY] it was opened a moment ago, try again later',
  trouble: '[SYS/TEMP] cannot open the maildrop, try again later',
}

const STRANGER: State = { name: 'commands', user: undefined }

export class Authorization {
  readonly #options: Pop3ServerOptions
  readonly #responses: Responses
  #state: State = STRANGER
  #tls: TlsSession | undefined
  #loginFailures = 0

  constructor(options: Pop3ServerOptions, responses: Responses) {
    this.#options = options
    this.#responses = responses
  }

  /** What is read next: a line of AUTH's dialogue, or nothing until `open` is answered. */
  get awaits(): 'command' | 'dialogue' | 'answer' {
    const { name } = this.#state
    if (name === 'commands') return 'command'
    return name === 'authenticating' ? 'dialogue' : 'answer'
  }

  secured(tls: TlsSession): void {
    this.#tls = tls
    this.#state = STRANGER
  }

  /** `isOver`: who the client is is known, and no handshake can begin. */
  capabilities(isOver: boolean): readonly string[] {
    return capabilities({
      mechanisms: this.#mechanisms(),
      mayShowPassword: this.#mayShowPassword,
      canSecure: this.#canSecure && !isOver,
      loginDelaySec: this.#options.loginDelaySec,
    })
  }

  command(command: Exclude<Command, { readonly verb: 'CAPA' }>): AuthorizationEnd | undefined {
    const responses = this.#responses
    switch (command.verb) {
      case 'QUIT':
        responses.ok('bye')
        return { type: 'close' }
      case 'USER':
        this.#onUser(command.user)
        return undefined
      case 'PASS':
        this.#onPass(command.password)
        return undefined
      case 'AUTH':
        return this.#onAuth(command)
      case 'STLS':
        if (!this.#canSecure) {
          responses.err('no TLS to begin here')
          return undefined
        }
        responses.ok('begin the handshake')
        return { type: 'secure' }
      case 'UTF8':
        responses.ok('messages are sent as they are')
        return undefined
      default:
        responses.err('log in first')
        return undefined
    }
  }

  /** A line of the dialogue; without one it is without effect. */
  line(line: string): AuthorizationEnd | undefined {
    if (this.#state.name !== 'authenticating') return undefined
    const { dialogue, opened } = this.#state
    return this.#onDialogue(dialogue.line(line), dialogue, opened)
  }

  answer(answer: LoginAnswer): AuthorizationEnd | undefined {
    if (this.#state.name !== 'opening') return undefined
    const { dialogue } = this.#state
    switch (answer.type) {
      case 'opened':
        if (dialogue === undefined) return answer
        return this.#onDialogue(dialogue.accept(), dialogue, answer.messages)
      case 'not-opened':
        return this.#onNotOpened(answer.reason)
      case 'scram-keys':
        if (dialogue === undefined) return undefined
        return this.#onDialogue(dialogue.keys(answer.keys, answer.nonce), dialogue, undefined)
      default:
        return unreachable(answer)
    }
  }

  get #canSecure(): boolean {
    return this.#options.tls !== undefined && this.#tls === undefined
  }

  get #mayShowPassword(): boolean {
    return this.#tls !== undefined || this.#options.plaintextAuth === 'allow'
  }

  #mechanisms(): readonly SaslMechanism[] {
    return usableMechanisms(this.#options.mechanisms, {
      binding: this.#tls?.channelBinding,
      mayShowPassword: this.#mayShowPassword,
    })
  }

  #onUser(user: string): void {
    if (!this.#mayShowPassword) {
      this.#responses.err('passwords are not taken on an unencrypted connection')
      return
    }
    this.#state = { name: 'commands', user }
    this.#responses.ok('send PASS')
  }

  #onPass(password: string): void {
    const user = this.#state.name === 'commands' ? this.#state.user : undefined
    if (user === undefined) {
      this.#responses.err('USER comes first')
      return
    }
    this.#state = { name: 'opening', dialogue: undefined }
    this.#responses.emit({ type: 'open', user, password })
  }

  #onAuth(command: Extract<Command, { readonly verb: 'AUTH' }>): AuthorizationEnd | undefined {
    const mechanism = this.#mechanisms().find((one) => one === command.mechanism)
    if (mechanism === undefined) {
      this.#responses.err('not by this mechanism on this connection')
      return undefined
    }
    const dialogue = new SaslDialogue(mechanism, this.#tls?.channelBinding)
    return this.#onDialogue(dialogue.begin(command.initialResponse), dialogue, undefined)
  }

  #onDialogue(
    step: DialogueStep,
    dialogue: SaslDialogue,
    opened: readonly MaildropMessage[] | undefined,
  ): AuthorizationEnd | undefined {
    switch (step.type) {
      case 'say':
        this.#state = { name: 'authenticating', dialogue, opened }
        this.#responses.text(`+ ${step.base64}`)
        return undefined
      case 'ask': {
        this.#state = { name: 'opening', dialogue }
        const { question } = step
        const isOpen = question.type === 'authenticate'
        this.#responses.emit(isOpen ? { ...question, type: 'open' } : question)
        return undefined
      }
      case 'done':
        return { type: 'opened', messages: opened ?? [] }
      case 'refuse': {
        const end = this.#onRefused(step.why)
        // A client that does not believe the server leaves no maildrop open.
        return opened === undefined ? end : { type: 'close' }
      }
    }
  }

  #onRefused(why: 'cancelled' | 'bad-base64' | 'failed'): AuthorizationEnd | undefined {
    if (why === 'failed') return this.#onNotOpened('credentials')
    this.#state = STRANGER
    this.#responses.err(why === 'cancelled' ? 'cancelled' : 'not in base64')
    return undefined
  }

  #onNotOpened(reason: keyof typeof NOT_OPENED): AuthorizationEnd | undefined {
    this.#responses.err(NOT_OPENED[reason])
    this.#state = STRANGER
    if (reason === 'credentials') this.#loginFailures++
    return this.#loginFailures >= LOGIN_FAILURES_MAX ? { type: 'close' } : undefined
  }
}
