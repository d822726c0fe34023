/**
 * One SMTP session, server side: transfer, submission and batch SMTP. RFC 5321 §3, RFC 2442.
 *
 * The peer sends commands and message data; whatever needs judgement goes out as a question, and
 * the session goes on with the verdict.
 */

import { fromBase64, fromLatin1, toBase64 } from '../../base/bytes.ts'
import type { Result } from '../../base/fault.ts'
import type { Machine, StreamEffect, StreamEvent } from '../../base/machine.ts'
import { addMs, type MonoMs } from '../../base/time.ts'
import { SaslExchange, type SaslStep } from '../sasl/exchange.ts'
import type { SaslMechanism } from '../sasl/mechanism.ts'
import { type Command, commandSyntax, parseCommand, verbOf } from './command.ts'
import { DataReader } from './data.ts'
import type { Mailbox, MailFrom, RecipientParameters } from './envelope.ts'
import { OPTIONAL_EXTENSIONS, type OptionalExtension, offeredExtensions } from './extension.ts'
import type { SmtpFaultCode } from './fault.ts'
import {
  AUTH_FAILURES_MAX,
  BODY_BYTES_MAX,
  ERRORS_MAX,
  PENDING_BYTES_MAX,
  SERVER_TIMEOUT_MS,
} from './limits.ts'
import { LineReader } from './line-reader.ts'
import type { Reply } from './reply.ts'
import * as replies from './reply.ts'
import { formatReply } from './reply-codec.ts'
import { objectionTo, type Session, type SessionRules } from './sequence.ts'

export interface SmtpServerOptions {
  readonly hostname: string
  /**
   * `batch` reads the client's half of a dialogue that has arrived complete: no greeting, no
   * timeouts, EHLO may be missing, and after `ended` the rest is worked off until `close`.
   */
  readonly role: 'transfer' | 'submission' | 'batch'
  readonly sizeBytesMax: number
  readonly recipientsMax: number
  /** None: AUTH is not offered. */
  readonly mechanisms: readonly SaslMechanism[]
  readonly requireAuthentication: boolean
  /** Beyond those that every server of ours has. Default: none; a batch may use all. */
  readonly extensions?: readonly OptionalExtension[]
}

/** As in the `with` clause of a trace field. RFC 5321 §4.4. */
export type SmtpProtocol = 'SMTP' | 'ESMTP' | 'ESMTPA'

/**
 * The first five are questions: each is answered by one `verdict`, and no further command is read
 * until then.
 *
 * After a `mail` that was not refused comes exactly one of `end-of-data` and `reset`.
 */
export type SmtpQuestion =
  | {
      readonly type: 'authenticate'
      readonly mechanism: SaslMechanism
      readonly user: string
      readonly password: string
    }
  | {
      readonly type: 'mail'
      readonly from: MailFrom
      /** As the client called itself; empty in a batch without EHLO. */
      readonly helo: string
      readonly user: string | undefined
      readonly protocol: SmtpProtocol
    }
  | {
      readonly type: 'recipient'
      readonly recipient: Mailbox
      readonly parameters: RecipientParameters
    }
  | { readonly type: 'data' }
  /** The message is complete; answer `ok` once it is durable. */
  | { readonly type: 'end-of-data'; readonly sizeBytes: number }
  /** The next bytes of the message, without transparency dots; its lines end in CRLF. */
  | { readonly type: 'body'; readonly bytes: Uint8Array }
  /** The transaction is abandoned. */
  | { readonly type: 'reset' }
  /** For the log: what this machine refused without asking. `command` holds no secrets. */
  | { readonly type: 'refused'; readonly command: string; readonly reply: Reply }

export interface SmtpAnswer {
  readonly type: 'verdict'
  readonly verdict: Verdict
}

export type Verdict =
  | { readonly ok: true; readonly queueId?: string }
  | { readonly ok: false; readonly reply: Reply }

type Effect = StreamEffect | SmtpQuestion

type State =
  | { readonly name: 'commands' }
  | { readonly name: 'authenticating'; readonly exchange: SaslExchange }
  | { readonly name: 'data'; readonly reader: DataReader }
  | { readonly name: 'asked'; readonly question: OpenQuestion }
  | { readonly name: 'closed' }

type OpenQuestion = Extract<
  SmtpQuestion,
  { type: 'authenticate' | 'mail' | 'recipient' | 'data' | 'end-of-data' }
>

const COMMANDS: State = { name: 'commands' }
const CLOSED: State = { name: 'closed' }

export class SmtpServer implements Machine<StreamEvent | SmtpAnswer, Effect> {
  readonly #options: SmtpServerOptions
  readonly #rules: SessionRules
  readonly #input = new LineReader()
  #inputEnded = false
  #state: State = COMMANDS
  #deadline: MonoMs | undefined
  #effects: Effect[] = []
  /** Replies that have not left: those to a group of commands leave together. RFC 2920 §3.2. */
  #unsent = ''
  /** One of them must not wait for the rest of the group. */
  #urgent = false
  readonly #session: Session = { client: undefined, user: undefined, recipientCount: undefined }
  #errorCount = 0
  #authenticationFailures = 0

  constructor(options: SmtpServerOptions) {
    this.#options = options
    const isBatch = options.role === 'batch'
    this.#rules = {
      ...options,
      helloRequired: !isBatch,
      extensions: isBatch ? OPTIONAL_EXTENSIONS : (options.extensions ?? []),
    }
  }

  get deadline(): MonoMs | undefined {
    return this.#deadline
  }

  handle(event: StreamEvent | SmtpAnswer, now: MonoMs): readonly Effect[] {
    if (this.#state.name === 'closed') return []
    switch (event.type) {
      case 'connected':
        if (this.#options.role === 'batch') break
        this.#say(replies.serviceReady(this.#options.hostname))
        this.#expectMore(now)
        break
      case 'bytes':
        this.#onBytes(event.bytes, now)
        break
      case 'verdict':
        if (this.#state.name !== 'asked') break
        this.#onVerdict(this.#state.question, event.verdict)
        this.#goOn(now)
        break
      case 'tick':
        if (this.#deadline === undefined || now < this.#deadline) break
        this.#dismiss('(silence)', replies.idleTooLong(this.#options.hostname))
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

  #onBytes(bytes: Uint8Array, now: MonoMs): void {
    // Message data need not pass through the line reader.
    const used = this.#input.length === 0 ? this.#readData(bytes, now) : 0
    if (used < bytes.length) this.#input.append(used === 0 ? bytes : bytes.subarray(used))
    this.#readOn(now)
    // A batch was bounded where it was received.
    if (this.#state.name !== 'asked' || this.#options.role === 'batch') return
    if (this.#input.length > PENDING_BYTES_MAX) {
      this.#dismiss('(input)', replies.tooMuchAtOnce(this.#options.hostname))
    }
  }

  #goOn(now: MonoMs): void {
    this.#expectMore(now)
    this.#readOn(now)
  }

  #readOn(now: MonoMs): void {
    while (this.#input.length > 0) {
      const state = this.#state
      if (state.name === 'asked' || state.name === 'closed') return
      if (state.name === 'data') {
        this.#input.skip(this.#readData(this.#input.view, now))
        continue
      }
      const line = this.#input.next()
      if (line === undefined) return
      if (state.name === 'commands') this.#onLine(line)
      else this.#onAuthenticationLine(state.exchange, line)
      this.#expectMore(now)
    }
  }

  /** How many bytes of `bytes` were message data. */
  #readData(bytes: Uint8Array, now: MonoMs): number {
    let used = 0
    while (this.#state.name === 'data' && used < bytes.length) {
      const { reader } = this.#state
      const read = reader.read(bytes.subarray(used, used + BODY_BYTES_MAX))
      used += read.consumed
      if (read.body.length > 0) this.#effects.push({ type: 'body', bytes: read.body })
      // The rest of the data is read and thrown away; what was taken can go at once.
      if (reader.problem !== undefined) this.#abandon()
      if (read.ended) this.#onEndOfData(reader)
      this.#expectMore(now)
    }
    return used
  }

  #onLine(line: Result<string, SmtpFaultCode>): void {
    const parsed = line.ok ? parseCommand(line.value) : line
    if (parsed.ok) this.#onCommand(parsed.value)
    else this.#refuse(line.ok ? safeToLog(line.value) : '(line)', replies.replyTo(parsed.fault))
  }

  #onCommand(command: Command): void {
    const objection = objectionTo(command, this.#session, this.#rules)
    if (objection !== undefined) {
      this.#refuse(command.verb, objection)
      return
    }
    switch (command.verb) {
      case 'EHLO':
      case 'HELO':
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
      case 'AUTH':
        this.#onAuth(new SaslExchange(command.mechanism as SaslMechanism), command.initialResponse)
        break
      case 'QUIT':
        this.#say(replies.CLOSING)
        this.#close()
        break
      case 'VRFY':
        this.#say(replies.CANNOT_VERIFY)
        break
      case 'HELP':
        this.#say(replies.help(commandSyntax()))
        break
      case 'EXPN':
      case 'NOOP':
        this.#say(replies.OK)
        break
    }
  }

  /** Clears everything but who the client is. RFC 5321 §4.1.4. */
  #onHello(verb: 'EHLO' | 'HELO', name: string): void {
    const { hostname, sizeBytesMax, mechanisms } = this.#options
    this.#abandon()
    this.#session.client = { name, protocol: verb === 'EHLO' ? 'ESMTP' : 'SMTP' }
    const extensions = verb === 'EHLO' ? offeredExtensions(sizeBytesMax, mechanisms) : []
    this.#say(replies.hello(hostname, extensions))
  }

  #onMail(from: MailFrom): void {
    const { client, user } = this.#session
    const protocol = user === undefined ? (client?.protocol ?? 'ESMTP') : 'ESMTPA'
    this.#ask({ type: 'mail', from, helo: client?.name ?? '', user, protocol })
  }

  #onRcpt({ localPart, domain }: Mailbox, parameters: RecipientParameters): void {
    // Those taken stay, and it is no mistake of the client. RFC 5321 §4.5.3.1.10.
    if ((this.#session.recipientCount ?? 0) >= this.#options.recipientsMax) {
      this.#sayInGroup(replies.TOO_MANY_RECIPIENTS)
      return
    }
    const recipient = { localPart, domain: domain === '' ? this.#options.hostname : domain }
    this.#ask({ type: 'recipient', recipient, parameters })
  }

  #onEndOfData(reader: DataReader): void {
    this.#state = COMMANDS
    if (reader.problem !== undefined) {
      this.#refuse('(data)', reader.problem === 'too-big' ? replies.TOO_BIG : replies.BARE_LINE_END)
      return
    }
    this.#session.recipientCount = undefined
    this.#ask({ type: 'end-of-data', sizeBytes: reader.sizeBytes })
  }

  #onAuth(exchange: SaslExchange, initialResponse: string | undefined): void {
    if (initialResponse === undefined) this.#onSaslStep(exchange, exchange.step(undefined))
    else this.#onSaslResponse(exchange, initialResponse === '=' ? '' : initialResponse)
  }

  #onAuthenticationLine(exchange: SaslExchange, line: Result<string, SmtpFaultCode>): void {
    this.#state = COMMANDS
    if (!line.ok) this.#refuse('AUTH', replies.replyTo(line.fault))
    else if (line.value === '*') this.#refuse('AUTH', replies.AUTHENTICATION_CANCELLED)
    else this.#onSaslResponse(exchange, line.value)
  }

  #onSaslResponse(exchange: SaslExchange, base64: string): void {
    const response = fromBase64(base64)
    if (response === undefined) this.#refuse('AUTH', replies.BAD_BASE64)
    else this.#onSaslStep(exchange, exchange.step(response))
  }

  #onSaslStep(exchange: SaslExchange, step: SaslStep): void {
    const { mechanism } = exchange
    switch (step.type) {
      case 'challenge':
        this.#state = { name: 'authenticating', exchange }
        this.#say(replies.challenge(toBase64(step.bytes)))
        break
      case 'credentials':
        this.#ask({ type: 'authenticate', mechanism, ...step.credentials })
        break
      case 'refused':
        this.#refuse('AUTH', replies.AUTHENTICATION_FAILED)
        break
    }
  }

  #onVerdict(question: OpenQuestion, verdict: Verdict): void {
    this.#state = COMMANDS
    switch (question.type) {
      case 'authenticate':
        this.#onAuthenticated(question.user, verdict)
        break
      case 'mail':
        this.#sayInGroup(verdict.ok ? replies.SENDER_OK : verdict.reply)
        if (verdict.ok) this.#session.recipientCount = 0
        break
      case 'recipient':
        this.#sayInGroup(verdict.ok ? replies.RECIPIENT_OK : verdict.reply)
        if (verdict.ok) this.#session.recipientCount = (this.#session.recipientCount ?? 0) + 1
        break
      case 'data':
        this.#say(verdict.ok ? replies.START_DATA : verdict.reply)
        if (verdict.ok) {
          this.#state = { name: 'data', reader: new DataReader(this.#options.sizeBytesMax) }
        }
        break
      case 'end-of-data':
        this.#say(verdict.ok ? replies.queued(verdict.queueId) : verdict.reply)
        if (verdict.ok) this.#errorCount = 0
        break
    }
    if (!verdict.ok) this.#countError()
  }

  #onAuthenticated(user: string, verdict: Verdict): void {
    this.#say(verdict.ok ? replies.AUTHENTICATED : verdict.reply)
    if (verdict.ok) this.#session.user = user
    else if (++this.#authenticationFailures >= AUTH_FAILURES_MAX) this.#sendAway()
  }

  #ask(question: OpenQuestion): void {
    if (this.#urgent) this.#flush()
    this.#state = { name: 'asked', question }
    this.#effects.push(question)
  }

  /** A reply to MAIL, RCPT or RSET, which may wait for those to the rest of the group. */
  #sayInGroup(reply: Reply): void {
    this.#unsent += formatReply(reply)
  }

  #say(reply: Reply): void {
    this.#sayInGroup(reply)
    this.#urgent = true
  }

  #refuse(command: string, reply: Reply): void {
    this.#say(reply)
    this.#effects.push({ type: 'refused', command, reply })
    this.#countError()
  }

  #countError(): void {
    this.#errorCount++
    if (this.#errorCount >= ERRORS_MAX) this.#sendAway()
  }

  #sendAway(): void {
    this.#dismiss('(errors)', replies.tooManyErrors(this.#options.hostname))
  }

  #dismiss(command: string, reply: Reply): void {
    this.#say(reply)
    this.#effects.push({ type: 'refused', command, reply })
    this.#close()
  }

  #abandon(): void {
    const asked = this.#state.name === 'asked' && this.#state.question.type === 'mail'
    if (asked || this.#session.recipientCount !== undefined) this.#effects.push({ type: 'reset' })
    this.#session.recipientCount = undefined
  }

  #flush(): void {
    if (this.#unsent === '') return
    this.#effects.push({ type: 'send', bytes: fromLatin1(this.#unsent) })
    this.#unsent = ''
    this.#urgent = false
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
    if (this.#options.role === 'batch' || this.#state.name === 'closed') return
    this.#deadline = addMs(now, SERVER_TIMEOUT_MS)
  }
}

/** A line for the log: without what might be a password that came in the wrong place. */
function safeToLog(line: string): string {
  const verb = verbOf(line)
  if (verb === undefined || verb === 'AUTH') return verb ?? '(unknown)'
  return line.slice(0, 100).replace(/[^ -~]/g, '?')
}
