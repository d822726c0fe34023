/**
 * One POP3 session, client side: log in, list, retrieve what is wanted, then delete what has been
 * stored. RFC 1939, with PIPELINING (RFC 2449 §6.6) where the server offers it, so that it needs
 * the same few round trips for one message as for a hundred.
 */

import { unreachable } from '../../base/assert.ts'
import { ByteQueue } from '../../base/byte-queue.ts'
import { concat, toLatin1 } from '../../base/bytes.ts'
import { Deadlines } from '../../base/deadlines.ts'
import { Fault } from '../../base/fault.ts'
import type { Machine, StreamEffect, StreamEvent } from '../../base/machine.ts'
import { addMs, type MonoMs } from '../../base/time.ts'
import { DotUnstuffer } from '../message/dot-stuffing.ts'
import { type Command, formatCommand } from './command.ts'
import type { Pop3FaultCode } from './fault.ts'
import {
  MAILDROP_MESSAGES_MAX,
  PIPELINE_MAX,
  RESPONSE_LENGTH_MAX,
  RESPONSE_TIMEOUT_MS,
} from './limits.ts'

export interface Pop3ClientOptions {
  readonly user: string
  readonly password: string
}

export interface ListedMessage {
  readonly number: number
  /** Undefined where the server has no UIDL. */
  readonly uid: string | undefined
}

export type Pop3ClientRequest =
  | { readonly type: 'retrieve'; readonly numbers: readonly number[] }
  | { readonly type: 'finish'; readonly remove: readonly number[] }

export type Pop3ClientReport =
  /** Answer with `retrieve`. */
  | {
      readonly type: 'maildrop'
      readonly messages: readonly ListedMessage[]
      readonly sizeBytes: number
    }
  /** The next bytes of message `number`. */
  | { readonly type: 'body'; readonly number: number; readonly bytes: Uint8Array }
  | { readonly type: 'message'; readonly number: number; readonly sizeBytes: number }
  /** The server could not send this one; the others go on. */
  | { readonly type: 'not-retrieved'; readonly number: number; readonly reason: string }
  /** All that was wanted has been reported. Answer with `finish`, once what is to be removed is safe. */
  | { readonly type: 'retrieved' }
  /** The session is over as it should be. */
  | { readonly type: 'finished'; readonly removedAll: boolean }
  /** The session is over; nothing was removed unless the connection broke during `finish`. */
  | { readonly type: 'failed'; readonly fault: Fault }

export type Pop3ClientEvent = StreamEvent | Pop3ClientRequest
export type Pop3ClientEffect = StreamEffect | Pop3ClientReport

type State = 'greeting' | 'commands' | 'asking' | 'closed'

/** How the lines after a +OK are being read. */
type Reading =
  | { readonly type: 'status' }
  | { readonly type: 'lines' }
  | {
      readonly type: 'message'
      readonly number: number
      readonly unstuffer: DotUnstuffer
      sizeBytes: number
    }

const STATUS: Reading = { type: 'status' }

export class Pop3Client implements Machine<Pop3ClientEvent, Pop3ClientEffect> {
  readonly #options: Pop3ClientOptions
  readonly #received = new ByteQueue()
  readonly #deadlines = new Deadlines<'response'>()
  #state: State = 'greeting'
  #reading: Reading = STATUS
  #mayPipeline = false
  /** Not yet sent, and sent but not yet answered. */
  #waiting: Command[] = []
  #unanswered: Command[] = []
  #markedAll = true
  #count = 0
  #sizeBytes = 0
  readonly #uids = new Map<number, string>()
  #effects: Pop3ClientEffect[] = []

  constructor(options: Pop3ClientOptions) {
    this.#options = options
  }

  get deadline(): MonoMs | undefined {
    return this.#deadlines.earliest
  }

  handle(event: Pop3ClientEvent, now: MonoMs): readonly Pop3ClientEffect[] {
    if (this.#state === 'closed') return []
    this.#on(event, now)
    do this.#read()
    while (this.#sendCommands(now))
    if (!this.#isAwaiting() && this.#received.length > RESPONSE_LENGTH_MAX) {
      this.#fail('pop3/bad-response', 'more than was asked for', false)
    }
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  #on(event: Pop3ClientEvent, now: MonoMs): void {
    switch (event.type) {
      case 'connected':
        this.#await(now)
        return
      case 'bytes':
        this.#await(now)
        this.#received.append(event.bytes)
        return
      case 'drained':
        return
      case 'tick':
        if (this.#deadlines.take('response', now)) {
          this.#fail('pop3/timed-out', 'the server does not answer', true)
        }
        return
      case 'ended':
        this.#fail('pop3/closed', 'the server closed the connection', true)
        return
      case 'retrieve':
        if (this.#state !== 'asking') return
        this.#state = 'commands'
        this.#waiting = event.numbers.map((number) => ({ verb: 'RETR', message: number }))
        this.#askWhenDone()
        return
      case 'finish':
        if (this.#state !== 'asking') return
        this.#state = 'commands'
        this.#waiting = event.remove.map((number) => ({ verb: 'DELE', message: number }))
        this.#waiting.push({ verb: 'QUIT' })
        return
      default:
        unreachable(event)
    }
  }

  /** False where there was none to send. */
  #sendCommands(now: MonoMs): boolean {
    if (this.#state !== 'commands') return false
    const room = (this.#mayPipeline ? PIPELINE_MAX : 1) - this.#unanswered.length
    const lines: Uint8Array[] = []
    for (const command of this.#waiting.splice(0, room)) {
      const line = formatCommand(command)
      if (!line.ok) {
        this.#end(line.fault)
        return false
      }
      lines.push(line.value)
      this.#unanswered.push(command)
    }
    if (lines.length === 0) return false
    this.#await(now)
    this.#effects.push({ type: 'send', bytes: concat(...lines) })
    return true
  }

  #read(): void {
    while (this.#isAwaiting()) {
      if (this.#reading.type === 'message') {
        if (!this.#readMessage(this.#reading)) return
        continue
      }
      const line = this.#received.takeLine()
      const length = line === undefined ? this.#received.length : line.length + 1
      if (length > RESPONSE_LENGTH_MAX) {
        this.#fail('pop3/bad-response', 'line too long', false)
        return
      }
      if (line === undefined) return
      const text = toLatin1(line).replace(/\r$/, '')
      if (this.#reading.type === 'lines') this.#onListLine(text)
      else this.#onStatusLine(text)
    }
  }

  #isAwaiting(): boolean {
    return this.#state === 'greeting' || (this.#state === 'commands' && this.#unanswered.length > 0)
  }

  #onStatusLine(text: string): void {
    const match = /^(\+OK|-ERR)(?: (.*))?$/.exec(text)
    if (match === null) {
      this.#fail('pop3/bad-response', 'neither +OK nor -ERR', false)
      return
    }
    const isOk = match[1] === '+OK'
    const rest = match[2] ?? ''
    if (this.#state === 'greeting') {
      if (!isOk) this.#fail('pop3/refused', rest, isTemporary(rest))
      else {
        this.#state = 'commands'
        this.#waiting = [{ verb: 'CAPA' }]
      }
      return
    }
    const command = this.#unanswered[0] as Command
    if (isOk && (command.verb === 'CAPA' || command.verb === 'UIDL')) {
      this.#reading = { type: 'lines' }
    } else if (isOk && command.verb === 'RETR') {
      const unstuffer = new DotUnstuffer()
      this.#reading = { type: 'message', number: command.message, unstuffer, sizeBytes: 0 }
    } else {
      this.#unanswered.shift()
      this.#onResponse(command, isOk, rest)
    }
  }

  /** A listing: its lines hold nothing that would need a dot stuffed, save the last. */
  #onListLine(text: string): void {
    const command = this.#unanswered[0] as Command
    if (text === '.') {
      this.#reading = STATUS
      this.#unanswered.shift()
      this.#onResponse(command, true, '')
    } else if (command.verb === 'CAPA') {
      if (text.toUpperCase() === 'PIPELINING') this.#mayPipeline = true
    } else {
      const [, number, uid] = /^(\d{1,10}) ([!-~]{1,70})$/.exec(text) ?? []
      if (uid === undefined || Number(number) > this.#count) {
        this.#fail('pop3/bad-response', 'not a unique-id listing of this maildrop', false)
      } else this.#uids.set(Number(number), uid)
    }
  }

  /** True where the message has ended. */
  #readMessage(reading: Extract<Reading, { type: 'message' }>): boolean {
    const { number } = reading
    const received = this.#received.takeAll()
    const { bytes, consumed, ended } = reading.unstuffer.push(received)
    reading.sizeBytes += bytes.length
    if (bytes.length > 0) this.#effects.push({ type: 'body', number, bytes })
    if (!ended) return false
    this.#received.append(received.subarray(consumed))
    this.#reading = STATUS
    this.#unanswered.shift()
    this.#effects.push({ type: 'message', number, sizeBytes: reading.sizeBytes })
    this.#askWhenDone()
    return true
  }

  #onResponse(command: Command, isOk: boolean, rest: string): void {
    switch (command.verb) {
      case 'CAPA':
        // Without pipelining these go one after the other.
        this.#waiting = [
          { verb: 'USER', user: this.#options.user },
          { verb: 'PASS', password: this.#options.password },
          { verb: 'STAT' },
          { verb: 'UIDL', message: undefined },
        ]
        return
      case 'USER':
      case 'PASS':
        if (!isOk) this.#fail('pop3/refused', rest, isTemporary(rest))
        return
      case 'STAT':
        this.#onStat(isOk, rest)
        return
      case 'UIDL':
        this.#askWithMaildrop()
        return
      case 'RETR':
        this.#effects.push({ type: 'not-retrieved', number: command.message, reason: rest })
        this.#askWhenDone()
        return
      case 'QUIT':
        this.#close({ type: 'finished', removedAll: isOk && this.#markedAll })
        return
      default:
        // DELE: what could not be marked is still there, and its owner will see it again.
        if (!isOk) this.#markedAll = false
        return
    }
  }

  #onStat(isOk: boolean, rest: string): void {
    const [, count, sizeBytes] = /^(\d{1,10}) (\d{1,15})(?: |$)/.exec(rest) ?? []
    if (!isOk || Number(count) > MAILDROP_MESSAGES_MAX || sizeBytes === undefined) {
      this.#fail('pop3/bad-response', 'not a drop listing that can be taken', false)
      return
    }
    this.#count = Number(count)
    this.#sizeBytes = Number(sizeBytes)
  }

  #askWithMaildrop(): void {
    const messages = Array.from({ length: this.#count }, (_, i) => ({
      number: i + 1,
      uid: this.#uids.get(i + 1),
    }))
    this.#ask({ type: 'maildrop', messages, sizeBytes: this.#sizeBytes })
  }

  /** Once no command is left: the next word is the owner's. */
  #askWhenDone(): void {
    if (this.#waiting.length > 0 || this.#unanswered.length > 0) return
    this.#ask({ type: 'retrieved' })
  }

  #ask(question: Pop3ClientReport): void {
    this.#state = 'asking'
    this.#deadlines.clearAll()
    this.#effects.push(question)
  }

  #await(now: MonoMs): void {
    this.#deadlines.set('response', addMs(now, RESPONSE_TIMEOUT_MS))
  }

  #fail(code: Pop3FaultCode, message: string, temporary: boolean): void {
    this.#end(new Fault(code, message, { temporary }))
  }

  #end(fault: Fault): void {
    this.#close({ type: 'failed', fault })
  }

  #close(report: Pop3ClientReport): void {
    this.#received.clear()
    this.#state = 'closed'
    this.#deadlines.clearAll()
    this.#effects.push(report, { type: 'close' })
  }
}

/** Response codes that speak of the moment, not of the user. RFC 2449 §8. */
function isTemporary(text: string): boolean {
  return /^\[(IN-USE|LOGIN-DELAY|SYS\/TEMP)[/\]]/i.test(text)
}
