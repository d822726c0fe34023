/** A message as programs hand it to `sendmail`, made into one as it travels; no more of it is kept than a line's end. */

import { fromLatin1, NO_BYTES, toLatin1 } from '../base/bytes.ts'

export class SendmailText {
  readonly #endsAtDot: boolean
  /** May be a part of what ends a line, or the message. */
  #held = ''
  #isAtLineStart = true
  #isOver = false

  /** `endsAtDot`: a line of one dot ends the message. */
  constructor(endsAtDot: boolean) {
    this.#endsAtDot = endsAtDot
  }

  /** Its end has been read; whatever follows is not part of it. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** The next bytes, borrowed; returns those that go on, whose lines end in CRLF. RFC 5321 §2.3.8. */
  push(bytes: Uint8Array): Uint8Array {
    if (this.#isOver) return NO_BYTES
    const text = this.#held + toLatin1(bytes)
    // What stands before it decides whether a dot stands alone.
    const seen = (this.#isAtLineStart ? '\n' : ' ') + text
    const end = this.#endsAtDot ? /\n\.\r?\n/.exec(seen)?.index : undefined
    if (end !== undefined) {
      this.#isOver = true
      this.#held = ''
      return withCrlf(text.slice(0, end))
    }
    const kept = (this.#endsAtDot ? /(?<=\n)\.\r?$|\r$/ : /\r$/).exec(seen)
    const heldBytes = kept?.[0].length ?? 0
    this.#held = text.slice(text.length - heldBytes)
    const going = text.slice(0, text.length - heldBytes)
    if (going !== '') this.#isAtLineStart = going.endsWith('\n')
    return withCrlf(going)
  }

  /** That was all; returns what is still to go on. */
  end(): Uint8Array {
    const left = this.#isOver || (this.#endsAtDot && /^\.\r?$/.test(this.#held)) ? '' : this.#held
    this.#isOver = true
    return fromLatin1(left)
  }
}

function withCrlf(text: string): Uint8Array {
  return fromLatin1(text.replace(/\r?\n/g, '\r\n'))
}
