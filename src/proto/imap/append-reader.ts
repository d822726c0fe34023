/** One APPEND on its way in: message after message, each as a literal that is never whole here. RFC 3502. */

import { attempt, type Fault } from '../../base/fault.ts'
import { type AppendedMessage, parseAppendedMessage } from './append.ts'
import type { CommandPiece, CommandReader } from './command-reader.ts'
import { Cursor } from './cursor.ts'
import { imapFault } from './fault.ts'
import { APPENDED_MESSAGES_MAX } from './limits.ts'
import type { Responses } from './responses.ts'

/** What is awaited: an answer, octets of the message, or what comes after them. */
type Phase = 'mailbox' | 'message' | 'body' | 'between'

export class AppendReader {
  readonly tag: string
  readonly #responses: Responses
  #phase: Phase = 'mailbox'
  #message: AppendedMessage
  /** Whether the client waits with the literal to be told to go on. */
  #isAwaited: boolean
  #left: number
  #count = 1

  constructor(tag: string, message: AppendedMessage, isAwaited: boolean, responses: Responses) {
    this.tag = tag
    this.#message = message
    this.#isAwaited = isAwaited
    this.#left = message.sizeBytes
    this.#responses = responses
  }

  get isInBody(): boolean {
    return this.#phase === 'body'
  }

  /** Of the message that has not been asked for. */
  get unread(): { readonly sizeBytes: number; readonly isAwaited: boolean } {
    return { sizeBytes: this.#left, isAwaited: this.#isAwaited }
  }

  /** The mailbox takes messages, or it takes this one. */
  goOn(): void {
    if (this.#phase === 'mailbox') {
      this.#phase = 'message'
      this.#responses.emit({ type: 'append-message', message: this.#message })
    } else if (this.#phase === 'message') {
      this.#phase = 'body'
      if (this.#isAwaited) this.#responses.say('+ go on')
    }
  }

  /** How many octets of the message were there. */
  readBody(reader: CommandReader): number {
    if (this.#phase !== 'body') return 0
    const bytes = reader.take(this.#left)
    this.#left -= bytes.length
    if (bytes.length > 0) this.#responses.emit({ type: 'body', bytes })
    if (this.#left === 0) this.#phase = 'between'
    return bytes.length
  }

  /** Whether the message is complete, and the next piece of the command is awaited. */
  get isBetween(): boolean {
    return this.#phase === 'between'
  }

  /** The end of the command, or one more message; a fault takes all of them back. */
  onPiece(piece: CommandPiece): 'ended' | 'goes-on' | Fault {
    const next = attempt(() => this.#parseNext(piece))
    if (!next.ok) {
      this.#responses.emit({ type: 'append-abort' })
      return next.fault
    }
    const message = next.value
    if (message === undefined) {
      this.#responses.emit({ type: 'append-commit' })
      return 'ended'
    }
    this.#count++
    this.#phase = 'message'
    this.#message = message
    this.#left = message.sizeBytes
    this.#isAwaited = piece.type === 'literal' && piece.isAwaited
    this.#responses.emit({ type: 'append-message', message })
    return 'goes-on'
  }

  #parseNext(piece: CommandPiece): AppendedMessage | undefined {
    const cursor = new Cursor(piece.text)
    if (this.#message.isUtf8) cursor.takes(')')
    if (cursor.isAtEnd && piece.type === 'command') return undefined
    if (this.#count >= APPENDED_MESSAGES_MAX) {
      throw imapFault('imap/too-large', `more than ${APPENDED_MESSAGES_MAX} messages`)
    }
    return parseAppendedMessage(cursor)
  }
}
