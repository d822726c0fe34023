/** One IMAP session, server side: its states, its input and its answers in order. RFC 9051 §3. */

import { unreachable } from '../../base/assert.ts'
import { fromLatin1, fromUtf8 } from '../../base/bytes.ts'
import { attempt, type Fault } from '../../base/fault.ts'
import type {
  CompressEffect,
  FlowEffect,
  Machine,
  SecuredEvent,
  SecureEffect,
  StreamEffect,
  StreamEvent,
} from '../../base/machine.ts'
import { HANDSHAKE_ROUND_TRIPS } from '../../base/round-trips.ts'
import { addMs, type MonoMs } from '../../base/time.ts'
import type { TlsSession } from '../../base/tls.ts'
import { type DialogueStep, SaslDialogue } from '../sasl/dialogue.ts'
import type { SaslMechanism } from '../sasl/mechanism.ts'
import { usableMechanisms } from '../sasl/scram.ts'
import { type AppendedMessage, parseAppend, parseAppendedMessage } from './append.ts'
import { capabilities, enable, type Modes, NO_MODES } from './capability.ts'
import { type ImapCommand, parseCommand, parseTag, type SessionCommand, verbOf } from './command.ts'
import { type CommandPiece, CommandReader } from './command-reader.ts'
import { enablesCondstore } from './condstore.ts'
import { Cursor } from './cursor.ts'
import { imapFault } from './fault.ts'
import {
  APPENDED_MESSAGES_MAX,
  COMMAND_BYTES_MAX,
  DISCARDED_BYTES_MAX,
  INACTIVITY_MS,
  LOGIN_FAILURES_MAX,
  MISTAKES_MAX,
  PIPELINED_BYTES_MAX,
  SEND_WINDOW_BYTES,
  STRANGER_COMMAND_BYTES_MAX,
  STRANGER_INACTIVITY_MS,
} from './limits.ts'
import { objectionTo, type Progress } from './order.ts'
import type { ImapAnswer, ImapQuestion, RunnableCommand } from './question.ts'
import { bad, type Completion, formatCompletion, fromOctets, no, ok } from './response.ts'

export interface ImapServerOptions {
  /** For the greeting. */
  readonly hostname: string
  /** Whether a password may cross this stream while it is not secured. */
  readonly plaintextAuth: 'allow' | 'refuse'
  /** The preferred first. */
  readonly mechanisms: readonly SaslMechanism[]
  /** `first`: before the greeting. Default: there is none. */
  readonly tls?: 'offered' | 'first'
  /** Of one message in an APPEND. */
  readonly messageBytesMax: number
  /** How far the client is away; what we wait for may take longer by its ways there and back. */
  readonly oneWayDelayMs: number
}

export type ImapServerEvent = StreamEvent | SecuredEvent | ImapAnswer
export type ImapServerEffect =
  | StreamEffect
  | FlowEffect
  | SecureEffect
  | CompressEffect
  | ImapQuestion

type State =
  | { readonly name: 'securing' }
  | { readonly name: 'commands' }
  | { readonly name: 'authenticating'; readonly tag: string; readonly dialogue: SaslDialogue }
  /** `dialogue`: of AUTHENTICATE; without it the command was LOGIN. */
  | {
      readonly name: 'logging-in'
      readonly tag: string
      readonly dialogue: SaslDialogue | undefined
    }
  | { readonly name: 'running'; readonly tag: string; readonly verb: string }
  | { readonly name: 'idling'; readonly tag: string }
  | { readonly name: 'appending'; readonly append: Append }
  /** Literals that nobody waits for, and what is said when the command is over. */
  | {
      readonly name: 'discarding'
      readonly tag: string
      readonly completion: Completion
      left: number
    }
  | { readonly name: 'closed' }

interface Append {
  readonly tag: string
  /** What is awaited: an answer, octets of the message, or what comes after them. */
  phase: 'mailbox' | 'message' | 'body' | 'between'
  message: AppendedMessage
  isAwaited: boolean
  left: number
  count: number
}

/** What a host that has no session left says instead of a greeting. RFC 5530 §3. */
export function tooManySessions(): Uint8Array {
  return fromLatin1('* BYE [UNAVAILABLE] too many sessions, try again later\r\n')
}

const BAD_CODES: Readonly<Record<string, string>> = {
  'imap/bad-charset': 'BADCHARSET (UTF-8 US-ASCII)',
  'imap/bad-name': 'CANNOT',
  'imap/too-large': 'TOOBIG',
}

export class ImapServer implements Machine<ImapServerEvent, ImapServerEffect> {
  readonly #options: ImapServerOptions
  readonly #reader = new CommandReader()
  #state: State = { name: 'commands' }
  #tls: TlsSession | undefined
  #isLoggedIn = false
  #isSelected = false
  #isCompressed = false
  #modes: Modes = NO_MODES
  #mistakes = 0
  #loginFailures = 0
  /** When something happened last; undefined once nothing will. */
  #touchedAt: MonoMs | undefined
  /** Sent since the stream last reported that all had left. */
  #inFlightBytes = 0
  #owesMore = false
  #isPaused = false
  #unsent: Uint8Array[] = []
  #effects: ImapServerEffect[] = []

  constructor(options: ImapServerOptions) {
    this.#options = options
  }

  get deadline(): MonoMs | undefined {
    if (this.#touchedAt === undefined) return undefined
    const patienceMs = this.#isLoggedIn ? INACTIVITY_MS : STRANGER_INACTIVITY_MS
    const wayMs = HANDSHAKE_ROUND_TRIPS * 2 * this.#options.oneWayDelayMs
    return addMs(this.#touchedAt, patienceMs + wayMs)
  }

  handle(event: ImapServerEvent, now: MonoMs): readonly ImapServerEffect[] {
    if (this.#state.name === 'closed') return []
    this.#on(event, now)
    this.#work(now)
    this.#control()
    this.#flush()
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  #on(event: ImapServerEvent, now: MonoMs): void {
    switch (event.type) {
      case 'connected':
        this.#touch(now)
        if (this.#options.tls === 'first') this.#secure()
        else this.#greet()
        return
      case 'secured':
        this.#tls = event.session
        this.#touch(now)
        if (this.#state.name !== 'securing') return
        this.#state = { name: 'commands' }
        if (this.#options.tls === 'first') this.#greet()
        return
      case 'bytes':
        this.#reader.append(event.bytes)
        return
      case 'drained':
        this.#touch(now)
        this.#inFlightBytes = 0
        if (!this.#owesMore) return
        this.#owesMore = false
        this.#emit({ type: 'more' })
        return
      case 'tick':
        if (this.deadline === undefined || now < this.deadline) return
        if (this.#state.name !== 'securing') this.#say('* BYE idle for too long')
        this.#close()
        return
      case 'ended':
        this.#state = { name: 'closed' }
        this.#touchedAt = undefined
        return
      case 'shut-down':
        // In the middle of an answer nothing can be said.
        if (this.#state.name !== 'running' && this.#state.name !== 'securing') {
          this.#say('* BYE [UNAVAILABLE] the server goes down')
        }
        this.#close()
        return
      case 'verdict':
      case 'scram-keys':
      case 'piece':
      case 'go-on':
      case 'finished':
        this.#touch(now)
        this.#onAnswer(event)
        return
      default:
        unreachable(event)
    }
  }

  /** Reads on for as long as nothing else has to come first. */
  #work(now: MonoMs): void {
    for (;;) {
      const state = this.#state
      switch (state.name) {
        case 'commands':
        case 'authenticating':
        case 'idling': {
          if (this.#inFlightBytes >= SEND_WINDOW_BYTES) return
          const piece = this.#nextPiece()
          if (piece === undefined) return
          this.#touch(now)
          this.#onPiece(piece, state)
          break
        }
        case 'discarding': {
          if (!this.#discard(state)) return
          break
        }
        case 'appending':
          if (!this.#readAppended(state.append, now)) return
          break
        default:
          return
      }
    }
  }

  /** A line beyond all bounds ends it. */
  #nextPiece(): CommandPiece | undefined {
    const piece = this.#reader.next(this.#commandBytesMax)
    if (this.#reader.discardedBytes > DISCARDED_BYTES_MAX) {
      this.#say('* BYE [TOOBIG] a line beyond all bounds')
      this.#close()
    }
    return piece
  }

  #onPiece(
    piece: CommandPiece,
    state: Extract<State, { readonly name: 'commands' | 'authenticating' | 'idling' }>,
  ): void {
    if (state.name === 'authenticating') {
      const isLine = piece.type === 'command'
      const step = isLine
        ? state.dialogue.line(piece.text)
        : ({ type: 'refuse', why: 'bad-base64' } as const)
      if (piece.type === 'literal') this.#reader.abandon()
      this.#onDialogue(step, state.tag, state.dialogue)
    } else if (state.name === 'idling') {
      if (piece.type === 'command' && piece.text.toUpperCase() === 'DONE') {
        this.#state = { name: 'running', tag: state.tag, verb: 'IDLE' }
        this.#emit({ type: 'done' })
        return
      }
      // Its end is not where the client thinks it is: no answer could be put right.
      this.#say('* BYE expected DONE')
      this.#close()
    } else this.#onCommandPiece(piece)
  }

  #onCommandPiece(piece: CommandPiece): void {
    const tag = parseTag(piece.text)
    switch (piece.type) {
      case 'command':
        if (tag === undefined) this.#complete('*', 'BAD', bad('expected a tag and a command'))
        else this.#onText(tag, piece.text)
        return
      case 'overlong':
        this.#complete(tag ?? '*', verbOf(piece.text), bad('the command is too long', 'TOOBIG'))
        return
      case 'literal':
        if (tag === undefined) this.#refuseLiteral('*', bad('expected a tag'), piece)
        else this.#onLiteral(tag, piece)
    }
  }

  #onText(tag: string, text: string): void {
    const parsed = parseCommand(text, this.#modes.utf8)
    if (parsed.ok) this.#onCommand(tag, parsed.value)
    else this.#complete(tag, verbOf(text), completionOf(parsed.fault))
  }

  #onLiteral(tag: string, piece: Extract<CommandPiece, { readonly type: 'literal' }>): void {
    const { text, sizeBytes, isAwaited } = piece
    if (verbOf(text) === 'APPEND') {
      const append = this.#appendIn(tag, text, isAwaited)
      if (append === 'refused') return
      if (append !== undefined) {
        this.#reader.abandon()
        this.#state = { name: 'appending', append: append.append }
        this.#emit({ type: 'append', mailbox: append.mailbox, modes: this.#modes })
        return
      }
    }
    if (text.length + sizeBytes > this.#commandBytesMax) {
      this.#refuseLiteral(tag, bad('the command is too long', 'TOOBIG'), piece)
      return
    }
    if (isAwaited) this.#say('+ go on')
    this.#reader.collect(sizeBytes)
  }

  /** Undefined: the literal is the mailbox's name. */
  #appendIn(
    tag: string,
    text: string,
    isAwaited: boolean,
  ): { readonly mailbox: string; readonly append: Append } | 'refused' | undefined {
    const cursor = new Cursor(text, tag.length)
    const head = attempt(() => parseAppend(cursor, this.#modes.utf8))
    if (!head.ok) {
      // It is not there yet where the line ends in its literal.
      if (/^APPEND ~?\{\d+\+?\}$/i.test(text.slice(tag.length + 1))) return undefined
      return this.#refuseAppend(tag, head.fault, text, isAwaited)
    }
    const message = attempt(() => parseAppendedMessage(cursor))
    if (!message.ok) return this.#refuseAppend(tag, message.fault, text, isAwaited)
    if (!this.#isLoggedIn) {
      const fault = imapFault('imap/bad-syntax', 'log in first')
      return this.#refuseAppend(tag, fault, text, isAwaited)
    }
    const { value } = message
    return {
      mailbox: head.value,
      append: { tag, phase: 'mailbox', message: value, isAwaited, left: value.sizeBytes, count: 1 },
    }
  }

  #refuseAppend(tag: string, fault: Fault, text: string, isAwaited: boolean): 'refused' {
    const sizeBytes = Number(/\{(\d+)\+?\}$/.exec(text)?.[1] ?? 0)
    this.#refuseLiteral(tag, completionOf(fault), { sizeBytes, isAwaited })
    return 'refused'
  }

  /**
   * The command is over: who waits with a literal need not send it; of who does not wait it is read
   * and thrown away. RFC 7888 §4.
   */
  #refuseLiteral(
    tag: string,
    completion: Completion,
    { sizeBytes, isAwaited }: { readonly sizeBytes: number; readonly isAwaited: boolean },
  ): void {
    this.#reader.abandon()
    if (isAwaited) {
      this.#state = { name: 'commands' }
      this.#complete(tag, 'literal', completion)
      return
    }
    const bytesMax = this.#isLoggedIn ? DISCARDED_BYTES_MAX : STRANGER_COMMAND_BYTES_MAX
    if (sizeBytes > Math.max(bytesMax, this.#isLoggedIn ? this.#options.messageBytesMax : 0)) {
      this.#say('* BYE [TOOBIG] a literal beyond all bounds')
      this.#close()
      return
    }
    this.#state = { name: 'discarding', tag, completion, left: sizeBytes }
  }

  /** False where more has to come. */
  #discard(state: Extract<State, { readonly name: 'discarding' }>): boolean {
    state.left -= this.#reader.skip(state.left)
    if (state.left > 0) return false
    const piece = this.#nextPiece()
    if (piece === undefined) return false
    const { tag, completion } = state
    if (piece.type === 'literal') this.#refuseLiteral(tag, completion, piece)
    else {
      this.#state = { name: 'commands' }
      this.#complete(tag, 'literal', completion)
    }
    return true
  }

  /** False where more has to come. */
  #readAppended(append: Append, now: MonoMs): boolean {
    if (append.phase === 'body') {
      const bytes = this.#reader.take(append.left)
      if (bytes.length > 0) {
        this.#touch(now)
        append.left -= bytes.length
        this.#emit({ type: 'body', bytes })
      }
      if (append.left > 0) return false
      append.phase = 'between'
    }
    if (append.phase !== 'between') return false
    const piece = this.#nextPiece()
    if (piece === undefined) return false
    this.#afterAppended(append, piece)
    return true
  }

  /** The end of the command, or one more message. RFC 3502. */
  #afterAppended(append: Append, piece: CommandPiece): void {
    const { tag, message } = append
    const cursor = new Cursor(piece.text)
    const next = attempt(() => {
      if (message.isUtf8) cursor.takes(')')
      if (cursor.isAtEnd && piece.type === 'command') return undefined
      if (append.count >= APPENDED_MESSAGES_MAX) {
        throw imapFault('imap/too-large', `more than ${APPENDED_MESSAGES_MAX} messages`)
      }
      return parseAppendedMessage(cursor)
    })
    if (!next.ok) {
      this.#emit({ type: 'append-abort' })
      const completion = completionOf(next.fault)
      if (piece.type === 'literal') this.#refuseLiteral(tag, completion, piece)
      else {
        this.#state = { name: 'commands' }
        this.#complete(tag, 'APPEND', completion)
      }
    } else if (next.value === undefined) {
      this.#state = { name: 'running', tag, verb: 'APPEND' }
      this.#emit({ type: 'append-commit' })
    } else {
      this.#reader.abandon()
      append.count++
      append.phase = 'message'
      append.message = next.value
      append.left = next.value.sizeBytes
      append.isAwaited = piece.type === 'literal' && piece.isAwaited
      this.#emit({ type: 'append-message', message: next.value })
    }
  }

  #onCommand(tag: string, command: ImapCommand): void {
    const objection = objectionTo(command, this.#progress)
    if (objection !== undefined) {
      this.#complete(tag, command.verb, bad(objection))
      return
    }
    if (enablesCondstore(command)) this.#modes = { ...this.#modes, condstore: true }
    switch (command.verb) {
      case 'CAPABILITY':
        this.#say(`* CAPABILITY ${this.#capabilities()}`)
        this.#complete(tag, command.verb, ok('these are they'))
        return
      case 'LOGOUT':
        this.#say('* BYE until next time')
        this.#complete(tag, command.verb, ok('bye'))
        this.#close()
        return
      case 'ID':
        this.#say('* ID ("name" "Lightlag")')
        this.#complete(tag, command.verb, ok('that is who we are'))
        return
      case 'STARTTLS':
        this.#complete(tag, command.verb, ok('begin the handshake'))
        this.#secure()
        return
      case 'ENABLE': {
        const { modes, enabled } = enable(this.#modes, command.capabilities)
        this.#modes = modes
        this.#say(['* ENABLED', ...enabled].join(' '))
        this.#complete(tag, command.verb, ok('done'))
        return
      }
      case 'COMPRESS':
        this.#onCompress(tag, command.mechanism)
        return
      case 'LOGIN': {
        const { user, password } = command
        if (!this.#mayShowPassword) {
          this.#complete(tag, command.verb, no('not on this connection', 'PRIVACYREQUIRED'))
          return
        }
        this.#state = { name: 'logging-in', tag, dialogue: undefined }
        this.#emit({ type: 'authenticate', user, password })
        return
      }
      case 'AUTHENTICATE':
        this.#onAuthenticate(tag, command)
        return
      case 'NOOP':
        if (this.#isLoggedIn) this.#run(tag, command)
        else this.#complete(tag, command.verb, ok('NOOP done'))
        return
      case 'IDLE':
        this.#say('+ idling')
        this.#state = { name: 'idling', tag }
        this.#emit({ type: 'run', tag, command, modes: this.#modes })
        return
      default:
        this.#run(tag, command)
    }
  }

  #run(tag: string, command: RunnableCommand): void {
    this.#state = { name: 'running', tag, verb: command.verb }
    this.#emit({ type: 'run', tag, command, modes: this.#modes })
  }

  /** RFC 4978 §3. */
  #onCompress(tag: string, mechanism: string): void {
    if (mechanism !== 'DEFLATE') {
      this.#complete(tag, 'COMPRESS', no('not by this mechanism'))
    } else if (this.#isCompressed) {
      this.#complete(tag, 'COMPRESS', no('it is compressed already', 'COMPRESSIONACTIVE'))
    } else if (this.#reader.length > 0) {
      // Nobody can say which of it is compressed.
      this.#say('* BYE nothing may follow COMPRESS before its answer')
      this.#close()
    } else {
      this.#isCompressed = true
      this.#complete(tag, 'COMPRESS', ok('from here on it is compressed'))
      this.#flush()
      this.#emit({ type: 'compress' })
    }
  }

  #onAuthenticate(
    tag: string,
    command: Extract<SessionCommand, { readonly verb: 'AUTHENTICATE' }>,
  ): void {
    const mechanism = this.#mechanisms().find((one) => one === command.mechanism)
    if (mechanism === undefined) {
      const known = this.#options.mechanisms.some((one) => one === command.mechanism)
      const why = known ? 'PRIVACYREQUIRED' : undefined
      this.#complete(tag, 'AUTHENTICATE', no('not by this mechanism on this connection', why))
      return
    }
    const dialogue = new SaslDialogue(mechanism, this.#tls?.channelBinding)
    this.#onDialogue(dialogue.begin(command.initialResponse), tag, dialogue)
  }

  #onDialogue(step: DialogueStep, tag: string, dialogue: SaslDialogue): void {
    switch (step.type) {
      case 'say':
        this.#state = { name: 'authenticating', tag, dialogue }
        this.#say(`+ ${step.base64}`)
        return
      case 'ask':
        this.#state = { name: 'logging-in', tag, dialogue }
        this.#emit(step.question)
        return
      case 'done':
        this.#loggedIn(tag)
        return
      case 'refuse':
        this.#state = { name: 'commands' }
        if (step.why === 'failed') this.#loginFailed(tag, 'AUTHENTICATE')
        else {
          const why = step.why === 'cancelled' ? 'cancelled' : 'not in base64'
          this.#complete(tag, 'AUTHENTICATE', bad(why))
        }
    }
  }

  #onAnswer(answer: Exclude<ImapAnswer, { readonly type: 'shut-down' }>): void {
    const state = this.#state
    switch (answer.type) {
      case 'verdict':
        if (state.name === 'logging-in') this.#onVerdict(answer.verdict, state)
        return
      case 'scram-keys':
        if (state.name !== 'logging-in' || state.dialogue === undefined) return
        this.#onDialogue(state.dialogue.keys(answer.keys, answer.nonce), state.tag, state.dialogue)
        return
      case 'piece':
        if (state.name !== 'running' && state.name !== 'idling') return
        this.#send(answer.bytes)
        if (this.#inFlightBytes < SEND_WINDOW_BYTES) this.#emit({ type: 'more' })
        else this.#owesMore = true
        return
      case 'go-on':
        if (state.name === 'appending') this.#onAppendGoesOn(state.append)
        return
      case 'finished':
        if (state.name === 'appending') {
          const { tag, left, isAwaited } = state.append
          this.#refuseLiteral(tag, answer.completion, { sizeBytes: left, isAwaited })
        } else if (state.name === 'running' || state.name === 'idling') {
          this.#isSelected = answer.selected ?? this.#isSelected
          // A client that has not yet said DONE will.
          this.#state = { name: 'commands' }
          const verb = state.name === 'running' ? state.verb : 'IDLE'
          this.#complete(state.tag, verb, answer.completion)
          if (state.name === 'idling') this.#close()
        }
        return
      default:
        unreachable(answer)
    }
  }

  #onAppendGoesOn(append: Append): void {
    if (append.phase === 'mailbox') {
      append.phase = 'message'
      this.#emit({ type: 'append-message', message: append.message })
    } else if (append.phase === 'message') {
      append.phase = 'body'
      if (append.isAwaited) this.#say('+ go on')
    }
  }

  #onVerdict(
    verdict: 'accepted' | 'refused' | 'not-now',
    state: Extract<State, { readonly name: 'logging-in' }>,
  ): void {
    const { tag, dialogue } = state
    const verb = dialogue === undefined ? 'LOGIN' : 'AUTHENTICATE'
    this.#state = { name: 'commands' }
    if (verdict === 'refused') this.#loginFailed(tag, verb)
    else if (verdict === 'not-now') {
      this.#complete(tag, verb, no('cannot look that up now, try again later', 'UNAVAILABLE'))
    } else if (dialogue === undefined) this.#loggedIn(tag)
    else this.#onDialogue(dialogue.accept(), tag, dialogue)
  }

  #loggedIn(tag: string): void {
    this.#state = { name: 'commands' }
    this.#isLoggedIn = true
    this.#complete(tag, 'LOGIN', ok('logged in', `CAPABILITY ${this.#capabilities()}`))
  }

  #loginFailed(tag: string, verb: string): void {
    const text = 'wrong user name or password'
    this.#complete(tag, verb, no(text, 'AUTHENTICATIONFAILED'))
    if (++this.#loginFailures < LOGIN_FAILURES_MAX) return
    this.#say('* BYE too many wrong passwords')
    this.#close()
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

  get #progress(): Progress {
    return {
      isSecured: this.#tls !== undefined,
      canSecure: this.#options.tls !== undefined,
      isLoggedIn: this.#isLoggedIn,
      isSelected: this.#isSelected,
      modes: this.#modes,
    }
  }

  #capabilities(): string {
    return capabilities({
      ...this.#progress,
      mechanisms: this.#mechanisms(),
      canLogIn: this.#mayShowPassword,
      messageBytesMax: this.#options.messageBytesMax,
      isCompressed: this.#isCompressed,
    })
  }

  #greet(): void {
    const { hostname } = this.#options
    this.#say(`* OK [CAPABILITY ${this.#capabilities()}] ${hostname} IMAP server ready`)
  }

  #secure(): void {
    this.#reader.clear()
    this.#flush()
    this.#state = { name: 'securing' }
    this.#emit({ type: 'secure' })
  }

  get #commandBytesMax(): number {
    return this.#isLoggedIn ? COMMAND_BYTES_MAX : STRANGER_COMMAND_BYTES_MAX
  }

  /** Ends a command; one that nobody could carry out counts. */
  #complete(tag: string, verb: string, completion: Completion): void {
    this.#send(fromOctets(formatCompletion(tag, completion)))
    if (completion.status === 'OK') {
      this.#mistakes = 0
      return
    }
    this.#emit({ type: 'refused', command: verb, reply: formatCompletion('', completion).trim() })
    if (completion.status !== 'BAD' || ++this.#mistakes < MISTAKES_MAX) return
    this.#say('* BYE too many mistakes')
    this.#close()
  }

  #touch(now: MonoMs): void {
    this.#touchedAt = now
  }

  #say(text: string): void {
    this.#send(fromUtf8(`${text}\r\n`))
  }

  #send(bytes: Uint8Array): void {
    this.#inFlightBytes += bytes.length
    this.#unsent.push(bytes)
  }

  #emit(effect: ImapServerEffect): void {
    this.#effects.push(effect)
  }

  /** What waits is bounded: while there is too much of it the stream is not read. */
  #control(): void {
    const state = this.#state
    if (state.name === 'closed') return
    const isFull = this.#reader.length > PIPELINED_BYTES_MAX && !isReading(state)
    if (isFull === this.#isPaused) return
    this.#isPaused = isFull
    this.#emit({ type: isFull ? 'pause' : 'resume' })
  }

  #flush(): void {
    for (const bytes of this.#unsent) this.#effects.push({ type: 'send', bytes })
    this.#unsent = []
  }

  #close(): void {
    if (this.#state.name === 'closed') return
    this.#flush()
    this.#state = { name: 'closed' }
    this.#touchedAt = undefined
    this.#emit({ type: 'close' })
  }
}

/** What came is kept where it is until it is asked for, but for these. */
function isReading(state: State): boolean {
  if (state.name === 'appending') return state.append.phase === 'body'
  return state.name === 'discarding' || state.name === 'idling' || state.name === 'commands'
}

/** A name that cannot be is no mistake in writing. */
function completionOf(fault: Fault): Completion {
  const code = BAD_CODES[fault.code]
  const isRefusal = fault.code === 'imap/bad-charset' || fault.code === 'imap/bad-name'
  return isRefusal ? no(fault.message, code) : bad(fault.message, code)
}
