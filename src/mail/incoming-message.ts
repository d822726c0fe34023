/**
 * The message of one session on its way in: filtered, with what we add to it, past the policies that read
 * it, into a mailbox or the queue. What keeps it from being taken is told when it is complete.
 */

import { asFault, type Fault } from '../base/fault.ts'
import type { Outcome } from './delivery.ts'
import type { MessageIntake } from './message-intake.ts'
import type { MessageHold } from './policy/message-hold.ts'
import type { MessageFilter } from './policy/policy.ts'
import type { MessageReaders } from './policy/policy-chain.ts'
import type { QueuedDelivery } from './queue-delivery.ts'
import type { SessionDelivery } from './session-target.ts'

export interface MessageParts {
  readonly filter: MessageFilter
  readonly intake: MessageIntake
  readonly target: SessionDelivery
  readonly readers: MessageReaders
  /** Undefined where no policy reads the message. */
  readonly hold: MessageHold | undefined
  /** Rejects with a Fault where the queue cannot take it. */
  readonly startQueued: () => Promise<SessionDelivery>
}

export class IncomingMessage {
  readonly #parts: MessageParts
  #target: SessionDelivery
  #fault: Fault | undefined
  #bytesTaken = 0
  #sizeBytes = 0

  constructor(parts: MessageParts) {
    this.#parts = parts
    this.#target = parts.target
  }

  /** Why it cannot be taken. */
  get fault(): Fault | undefined {
    return this.#fault
  }

  /** With what we add, as it came. */
  get bytesTaken(): number {
    return this.#bytesTaken
  }

  /** As it was written. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Whether its outcomes are final, or say that the queue has it. */
  get isDirect(): boolean {
    return this.#target.kind === 'direct'
  }

  get intake(): MessageIntake {
    return this.#parts.intake
  }

  get readers(): MessageReaders {
    return this.#parts.readers
  }

  /** Header fields above all that comes. */
  begin(headers: Uint8Array): Promise<void> {
    return this.#take(headers)
  }

  push(bytes: Uint8Array): Promise<void> {
    const { filter, intake } = this.#parts
    return this.#take(intake.push(filter.push(bytes)))
  }

  /** It is complete. */
  async end(): Promise<void> {
    const { filter, intake } = this.#parts
    await this.#take(intake.push(filter.end()))
    await this.#take(intake.end())
  }

  /** The policies that read it take it, and put `headers` above it. */
  async pass(headers: Uint8Array): Promise<void> {
    const { hold } = this.#parts
    if (hold === undefined) return
    const { kind, delivery } = this.#target
    if (hold.isOverflown && kind === 'queued') this.#prepend(delivery, headers)
    else await this.#write(headers)
    await this.#write(hold.release())
  }

  commit(): Promise<readonly Outcome[]> {
    return this.#target.delivery.commit()
  }

  /** Leaves nothing of it. */
  async abort(): Promise<void> {
    this.#parts.hold?.release()
    await this.#target.delivery.abort()
  }

  /** Writes it, now or when the policies have seen the message. */
  async #take(bytes: Uint8Array): Promise<void> {
    this.#bytesTaken += bytes.length
    const { hold, readers } = this.#parts
    for (const reader of readers.values()) reader.push(bytes)
    const passed = hold?.push(bytes) ?? bytes
    if (hold?.isOverflown) await this.#intoQueue()
    await this.#write(passed)
  }

  /** There, unlike in a mailbox, what the policies add can stand above what has been written. */
  async #intoQueue(): Promise<void> {
    if (this.#target.kind === 'queued' || this.#fault !== undefined) return
    try {
      await this.#target.delivery.abort()
      this.#target = await this.#parts.startQueued()
    } catch (error) {
      this.#fault = asFault(error)
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0 || this.#fault !== undefined) return
    this.#sizeBytes += bytes.length
    try {
      await this.#target.delivery.write(bytes)
    } catch (error) {
      this.#fault = asFault(error)
    }
  }

  #prepend(delivery: QueuedDelivery, bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#fault !== undefined) return
    try {
      delivery.prepend(bytes)
      this.#sizeBytes += bytes.length
    } catch (error) {
      this.#fault = asFault(error)
    }
  }
}
