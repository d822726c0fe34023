/**
 * The sending half of DTPC: items become ADUs, alone or with others for the same destination and
 * profile; an ADU is sent again until it is acknowledged or nobody may take it any more.
 *
 * ION's times: transmissions are TTL / (maxRtx + 1) apart, and all copies of an ADU expire together,
 * one such interval behind the profile's TTL, so that the last copy has as long as the others.
 */

import { Fault } from '../../base/fault.ts'
import type { Machine } from '../../base/machine.ts'
import { addMs, type MonoMs } from '../../base/time.ts'
import { encodeDtpc } from './codec.ts'
import type { DtpcFaultCode } from './fault.ts'
import { AGGREGATING_BYTES_MAX, SEND_AGAIN_MS, SENDING_STREAMS_MAX } from './limits.ts'
import { type DtpcProfile, type DtpcTopic, streamName } from './pdu.ts'
import { Timetable } from './timetable.ts'

export interface OutboundItem {
  /** The caller's name for it, which comes back with what became of it. */
  readonly id: number
  /** The endpoint that receives ADUs, in text. */
  readonly destination: string
  readonly profile: DtpcProfile
  readonly topic: number
  readonly bytes: Uint8Array
  /** Default: all are sent. */
  readonly elide?: Elide
}

/**
 * Which records of a topic in an ADU that is not complete are still worth sending, by their indexes:
 * asked each time one was added, the last being the new one.
 */
export type Elide = (records: readonly Uint8Array[]) => readonly number[]

/** An ADU that is complete, without its octets. */
export interface OutboundAdu {
  /** Never used twice. */
  readonly key: number
  readonly destination: string
  readonly profile: number
  /** 0 without the transport service. */
  readonly sequence: number
  /** Of its items. */
  readonly items: readonly number[]
  readonly completedAt: MonoMs
  /** No copy of it lives longer. */
  readonly expiresAt: MonoMs
  /** Between two transmissions. */
  readonly intervalMs: number
  readonly retransmissionsMax: number
}

export type SenderEvent =
  | { readonly type: 'item'; readonly item: OutboundItem }
  /** By the endpoint to which the ADU went. */
  | {
      readonly type: 'acknowledged'
      readonly destination: string
      readonly profile: number
      readonly sequence: number
    }
  /** The answer to `transmit`: it is in a bundle that is stored, or one from before is not gone yet. */
  | { readonly type: 'sent'; readonly key: number }
  /** The other answer; what is not temporary can never be sent. */
  | { readonly type: 'not-sent'; readonly key: number; readonly temporary: boolean }
  /** From an earlier run, before all else: the number last given to a stream, and what is not over. */
  | {
      readonly type: 'recovered-stream'
      readonly destination: string
      readonly profile: number
      readonly last: number
    }
  | { readonly type: 'recovered-adu'; readonly adu: OutboundAdu }
  | { readonly type: 'tick' }

export type SenderEffect =
  /** To be stored in place of its items, with the stream's number, before what follows. */
  | { readonly type: 'complete'; readonly adu: OutboundAdu; readonly payload: Uint8Array }
  /** Answered by `sent` or `not-sent`. `attempt` is 0 for the first in this run of a new ADU. */
  | {
      readonly type: 'transmit'
      readonly adu: OutboundAdu
      readonly attempt: number
      readonly lifetimeMs: number
    }
  /** It is over. `sent` is all that is known without the transport service. */
  | {
      readonly type: 'settled'
      readonly adu: OutboundAdu
      readonly outcome: 'acknowledged' | 'sent' | 'expired' | 'refused'
    }
  | { readonly type: 'elided'; readonly items: readonly number[] }
  /** It was not taken. */
  | { readonly type: 'refuse'; readonly item: number; readonly fault: Fault<DtpcFaultCode> }

interface Stream {
  readonly name: string
  last: number
  aggregate: Aggregate | undefined
}

interface Aggregate {
  readonly destination: string
  readonly profile: DtpcProfile
  /** By topic, in the order of first use. */
  readonly topics: Map<number, OutboundItem[]>
  bytes: number
}

interface UnderWay {
  readonly adu: OutboundAdu
  attempt: number
}

export class DtpcSender implements Machine<SenderEvent, SenderEffect> {
  readonly #streams = new Map<string, Stream>()
  readonly #underWay = new Map<number, UnderWay>()
  /** By stream and sequence number: what waits for an acknowledgement. */
  readonly #unacknowledged = new Map<string, number>()
  /** A stream's aggregate by the stream's name, an ADU by its key. */
  readonly #due = new Timetable<string | number>()
  #aggregatingBytes = 0
  #nextKey = 0

  get deadline(): MonoMs | undefined {
    return this.#due.earliest
  }

  /** ADUs that are complete and not over. */
  get underWayCount(): number {
    return this.#underWay.size
  }

  handle(event: SenderEvent, now: MonoMs): readonly SenderEffect[] {
    switch (event.type) {
      case 'item':
        return this.#onItem(event.item, now)
      case 'acknowledged': {
        const stream = streamName(event.destination, event.profile)
        const key = this.#unacknowledged.get(numbered(stream, event.sequence))
        return key === undefined ? [] : this.#settle(key, 'acknowledged')
      }
      case 'sent':
        return this.#onSent(event.key, now)
      case 'not-sent':
        return this.#onNotSent(event.key, event.temporary, now)
      case 'recovered-stream':
        this.#streamOf(streamName(event.destination, event.profile)).last = event.last
        return []
      case 'recovered-adu':
        return this.#onRecovered(event.adu, now)
      case 'tick':
        return this.#onTick(now)
    }
  }

  #onItem(item: OutboundItem, now: MonoMs): readonly SenderEffect[] {
    const { profile, destination } = item
    const name = streamName(destination, profile.id)
    if (!this.#streams.has(name) && this.#streams.size >= SENDING_STREAMS_MAX) {
      const message = `items for more than ${SENDING_STREAMS_MAX} destinations and profiles`
      const fault = new Fault<DtpcFaultCode>('dtpc/full', message, { temporary: true })
      return [{ type: 'refuse', item: item.id, fault }]
    }
    const stream = this.#streamOf(name)
    const effects: SenderEffect[] = []
    stream.aggregate ??= this.#newAggregate(stream, item, now)
    const elided = this.#add(stream.aggregate, item)
    if (elided.length > 0) effects.push({ type: 'elided', items: elided })
    const { aggregate } = stream
    const isComplete =
      profile.aggregationMs === 0 ||
      aggregate.bytes >= profile.aggregationBytes ||
      this.#aggregatingBytes > AGGREGATING_BYTES_MAX ||
      // The profile was changed: what waits goes by the old one.
      aggregate.profile !== profile
    return isComplete ? [...effects, ...this.#complete(stream, now)] : effects
  }

  #streamOf(name: string): Stream {
    const stream = this.#streams.get(name) ?? { name, last: 0, aggregate: undefined }
    this.#streams.set(name, stream)
    return stream
  }

  #newAggregate(stream: Stream, { destination, profile }: OutboundItem, now: MonoMs): Aggregate {
    this.#due.set(stream.name, addMs(now, profile.aggregationMs))
    return { destination, profile, topics: new Map(), bytes: 0 }
  }

  /** The items that are not worth sending any more. */
  #add(aggregate: Aggregate, item: OutboundItem): readonly number[] {
    const items = aggregate.topics.get(item.topic) ?? []
    items.push(item)
    this.#count(aggregate, item.bytes.length)
    aggregate.topics.set(item.topic, items)
    if (item.elide === undefined) return []
    const kept = new Set(item.elide(items.map(({ bytes }) => bytes)))
    const elided = items.filter((_, index) => !kept.has(index))
    for (const { bytes } of elided) this.#count(aggregate, -bytes.length)
    aggregate.topics.set(
      item.topic,
      items.filter((_, index) => kept.has(index)),
    )
    return elided.map(({ id }) => id)
  }

  #count(aggregate: Aggregate, bytes: number): void {
    aggregate.bytes += bytes
    this.#aggregatingBytes += bytes
  }

  #complete(stream: Stream, now: MonoMs): readonly SenderEffect[] {
    const { aggregate } = stream
    if (aggregate === undefined) return []
    stream.aggregate = undefined
    this.#due.clear(stream.name)
    this.#aggregatingBytes -= aggregate.bytes
    const items = [...aggregate.topics.values()].flat()
    if (items.length === 0) return []
    const topics: readonly DtpcTopic[] = [...aggregate.topics]
      .filter(([, of]) => of.length > 0)
      .map(([topic, of]) => ({ topic, records: of.map(({ bytes }) => bytes) }))
    const { destination, profile } = aggregate
    const hasTransport = profile.retransmissionsMax > 0
    const sequence = hasTransport ? ++stream.last : 0
    const intervalMs = Math.floor(profile.lifetimeMs / (profile.retransmissionsMax + 1))
    const adu: OutboundAdu = {
      key: this.#nextKey++,
      destination,
      profile: profile.id,
      sequence,
      items: items.map(({ id }) => id),
      completedAt: now,
      expiresAt: addMs(now, profile.lifetimeMs + intervalMs),
      intervalMs,
      retransmissionsMax: profile.retransmissionsMax,
    }
    const payload = encodeDtpc({ type: 'data', profile: profile.id, sequence, topics })
    return [{ type: 'complete', adu, payload }, ...this.#begin(adu, 0, now)]
  }

  #begin(adu: OutboundAdu, attempt: number, now: MonoMs): readonly SenderEffect[] {
    const underWay = { adu, attempt }
    this.#underWay.set(adu.key, underWay)
    if (adu.sequence > 0) {
      this.#unacknowledged.set(
        numbered(streamName(adu.destination, adu.profile), adu.sequence),
        adu.key,
      )
    }
    return this.#transmit(underWay, now)
  }

  #transmit({ adu, attempt }: UnderWay, now: MonoMs): readonly SenderEffect[] {
    this.#due.set(adu.key, adu.expiresAt)
    return [{ type: 'transmit', adu, attempt, lifetimeMs: Math.max(1, adu.expiresAt - now) }]
  }

  #onRecovered(adu: OutboundAdu, now: MonoMs): readonly SenderEffect[] {
    this.#nextKey = Math.max(this.#nextKey, adu.key + 1)
    if (adu.expiresAt <= now) return [{ type: 'settled', adu, outcome: 'expired' }]
    const passed = Math.floor((now - adu.completedAt) / adu.intervalMs)
    return this.#begin(adu, Math.min(Math.max(0, passed), adu.retransmissionsMax), now)
  }

  #onSent(key: number, now: MonoMs): readonly SenderEffect[] {
    const underWay = this.#underWay.get(key)
    if (underWay === undefined) return []
    const { adu, attempt } = underWay
    if (adu.sequence === 0) return this.#settle(key, 'sent')
    const next = addMs(adu.completedAt, (attempt + 1) * adu.intervalMs)
    if (attempt < adu.retransmissionsMax) {
      this.#due.set(key, next > now ? next : addMs(now, adu.intervalMs))
    }
    return []
  }

  #onNotSent(key: number, temporary: boolean, now: MonoMs): readonly SenderEffect[] {
    const underWay = this.#underWay.get(key)
    if (underWay === undefined) return []
    if (!temporary) return this.#settle(key, 'refused')
    underWay.attempt--
    const again = addMs(now, SEND_AGAIN_MS)
    this.#due.set(key, again < underWay.adu.expiresAt ? again : underWay.adu.expiresAt)
    return []
  }

  #settle(key: number, outcome: 'acknowledged' | 'sent' | 'expired' | 'refused'): SenderEffect[] {
    const underWay = this.#underWay.get(key)
    if (underWay === undefined) return []
    const { adu } = underWay
    this.#underWay.delete(key)
    this.#unacknowledged.delete(numbered(streamName(adu.destination, adu.profile), adu.sequence))
    this.#due.clear(key)
    return [{ type: 'settled', adu, outcome }]
  }

  #onTick(now: MonoMs): readonly SenderEffect[] {
    const effects: SenderEffect[] = []
    for (let name = this.#due.take(now); name !== undefined; name = this.#due.take(now)) {
      if (typeof name === 'string') {
        const stream = this.#streams.get(name)
        if (stream !== undefined) effects.push(...this.#complete(stream, now))
        continue
      }
      const underWay = this.#underWay.get(name)
      if (underWay === undefined) continue
      if (underWay.adu.expiresAt <= now) {
        effects.push(...this.#settle(name, 'expired'))
      } else {
        underWay.attempt++
        effects.push(...this.#transmit(underWay, now))
      }
    }
    return effects
  }
}

function numbered(stream: string, sequence: number): string {
  return `${stream} ${sequence}`
}
