/** One IMAP session, server side: its states, its input and its answers in order. RFC 9051 §3. */

import { unreachable } from '../../base/assert.ts'
import { fromLatin1 } from '../../base/bytes.ts'
import { attempt, type Fault } from '../../base/fault.ts'
import type { Machine, SecuredEvent, StreamEvent } from '../../base/machine.ts'
import { HANDSHAKE_ROUND_TRIPS } from '../../base/round-trips.ts'
import { addMs, type MonoMs } from '../../base/time.ts'
import { type AppendHead, parseAppendHead } from './append.ts'
import { AppendReader } from './append-reader.ts'
import { Authentication, type LoginEnd } from './authentication.ts'
import { capabilities, enable, type Modes, NO_MODES } from './capability.ts'
import { type ImapCommand, parseCommand, parseTag, verbOf } from './command.ts'
import { type CommandPiece, CommandReader } from './command-reader.ts'
import { enablesCondstore } from './condstore.ts'
import {
  COMMAND_BYTES_MAX,
  DISCARDED_BYTES_MAX,
  INACTIVITY_MS,
  LOGIN_FAILURES_MAX,
  MISTAKES_MAX,
  PIPELINED_BYTES_MAX,
  STRANGER_COMMAND_BYTES_MAX,
  STRANGER_INACTIVITY_MS,
} from './limits.ts'
import type { ImapServerOptions } from './options.ts'
import { objectionTo, type Progress } from './order.ts'
import type { ImapAnswer, RunnableCommand } from './question.ts'
import { bad, type Completion, formatCompletion, fromOctets, no, ok } from './response.ts'
import { type ImapServerEffect, Responses } from './responses.ts'

export type ImapServerEvent = StreamEvent | SecuredEvent | ImapAnswer

type Literal = Extract<CommandPiece, { readonly type: 'literal' }>

type State =
  | { readonly name: 'securing' }
  | { readonly name: 'commands' }
  | { readonly name: 'authenticating' }
  | { readonly name: 'running'; readonly tag: string; readonly verb: string }
  | { readonly name: 'idling'; readonly tag: string }
  | { readonly name: 'appending'; readonly append: AppendReader }
  /** Literals that nobody waits for, and what is said when the command is over. */
  | {
      readonly name: 'discarding'
      readonly tag: string
      readonly completion: Completion
      left: number
    }
  | { readonly name: 'closed' }

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
  readonly #responses = new Responses()
  readonly #authentication: Authentication
  #state: State = { name: 'commands' }
  #isLoggedIn = false
  #isSelected = false
  #isCompressed = false
  #modes: Modes = NO_MODES
  #mistakes = 0
  #loginFailures = 0
  /** When something happened last; undefined once nothing will. */
  #touchedAt: MonoMs | undefined
  #isPaused = false

  constructor(options: ImapServerOptions) {
    this.#options = options
    this.#authentication = new Authentication(options, this.#responses)
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
    return this.#responses.take()
  }

  #on(event: ImapServerEvent, now: MonoMs): void {
    switch (event.type) {
      case 'connected':
        this.#touch(now)
        if (this.#options.tls === 'first') this.#secure()
        else this.#greet()
        return
      case 'secured':
        this.#authentication.secured(event.session)
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
        this.#responses.drained()
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
          this.#say('* BYE [UNAVAILABLE] this session cannot go on')
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
          if (this.#responses.isFull || this.#authentication.awaits === 'answer') return
          const piece = this.#nextPiece()
          if (piece === undefined) return
          this.#touch(now)
          this.#onPiece(piece, state)
          break
        }
        case 'discarding':
          if (!this.#discard(state)) return
          break
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
      if (piece.type === 'literal') this.#reader.abandon()
      const line = piece.type === 'command' ? piece.text : undefined
      this.#onLogin(this.#authentication.line(line))
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

  #onLiteral(tag: string, piece: Literal): void {
    const { text, sizeBytes, isAwaited } = piece
    const head = attempt(() => parseAppendHead(tag, text, this.#modes.utf8))
    if (!head.ok) this.#refuseLiteral(tag, completionOf(head.fault), piece)
    else if (head.value !== undefined) this.#onAppend(tag, head.value, piece)
    else if (text.length + sizeBytes > this.#commandBytesMax) {
      this.#refuseLiteral(tag, bad('the command is too long', 'TOOBIG'), piece)
    } else {
      if (isAwaited) this.#say('+ go on')
      this.#reader.collect(sizeBytes)
    }
  }

  #onAppend(tag: string, { mailbox, message }: AppendHead, piece: Literal): void {
    if (!this.#isLoggedIn) {
      this.#refuseLiteral(tag, bad('log in first'), piece)
      return
    }
    this.#reader.abandon()
    const append = new AppendReader(tag, message, piece.isAwaited, this.#responses)
    this.#state = { name: 'appending', append }
    this.#emit({ type: 'append', mailbox, modes: this.#modes })
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
  #readAppended(append: AppendReader, now: MonoMs): boolean {
    if (append.readBody(this.#reader) > 0) this.#touch(now)
    if (!append.isBetween) return false
    const piece = this.#nextPiece()
    if (piece === undefined) return false
    const { tag } = append
    const outcome = append.onPiece(piece)
    if (outcome === 'goes-on') this.#reader.abandon()
    else if (outcome === 'ended') this.#state = { name: 'running', tag, verb: 'APPEND' }
    else if (piece.type === 'literal') this.#refuseLiteral(tag, completionOf(outcome), piece)
    else {
      this.#state = { name: 'commands' }
      this.#complete(tag, 'APPEND', completionOf(outcome))
    }
    return true
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
      case 'LOGIN':
      case 'AUTHENTICATE':
        this.#state = { name: 'authenticating' }
        this.#onLogin(this.#authentication.begin(tag, command))
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
      this.#responses.flush()
      this.#emit({ type: 'compress' })
    }
  }

  #onLogin(end: LoginEnd | undefined): void {
    if (end === undefined) return
    const { tag, verb, outcome } = end
    this.#state = { name: 'commands' }
    if (outcome === 'logged-in') {
      this.#isLoggedIn = true
      this.#complete(tag, verb, ok('logged in', `CAPABILITY ${this.#capabilities()}`))
    } else if (outcome === 'wrong-password') this.#onWrongPassword(tag, verb)
    else this.#complete(tag, verb, outcome)
  }

  #onWrongPassword(tag: string, verb: string): void {
    this.#complete(tag, verb, no('wrong user name or password', 'AUTHENTICATIONFAILED'))
    if (++this.#loginFailures < LOGIN_FAILURES_MAX) return
    this.#say('* BYE too many wrong passwords')
    this.#close()
  }

  #onAnswer(answer: Exclude<ImapAnswer, { readonly type: 'shut-down' }>): void {
    const state = this.#state
    switch (answer.type) {
      case 'verdict':
      case 'scram-keys':
        this.#onLogin(this.#authentication.answer(answer))
        return
      case 'piece':
        if (state.name === 'running' || state.name === 'idling') this.#responses.piece(answer.bytes)
        return
      case 'go-on':
        if (state.name === 'appending') state.append.goOn()
        return
      case 'finished':
        if (state.name === 'appending') {
          this.#refuseLiteral(state.append.tag, answer.completion, state.append.unread)
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

  get #progress(): Progress {
    return {
      isSecured: this.#authentication.isSecured,
      canSecure: this.#options.tls !== undefined,
      isLoggedIn: this.#isLoggedIn,
      isSelected: this.#isSelected,
      modes: this.#modes,
    }
  }

  #capabilities(): string {
    return capabilities({
      ...this.#progress,
      mechanisms: this.#authentication.mechanisms(),
      canLogIn: this.#authentication.mayShowPassword,
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
    this.#responses.flush()
    this.#state = { name: 'securing' }
    this.#emit({ type: 'secure' })
  }

  get #commandBytesMax(): number {
    return this.#isLoggedIn ? COMMAND_BYTES_MAX : STRANGER_COMMAND_BYTES_MAX
  }

  /** Ends a command; one that nobody could carry out counts. */
  #complete(tag: string, verb: string, completion: Completion): void {
    this.#responses.send(fromOctets(formatCompletion(tag, completion)))
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
    this.#responses.say(text)
  }

  #emit(effect: ImapServerEffect): void {
    this.#responses.emit(effect)
  }

  /** What waits is bounded: while there is too much of it the stream is not read. */
  #control(): void {
    const state = this.#state
    if (state.name === 'closed') return
    const isFull = this.#reader.length > PIPELINED_BYTES_MAX && !this.#isReading
    if (isFull === this.#isPaused) return
    this.#isPaused = isFull
    this.#emit({ type: isFull ? 'pause' : 'resume' })
  }

  /** What came is kept where it is until it is asked for, but for these. */
  get #isReading(): boolean {
    const state = this.#state
    if (state.name === 'appending') return state.append.isInBody || state.append.isBetween
    if (state.name === 'discarding') return true
    // Nor are commands read of who does not read the answers.
    return (state.name === 'commands' || state.name === 'idling') && !this.#responses.isFull
  }

  #close(): void {
    if (this.#state.name === 'closed') return
    this.#responses.flush()
    this.#state = { name: 'closed' }
    this.#touchedAt = undefined
    this.#emit({ type: 'close' })
  }
}

/** A name that cannot be is no mistake in writing. */
function completionOf(fault: Fault): Completion {
  const code = BAD_CODES[fault.code]
  const isRefusal = fault.code === 'imap/bad-charset' || fault.code === 'imap/bad-name'
  return isRefusal ? no(fault.message, code) : bad(fault.message, code)
}
