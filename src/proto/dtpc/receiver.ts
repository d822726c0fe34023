/**
 * The receiving half of DTPC: what is delivered, in which order, and what is acknowledged. An ADU that
 * comes before its turn is held until those before it have come, or cannot come any more.
 */

import { Fault } from '../../base/fault.ts'
import type { Machine } from '../../base/machine.ts'
import { addMs, type MonoMs, type WallMs } from '../../base/time.ts'
import type { DtpcFaultCode } from './fault.ts'
import {
  BEFORE_EXPIRY_MS,
  HELD_ADUS_MAX,
  HELD_BYTES_MAX,
  RECEIVING_STREAMS_MAX,
  RESET_AFTER_MS,
} from './limits.ts'
import { streamName } from './pdu.ts'
import { Timetable } from './timetable.ts'

/** An ADU, without its octets. */
export interface InboundAdu {
  /** The endpoint that sent it, in text. */
  readonly source: string
  readonly profile: number
  /** 0 without the transport service. */
  readonly sequence: number
  readonly sizeBytes: number
  /** Of the bundle that it came in. */
  readonly expiresAt: MonoMs
  /** The same as its sender said it, whatever becomes of the clock here. */
  readonly lifetimeEndsAt: WallMs
}

export interface ReceivingStream {
  readonly source: string
  readonly profile: number
  /** The number that is delivered next; all below it are. */
  readonly next: number
  /** When the copies of the newest ADU expire. */
  readonly newestEndsAt: WallMs
}

export type ReceiverEvent =
  | { readonly type: 'adu'; readonly adu: InboundAdu }
  /** From an earlier run, before all else; streams first, those silent longest first. */
  | { readonly type: 'recovered-stream'; readonly stream: ReceivingStream }
  | { readonly type: 'recovered-held'; readonly adu: InboundAdu }
  | { readonly type: 'tick' }

/** All that one event leads to belongs on the disk together, before an acknowledgement leaves. */
export type ReceiverEffect =
  /** The records of the ADU that came just now. */
  | { readonly type: 'deliver' }
  /** It waits for its turn, under its source, profile and number. */
  | { readonly type: 'hold'; readonly adu: InboundAdu }
  /** Its turn has come. */
  | { readonly type: 'deliver-held'; readonly adu: InboundAdu }
  /** What was held is out of turn: its sender began anew. */
  | { readonly type: 'drop-held'; readonly adu: InboundAdu }
  /** What to remember of the stream. */
  | { readonly type: 'remember'; readonly stream: ReceivingStream }
  | { readonly type: 'forget'; readonly source: string; readonly profile: number }
  | {
      readonly type: 'acknowledge'
      readonly source: string
      readonly profile: number
      readonly sequence: number
    }
  /** It was delivered before. */
  | { readonly type: 'discard' }
  /** There is no room; it is to come again. */
  | { readonly type: 'refuse'; readonly fault: Fault<DtpcFaultCode> }

interface Stream {
  readonly name: string
  readonly source: string
  readonly profile: number
  next: number
  newestEndsAt: WallMs
  /** By their number. */
  readonly held: Map<number, InboundAdu>
}

export class DtpcReceiver implements Machine<ReceiverEvent, ReceiverEffect> {
  /** The one silent longest first. */
  readonly #streams = new Map<string, Stream>()
  /** By a stream's name: when the wait for what is missing before its first held ADU is over. */
  readonly #due = new Timetable<string>()
  #heldBytes = 0

  get deadline(): MonoMs | undefined {
    return this.#due.earliest
  }

  handle(event: ReceiverEvent, now: MonoMs): readonly ReceiverEffect[] {
    switch (event.type) {
      case 'adu':
        return event.adu.sequence === 0 ? [{ type: 'deliver' }] : this.#onAdu(event.adu)
      case 'recovered-stream': {
        const { source, profile } = event.stream
        const stream = { ...event.stream, name: streamName(source, profile), held: new Map() }
        this.#streams.set(stream.name, stream)
        return []
      }
      case 'recovered-held': {
        const stream = this.#streams.get(streamName(event.adu.source, event.adu.profile))
        if (stream === undefined) return [{ type: 'drop-held', adu: event.adu }]
        this.#keep(stream, event.adu)
        return []
      }
      case 'tick':
        return this.#onTick(now)
    }
  }

  #onAdu(adu: InboundAdu): readonly ReceiverEffect[] {
    const { source, profile, sequence } = adu
    const name = streamName(source, profile)
    const known = this.#streams.get(name)
    const effects: ReceiverEffect[] = []
    const stream = known ?? newStream(adu)
    if (sequence < stream.next && isFromNewBeginning(adu, stream)) {
      effects.push(...this.#beginAnew(stream))
    }
    if (sequence > stream.next) {
      const fault = this.#objection(stream, adu)
      if (fault !== undefined) return [...effects, { type: 'refuse', fault }]
    }
    if (known === undefined) effects.push(...this.#makeRoom())
    // Behind those that were silent meanwhile.
    this.#streams.delete(name)
    this.#streams.set(name, stream)
    const acknowledge: ReceiverEffect = { type: 'acknowledge', source, profile, sequence }
    if (sequence < stream.next || stream.held.has(sequence)) {
      return [...effects, { type: 'discard' }, acknowledge]
    }
    if (adu.lifetimeEndsAt > stream.newestEndsAt) stream.newestEndsAt = adu.lifetimeEndsAt
    if (sequence === stream.next) {
      stream.next++
      effects.push({ type: 'deliver' }, ...this.#releaseInOrder(stream))
    } else {
      this.#keep(stream, adu)
      effects.push({ type: 'hold', adu })
    }
    return [...effects, remember(stream), acknowledge]
  }

  /** Its numbers count from 1 again: what of the old ones is held was sent before, and goes first. */
  #beginAnew(stream: Stream): readonly ReceiverEffect[] {
    const held = inOrder(stream)
    for (const adu of held) this.#letGo(stream, adu)
    stream.next = 1
    this.#setDue(stream)
    return [...held.map((adu): ReceiverEffect => ({ type: 'deliver-held', adu })), remember(stream)]
  }

  #objection(
    stream: Stream,
    { sequence, sizeBytes }: InboundAdu,
  ): Fault<DtpcFaultCode> | undefined {
    if (stream.held.has(sequence)) return undefined
    if (stream.held.size < HELD_ADUS_MAX && this.#heldBytes + sizeBytes <= HELD_BYTES_MAX) {
      return undefined
    }
    const message = `number ${sequence} of ${stream.name} comes long before ${stream.next}`
    return new Fault('dtpc/full', message, { temporary: true })
  }

  /** One that holds something is spared: what was acknowledged would be lost. */
  #makeRoom(): readonly ReceiverEffect[] {
    if (this.#streams.size < RECEIVING_STREAMS_MAX) return []
    for (const { name, source, profile, held } of this.#streams.values()) {
      if (held.size > 0) continue
      this.#streams.delete(name)
      return [{ type: 'forget', source, profile }]
    }
    return []
  }

  #keep(stream: Stream, adu: InboundAdu): void {
    stream.held.set(adu.sequence, adu)
    this.#heldBytes += adu.sizeBytes
    this.#setDue(stream)
  }

  #letGo(stream: Stream, { sequence, sizeBytes }: InboundAdu): void {
    stream.held.delete(sequence)
    this.#heldBytes -= sizeBytes
  }

  #releaseInOrder(stream: Stream): readonly ReceiverEffect[] {
    const effects: ReceiverEffect[] = []
    for (
      let adu = stream.held.get(stream.next);
      adu !== undefined;
      adu = stream.held.get(stream.next)
    ) {
      this.#letGo(stream, adu)
      stream.next++
      effects.push({ type: 'deliver-held', adu })
    }
    this.#setDue(stream)
    return effects
  }

  /** The gap before an ADU is waited for as long as that ADU's own bundle may live. */
  #setDue(stream: Stream): void {
    const first = firstHeld(stream)
    if (first === undefined) this.#due.clear(stream.name)
    else this.#due.set(stream.name, addMs(first.expiresAt, -BEFORE_EXPIRY_MS))
  }

  #onTick(now: MonoMs): readonly ReceiverEffect[] {
    const effects: ReceiverEffect[] = []
    for (let name = this.#due.take(now); name !== undefined; name = this.#due.take(now)) {
      const stream = this.#streams.get(name)
      const first = stream === undefined ? undefined : firstHeld(stream)
      if (stream === undefined || first === undefined) continue
      stream.next = first.sequence
      effects.push(...this.#releaseInOrder(stream), remember(stream))
    }
    return effects
  }
}

function newStream({ source, profile, lifetimeEndsAt }: InboundAdu): Stream {
  const name = streamName(source, profile)
  return { name, source, profile, next: 1, newestEndsAt: lifetimeEndsAt, held: new Map() }
}

/** See RESET_AFTER_MS. Without it a sender that forgot its numbers would be acknowledged and unheard. */
function isFromNewBeginning({ lifetimeEndsAt }: InboundAdu, stream: Stream): boolean {
  return lifetimeEndsAt >= addMs(stream.newestEndsAt, RESET_AFTER_MS)
}

function inOrder({ held }: Stream): readonly InboundAdu[] {
  return [...held.values()].sort((a, b) => a.sequence - b.sequence)
}

function firstHeld({ held }: Stream): InboundAdu | undefined {
  let first: InboundAdu | undefined
  for (const adu of held.values()) {
    if (first === undefined || adu.sequence < first.sequence) first = adu
  }
  return first
}

function remember({ source, profile, next, newestEndsAt }: Stream): ReceiverEffect {
  return { type: 'remember', stream: { source, profile, next, newestEndsAt } }
}
