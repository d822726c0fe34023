/**
 * One SMTP session, server side: transfer, submission, LMTP and batch SMTP. RFC 5321 §3, RFC 2442.
 *
 * The peer sends commands and message data; whatever needs judgement goes out as a question, and
 * the session goes on with the verdict.
 */

import type { Result } from '../../base/fault.ts'
import type {
  FlowEffect,
  Machine,
  SecuredEvent,
  SecureEffect,
  StreamEffect,
  StreamEvent,
} from '../../base/machine.ts'
import type { MonoMs } from '../../base/time.ts'
import type { TlsSession } from '../../base/tls.ts'
import type { SaslMechanism } from '../sasl/mechanism.ts'
import { Authentication, type AuthenticationStep } from './authentication.ts'
import { Chunk } from './chunk.ts'
import {
  bringsNoMail,
  type Command,
  commandSyntax,
  isHttpRequest,
  parseCommand,
  safeToLog,
} from './command.ts'
import type { Mailbox, MailFrom, RecipientParameters } from './envelope.ts'
import type { SmtpFaultCode } from './fault.ts'
import { BODY_BYTES_MAX, PENDING_BYTES_MAX } from './limits.ts'
import { LineReader } from './line-reader.ts'
import { MessageReader, type PartEnd, type ReadMessage } from './message-reader.ts'
import { Mistakes } from './mistakes.ts'
import { Patience } from './patience.ts'
import {
  answerTo,
  type HurryEvent,
  type OpenQuestion,
  type SmtpAnswer,
  type SmtpQuestion,
  type SmtpServerOptions,
  type Verdict,
} from './question.ts'
import type { Reply } from './reply.ts'
import * as replies from './reply.ts'
import { ReplyGroup } from './reply-group.ts'
import { extensionLines, objectionTo, offers, protocolOf, type Session } from './sequence.ts'

type Event = StreamEvent | SecuredEvent | SmtpAnswer | HurryEvent
type Effect = StreamEffect | FlowEffect | SecureEffect | SmtpQuestion

type State =
  | { readonly name: 'commands' }
  | { readonly name: 'authenticating' }
  /** The handshake is under way; whatever plaintext came after its command is thrown away. */
  | { readonly name: 'securing' }
  /** A message comes, or a part of it. */
  | { readonly name: 'message' }
  | { readonly name: 'asked'; readonly question: OpenQuestion }
  | { readonly name: 'closed' }

const COMMANDS: State = { name: 'commands' }
const MESSAGE: State = { name: 'message' }
const CLOSED: State = { name: 'closed' }

export class SmtpServer implements Machine<Event, Effect> {
  readonly #options: SmtpServerOptions
  readonly #input = new LineReader()
  #inputEnded = false
  #state: State = COMMANDS
  #deadline: MonoMs | undefined
  #effects: Effect[] = []
  readonly #replies = new ReplyGroup()
  /** Undefined where nobody is waited for: a batch has arrived complete. */
  readonly #patience: Patience | undefined
  readonly #session: Session = {
    client: undefined,
    user: undefined,
    tls: undefined,
    transaction: undefined,
  }
  #authentication: Authentication | undefined
  readonly #message: MessageReader
  /** It waits for the answer to `data`. */
  #firstChunk: Chunk | undefined
  /** How often the end of the message is answered: over LMTP for each recipient. */
  #finalReplies = 1
  readonly #mistakes = new Mistakes()

  constructor(options: SmtpServerOptions) {
    this.#options = options
    this.#message = new MessageReader(options)
    if (options.role !== 'batch') this.#patience = new Patience(options.oneWayDelayMs ?? 0)
  }

  get deadline(): MonoMs | undefined {
    return this.#deadline
  }

  handle(event: Event, now: MonoMs): readonly Effect[] {
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

  #finishEvent(): readonly Effect[] {
    const asked = this.#state.name === 'asked'
    if (asked) this.#deadline = undefined
    else if (this.#inputEnded) this.#close()
    if (!asked) this.#flush()
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  #greet(now: MonoMs): void {
    this.#say(replies.serviceReady(this.#options.hostname))
    this.#expectMore(now)
  }

  #secure(now: MonoMs): void {
    this.#flush()
    this.#state = { name: 'securing' }
    this.#effects.push({ type: 'secure' })
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
    this.#mistakes.hurry()
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
    if (this.#state.name !== 'asked' || this.#options.role === 'batch') return
    if (this.#input.length > PENDING_BYTES_MAX) {
      this.#dismiss('(input)', replies.tooMuchAtOnce(this.#options.hostname))
    }
  }

  #readOn(now: MonoMs): void {
    while (this.#input.length > 0) {
      const state = this.#state
      if (state.name === 'message') {
        this.#input.skip(this.#readMessage(this.#input.view, now))
        continue
      }
      if (state.name !== 'commands' && state.name !== 'authenticating') return
      const line = this.#input.next()
      if (line === undefined) return
      this.#expectMore(now)
      if (state.name === 'commands') this.#onLine(line, now)
      else if (this.#authentication !== undefined) {
        this.#onAuthenticationStep(this.#authentication.line(line))
      }
    }
  }

  /** How many bytes of `bytes` were message data. */
  #readMessage(bytes: Uint8Array, now: MonoMs): number {
    let used = 0
    while (used < bytes.length && this.#state.name === 'message') {
      const read = this.#message.read(bytes.subarray(used, used + BODY_BYTES_MAX))
      used += read.consumed
      if (read.body.length > 0) this.#effects.push({ type: 'body', bytes: read.body })
      // The rest of the data is read and thrown away; what was taken can go at once.
      if (this.#message.problem !== undefined) this.#abandon()
      this.#deadline = this.#patience?.forData(this.#message.since, this.#message.readBytes, now)
      if (read.ended) this.#onEndOfPart(this.#message.end(), now)
    }
    return used
  }

  #onEndOfPart(end: PartEnd, now: MonoMs): void {
    this.#state = COMMANDS
    this.#expectMore(now)
    switch (end.type) {
      case 'message':
        this.#onEndOfMessage(end.message)
        return
      case 'chunk':
        this.#say(replies.chunkTaken(end.sizeBytes))
        if (end.sizeBytes === 0 && this.#mistakes.idleCommand()) this.#sendAway()
        return
      case 'refused':
        this.#refuse('BDAT', end.reply)
    }
  }

  #onLine(line: Result<string, SmtpFaultCode>, now: MonoMs): void {
    const parsed = line.ok ? parseCommand(line.value) : line
    if (parsed.ok) this.#onCommand(parsed.value, now)
    else if (line.ok && isHttpRequest(line.value)) {
      this.#dismiss('(http)', replies.notSmtp(this.#options.hostname))
    } else this.#refuse(line.ok ? safeToLog(line.value) : '(line)', replies.replyTo(parsed.fault))
  }

  #onCommand(command: Command, now: MonoMs): void {
    const objection = objectionTo(command, this.#session, this.#options)
    if (command.verb === 'BDAT') {
      this.#onBdat(command, objection, now)
      return
    }
    if (objection !== undefined) {
      this.#refuse(command.verb, objection)
      return
    }
    switch (command.verb) {
      case 'EHLO':
      case 'HELO':
      case 'LHLO':
        this.#onHello(command.verb, command.domain)
        break
      case 'MAIL':
        this.#onMail(command.from)
        break
      case 'RCPT':
        this.#onRcpt(command.recipient, command.parameters ?? {})
        break
      case 'DATA':
        this.#ask({ type: 'data' })
        break
      case 'RSET':
        this.#abandon()
        this.#sayInGroup(replies.OK)
        break
      case 'STARTTLS':
        this.#abandon()
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
    if (bringsNoMail(command) && this.#mistakes.idleCommand()) this.#sendAway()
  }

  /** Clears everything but who the client is. RFC 5321 §4.1.4. */
  #onHello(verb: 'EHLO' | 'HELO' | 'LHLO', name: string): void {
    this.#abandon()
    const isExtended = verb !== 'HELO'
    this.#session.client = { name, isExtended }
    const extensions = isExtended ? extensionLines(this.#session, this.#options) : []
    this.#say(replies.hello(this.#options.hostname, extensions))
  }

  #onLookUp(verb: 'VRFY' | 'EXPN', argument: string): void {
    if (verb === 'EXPN' || this.#options.vrfy === 'answer') {
      this.#ask({ type: 'look-up', verb, argument })
    } else this.#say(replies.CANNOT_VERIFY)
  }

  #onMail(from: MailFrom): void {
    const { client, user, tls } = this.#session
    const protocol = protocolOf(from, this.#session, this.#options)
    this.#ask({ type: 'mail', from, helo: client?.name ?? '', user, protocol, tls })
  }

  #onRcpt({ localPart, domain }: Mailbox, parameters: RecipientParameters): void {
    // Those taken stay, and it is no mistake of the client. RFC 5321 §4.5.3.1.10.
    if ((this.#session.transaction?.recipientCount ?? 0) >= this.#options.recipientsMax) {
      this.#sayInGroup(replies.TOO_MANY_RECIPIENTS)
      if (this.#mistakes.excessRecipient()) this.#sendAway()
      return
    }
    const recipient = { localPart, domain: domain === '' ? this.#options.hostname : domain }
    this.#ask({ type: 'recipient', recipient, parameters })
  }

  /** Its octets follow whether or not they are wanted. RFC 3030 §2. */
  #onBdat(
    { sizeBytes, isLast }: Extract<Command, { verb: 'BDAT' }>,
    objection: Reply | undefined,
    now: MonoMs,
  ): void {
    const chunk = new Chunk(sizeBytes, isLast, objection)
    const { transaction } = this.#session
    if (objection !== undefined || transaction === undefined || this.#message.hasChunks) {
      this.#startChunk(chunk, now)
      return
    }
    transaction.isChunked = true
    this.#firstChunk = chunk
    // The client does not wait, so that its octets would pile up here until the answer.
    if (this.#options.role !== 'batch') this.#effects.push({ type: 'pause' })
    this.#ask({ type: 'data' })
  }

  #startChunk(chunk: Chunk, now: MonoMs): void {
    this.#state = MESSAGE
    if (this.#message.startChunk(chunk, now)) this.#onEndOfPart(this.#message.end(), now)
  }

  #onEndOfMessage({ problem, sizeBytes }: ReadMessage): void {
    if (problem !== undefined) {
      this.#abandon()
      const reply = problem === 'too-big' ? replies.TOO_BIG : replies.BARE_LINE_END
      for (let i = 1; i < this.#finalReplies; i++) this.#say(reply)
      this.#refuse('(data)', reply)
      return
    }
    this.#ask({ type: 'end-of-data', sizeBytes })
  }

  #onAuthenticationStep(step: AuthenticationStep): void {
    this.#state = COMMANDS
    switch (step.type) {
      case 'say':
        this.#state = { name: 'authenticating' }
        this.#say(step.reply)
        break
      case 'ask':
        this.#ask(step.question)
        break
      case 'refuse':
        this.#authentication = undefined
        this.#refuse('AUTH', step.reply)
        break
      case 'done':
        this.#authentication = undefined
        this.#session.user = step.user
        this.#say(replies.AUTHENTICATED)
        break
    }
  }

  #onAnswer(answer: SmtpAnswer, now: MonoMs): void {
    if (this.#state.name !== 'asked') return
    const { question } = this.#state
    if (answer.type !== answerTo(question)) return
    this.#state = COMMANDS
    this.#expectMore(now)
    if (answer.type === 'verdict') this.#onVerdict(question, answer.verdict, now)
    else if (answer.type === 'looked-up') this.#onLookedUp(answer.reply)
    else if (this.#authentication !== undefined) {
      this.#onAuthenticationStep(this.#authentication.keys(answer.keys, answer.nonce))
    }
    this.#readOn(now)
  }

  /** Who asks for many that there are not is guessing. */
  #onLookedUp(reply: Reply): void {
    this.#say(reply)
    if (reply.code >= 500) this.#countError()
  }

  #onVerdict(question: OpenQuestion, verdict: Verdict, now: MonoMs): void {
    const session = this.#session
    switch (question.type) {
      case 'scram-keys':
      case 'look-up':
        break
      case 'authenticate':
        this.#onAuthenticated(verdict)
        break
      case 'mail': {
        this.#sayInGroup(verdict.ok ? replies.SENDER_OK : verdict.reply)
        const { parameters } = question.from
        if (verdict.ok) session.transaction = { parameters, recipientCount: 0, isChunked: false }
        break
      }
      case 'recipient':
        this.#sayInGroup(verdict.ok ? replies.RECIPIENT_OK : verdict.reply)
        if (verdict.ok && session.transaction !== undefined) session.transaction.recipientCount++
        break
      case 'data':
        this.#onReadyForData(verdict, now)
        break
      case 'end-of-data':
        this.#onAccepted(verdict)
        break
    }
    if (!verdict.ok) this.#countError()
  }

  #onReadyForData(verdict: Verdict, now: MonoMs): void {
    const { role } = this.#options
    const chunk = this.#firstChunk
    this.#firstChunk = undefined
    const { recipientCount = 1 } = this.#session.transaction ?? {}
    this.#finalReplies = role === 'lmtp' ? recipientCount : 1
    if (chunk === undefined) {
      this.#say(verdict.ok ? replies.START_DATA : verdict.reply)
      if (!verdict.ok) return
      this.#message.startData(now)
      this.#state = MESSAGE
      return
    }
    if (role !== 'batch') this.#effects.push({ type: 'resume' })
    if (!verdict.ok) {
      this.#abandon()
      chunk.objection = verdict.reply
      this.#startChunk(chunk, now)
      return
    }
    const isBinary = this.#session.transaction?.parameters.body === 'BINARYMIME'
    this.#message.startChunks(isBinary)
    this.#startChunk(chunk, now)
  }

  #onAccepted(verdict: Verdict): void {
    this.#session.transaction = undefined
    this.#message.forget()
    for (let i = 0; i < this.#finalReplies; i++) {
      const one = (verdict.ok && verdict.each?.[i]) || verdict
      this.#say(one.ok ? replies.queued(one.queueId) : one.reply)
    }
    if (verdict.ok) this.#mistakes.forgive()
  }

  #onAuthenticated(verdict: Verdict): void {
    if (verdict.ok && this.#authentication !== undefined) {
      this.#onAuthenticationStep(this.#authentication.accept())
      return
    }
    this.#authentication = undefined
    if (!verdict.ok) this.#say(verdict.reply)
    if (this.#mistakes.authenticationFailure()) this.#sendAway()
  }

  #ask(question: OpenQuestion): void {
    if (this.#replies.isUrgent) this.#flush()
    this.#state = { name: 'asked', question }
    this.#effects.push(question)
  }

  #sayInGroup(reply: Reply): void {
    this.#replies.add(reply)
  }

  #say(reply: Reply): void {
    this.#replies.addUrgent(reply)
  }

  #refuse(command: string, reply: Reply): void {
    this.#say(reply)
    this.#effects.push({ type: 'refused', command, reply })
    this.#countError()
  }

  #countError(): void {
    if (this.#mistakes.refusal()) this.#sendAway()
  }

  #sendAway(): void {
    this.#dismiss('(errors)', replies.tooManyErrors(this.#options.hostname))
  }

  #dismiss(command: string, reply: Reply): void {
    this.#say(reply)
    this.#effects.push({ type: 'refused', command, reply })
    this.#close()
  }

  /** Not once the message was handed over complete: that is settled by its verdict. */
  #abandon(): void {
    const question = this.#state.name === 'asked' ? this.#state.question.type : undefined
    const isOpen = this.#session.transaction !== undefined && question !== 'end-of-data'
    if (isOpen || question === 'mail') this.#effects.push({ type: 'reset' })
    this.#session.transaction = undefined
    this.#message.forget()
  }

  #flush(): void {
    const bytes = this.#replies.take()
    if (bytes !== undefined) this.#effects.push({ type: 'send', bytes })
  }

  #close(): void {
    if (this.#state.name === 'closed') return
    this.#abandon()
    this.#flush()
    this.#effects.push({ type: 'close' })
    this.#state = CLOSED
    this.#deadline = undefined
  }

  #expectMore(now: MonoMs): void {
    if (this.#state.name !== 'closed') this.#deadline = this.#patience?.forCommand(now)
  }
}
