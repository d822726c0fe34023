/** What a session says and asks, in order. RFC 1939 §3. */

import { concat, fromLatin1 } from '../../base/bytes.ts'
import type { SecureEffect, StreamEffect } from '../../base/machine.ts'
import { SEND_WINDOW_BYTES } from './limits.ts'
import type { Pop3Question } from './question.ts'

export type Pop3ServerEffect = StreamEffect | SecureEffect | Pop3Question

export class Responses {
  /** Sent since the stream last reported that all had left. */
  #inFlightBytes = 0
  #unsent: Uint8Array[] = []
  #effects: Pop3ServerEffect[] = []

  /** Whether more would only wait here. */
  get isFull(): boolean {
    return this.#inFlightBytes >= SEND_WINDOW_BYTES
  }

  drained(): void {
    this.#inFlightBytes = 0
  }

  ok(text: string): void {
    this.text(text === '' ? '+OK' : `+OK ${text}`)
  }

  err(text: string): void {
    this.text(`-ERR ${text}`)
  }

  /** Lines without the last line end. */
  text(text: string): void {
    this.send(fromLatin1(`${text}\r\n`))
  }

  /** `bytes` are taken over. */
  send(bytes: Uint8Array): void {
    this.#inFlightBytes += bytes.length
    this.#unsent.push(bytes)
  }

  /** Behind all that was said. */
  emit(effect: Pop3ServerEffect): void {
    this.#flush()
    this.#effects.push(effect)
  }

  /** All since it was last asked for. */
  take(): readonly Pop3ServerEffect[] {
    this.#flush()
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  /** Many small answers to pipelined commands leave as one piece. */
  #flush(): void {
    if (this.#unsent.length === 0) return
    this.#effects.push({ type: 'send', bytes: concat(...this.#unsent) })
    this.#unsent = []
  }
}
