/** One POP3 session, server side. RFC 1939, with the extensions of RFC 2449. */

import { unreachable } from '../../base/assert.ts'
import { ByteQueue } from '../../base/byte-queue.ts'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import type {
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
import { type ScramKeys, usableMechanisms } from '../sasl/scram.ts'
import { type Command, parseCommand } from './command.ts'
import {
  AUTHENTICATION_LINE_MAX,
  COMMAND_LENGTH_MAX,
  INACTIVITY_MS,
  LOGIN_FAILURES_MAX,
  MAILDROP_MESSAGES_MAX,
  MISTAKES_MAX,
  PIPELINED_BYTES_MAX,
  READ_BYTES_MAX,
  SEND_WINDOW_BYTES,
} from './limits.ts'
import { Maildrop, type MaildropMessage } from './maildrop.ts'
import { MessageText } from './message-text.ts'

export interface Pop3ServerOptions {
  /** For the greeting. */
  readonly hostname: string
  /** Whether a password may cross this stream. RFC 2595 §2.3. */
  readonly plaintextAuth: 'allow' | 'refuse'
  /** For AUTH, the preferred first. */
  readonly mechanisms: readonly SaslMechanism[]
  /** `first`: before the greeting. Default: there is none. RFC 2595 §4. */
  readonly tls?: 'offered' | 'first'
  /** How far the client is away; what we wait for may take longer by its way there and back. */
  readonly oneWayDelayMs: number
  /** What CAPA says lies between two logins of a user; whoever answers `open` sees to it. RFC 2449 §6.5. */
  readonly loginDelaySec: number
}

/** Each but the last two is answered by one Pop3Answer; no further command is read until then. */
export type Pop3Question =
  /** Answered by `opened` or `not-opened`. */
  | {
      readonly type: 'open'
      readonly user: string
      /** Or what SCRAM has shown: that the client knows the password, or does not. */
      readonly password: string | { readonly isProven: boolean }
    }
  /** Answered by `scram-keys`. */
  | { readonly type: 'scram-keys'; readonly user: string }
  /** Bytes of message `number` as stored, from `offset` on. Answered by `chunk` or `unreadable`. */
  | {
      readonly type: 'read'
      readonly number: number
      readonly offset: number
      readonly lengthMax: number
    }
  /** Remove these and let go of the maildrop. Answered by `updated`. RFC 1939 §6. */
  | { readonly type: 'update'; readonly remove: readonly number[] }
  /** The whole of a RETR has been sent. */
  | { readonly type: 'retrieved'; readonly number: number }
  /** For the log; `command` is its keyword alone, for what follows may be a password. */
  | { readonly type: 'refused'; readonly command: string; readonly reply: string }

export type Pop3Answer =
  /** The maildrop is locked for this session alone. */
  | { readonly type: 'opened'; readonly messages: readonly MaildropMessage[] }
  | {
      readonly type: 'not-opened'
      readonly reason: 'credentials' | 'in-use' | 'too-soon' | 'trouble'
    }
  | { readonly type: 'scram-keys'; readonly keys: ScramKeys; readonly nonce: string }
  /** `bytes` are taken over. */
  | { readonly type: 'chunk'; readonly bytes: Uint8Array; readonly isLast: boolean }
  | { readonly type: 'unreadable' }
  | { readonly type: 'updated'; readonly removedAll: boolean }

export type Pop3ServerEvent = StreamEvent | SecuredEvent | Pop3Answer
export type Pop3ServerEffect = StreamEffect | SecureEffect | Pop3Question

type State =
  | { readonly name: 'securing' }
  | { readonly name: 'authorization'; readonly user: string | undefined }
  /** `opened`: the client is right, and is being shown that the server is too. */
  | {
      readonly name: 'authenticating'
      readonly dialogue: SaslDialogue
      readonly opened: readonly MaildropMessage[] | undefined
    }
  /** `dialogue`: of AUTH; without it there was a password. */
  | { readonly name: 'opening'; readonly dialogue: SaslDialogue | undefined }
  | { readonly name: 'transaction'; readonly maildrop: Maildrop }
  | { readonly name: 'answering'; readonly maildrop: Maildrop; readonly answer: Answer }
  | { readonly name: 'update' }
  | { readonly name: 'closed' }

/** A multi-line answer that is still being sent. */
type Answer = Listing | MessageAnswer

interface Listing {
  readonly type: 'listing'
  readonly line: (message: MaildropMessage) => string
  next: number
}

interface MessageAnswer {
  readonly type: 'message'
  readonly verb: 'RETR' | 'TOP'
  readonly number: number
  readonly text: MessageText
  offset: number
  isAsked: boolean
}

const CAPABILITIES = [
  'TOP',
  'UIDL',
  'PIPELINING',
  'RESP-CODES',
  'AUTH-RESP-CODE',
  // Nothing is removed but by its owner. RFC 2449 §6.7.
  'EXPIRE NEVER',
  'UTF8 USER',
  'IMPLEMENTATION Lightlag',
]

const NOT_OPENED = {
  credentials: '[AUTH] wrong user name or password',
  'in-use': '[IN-USE] another session has this maildrop open',
  'too-soon': '[LOGIN-DELAY] it was opened a moment ago, try again later',
  trouble: '[SYS/TEMP] cannot open the maildrop, try again later',
}

const REFUSED: Readonly<Record<string, string>> = {
  'pop3/unknown-command': 'unknown command',
  'pop3/line-too-long': 'line too long',
}

const NO_SUCH_MESSAGE = 'no such message'

/** What a host that has no session left says instead of a greeting. */
export function tooManySessions(): Uint8Array {
  return fromLatin1('-ERR [SYS/TEMP] too many sessions, try again later\r\n')
}

export class Pop3Server implements Machine<Pop3ServerEvent, Pop3ServerEffect> {
  readonly #options: Pop3ServerOptions
  readonly #received = new ByteQueue()
  #state: State = { name: 'authorization', user: undefined }
  /** The line being received is beyond its limit: the rest of it is not kept. */
  #isOverlong = false
  #mistakes = 0
  #tls: TlsSession | undefined
  #deadline: MonoMs | undefined
  #loginFailures = 0
  /** Sent since the stream last reported that all had left. */
  #inFlightBytes = 0
  #unsent: Uint8Array[] = []
  #effects: Pop3ServerEffect[] = []

  constructor(options: Pop3ServerOptions) {
    this.#options = options
  }

  get deadline(): MonoMs | undefined {
    return this.#deadline
  }

  handle(event: Pop3ServerEvent, now: MonoMs): readonly Pop3ServerEffect[] {
    if (this.#state.name === 'closed') return []
    this.#on(event, now)
    this.#work(now)
    this.#flush()
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  #on(event: Pop3ServerEvent, now: MonoMs): void {
    switch (event.type) {
      case 'connected':
        this.#touch(now)
        if (this.#options.tls === 'first') this.#secure()
        else this.#greet()
        return
      case 'secured':
        this.#touch(now)
        if (this.#state.name !== 'securing') return
        this.#tls = event.session
        this.#state = { name: 'authorization', user: undefined }
        if (this.#options.tls === 'first') this.#greet()
        return
      case 'bytes':
        this.#onBytes(event.bytes)
        return
      case 'drained':
        this.#touch(now)
        this.#inFlightBytes = 0
        return
      case 'tick':
        this.#onTick(now)
        return
      case 'ended':
        this.#state = { name: 'closed' }
        this.#deadline = undefined
        return
      case 'opened':
      case 'not-opened':
      case 'scram-keys':
      case 'chunk':
      case 'unreadable':
      case 'updated':
        this.#touch(now)
        this.#onAnswer(event)
        return
      default:
        unreachable(event)
    }
  }

  #onBytes(bytes: Uint8Array): void {
    if (this.#received.length + bytes.length > PIPELINED_BYTES_MAX) {
      this.#err('[SYS/TEMP] too many commands at once')
      this.#close()
      return
    }
    this.#received.append(bytes)
  }

  #onTick(now: MonoMs): void {
    // No response and no UPDATE. RFC 1939 §3.
    if (this.#deadline !== undefined && now >= this.#deadline) this.#close()
  }

  /** Goes on with whatever can go on, as long as the stream has room for what it produces. */
  #work(now: MonoMs): void {
    while (this.#inFlightBytes < SEND_WINDOW_BYTES) {
      const state = this.#state
      if (state.name === 'answering') {
        if (!this.#goOn(state.maildrop, state.answer)) return
      } else if (state.name === 'authenticating') {
        const line = this.#takeLine(AUTHENTICATION_LINE_MAX)
        if (line === undefined) return
        this.#touch(now)
        const text = toLatin1(line).replace(/\r$/, '')
        this.#onDialogue(state.dialogue.line(text), state.dialogue, state.opened)
      } else if (state.name === 'authorization' || state.name === 'transaction') {
        const line = this.#takeLine(COMMAND_LENGTH_MAX)
        if (line === undefined) return
        this.#touch(now)
        this.#onLine(line)
      } else return
    }
  }

  /** Undefined until a whole line is there. An overlong one comes as its beginning, still too long. */
  #takeLine(lengthMax: number): Uint8Array | undefined {
    const line = this.#received.takeLine()
    if (line === undefined && this.#received.length >= lengthMax) {
      this.#isOverlong = true
      this.#received.clear()
    }
    if (line === undefined || !this.#isOverlong) return line
    this.#isOverlong = false
    return new Uint8Array(lengthMax)
  }

  #onLine(line: Uint8Array): void {
    const parsed = parseCommand(line)
    if (parsed.ok) {
      this.#onCommand(parsed.value)
      return
    }
    const reply = REFUSED[parsed.fault.code] ?? 'syntax error'
    const keyword = /^[A-Za-z]{3,4}(?=[\r ]|$)/.exec(toLatin1(line.subarray(0, 8)))?.[0] ?? '?'
    this.#err(reply)
    this.#emit({ type: 'refused', command: keyword.toUpperCase(), reply: `-ERR ${reply}` })
    if (++this.#mistakes >= MISTAKES_MAX) this.#close()
  }

  #onCommand(command: Command): void {
    const state = this.#state
    if (command.verb === 'CAPA') this.#onCapa()
    else if (state.name === 'transaction') this.#onTransaction(command, state.maildrop)
    else if (state.name === 'authorization') this.#onAuthorization(command, state.user)
  }

  /** The same in both states. RFC 2449 §5. */
  #onCapa(): void {
    const mechanisms = this.#mechanisms()
    const canSecure =
      this.#options.tls !== undefined &&
      this.#tls === undefined &&
      this.#state.name === 'authorization'
    this.#ok('capability list follows')
    const own = [
      ...(this.#mayShowPassword ? ['USER'] : []),
      ...(mechanisms.length > 0 ? [`SASL ${mechanisms.join(' ')}`] : []),
      ...(canSecure ? ['STLS'] : []),
    ]
    const delay = `LOGIN-DELAY ${this.#options.loginDelaySec}`
    this.#text([...own, ...CAPABILITIES, delay, '.'].join('\r\n'))
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

  #greet(): void {
    this.#ok(`${this.#options.hostname} POP3 server ready`)
  }

  /** Nothing that came before is believed, and nothing is known of the client. RFC 2595 §4. */
  #secure(): void {
    this.#received.clear()
    this.#isOverlong = false
    this.#flush()
    this.#state = { name: 'securing' }
    this.#emit({ type: 'secure' })
  }

  #onAuthorization(command: Command, user: string | undefined): void {
    switch (command.verb) {
      case 'QUIT':
        this.#ok('bye')
        this.#close()
        return
      case 'USER':
        if (!this.#mayShowPassword) {
          this.#err('passwords are not taken on an unencrypted connection')
          return
        }
        this.#state = { name: 'authorization', user: command.user }
        this.#ok('send PASS')
        return
      case 'PASS':
        if (user === undefined) {
          this.#err('USER comes first')
          return
        }
        this.#state = { name: 'opening', dialogue: undefined }
        this.#emit({ type: 'open', user, password: command.password })
        return
      case 'AUTH':
        this.#onAuth(command)
        return
      case 'STLS':
        if (this.#options.tls === undefined || this.#tls !== undefined) {
          this.#err('no TLS to begin here')
          return
        }
        this.#ok('begin the handshake')
        this.#secure()
        return
      case 'UTF8':
        this.#ok('messages are sent as they are')
        return
      default:
        this.#err('log in first')
    }
  }

  #onAuth({ mechanism: name, initialResponse }: Extract<Command, { readonly verb: 'AUTH' }>): void {
    const mechanism = this.#mechanisms().find((one) => one === name)
    if (mechanism === undefined) {
      this.#err('not by this mechanism on this connection')
      return
    }
    const dialogue = new SaslDialogue(mechanism, this.#tls?.channelBinding)
    this.#onDialogue(dialogue.begin(initialResponse), dialogue, undefined)
  }

  #onDialogue(
    step: DialogueStep,
    dialogue: SaslDialogue,
    opened: readonly MaildropMessage[] | undefined,
  ): void {
    switch (step.type) {
      case 'say':
        this.#state = { name: 'authenticating', dialogue, opened }
        this.#text(`+ ${step.base64}`)
        return
      case 'ask': {
        this.#state = { name: 'opening', dialogue }
        const { question } = step
        this.#emit(question.type === 'authenticate' ? { ...question, type: 'open' } : question)
        return
      }
      case 'done':
        this.#beginTransaction(opened ?? [])
        return
      case 'refuse':
        if (step.why === 'failed') this.#onNotOpened('credentials')
        else {
          this.#state = { name: 'authorization', user: undefined }
          this.#err(step.why === 'cancelled' ? 'cancelled' : 'not in base64')
        }
        // A client that does not believe the server leaves no maildrop open.
        if (opened !== undefined) this.#close()
    }
  }

  #onTransaction(command: Exclude<Command, { readonly verb: 'CAPA' }>, maildrop: Maildrop): void {
    switch (command.verb) {
      case 'USER':
      case 'PASS':
      case 'AUTH':
      case 'STLS':
      case 'UTF8':
        this.#err('already logged in')
        return
      case 'NOOP':
        this.#ok('')
        return
      case 'STAT':
        this.#ok(`${maildrop.count} ${maildrop.sizeBytes}`)
        return
      case 'LIST':
        this.#list(maildrop, command.message, (message) => String(message.sizeBytes))
        return
      case 'UIDL':
        this.#list(maildrop, command.message, (message) => message.uid)
        return
      case 'RETR':
        this.#sendMessage(maildrop, 'RETR', command.message, undefined)
        return
      case 'TOP':
        this.#sendMessage(maildrop, 'TOP', command.message, command.lines)
        return
      case 'DELE':
        if (maildrop.find(command.message) === undefined) {
          this.#err(NO_SUCH_MESSAGE)
          return
        }
        maildrop.delete(command.message)
        this.#ok(`message ${command.message} deleted`)
        return
      case 'RSET':
        maildrop.undelete()
        this.#ok(summary(maildrop))
        return
      case 'QUIT':
        this.#state = { name: 'update' }
        this.#emit({ type: 'update', remove: maildrop.deleted })
        return
      default:
        unreachable(command)
    }
  }

  #list(
    maildrop: Maildrop,
    number: number | undefined,
    line: (message: MaildropMessage) => string,
  ): void {
    if (number === undefined) {
      this.#ok(summary(maildrop))
      this.#state = { name: 'answering', maildrop, answer: { type: 'listing', line, next: 1 } }
      return
    }
    const message = maildrop.find(number)
    if (message === undefined) this.#err(NO_SUCH_MESSAGE)
    else this.#ok(`${number} ${line(message)}`)
  }

  #sendMessage(
    maildrop: Maildrop,
    verb: 'RETR' | 'TOP',
    number: number,
    bodyLinesMax: number | undefined,
  ): void {
    if (maildrop.find(number) === undefined) {
      this.#err(NO_SUCH_MESSAGE)
      return
    }
    const text = new MessageText(bodyLinesMax)
    const answer: Answer = { type: 'message', verb, number, text, offset: 0, isAsked: false }
    this.#state = { name: 'answering', maildrop, answer }
  }

  /** Produces the next piece of an answer; false where it must be waited for. */
  #goOn(maildrop: Maildrop, answer: Answer): boolean {
    if (answer.type === 'listing') {
      this.#goOnListing(maildrop, answer)
      return true
    }
    if (!answer.isAsked) {
      answer.isAsked = true
      const { number, offset } = answer
      this.#emit({ type: 'read', number, offset, lengthMax: READ_BYTES_MAX })
    }
    return false
  }

  #goOnListing(maildrop: Maildrop, listing: Listing): void {
    const lines: string[] = []
    let length = 0
    while (listing.next <= maildrop.highest && length < SEND_WINDOW_BYTES) {
      const number = listing.next++
      const message = maildrop.find(number)
      if (message === undefined) continue
      const line = `${number} ${listing.line(message)}`
      length += line.length
      lines.push(line)
    }
    if (listing.next > maildrop.highest) {
      lines.push('.')
      this.#state = { name: 'transaction', maildrop }
    }
    if (lines.length > 0) this.#text(lines.join('\r\n'))
  }

  #onAnswer(answer: Pop3Answer): void {
    const state = this.#state
    switch (answer.type) {
      case 'opened':
        if (state.name === 'opening') this.#onOpened(answer.messages, state.dialogue)
        return
      case 'scram-keys':
        if (state.name !== 'opening' || state.dialogue === undefined) return
        this.#onDialogue(state.dialogue.keys(answer.keys, answer.nonce), state.dialogue, undefined)
        return
      case 'not-opened':
        if (state.name === 'opening') this.#onNotOpened(answer.reason)
        return
      case 'chunk':
      case 'unreadable':
        if (state.name === 'answering' && state.answer.type === 'message') {
          this.#onMessage(answer, state.maildrop, state.answer)
        }
        return
      case 'updated':
        if (state.name !== 'update') return
        if (answer.removedAll) this.#ok('bye')
        else this.#err('some deleted messages not removed')
        this.#close()
        return
      default:
        unreachable(answer)
    }
  }

  #onOpened(messages: readonly MaildropMessage[], dialogue: SaslDialogue | undefined): void {
    if (dialogue === undefined) this.#beginTransaction(messages)
    else this.#onDialogue(dialogue.accept(), dialogue, messages)
  }

  #beginTransaction(messages: readonly MaildropMessage[]): void {
    const maildrop = new Maildrop(messages.slice(0, MAILDROP_MESSAGES_MAX))
    this.#state = { name: 'transaction', maildrop }
    this.#ok(summary(maildrop))
  }

  #onNotOpened(reason: keyof typeof NOT_OPENED): void {
    this.#err(NOT_OPENED[reason])
    this.#state = { name: 'authorization', user: undefined }
    if (reason === 'credentials') this.#loginFailures++
    if (this.#loginFailures >= LOGIN_FAILURES_MAX) this.#close()
  }

  #onMessage(
    chunk: Extract<Pop3Answer, { type: 'chunk' | 'unreadable' }>,
    maildrop: Maildrop,
    answer: MessageAnswer,
  ): void {
    if (!answer.isAsked) return
    answer.isAsked = false
    const isFirst = answer.offset === 0
    if (chunk.type === 'unreadable') {
      // After the first line only a broken connection tells the client that the rest is missing.
      if (!isFirst) {
        this.#close()
        return
      }
      this.#err('[SYS/TEMP] cannot read this message')
      this.#state = { name: 'transaction', maildrop }
      return
    }
    if (isFirst) {
      const isWhole = answer.verb === 'RETR'
      this.#ok(isWhole ? `${maildrop.find(answer.number)?.sizeBytes} octets` : 'top follows')
    }
    answer.offset += chunk.bytes.length
    const { bytes, ended } = answer.text.push(chunk.bytes, chunk.isLast || chunk.bytes.length === 0)
    this.#send(bytes)
    if (!ended) return
    this.#state = { name: 'transaction', maildrop }
    if (answer.verb === 'RETR') this.#emit({ type: 'retrieved', number: answer.number })
  }

  #touch(now: MonoMs): void {
    const wayMs = HANDSHAKE_ROUND_TRIPS * 2 * this.#options.oneWayDelayMs
    this.#deadline = addMs(now, INACTIVITY_MS + wayMs)
  }

  #ok(text: string): void {
    this.#text(text === '' ? '+OK' : `+OK ${text}`)
  }

  #err(text: string): void {
    this.#text(`-ERR ${text}`)
  }

  #text(text: string): void {
    this.#send(fromLatin1(`${text}\r\n`))
  }

  #send(bytes: Uint8Array): void {
    this.#inFlightBytes += bytes.length
    this.#unsent.push(bytes)
  }

  #emit(effect: Pop3ServerEffect): void {
    this.#flush()
    this.#effects.push(effect)
  }

  /** Many small answers to pipelined commands leave as one piece. */
  #flush(): void {
    if (this.#unsent.length === 0) return
    this.#effects.push({ type: 'send', bytes: concat(...this.#unsent) })
    this.#unsent = []
  }

  #close(): void {
    this.#emit({ type: 'close' })
    this.#state = { name: 'closed' }
    this.#deadline = undefined
  }
}

function summary(maildrop: Maildrop): string {
  return `${maildrop.count} messages (${maildrop.sizeBytes} octets)`
}
