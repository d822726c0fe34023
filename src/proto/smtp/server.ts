/**
 * One SMTP session, server side: transfer, submission, LMTP and batch SMTP. RFC 5321 §3, RFC 2442.
 *
 * The peer sends commands and message data; whatever needs judgement goes out as a question, and
 * the session goes on with the verdict.
 */

import type { Result } from '../../base/fault.ts'
import type { Machine, SecuredEvent, StreamEvent } from '../../base/machine.ts'
import type { MonoMs } from '../../base/time.ts'
import type { TlsSession } from '../../base/tls.ts'
import type { SaslMechanism } from '../sasl/mechanism.ts'
import { Authentication, type AuthenticationStep } from './authentication.ts'
import {
  bringsNoMail,
  type Command,
  commandSyntax,
  isHttpRequest,
  parseCommand,
  safeToLog,
} from './command.ts'
import { Conversation, type SmtpServerEffect } from './conversation.ts'
import type { SmtpFaultCode } from './fault.ts'
import { PENDING_BYTES_MAX } from './limits.ts'
import { LineReader } from './line-reader.ts'
import { MailTransactions } from './mail-transactions.ts'
import { Patience } from './patience.ts'
import {
  answerTo,
  type HurryEvent,
  type OpenQuestion,
  type SmtpAnswer,
  type SmtpServerOptions,
  type Verdict,
} from './question.ts'
import type { Reply } from './reply.ts'
import * as replies from './reply.ts'
import { extensionLines, objectionTo, offers, type Session } from './sequence.ts'

type Event = StreamEvent | SecuredEvent | SmtpAnswer | HurryEvent

type State =
  | { readonly name: 'commands' }
  | { readonly name: 'authenticating' }
  /** The handshake is under way; whatever plaintext came after its command is thrown away. */
  | { readonly name: 'securing' }
  | { readonly name: 'closed' }

const COMMANDS: State = { name: 'commands' }
const CLOSED: State = { name: 'closed' }

export class SmtpServer implements Machine<Event, SmtpServerEffect> {
  readonly #options: SmtpServerOptions
  readonly #input = new LineReader()
  #inputEnded = false
  #state: State = COMMANDS
  #deadline: MonoMs | undefined
  readonly #conversation: Conversation
  /** Undefined where nobody is waited for: a batch has arrived complete. */
  readonly #patience: Patience | undefined
  readonly #session: Session = {
    client: undefined,
    user: undefined,
    tls: undefined,
    transaction: undefined,
  }
  #authentication: Authentication | undefined
  readonly #transactions: MailTransactions

  constructor(options: SmtpServerOptions) {
    this.#options = options
    this.#conversation = new Conversation(options.hostname)
    this.#transactions = new MailTransactions(options, this.#session, this.#conversation)
    if (options.role !== 'batch') this.#patience = new Patience(options.oneWayDelayMs ?? 0)
  }

  get deadline(): MonoMs | undefined {
    return this.#deadline
  }

  handle(event: Event, now: MonoMs): readonly SmtpServerEffect[] {
    if (this.#state.name === 'closed') return []
    switch (event.type) {
      case 'connected':
        if (this.#options.role === 'batch') break
        if (this.#options.tls === 'first') this.#secure(now)
        else this.#greet(now)
        break
      case 'secured':
        if (this.#state.name === 'securing') this.#onSecured(event.session, now)
        break
      case 'bytes':
        if (this.#state.name !== 'securing') this.#onBytes(event.bytes, now)
        break
      case 'verdict':
      case 'scram-keys':
      case 'looked-up':
        this.#onAnswer(event, now)
        break
      case 'hurry':
        this.#hurry(now)
        break
      case 'tick':
        if (this.#deadline === undefined || now < this.#deadline) break
        this.#onSilence()
        break
      case 'ended':
        this.#inputEnded = true
        if (this.#options.role !== 'batch') this.#close()
        break
      case 'drained':
        break
    }
    return this.#finishEvent()
  }

  #finishEvent(): readonly SmtpServerEffect[] {
    const isAsked = this.#conversation.question !== undefined
    if (isAsked) this.#deadline = undefined
    else if (this.#inputEnded) this.#close()
    if (!isAsked) this.#conversation.flush()
    return this.#conversation.take()
  }

  #greet(now: MonoMs): void {
    this.#conversation.say(replies.serviceReady(this.#options.hostname))
    this.#expectMore(now)
  }

  #secure(now: MonoMs): void {
    this.#conversation.flush()
    this.#state = { name: 'securing' }
    this.#conversation.emit({ type: 'secure' })
    this.#input.skip(this.#input.length)
    this.#deadline = this.#patience?.forHandshake(now)
  }

  /** Nothing that was said in the clear is known any more. RFC 3207 §4.2. */
  #onSecured(tls: TlsSession, now: MonoMs): void {
    this.#state = COMMANDS
    this.#session.tls = tls
    this.#session.client = undefined
    this.#session.user = undefined
    if (this.#options.tls === 'first') this.#greet(now)
    else this.#expectMore(now)
  }

  #hurry(now: MonoMs): void {
    if (this.#session.user !== undefined || this.#patience === undefined) return
    this.#patience.hurry()
    this.#conversation.mistakes.hurry()
    const isShaking = this.#state.name === 'securing'
    const end = isShaking ? this.#patience.forHandshake(now) : this.#patience.forCommand(now)
    if (this.#deadline !== undefined && end < this.#deadline) this.#deadline = end
  }

  #onSilence(): void {
    if (this.#state.name === 'securing') this.#close()
    else this.#dismiss('(silence)', replies.idleTooLong(this.#options.hostname))
  }

  #onBytes(bytes: Uint8Array, now: MonoMs): void {
    // Message data need not pass through the line reader.
    const used = this.#input.length === 0 ? this.#readMessage(bytes, now) : 0
    if (used < bytes.length) this.#input.append(used === 0 ? bytes : bytes.subarray(used))
    this.#readOn(now)
    // A batch was bounded where it was received.
    if (this.#conversation.question === undefined || this.#options.role === 'batch') return
    if (this.#input.length > PENDING_BYTES_MAX) {
      this.#dismiss('(input)', replies.tooMuchAtOnce(this.#options.hostname))
    }
  }

  #readOn(now: MonoMs): void {
    while (this.#input.length > 0 && this.#conversation.question === undefined) {
      const { name } = this.#state
      if (name !== 'commands' && name !== 'authenticating') return
      if (this.#transactions.isReading) {
        this.#input.skip(this.#readMessage(this.#input.view, now))
        continue
      }
      const line = this.#input.next()
      if (line === undefined) return
      this.#expectMore(now)
      if (name === 'commands') this.#onLine(line, now)
      else if (this.#authentication !== undefined) {
        this.#onAuthenticationStep(this.#authentication.line(line))
      }
      this.#closeIfOver()
    }
  }

  /** How many bytes of `bytes` were message data. */
  #readMessage(bytes: Uint8Array, now: MonoMs): number {
    if (!this.#transactions.isReading) return 0
    const used = this.#transactions.read(bytes)
    const { isReading, since, readBytes } = this.#transactions
    if (isReading) this.#deadline = this.#patience?.forData(since, readBytes, now)
    else this.#expectMore(now)
    this.#closeIfOver()
    return used
  }

  #onLine(line: Result<string, SmtpFaultCode>, now: MonoMs): void {
    const parsed = line.ok ? parseCommand(line.value) : line
    if (parsed.ok) this.#onCommand(parsed.value, now)
    else if (line.ok && isHttpRequest(line.value)) {
      this.#dismiss('(http)', replies.notSmtp(this.#options.hostname))
    } else
      this.#conversation.refuse(
        line.ok ? safeToLog(line.value) : '(line)',
        replies.replyTo(parsed.fault),
      )
  }

  #onCommand(command: Command, now: MonoMs): void {
    const objection = objectionTo(command, this.#session, this.#options)
    if (command.verb === 'BDAT') {
      this.#transactions.chunk(command, objection, now)
      return
    }
    if (objection !== undefined) {
      this.#conversation.refuse(command.verb, objection)
      return
    }
    switch (command.verb) {
      case 'EHLO':
      case 'HELO':
      case 'LHLO':
        this.#onHello(command.verb, command.domain)
        break
      case 'MAIL':
        this.#transactions.mail(command.from)
        break
      case 'RCPT':
        this.#transactions.recipient(command.recipient, command.parameters ?? {})
        break
      case 'DATA':
        this.#transactions.data()
        break
      case 'RSET':
        this.#transactions.abandon()
        this.#conversation.sayInGroup(replies.OK)
        break
      case 'STARTTLS':
        this.#transactions.abandon()
        this.#say(replies.READY_FOR_TLS)
        this.#secure(now)
        break
      case 'AUTH':
        this.#authentication = new Authentication(
          command.mechanism as SaslMechanism,
          this.#session.tls?.channelBinding,
        )
        this.#onAuthenticationStep(this.#authentication.begin(command.initialResponse))
        break
      case 'QUIT':
        this.#say(replies.CLOSING)
        this.#close()
        break
      case 'VRFY':
      case 'EXPN':
        this.#onLookUp(command.verb, command.argument)
        break
      case 'HELP':
        this.#say(replies.help(commandSyntax((verb) => offers(verb, this.#session, this.#options))))
        break
      case 'NOOP':
        this.#say(replies.OK)
        break
    }
    const { mistakes } = this.#conversation
    if (bringsNoMail(command)) this.#conversation.bear(mistakes.idleCommand())
  }

  /** Clears everything but who the client is. RFC 5321 §4.1.4. */
  #onHello(verb: 'EHLO' | 'HELO' | 'LHLO', name: string): void {
    this.#transactions.abandon()
    const isExtended = verb !== 'HELO'
    this.#session.client = { name, isExtended }
    const extensions = isExtended ? extensionLines(this.#session, this.#options) : []
    this.#say(replies.hello(this.#options.hostname, extensions))
  }

  #onLookUp(verb: 'VRFY' | 'EXPN', argument: string): void {
    if (verb === 'EXPN' || this.#options.vrfy === 'answer') {
      this.#conversation.ask({ type: 'look-up', verb, argument })
    } else this.#say(replies.CANNOT_VERIFY)
  }

  #onAuthenticationStep(step: AuthenticationStep): void {
    this.#state = COMMANDS
    switch (step.type) {
      case 'say':
        this.#state = { name: 'authenticating' }
        this.#say(step.reply)
        break
      case 'ask':
        this.#conversation.ask(step.question)
        break
      case 'refuse':
        this.#authentication = undefined
        this.#conversation.refuse('AUTH', step.reply)
        break
      case 'done':
        this.#authentication = undefined
        this.#session.user = step.user
        this.#say(replies.AUTHENTICATED)
        break
    }
  }

  #onAnswer(answer: SmtpAnswer, now: MonoMs): void {
    const { question } = this.#conversation
    if (question === undefined || answer.type !== answerTo(question)) return
    this.#conversation.answered()
    this.#state = COMMANDS
    this.#expectMore(now)
    if (answer.type === 'verdict') this.#onVerdict(question, answer.verdict, now)
    else if (answer.type === 'looked-up') this.#onLookedUp(answer.reply)
    else if (this.#authentication !== undefined) {
      this.#onAuthenticationStep(this.#authentication.keys(answer.keys, answer.nonce))
    }
    this.#closeIfOver()
    this.#readOn(now)
  }

  /** Who asks for many that there are not is guessing. */
  #onLookedUp(reply: Reply): void {
    this.#say(reply)
    if (reply.code >= 500) this.#conversation.bear(this.#conversation.mistakes.refusal())
  }

  #onVerdict(question: OpenQuestion, verdict: Verdict, now: MonoMs): void {
    if (question.type === 'authenticate') this.#onAuthenticated(verdict)
    else this.#transactions.verdict(question, verdict, now)
    if (!verdict.ok) this.#conversation.bear(this.#conversation.mistakes.refusal())
  }

  #onAuthenticated(verdict: Verdict): void {
    if (verdict.ok && this.#authentication !== undefined) {
      this.#onAuthenticationStep(this.#authentication.accept())
      return
    }
    this.#authentication = undefined
    if (!verdict.ok) this.#say(verdict.reply)
    this.#conversation.bear(this.#conversation.mistakes.authenticationFailure())
  }

  #say(reply: Reply): void {
    this.#conversation.say(reply)
  }

  #dismiss(command: string, reply: Reply): void {
    this.#conversation.dismiss(command, reply)
    this.#close()
  }

  #closeIfOver(): void {
    if (this.#conversation.isOver) this.#close()
  }

  #close(): void {
    if (this.#state.name === 'closed') return
    this.#transactions.abandon()
    this.#conversation.answered()
    this.#conversation.flush()
    this.#conversation.emit({ type: 'close' })
    this.#state = CLOSED
    this.#deadline = undefined
  }

  #expectMore(now: MonoMs): void {
    if (this.#state.name !== 'closed') this.#deadline = this.#patience?.forCommand(now)
  }
}
