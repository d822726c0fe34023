/**
 * What a server adds to a message that it accepts: trace information at its beginning (RFC 5321
 * §4.4) and, for a client that submits it, the fields it should have had (RFC 5321 §6.4). All other
 * bytes stay as they are.
 */

import { ByteList } from '../base/byte-list.ts'
import { concat, fromUtf8, NO_BYTES } from '../base/bytes.ts'
import { formatMailDate } from '../base/calendar.ts'
import { formatField, HeaderReader } from '../proto/message/header.ts'
import { formatReceived, type ReceivedTrace, wasDeliveredTo } from '../proto/message/trace.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'

export class MessageIntake {
  readonly #trace: ReceivedTrace
  readonly #kind: 'transfer' | 'submission'
  readonly #header = new HeaderReader()
  readonly #held = new ByteList()
  #begun = false
  #addedId: string | undefined

  constructor(trace: ReceivedTrace, kind: 'transfer' | 'submission') {
    this.#trace = trace
    this.#kind = kind
  }

  /** How many servers the message had passed before. RFC 5321 §6.3. */
  get hops(): number {
    return this.#header.count('received')
  }

  /** Its Message-ID, its own or ours; undefined where it has none, or it is not known yet. */
  get messageId(): string | undefined {
    const own = this.#header.fields.find(({ name }) => name === 'message-id')?.value
    return own ?? this.#addedId
  }

  /** Whether it has been at this address before. */
  wasAt(recipient: Mailbox): boolean {
    return wasDeliveredTo(this.#header.fields, formatMailbox(recipient))
  }

  /** The next bytes as they came in, taken over; returns those that go out. */
  push(bytes: Uint8Array): Uint8Array {
    if (this.#begun) return bytes
    this.#header.push(bytes)
    this.#held.append(bytes)
    return this.#header.state === 'reading' ? NO_BYTES : this.#begin()
  }

  /** The message is complete; returns what is still to go out. */
  end(): Uint8Array {
    if (this.#begun) return NO_BYTES
    this.#header.end()
    return this.#begin()
  }

  #begin(): Uint8Array {
    this.#begun = true
    let added = formatReceived(this.#trace)
    const { state } = this.#header
    if (this.#kind === 'submission' && state !== 'cut') {
      const { date, id, by } = this.#trace
      if (this.#header.count('date') === 0) added += formatField('Date', [formatMailDate(date)])
      if (this.#header.count('message-id') === 0) {
        this.#addedId = `<${id}@${by}>`
        added += formatField('Message-ID', [this.#addedId])
      }
    }
    // What is all body must not become a part of the header that now stands before it.
    if (state === 'absent') added += '\r\n'
    return concat(fromUtf8(added), this.#held.takeAll())
  }
}
