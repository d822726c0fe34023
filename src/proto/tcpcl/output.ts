/** What a session says to its stream and to its owner, in order. */

import type { Fault } from '../../base/fault.ts'
import { SEND_WINDOW_BYTES } from '../bundle-session/limits.ts'
import type { BundleSessionEffect } from '../bundle-session/session.ts'
import { fault, type TcpclFaultCode } from './fault.ts'

export class Output {
  #effects: BundleSessionEffect[] = []
  /** Sent since the stream last had nothing to send. */
  #leavingBytes = 0
  #hasSent = false

  /** Whether more of a bundle would only wait in the stream. */
  get isFull(): boolean {
    return this.#leavingBytes >= SEND_WINDOW_BYTES
  }

  drained(): void {
    this.#leavingBytes = 0
  }

  send(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#leavingBytes += bytes.length
    this.#hasSent = true
    this.#effects.push({ type: 'send', bytes })
  }

  report(effect: BundleSessionEffect): void {
    this.#effects.push(effect)
  }

  succeed(transmissions: readonly number[]): void {
    for (const transmission of transmissions) {
      this.#effects.push({ type: 'transmitted', transmission })
    }
  }

  fail(transmissions: readonly number[], reason: Fault): void {
    for (const transmission of transmissions) {
      this.#effects.push({ type: 'not-transmitted', transmission, fault: reason })
    }
  }

  /** For whoever counts. */
  violated(code: TcpclFaultCode, message: string): void {
    this.#effects.push({ type: 'violation', fault: fault(code, message, false) })
  }

  /** Whether anything was sent since that was last asked. */
  takeHasSent(): boolean {
    const hasSent = this.#hasSent
    this.#hasSent = false
    return hasSent
  }

  /** All since it was last asked for. */
  take(): readonly BundleSessionEffect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}
