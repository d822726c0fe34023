import { addMs, type MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { Congestion } from './congestion.ts'
import { RETRANSMISSIONS_MAX } from './limits.ts'
import { RoundTrip } from './round-trip.ts'
import { type SackBlock, timestampOf } from './tcp-header.ts'

/** One segment that takes sequence numbers, sent and not yet acknowledged. */
export interface Flight {
  readonly kind: 'syn' | 'data' | 'fin'
  readonly sequence: number
  /** Of what comes behind it. */
  readonly end: number
  readonly payload: Uint8Array
  readonly sentAt: MonoMs
  retransmitted: boolean
  /**
   * `lost` is what waits to be sent again. `again` was sent again, and is not judged lost by what
   * else arrives.
   */
  state: 'sent' | 'sacked' | 'lost' | 'again'
}

export interface TransmissionOptions {
  readonly clock: Clock
  readonly initialSequence: number
  /** What fits into one segment. */
  readonly segmentBytes: number
  /** Of a SYN, or of the answer to one. */
  readonly synRetransmissionsMax: number
  readonly send: (flight: Flight) => void
  /** Asks a peer whose window is closed. */
  readonly probe: () => void
  readonly giveUp: () => void
}

/** Segments behind one that show that it is lost. RFC 6675 §2. */
const LOSS_THRESHOLD = 3

/**
 * The sending half of a stream, below the order of bytes: what is under way, what was lost, when it
 * is sent again, and how much may be under way at once. Loss is found by selective acknowledgements
 * (RFC 6675) and by time-outs (RFC 6298 §5). Sequence numbers here do not wrap.
 */
export class Transmission {
  readonly #options: TransmissionOptions
  readonly #roundTrip: RoundTrip = new RoundTrip()
  readonly #congestion: Congestion
  /** By sequence; those before `#head` are acknowledged. */
  #flights: Flight[] = []
  #head = 0
  #next: number
  #unacknowledged: number
  /** What is believed to be on the network. RFC 6675 §4. */
  #pipeBytes = 0
  #lostCount = 0
  /** Places in `#flights`: none before is lost; all before are judged; the last that was SACKed. */
  #lostFrom = 0
  #judgedUntil = 0
  #sackedLast = -1
  /** Until all that was sent before it began is acknowledged. */
  #recovery: 'none' | 'fast' | 'timeout' = 'none'
  #recoveryUntil = 0
  #lastSentAt: MonoMs
  #timeoutsInRow = 0
  #unanswered = 0
  #blocked = false
  #dueAt: MonoMs
  #armed = false
  #cancelTimer = (): void => {}

  constructor(options: TransmissionOptions) {
    this.#options = options
    this.#congestion = new Congestion(options.segmentBytes)
    this.#next = this.#unacknowledged = options.initialSequence
    this.#dueAt = this.#lastSentAt = options.clock.now()
  }

  /** Nothing is under way. */
  get idle(): boolean {
    return this.#head === this.#flights.length
  }

  get nextSequence(): number {
    return this.#next
  }

  get unacknowledged(): number {
    return this.#unacknowledged
  }

  /** How many bytes more may be sent now. */
  get roomBytes(): number {
    return this.#congestion.windowBytes - this.#pipeBytes
  }

  transmit(kind: Flight['kind'], payload: Uint8Array): void {
    const now = this.#options.clock.now()
    if (this.idle && this.#isLongAgo(now)) this.#congestion.beginAgain()
    this.#lastSentAt = now
    const end = this.#next + (kind === 'data' ? payload.length : 1)
    const flight: Flight = {
      kind,
      sequence: this.#next,
      end,
      payload,
      sentAt: now,
      retransmitted: false,
      state: 'sent',
    }
    this.#flights.push(flight)
    this.#next = end
    this.#pipeBytes += payload.length
    if (this.#blocked) this.#timeoutsInRow = 0
    this.#blocked = false
    if (!this.#armed || this.#flights.length - this.#head === 1) this.#postpone()
    this.#options.send(flight)
  }

  /**
   * Nothing can be sent and nothing is under way, because the peer's window is closed: it is asked
   * now and then. RFC 9293 §3.8.6.1.
   */
  block(): void {
    if (this.#blocked || !this.idle) return
    this.#blocked = true
    this.#timeoutsInRow = 0
    this.#postpone()
  }

  /**
   * `sequence` is none that was never sent. `echo` is the timestamp that the peer answers, so that a
   * round trip can be measured by what was sent again as well. RFC 7323 §4.1.
   */
  acknowledge(sequence: number, sack: readonly SackBlock[], echo: number): void {
    this.#unanswered = 0
    const acknowledgedBytes = sequence - this.#unacknowledged
    if (acknowledgedBytes > 0) {
      this.#roundTrip.measure(Math.max(0, (timestampOf(this.#options.clock.now()) - echo) | 0))
      this.#timeoutsInRow = 0
      this.#advance(sequence, acknowledgedBytes, echo)
    }
    if (sack.length > 0) this.#mark(sack)
    if (acknowledgedBytes <= 0) return
    if (!this.idle) this.#postpone()
    else if (!this.#blocked) this.#disarm()
  }

  /** Sends again what is lost, as far as there is room. */
  resend(): void {
    while (this.#lostCount > 0) {
      const flight = this.#firstLost()
      if (this.roomBytes < flight.payload.length) return
      this.#sendAgain(flight)
    }
  }

  /** The first of all, once more: the peer has shown that it missed it. */
  repeatFirst(): void {
    const first = this.#flights[this.#head]
    if (first === undefined) return
    first.retransmitted = true
    this.#options.send(first)
  }

  /** Forgets everything. */
  stop(): void {
    this.#flights = []
    this.#head = this.#lostFrom = this.#judgedUntil = 0
    this.#sackedLast = -1
    this.#pipeBytes = this.#lostCount = 0
    this.#blocked = false
    this.#disarm()
  }

  #isLongAgo(now: MonoMs): boolean {
    return now - this.#lastSentAt > this.#roundTrip.timeoutMs(0)
  }

  #advance(sequence: number, acknowledgedBytes: number, echo: number): void {
    const flightBytes = this.#next - this.#unacknowledged
    this.#unacknowledged = sequence
    let wasSyn = false
    for (; this.#head < this.#flights.length; this.#head++) {
      const flight = this.#flights[this.#head] as Flight
      if (flight.end > sequence) break
      this.#release(flight)
      if (flight.kind === 'syn') {
        wasSyn = true
        // Sent again without need, where the answer is to the first. RFC 3522 §3.2.
        if (flight.retransmitted && echo !== timestampOf(flight.sentAt)) {
          this.#congestion.beginSmall()
        }
      }
    }
    this.#compact()
    // A window that was not used proves nothing.
    if (this.#recovery !== 'fast' && !wasSyn && 2 * flightBytes >= this.#congestion.windowBytes) {
      this.#congestion.grow(acknowledgedBytes, this.#recovery === 'timeout')
    }
    if (sequence >= this.#recoveryUntil) this.#recovery = 'none'
    if (this.#recovery === 'none') this.#judge()
  }

  #compact(): void {
    if (this.#head < this.#flights.length && this.#head < COMPACT_AT) return
    this.#flights.splice(0, this.#head)
    this.#lostFrom = Math.max(0, this.#lostFrom - this.#head)
    this.#judgedUntil = Math.max(0, this.#judgedUntil - this.#head)
    this.#sackedLast -= this.#head
    this.#head = 0
  }

  /** It is no longer on the network. */
  #release(flight: Flight): void {
    if (flight.state === 'lost') this.#lostCount--
    else if (flight.state !== 'sacked') this.#pipeBytes -= flight.payload.length
  }

  #mark(sack: readonly SackBlock[]): void {
    for (const { left, right } of sack) {
      // The first that is missing cannot have come.
      if (left <= this.#unacknowledged) continue
      for (let at = this.#placeOf(left); at < this.#flights.length; at++) {
        const flight = this.#flights[at] as Flight
        if (flight.end > right) break
        if (flight.state === 'sacked') continue
        this.#release(flight)
        flight.state = 'sacked'
        if (at > this.#sackedLast) this.#sackedLast = at
      }
    }
    if (this.#recovery === 'none') this.#judge()
    else if (this.#recovery === 'fast') this.#judgeLost()
  }

  /** Of the first flight at or behind `sequence`. */
  #placeOf(sequence: number): number {
    let [low, high] = [this.#head, this.#flights.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#flights[middle] as Flight).sequence < sequence) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Begins a recovery where something was lost. RFC 6675 §5. */
  #judge(): void {
    if (!this.#judgeLost()) return
    this.#recovery = 'fast'
    this.#recoveryUntil = this.#next
    this.#congestion.shrink(this.#next - this.#unacknowledged)
    // The first whatever the window says: it is what everything waits for.
    this.#sendAgain(this.#firstLost())
  }

  /** While there is one. */
  #firstLost(): Flight {
    this.#lostFrom = Math.max(this.#lostFrom, this.#head)
    while (this.#flights[this.#lostFrom]?.state !== 'lost') this.#lostFrom++
    return this.#flights[this.#lostFrom] as Flight
  }

  /** Whether there are more now that enough has arrived behind. RFC 6675 §4. */
  #judgeLost(): boolean {
    const from = Math.max(this.#head, this.#judgedUntil)
    let until = this.#sackedLast
    for (let behind = 0; until >= from; until--) {
      if ((this.#flights[until] as Flight).state !== 'sacked') continue
      behind++
      if (behind === LOSS_THRESHOLD) break
    }
    let found = false
    for (let at = from; at < until; at++) {
      const flight = this.#flights[at] as Flight
      if (flight.state !== 'sent') continue
      this.#lose(flight, at)
      found = true
    }
    if (until > from) this.#judgedUntil = until
    return found
  }

  #lose(flight: Flight, place: number): void {
    this.#pipeBytes -= flight.payload.length
    flight.state = 'lost'
    this.#lostCount++
    if (place < this.#lostFrom) this.#lostFrom = place
  }

  #sendAgain(flight: Flight): void {
    flight.state = 'again'
    flight.retransmitted = true
    this.#lostCount--
    this.#pipeBytes += flight.payload.length
    this.#lastSentAt = this.#options.clock.now()
    if (flight === this.#flights[this.#head]) this.#postpone()
    this.#options.send(flight)
  }

  /** Moves the time-out; a timer that is armed already finds out when it runs. RFC 6298 §5. */
  #postpone(): void {
    const timeoutMs = this.#roundTrip.timeoutMs(this.#timeoutsInRow)
    const before = this.#dueAt
    this.#dueAt = addMs(this.#options.clock.now(), timeoutMs)
    if (this.#armed && this.#dueAt < before) this.#disarm()
    if (!this.#armed) this.#arm()
  }

  #arm(): void {
    const { clock } = this.#options
    this.#armed = true
    this.#cancelTimer = clock.at(this.#dueAt, () => {
      this.#armed = false
      if (clock.now() >= this.#dueAt) this.#expire()
      else this.#arm()
    })
  }

  #disarm(): void {
    this.#armed = false
    this.#cancelTimer()
  }

  #expire(): void {
    const first = this.#flights[this.#head]
    const isSyn = first?.kind === 'syn'
    if (this.#unanswered === (isSyn ? this.#options.synRetransmissionsMax : RETRANSMISSIONS_MAX)) {
      this.stop()
      this.#options.giveUp()
      return
    }
    this.#unanswered++
    this.#timeoutsInRow++
    if (first === undefined) this.#options.probe()
    else this.#loseAll(first, isSyn)
    this.#postpone()
  }

  /** RFC 5681 §3.1, RFC 6675 §5.1: nothing is heard of what is under way, but what was SACKed is there. */
  #loseAll(first: Flight, isSyn: boolean): void {
    if (!isSyn) {
      if (this.#timeoutsInRow === 1) this.#congestion.collapse(this.#next - this.#unacknowledged)
      else this.#congestion.collapseAgain()
    }
    this.#recovery = 'timeout'
    this.#recoveryUntil = this.#next
    for (let at = this.#head; at < this.#flights.length; at++) {
      const flight = this.#flights[at] as Flight
      if (flight.state === 'sent' || flight.state === 'again') this.#lose(flight, at)
    }
    this.#judgedUntil = this.#flights.length
    this.#lostFrom = this.#head
    // The first is never SACKed: what it was missing for would be acknowledged.
    this.#sendAgain(first)
  }
}

/** Acknowledged flights that are kept in the list, so that it is not moved for each. */
const COMPACT_AT = 256
