/** One POP3 session, server side: its states and its input. RFC 1939 §3, with the extensions of RFC 2449. */

import { unreachable } from '../../base/assert.ts'
import { ByteQueue } from '../../base/byte-queue.ts'
import { fromLatin1, toLatin1 } from '../../base/bytes.ts'
import type { Machine, SecuredEvent, StreamEvent } from '../../base/machine.ts'
import { HANDSHAKE_ROUND_TRIPS } from '../../base/round-trips.ts'
import { addMs, type MonoMs } from '../../base/time.ts'
import { Authorization, type AuthorizationEnd } from './authorization.ts'
import { type Command, parseCommand } from './command.ts'
import {
  AUTHENTICATION_LINE_MAX,
  COMMAND_LENGTH_MAX,
  INACTIVITY_MS,
  MAILDROP_MESSAGES_MAX,
  MISTAKES_MAX,
  PIPELINED_BYTES_MAX,
} from './limits.ts'
import { Maildrop } from './maildrop.ts'
import type { Pop3ServerOptions } from './options.ts'
import type { Pop3Answer } from './question.ts'
import { type Pop3ServerEffect, Responses } from './responses.ts'
import { Transaction } from './transaction.ts'

export type Pop3ServerEvent = StreamEvent | SecuredEvent | Pop3Answer

type State =
  | { readonly name: 'securing' }
  | { readonly name: 'authorization' }
  | { readonly name: 'transaction'; readonly transaction: Transaction }
  | { readonly name: 'update' }
  | { readonly name: 'closed' }

const REFUSED: Readonly<Record<string, string>> = {
  'pop3/unknown-command': 'unknown command',
  'pop3/line-too-long': 'line too long',
}

/** What a host that has no session left says instead of a greeting. */
export function tooManySessions(): Uint8Array {
  return fromLatin1('-ERR [SYS/TEMP] too many sessions, try again later\r\n')
}

export class Pop3Server implements Machine<Pop3ServerEvent, Pop3ServerEffect> {
  readonly #options: Pop3ServerOptions
  readonly #received = new ByteQueue()
  readonly #responses = new Responses()
  readonly #authorization: Authorization
  #state: State = { name: 'authorization' }
  /** The line being received is beyond its limit: the rest of it is not kept. */
  #isOverlong = false
  #mistakes = 0
  #deadline: MonoMs | undefined

  constructor(options: Pop3ServerOptions) {
    this.#options = options
    this.#authorization = new Authorization(options, this.#responses)
  }

  get deadline(): MonoMs | undefined {
    return this.#deadline
  }

  handle(event: Pop3ServerEvent, now: MonoMs): readonly Pop3ServerEffect[] {
    if (this.#state.name === 'closed') return []
    this.#on(event, now)
    this.#work(now)
    return this.#responses.take()
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
        this.#authorization.secured(event.session)
        this.#state = { name: 'authorization' }
        if (this.#options.tls === 'first') this.#greet()
        return
      case 'bytes':
        this.#onBytes(event.bytes)
        return
      case 'drained':
        this.#touch(now)
        this.#responses.drained()
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
      this.#responses.err('[SYS/TEMP] too many commands at once')
      this.#close()
      return
    }
    this.#received.append(bytes)
  }

  #onTick(now: MonoMs): void {
    // No response and no UPDATE. RFC 1939 §3.
    if (this.#deadline !== undefined && now >= this.#deadline) this.#close()
  }

  #onAnswer(answer: Pop3Answer): void {
    const state = this.#state
    switch (answer.type) {
      case 'opened':
      case 'not-opened':
      case 'scram-keys':
        if (state.name === 'authorization') this.#goOn(this.#authorization.answer(answer))
        return
      case 'chunk':
      case 'unreadable':
        if (state.name === 'transaction' && !state.transaction.takeText(answer)) this.#close()
        return
      case 'updated':
        if (state.name !== 'update') return
        if (answer.removedAll) this.#responses.ok('bye')
        else this.#responses.err('some deleted messages not removed')
        this.#close()
        return
      default:
        unreachable(answer)
    }
  }

  /** Goes on with whatever can go on, as long as the stream has room for what it produces. */
  #work(now: MonoMs): void {
    while (!this.#responses.isFull) {
      const state = this.#state
      const isReading = state.name === 'authorization' || state.name === 'transaction'
      if (!isReading) return
      if (state.name === 'transaction' && state.transaction.isAnswering) {
        if (!state.transaction.goOn()) return
        continue
      }
      const awaits = state.name === 'authorization' ? this.#authorization.awaits : 'command'
      if (awaits === 'answer') return
      const isCommand = awaits === 'command'
      const line = this.#takeLine(isCommand ? COMMAND_LENGTH_MAX : AUTHENTICATION_LINE_MAX)
      if (line === undefined) return
      this.#touch(now)
      if (isCommand) this.#onLine(line)
      else this.#goOn(this.#authorization.line(toLatin1(line).replace(/\r$/, '')))
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
    this.#responses.err(reply)
    const refused = { command: keyword.toUpperCase(), reply: `-ERR ${reply}` }
    this.#responses.emit({ type: 'refused', ...refused })
    if (++this.#mistakes >= MISTAKES_MAX) this.#close()
  }

  #onCommand(command: Command): void {
    const state = this.#state
    if (command.verb === 'CAPA') this.#onCapa()
    else if (state.name === 'authorization') this.#goOn(this.#authorization.command(command))
    else if (state.name !== 'transaction') return
    else if (command.verb !== 'QUIT') state.transaction.command(command)
    else {
      this.#state = { name: 'update' }
      this.#responses.emit({ type: 'update', remove: state.transaction.deleted })
    }
  }

  /** The same in both states. RFC 2449 §5. */
  #onCapa(): void {
    const lines = this.#authorization.capabilities(this.#state.name === 'transaction')
    this.#responses.ok('capability list follows')
    this.#responses.text([...lines, '.'].join('\r\n'))
  }

  #goOn(end: AuthorizationEnd | undefined): void {
    if (end === undefined) return
    if (end.type === 'close') this.#close()
    else if (end.type === 'secure') this.#secure()
    else {
      const maildrop = new Maildrop(end.messages.slice(0, MAILDROP_MESSAGES_MAX))
      const transaction = new Transaction(maildrop, this.#responses)
      this.#state = { name: 'transaction', transaction }
    }
  }

  #greet(): void {
    this.#responses.ok(`${this.#options.hostname} POP3 server ready`)
  }

  /** Nothing that came before is believed, and nothing is known of the client. RFC 2595 §4. */
  #secure(): void {
    this.#received.clear()
    this.#isOverlong = false
    this.#state = { name: 'securing' }
    this.#responses.emit({ type: 'secure' })
  }

  #touch(now: MonoMs): void {
    const wayMs = HANDSHAKE_ROUND_TRIPS * 2 * this.#options.oneWayDelayMs
    this.#deadline = addMs(now, INACTIVITY_MS + wayMs)
  }

  #close(): void {
    this.#responses.emit({ type: 'close' })
    this.#state = { name: 'closed' }
    this.#deadline = undefined
  }
}
