/** What a session says and asks, in order, and no faster than the network takes it. RFC 9051 §7. */

import { fromUtf8 } from '../../base/bytes.ts'
import type { CompressEffect, FlowEffect, SecureEffect, StreamEffect } from '../../base/machine.ts'
import { SEND_WINDOW_BYTES } from './limits.ts'
import type { ImapQuestion } from './question.ts'

export type ImapServerEffect =
  | StreamEffect
  | FlowEffect
  | SecureEffect
  | CompressEffect
  | ImapQuestion

export class Responses {
  /** Sent since the stream last reported that all had left. */
  #inFlightBytes = 0
  /** Whoever carries a command out waits to be asked for `more`. */
  #owesMore = false
  #unsent: Uint8Array[] = []
  #effects: ImapServerEffect[] = []

  /** Whether more would only wait here. */
  get isFull(): boolean {
    return this.#inFlightBytes >= SEND_WINDOW_BYTES
  }

  drained(): void {
    this.#inFlightBytes = 0
    if (!this.#owesMore) return
    this.#owesMore = false
    this.emit({ type: 'more' })
  }

  /** A part of an answer, and the next one is asked for once there is room for it. */
  piece(bytes: Uint8Array): void {
    this.send(bytes)
    if (this.isFull) this.#owesMore = true
    else this.emit({ type: 'more' })
  }

  /** A line without its end. */
  say(text: string): void {
    this.send(fromUtf8(`${text}\r\n`))
  }

  /** `bytes` are taken over. */
  send(bytes: Uint8Array): void {
    this.#inFlightBytes += bytes.length
    this.#unsent.push(bytes)
  }

  /** Before what has not been flushed. */
  emit(effect: ImapServerEffect): void {
    this.#effects.push(effect)
  }

  flush(): void {
    for (const bytes of this.#unsent) this.#effects.push({ type: 'send', bytes })
    this.#unsent = []
  }

  /** All since it was last asked for. */
  take(): readonly ImapServerEffect[] {
    this.flush()
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}
