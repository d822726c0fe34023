/** The TRANSACTION state: commands on an open maildrop, and their answers. RFC 1939 §5. */

import { unreachable } from '../../base/assert.ts'
import type { Command } from './command.ts'
import { READ_BYTES_MAX, SEND_WINDOW_BYTES } from './limits.ts'
import type { Maildrop, MaildropMessage } from './maildrop.ts'
import { MessageText } from './message-text.ts'
import type { TextAnswer } from './question.ts'
import type { Responses } from './responses.ts'

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

const NO_SUCH_MESSAGE = 'no such message'

export class Transaction {
  readonly #maildrop: Maildrop
  readonly #responses: Responses
  #answer: Answer | undefined

  constructor(maildrop: Maildrop, responses: Responses) {
    this.#maildrop = maildrop
    this.#responses = responses
    responses.ok(this.#summary())
  }

  /** No command may come before the whole answer to the last has been said. */
  get isAnswering(): boolean {
    return this.#answer !== undefined
  }

  /** To be removed where the session goes on to its UPDATE. */
  get deleted(): readonly number[] {
    return this.#maildrop.deleted
  }

  command(command: Exclude<Command, { readonly verb: 'CAPA' | 'QUIT' }>): void {
    switch (command.verb) {
      case 'USER':
      case 'PASS':
      case 'AUTH':
      case 'STLS':
      case 'UTF8':
        this.#responses.err('already logged in')
        return
      case 'NOOP':
        this.#responses.ok('')
        return
      case 'STAT':
        this.#responses.ok(`${this.#maildrop.count} ${this.#maildrop.sizeBytes}`)
        return
      case 'LIST':
        this.#list(command.message, (message) => String(message.sizeBytes))
        return
      case 'UIDL':
        this.#list(command.message, (message) => message.uid)
        return
      case 'RETR':
        this.#sendMessage('RETR', command.message, undefined)
        return
      case 'TOP':
        this.#sendMessage('TOP', command.message, command.lines)
        return
      case 'DELE':
        this.#delete(command.message)
        return
      case 'RSET':
        this.#maildrop.undelete()
        this.#responses.ok(this.#summary())
        return
      default:
        unreachable(command)
    }
  }

  /** Says the next piece of the answer; false where that must be waited for. */
  goOn(): boolean {
    const answer = this.#answer
    if (answer === undefined) return true
    if (answer.type === 'listing') {
      this.#goOnListing(answer)
      return true
    }
    if (!answer.isAsked) {
      answer.isAsked = true
      const { number, offset } = answer
      this.#responses.emit({ type: 'read', number, offset, lengthMax: READ_BYTES_MAX })
    }
    return false
  }

  /** The answer to `read`. False where only the end of the connection can tell that the rest is missing. */
  takeText(piece: TextAnswer): boolean {
    const answer = this.#answer
    if (answer?.type !== 'message' || !answer.isAsked) return true
    answer.isAsked = false
    const isFirst = answer.offset === 0
    if (piece.type === 'unreadable') {
      if (!isFirst) return false
      this.#responses.err('[SYS/TEMP] cannot read this message')
      this.#answer = undefined
      return true
    }
    const { verb, number, text } = answer
    if (isFirst) {
      const isWhole = verb === 'RETR'
      const octets = this.#maildrop.find(number)?.sizeBytes
      this.#responses.ok(isWhole ? `${octets} octets` : 'top follows')
    }
    answer.offset += piece.bytes.length
    const { bytes, ended } = text.push(piece.bytes, piece.isLast || piece.bytes.length === 0)
    this.#responses.send(bytes)
    if (!ended) return true
    this.#answer = undefined
    if (verb === 'RETR') this.#responses.emit({ type: 'retrieved', number })
    return true
  }

  #list(number: number | undefined, line: (message: MaildropMessage) => string): void {
    if (number === undefined) {
      this.#responses.ok(this.#summary())
      this.#answer = { type: 'listing', line, next: 1 }
      return
    }
    const message = this.#maildrop.find(number)
    if (message === undefined) this.#responses.err(NO_SUCH_MESSAGE)
    else this.#responses.ok(`${number} ${line(message)}`)
  }

  #goOnListing(listing: Listing): void {
    const maildrop = this.#maildrop
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
      this.#answer = undefined
    }
    if (lines.length > 0) this.#responses.text(lines.join('\r\n'))
  }

  #sendMessage(verb: 'RETR' | 'TOP', number: number, bodyLinesMax: number | undefined): void {
    if (this.#maildrop.find(number) === undefined) {
      this.#responses.err(NO_SUCH_MESSAGE)
      return
    }
    const text = new MessageText(bodyLinesMax)
    this.#answer = { type: 'message', verb, number, text, offset: 0, isAsked: false }
  }

  #delete(number: number): void {
    if (this.#maildrop.find(number) === undefined) {
      this.#responses.err(NO_SUCH_MESSAGE)
      return
    }
    this.#maildrop.delete(number)
    this.#responses.ok(`message ${number} deleted`)
  }

  #summary(): string {
    return `${this.#maildrop.count} messages (${this.#maildrop.sizeBytes} octets)`
  }
}
