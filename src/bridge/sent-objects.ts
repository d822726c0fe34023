/**
 * The objects that wait for their acknowledgement: which mails are in each, and when it goes again.
 * Its carrier holds it under its name until the last of its mails is settled.
 */

import { asFault } from '../base/fault.ts'
import { addMs, type MonoMs, type WallMs } from '../base/time.ts'
import { runMachine } from '../drive/run.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import type { StoreChange } from '../ports/store.ts'
import type { Carrier, Carriers } from './carrier.ts'
import { type ObjectEffect, type ObjectEvent, ObjectTimers } from './object-timers.ts'

/** A mail in an object. */
export interface Passenger {
  readonly queueId: string
  readonly transaction: string
  readonly expiresAt: WallMs
}

export interface SentObjectsPorts<Mail extends Passenger> {
  readonly carriers: readonly Carriers[]
  readonly clock: Clock
  readonly events: EventSink
  /** Their object is gone, and nobody has answered for these. */
  readonly onLost: (mails: readonly Mail[]) => void
}

/** How far an object has come. */
export interface ObjectProgress {
  readonly object: string
  /** The name under which it travels; undefined where an earlier run made it. */
  readonly bundle: string | undefined
  /** When it was handed over completely, last; undefined while it waits. */
  readonly forwardedAt: WallMs | undefined
  readonly payloadBytes: number
  readonly attempts: number
}

interface SentObject<Mail> {
  readonly name: string
  readonly carrier: Carrier
  readonly mails: Set<Mail>
  bundle: string | undefined
  forwardedAt: WallMs | undefined
  payloadBytes: number
  attempts: number
}

/** An object of ours with mails. */
export interface OutgoingObject<Mail> {
  readonly name: string
  readonly carrier: Carrier
  readonly mails: readonly Mail[]
  readonly payload: Uint8Array
  readonly expiresAt: WallMs
  /** On the disk together with the object, or not at all. */
  readonly alongside: readonly StoreChange[]
}

export class SentObjects<Mail extends Passenger> {
  readonly #ports: SentObjectsPorts<Mail>
  readonly #objects = new Map<string, SentObject<Mail>>()
  readonly #objectOf = new Map<Mail, SentObject<Mail>>()
  readonly #time: (event: ObjectEvent) => void

  constructor(ports: SentObjectsPorts<Mail>) {
    this.#ports = ports
    const { clock } = ports
    this.#time = runMachine<ObjectEvent, ObjectEffect>(new ObjectTimers(), clock, (effect) =>
      this.#onTime(effect),
    )
    for (const carriers of ports.carriers) {
      carriers.tell({
        forwarded: (name) => this.#onForwarded(name),
        lost: (name) => this.#onLost(name),
      })
    }
  }

  /** Resolves with the name under which it travels, once it is durable. Rejects with the carrier's Fault. */
  async send(outgoing: OutgoingObject<Mail>): Promise<string> {
    const { name, carrier, mails, payload, expiresAt, alongside } = outgoing
    const object = this.#open({ name, carrier }, expiresAt)
    object.payloadBytes = payload.length
    for (const mail of mails) this.#board(object, mail)
    try {
      object.bundle = await carrier.send({ payload, expiresAt, hold: name, alongside })
      return object.bundle
    } catch (error) {
      for (const mail of mails) this.#objectOf.delete(mail)
      this.#forget(object)
      throw error
    }
  }

  /**
   * A mail whose object was sent before, also by an earlier run: true where it is still held; it goes
   * again if it was of an earlier run.
   */
  join(mail: Mail, object: { readonly name: string; readonly carrier: Carrier }): boolean {
    let known = this.#objects.get(object.name)
    if (known === undefined) {
      // Opened first: it may be forwarded before `resend` returns.
      known = this.#open(object, mail.expiresAt)
      if (!object.carrier.resend(object.name)) {
        this.#forget(known)
        return false
      }
    }
    this.#board(known, mail)
    return true
  }

  /** A mail is settled. Resolves once an object that is of no more use has left the disk. */
  async leave(mail: Mail): Promise<void> {
    const object = this.#objectOf.get(mail)
    if (object === undefined) return
    this.#objectOf.delete(mail)
    object.mails.delete(mail)
    if (object.mails.size > 0) return
    this.#forget(object)
    await object.carrier.release(object.name)
  }

  progress(mail: Mail): ObjectProgress | undefined {
    const object = this.#objectOf.get(mail)
    if (object === undefined) return undefined
    const { name, bundle, forwardedAt, payloadBytes, attempts } = object
    return { object: name, bundle, forwardedAt, payloadBytes, attempts }
  }

  /** Of those that wait to be forwarded to this destination. */
  waitingBytes(to: string): number {
    let bytes = 0
    for (const object of this.#objects.values()) {
      if (object.carrier.to === to && object.forwardedAt === undefined) bytes += object.payloadBytes
    }
    return bytes
  }

  #open(
    { name, carrier }: Pick<SentObject<Mail>, 'name' | 'carrier'>,
    expiresAt: WallMs,
  ): SentObject<Mail> {
    const made: SentObject<Mail> = {
      ...{ name, carrier, mails: new Set<Mail>(), bundle: undefined },
      ...{ forwardedAt: undefined, payloadBytes: 0, attempts: 1 },
    }
    this.#objects.set(name, made)
    this.#time({ type: 'open', object: name, expiresAt: this.#mono(expiresAt) })
    return made
  }

  #board(object: SentObject<Mail>, mail: Mail): void {
    object.mails.add(mail)
    this.#objectOf.set(mail, object)
  }

  #forget(object: SentObject<Mail>): void {
    this.#objects.delete(object.name)
    this.#time({ type: 'close', object: object.name })
  }

  #onForwarded(name: string): void {
    const object = this.#objects.get(name)
    if (object === undefined) return
    const { carrier } = object
    const wall = this.#ports.clock.wall()
    object.forwardedAt = wall
    const answerAt = carrier.answerAt(wall)
    // Where nobody knows when an answer could be here, it goes again when its carrier goes again.
    if (answerAt === undefined) return
    const patienceMs = carrier.patienceMs(wall)
    this.#time({ type: 'forwarded', object: name, answerAt: this.#mono(answerAt), patienceMs })
  }

  #onTime({ type, object: name, ...rest }: ObjectEffect): void {
    const object = this.#objects.get(name)
    if (object === undefined) return
    if (type === 'expire') {
      this.#onLost(name)
      return
    }
    const { events } = this.#ports
    const { carrier } = object
    object.attempts = 'attempt' in rest ? rest.attempt : object.attempts
    object.forwardedAt = undefined
    for (const { queueId, transaction } of object.mails) {
      const { to } = carrier
      events({ type: 'transaction-resent', queueId, transaction, to, attempt: object.attempts })
    }
    try {
      if (!carrier.resend(name)) this.#onLost(name)
    } catch (error) {
      events({ type: 'trouble', where: `object ${name}`, reason: asFault(error).message })
    }
  }

  #onLost(name: string): void {
    const object = this.#objects.get(name)
    if (object === undefined) return
    this.#forget(object)
    const mails = [...object.mails]
    for (const mail of mails) this.#objectOf.delete(mail)
    this.#ports.onLost(mails)
  }

  #mono(wall: WallMs): MonoMs {
    const { clock } = this.#ports
    return addMs(clock.now(), wall - clock.wall())
  }
}
