import { addMs, type MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { RETRANSMISSIONS_MAX, SEGMENT_BYTES_MAX, WINDOW_BYTES_MAX } from './limits.ts'
import type { SegmentKind } from './packet.ts'

/** One segment that must arrive and is not yet acknowledged. */
export interface Flight {
  readonly kind: SegmentKind
  readonly sequence: number
  /** Of its first octet in the stream; SYN and FIN count as one each. */
  readonly offset: number
  readonly payload: Uint8Array
  sentAt: MonoMs
  retransmitted: boolean
}

/** Segments sent before the first acknowledgement has come. */
const INITIAL_WINDOW_BYTES = 10 * SEGMENT_BYTES_MAX
/** The time-out before any round trip has been measured, and the least there is. */
const TIMEOUT_MIN_MS = 1000
/** Added to the round trip at least, so that an acknowledgement just in time is no loss. */
const MARGIN_MIN_MS = 200
/** Doubling stops here, unless the round trip itself takes longer. */
const TIMEOUT_MAX_MS = 120_000

/**
 * The sending half of a lab stream, below the order of bytes: what is under way, when it is sent
 * again, and how much may be under way at once.
 *
 * Slow start: ten segments at first, and one more for each that is acknowledged, so the amount
 * doubles with every round trip; after a time-out half of what was under way, and from there about
 * one segment more per round trip. The time-out follows the measured round trip and its deviation,
 * at least 1 s; it starts anew with every acknowledgement, and when it runs out, everything overdue
 * is sent again and the time-out doubles. There is no fast retransmission.
 */
export class Transmission {
  readonly #clock: Clock
  readonly #send: (flight: Flight) => void
  readonly #giveUp: () => void
  readonly #flights = new Map<number, Flight>()
  #nextSequence = 0
  #nextOffset = 0
  #flightBytes = 0
  #windowBytes = INITIAL_WINDOW_BYTES
  #slowStartUntilBytes = Number.POSITIVE_INFINITY
  #roundTripMs: number | undefined
  #deviationMs = 0
  #timeoutsInRow = 0
  #dueAt: MonoMs
  #armed = false
  #cancelTimer = (): void => {}

  constructor(clock: Clock, send: (flight: Flight) => void, giveUp: () => void) {
    this.#clock = clock
    this.#send = send
    this.#giveUp = giveUp
    this.#dueAt = clock.now()
  }

  /** Nothing is under way. */
  get idle(): boolean {
    return this.#flights.size === 0
  }

  /** How many bytes more may be sent now. */
  get roomBytes(): number {
    return this.#windowBytes - this.#flightBytes
  }

  get nextOffset(): number {
    return this.#nextOffset
  }

  transmit(kind: SegmentKind, payload: Uint8Array): void {
    const flight: Flight = {
      kind,
      sequence: this.#nextSequence++,
      offset: this.#nextOffset,
      payload,
      sentAt: this.#clock.now(),
      retransmitted: false,
    }
    this.#nextOffset += octets(kind, payload)
    this.#flights.set(flight.sequence, flight)
    this.#flightBytes += payload.length
    if (!this.#armed) this.#postpone()
    this.#send(flight)
  }

  acknowledge(sequence: number, sentAt: MonoMs): void {
    this.#measure(this.#clock.now() - sentAt)
    const flight = this.#flights.get(sequence)
    if (flight === undefined) return
    this.#flights.delete(sequence)
    this.#flightBytes -= flight.payload.length
    this.#timeoutsInRow = 0
    this.#grow(flight.payload.length)
    if (this.idle) this.stop()
    else this.#postpone()
  }

  /** Forgets everything. */
  stop(): void {
    this.#flights.clear()
    this.#flightBytes = 0
    this.#armed = false
    this.#cancelTimer()
  }

  #measure(roundTripMs: number): void {
    if (this.#roundTripMs === undefined) {
      this.#roundTripMs = roundTripMs
      this.#deviationMs = roundTripMs / 2
      return
    }
    const error = Math.abs(this.#roundTripMs - roundTripMs)
    this.#deviationMs += (error - this.#deviationMs) / 4
    this.#roundTripMs += (roundTripMs - this.#roundTripMs) / 8
  }

  #grow(acknowledgedBytes: number): void {
    const grownBytes =
      this.#windowBytes < this.#slowStartUntilBytes
        ? acknowledgedBytes
        : (SEGMENT_BYTES_MAX * acknowledgedBytes) / this.#windowBytes
    this.#windowBytes = Math.min(this.#windowBytes + grownBytes, WINDOW_BYTES_MAX)
  }

  get #timeoutMs(): number {
    const measuredMs =
      this.#roundTripMs === undefined
        ? TIMEOUT_MIN_MS
        : this.#roundTripMs + Math.max(4 * this.#deviationMs, MARGIN_MIN_MS)
    const timeoutMs = Math.max(measuredMs, TIMEOUT_MIN_MS)
    return Math.min(timeoutMs * 2 ** this.#timeoutsInRow, Math.max(timeoutMs, TIMEOUT_MAX_MS))
  }

  /** Moves the time-out; a timer that is armed already finds out when it runs. */
  #postpone(): void {
    this.#dueAt = addMs(this.#clock.now(), this.#timeoutMs)
    if (!this.#armed) this.#arm()
  }

  #arm(): void {
    this.#armed = true
    this.#cancelTimer = this.#clock.at(this.#dueAt, () => {
      this.#armed = false
      if (this.#clock.now() >= this.#dueAt) this.#expire()
      else this.#arm()
    })
  }

  #expire(): void {
    const now = this.#clock.now()
    const overdue = [...this.#flights.values()].filter(
      ({ sentAt }) => addMs(sentAt, this.#timeoutMs) <= now,
    )
    if (overdue.length > 0) {
      if (this.#timeoutsInRow === RETRANSMISSIONS_MAX) {
        this.stop()
        this.#giveUp()
        return
      }
      this.#timeoutsInRow++
      this.#shrink()
      for (const flight of overdue) {
        flight.sentAt = now
        flight.retransmitted = true
        this.#send(flight)
      }
    }
    let oldest = now
    for (const { sentAt } of this.#flights.values()) if (sentAt < oldest) oldest = sentAt
    this.#dueAt = addMs(oldest, this.#timeoutMs)
    this.#arm()
  }

  #shrink(): void {
    if (this.#flightBytes === 0) return
    this.#slowStartUntilBytes = Math.max(this.#flightBytes / 2, 2 * SEGMENT_BYTES_MAX)
    this.#windowBytes = this.#slowStartUntilBytes
  }
}

/** Of the stream: SYN and FIN count as one each. */
export function octets(kind: SegmentKind, payload: Uint8Array): number {
  return kind === 'syn' || kind === 'syn-ack' || kind === 'fin' ? 1 : payload.length
}
