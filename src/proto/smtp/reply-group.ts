/** Replies on their way out: those to a group of commands leave together. RFC 2920 §3.2. */

import { fromLatin1 } from '../../base/bytes.ts'
import type { Reply } from './reply.ts'
import { formatReply } from './reply-codec.ts'

export class ReplyGroup {
  #text = ''
  #isUrgent = false

  /** One of them must not wait for the rest of the group. */
  get isUrgent(): boolean {
    return this.#isUrgent
  }

  /** To MAIL, RCPT or RSET, which may wait for those to the rest of the group. */
  add(reply: Reply): void {
    this.#text += formatReply(reply)
  }

  addUrgent(reply: Reply): void {
    this.add(reply)
    this.#isUrgent = true
  }

  /** All of them, to be sent now; undefined where there are none. */
  take(): Uint8Array | undefined {
    if (this.#text === '') return undefined
    const bytes = fromLatin1(this.#text)
    this.#text = ''
    this.#isUrgent = false
    return bytes
  }
}
