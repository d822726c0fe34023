import { ByteQueue } from '../base/byte-queue.ts'
import { NO_BYTES } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type { Clock } from '../ports/clock.ts'
import type { ByteStream, NetworkFaultCode, SocketAddress } from '../ports/network.ts'
import { ACKNOWLEDGEMENT_MS, ANSWER_MS, TIME_WAIT_MS, WINDOW_BYTES_MAX } from './limits.ts'
import type { Lender, SegmentPacket } from './packet.ts'
import { type Piece, Reception } from './reception.ts'
import { TCP_FLAGS, timestampOf, unwrapped, WINDOW_SHIFT } from './tcp-header.ts'
import { type Flight, Transmission } from './transmission.ts'
import { after, soon } from './world.ts'

export interface LabStreamOptions {
  readonly role: 'client' | 'server'
  readonly local: SocketAddress
  readonly remote: SocketAddress
  readonly clock: Clock
  readonly lender: Lender
  /** What one segment takes on the way to the peer, options left out: 1460 on Ethernet. */
  readonly segmentBytesMax: number
  readonly synRetransmissionsMax: number
  readonly transmit: (packet: SegmentPacket) => void
  /** Hears once that the stream is open, or the Fault that kept it from opening. */
  readonly onOpen: (fault: Fault | undefined) => void
  /** Hears once that no segment of this stream matters any more. */
  readonly onForgotten: () => void
}

/** What a segment carries besides: timestamps take it of each. */
const TIMESTAMP_BYTES = 12
const WINDOW_FIELD_MAX = 0xffff

/**
 * One end of a TCP connection, RFC 9293: what it is true to, and what it leaves out, is in
 * `docs/virtual-network.md`. Sequence numbers here do not wrap; on the wire they are the last 32
 * bits of them.
 */
export class LabStream implements Omit<ByteStream, 'secure' | 'onSecured'> {
  readonly local: SocketAddress
  readonly remote: SocketAddress
  onBytes: (bytes: Uint8Array) => void = () => {}
  onDrained: () => void = () => {}
  onEnd: (fault: Fault | undefined) => void = () => {}

  readonly #options: LabStreamOptions
  readonly #segmentBytes: number
  readonly #transmission: Transmission
  /** Made when the peer has said where its numbers begin. */
  #reception: Reception = new Reception(0)
  #state: 'syn-sent' | 'syn-received' | 'open' | 'ended' = 'syn-sent'
  #forgotten = false

  readonly #unsent: ByteQueue = new ByteQueue()
  /** Nothing at or behind it may be sent: the end of the peer's window. */
  #sendUntil = 0
  #drainOwed = false
  /** What is sent now leaves soon in any case. */
  #pumpDue = false
  #closing = false
  #hasSentAll = false
  #finSent = false

  readonly #unread: Piece[] = []
  #unreadBytes = 0
  /** The end of our window as the peer knows it. */
  #announcedUntil = 0
  #paused = false
  /** The peer's FIN has come; its owner has heard of it. */
  #finReceived = false
  #peerClosed = false
  /** We have closed first: it is for us to wait for what is late. RFC 9293 §3.6.1. */
  #waitsAtEnd = false
  #isInTimeWait = false
  #cancelWait = (): void => {}
  /** Something was sent since we last looked. */
  #answered = false

  /** The peer's timestamp that is answered next. RFC 7323 §4.3. */
  #recentTimestamp = 0
  #lastAcknowledged = 0
  #acknowledgementOwed: 'none' | 'soon' | 'now' = 'none'
  /** While one is put off. */
  #cancelAcknowledgement: (() => void) | undefined

  constructor(options: LabStreamOptions) {
    this.#options = options
    this.local = options.local
    this.remote = options.remote
    this.#segmentBytes = options.segmentBytesMax - TIMESTAMP_BYTES
    this.#transmission = new Transmission({
      clock: options.clock,
      initialSequence: initialSequence(options),
      segmentBytes: this.#segmentBytes,
      synRetransmissionsMax: options.synRetransmissionsMax,
      send: (flight) => this.#transmitFlight(flight),
      probe: () => this.#transmitBare(TCP_FLAGS.ack, this.#transmission.nextSequence - 1),
      giveUp: () => this.#break('network/timed-out', 'no acknowledgement'),
    })
  }

  get unsentBytes(): number {
    return this.#unsent.length
  }

  /** Both ends have closed, and it only answers what is late: a new one may take its place. RFC 9293 §3.10.7.4. */
  givesWayTo({ header }: SegmentPacket): boolean {
    const { expected } = this.#reception
    return (
      this.#isInTimeWait &&
      header.flags === TCP_FLAGS.syn &&
      unwrapped(header.sequence, expected) > expected
    )
  }

  /** The client's first segment. */
  open(): void {
    this.#transmission.transmit('syn', NO_BYTES)
  }

  /** The server's answer to a first segment. */
  answer(syn: SegmentPacket): void {
    this.#state = 'syn-received'
    this.#begin(syn)
    this.#transmission.transmit('syn', NO_BYTES)
  }

  /** Gives up an attempt to open. */
  abandon(): void {
    if (this.#state === 'syn-sent') this.#break('network/timed-out', 'no answer')
  }

  send(bytes: Uint8Array): void {
    if (this.#state === 'ended' || this.#closing || this.#hasSentAll || bytes.length === 0) return
    this.#unsent.append(bytes)
    this.#drainOwed = true
    this.#answered = true
    this.#pumpSoon()
  }

  close(): void {
    this.#closing = true
    this.#pumpSoon()
  }

  /** Closes our half, once everything sent has left: what the peer still says is heard. */
  endSending(): void {
    this.#hasSentAll = true
    this.#pumpSoon()
  }

  abort(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#transmitBare(TCP_FLAGS.rst | TCP_FLAGS.ack)
    this.#forget()
    soon(this.#options.clock, () => this.onEnd(undefined))
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    soon(this.#options.clock, () => {
      this.#deliver()
      if (this.#forgotten) return
      // The peer may have stopped at the end of its window. RFC 9293 §3.8.6.2.2.
      if (this.#windowUntil() - this.#announcedUntil >= 2 * this.#segmentBytes) {
        this.#acknowledgementOwed = 'now'
      }
      this.#pump()
    })
  }

  receive(packet: SegmentPacket): void {
    // What the owner sends while it hears of it leaves below, and needs no event of its own.
    const wasDue = this.#pumpDue
    this.#pumpDue = true
    try {
      if (this.#state === 'syn-sent') this.#receiveAnswer(packet)
      else this.#receiveInOrder(packet)
    } finally {
      this.#pumpDue = wasDue
    }
    if (!this.#forgotten) this.#pump()
  }

  /** RFC 9293 §3.10.7.3. Two that open to each other at once are not known here. */
  #receiveAnswer(packet: SegmentPacket): void {
    const { header } = packet
    const sequence = unwrapped(header.acknowledgement, this.#transmission.nextSequence)
    if ((header.flags & TCP_FLAGS.ack) === 0) return
    if (sequence !== this.#transmission.nextSequence) {
      if ((header.flags & TCP_FLAGS.rst) === 0) this.#transmitBare(TCP_FLAGS.rst, sequence)
      return
    }
    if (header.flags & TCP_FLAGS.rst) {
      this.#break('network/refused', 'connection refused')
      return
    }
    if ((header.flags & TCP_FLAGS.syn) === 0) return
    this.#begin(packet)
    this.#transmission.acknowledge(sequence, [], header.options.timestamp?.echo ?? 0)
    this.#acknowledgementOwed = 'now'
    this.#opened()
  }

  /** By what the peer's SYN says. */
  #begin({ header }: SegmentPacket): void {
    this.#reception = new Reception(header.sequence + 1)
    this.#announcedUntil = header.sequence + 1 + WINDOW_FIELD_MAX
    this.#lastAcknowledged = header.sequence + 1
    this.#recentTimestamp = header.options.timestamp?.value ?? 0
    // In a SYN the window has no unit yet. RFC 7323 §2.2.
    this.#sendUntil = this.#transmission.unacknowledged + 1 + header.window
  }

  /** RFC 9293 §3.10.7.4, with the answers of RFC 5961 to what may be forged. */
  #receiveInOrder(packet: SegmentPacket): void {
    const { header, payload } = packet
    const { expected } = this.#reception
    const sequence = unwrapped(header.sequence, expected)
    const isLast = (header.flags & TCP_FLAGS.fin) !== 0
    const isSyn = (header.flags & TCP_FLAGS.syn) !== 0
    const end = sequence + payload.length + (isLast || isSyn ? 1 : 0)
    const isReset = (header.flags & TCP_FLAGS.rst) !== 0
    if (!this.#isAcceptable(sequence, end)) {
      if (isReset) return
      if (isSyn && this.#state === 'syn-received') this.#transmission.repeatFirst()
      else this.#acknowledgementOwed = 'now'
      if (isLast && this.#isInTimeWait) this.#wait()
      return
    }
    if (isReset && sequence === expected) {
      this.#break('network/reset', 'connection reset by peer')
      return
    }
    if (isReset || isSyn) {
      this.#acknowledgementOwed = 'now'
      return
    }
    if ((header.flags & TCP_FLAGS.ack) === 0 || !this.#receiveAcknowledgement(packet)) return
    if (sequence <= this.#lastAcknowledged && header.options.timestamp !== undefined) {
      this.#recentTimestamp = header.options.timestamp.value
    }
    if (end > sequence) this.#accept({ sequence, payload, isLast })
  }

  #isAcceptable(sequence: number, end: number): boolean {
    const { expected } = this.#reception
    if (sequence === expected && end === expected) return true
    return (
      sequence < this.#announcedUntil && (end > expected || sequence === end) && end >= expected
    )
  }

  /** Whether the segment may be looked at further. */
  #receiveAcknowledgement({ header }: SegmentPacket): boolean {
    const { unacknowledged, nextSequence } = this.#transmission
    const sequence = unwrapped(header.acknowledgement, unacknowledged)
    if (this.#state === 'syn-received' && sequence !== nextSequence) {
      this.#transmitBare(TCP_FLAGS.rst, sequence)
      return false
    }
    if (sequence > nextSequence) {
      this.#acknowledgementOwed = 'now'
      return false
    }
    this.#sendUntil = Math.max(this.#sendUntil, sequence + (header.window << WINDOW_SHIFT))
    const sack = header.options.sack.map(({ left, right }) => ({
      left: unwrapped(left, unacknowledged),
      right: unwrapped(right, unacknowledged),
    }))
    this.#transmission.acknowledge(sequence, sack, header.options.timestamp?.echo ?? 0)
    if (this.#state === 'syn-received') this.#opened()
    return !this.#forgotten
  }

  #opened(): void {
    this.#state = 'open'
    this.#options.onOpen(undefined)
  }

  /** RFC 5681 §4.2, RFC 9293 §3.8.6.3. */
  #accept(piece: Piece): void {
    const arrival = this.#reception.accept(piece, (next) => {
      this.#unread.push(next)
      this.#unreadBytes += next.payload.length
      if (next.isLast) this.#finReceived = true
    })
    const newBytes = this.#reception.expected - this.#lastAcknowledged
    if (arrival !== 'in-order' || piece.isLast || newBytes > this.#segmentBytes) {
      this.#acknowledgementOwed = 'now'
    } else if (this.#acknowledgementOwed === 'none') {
      this.#acknowledgementOwed = 'soon'
      this.#cancelAcknowledgement = after(this.#options.clock, ACKNOWLEDGEMENT_MS, () => {
        this.#cancelAcknowledgement = undefined
        this.#acknowledgementOwed = 'now'
        this.#pump()
      })
    }
    this.#deliver()
  }

  #deliver(): void {
    const { lender } = this.#options
    while (this.#state === 'open' && (!this.#paused || this.#closing)) {
      const piece = this.#unread.shift()
      if (piece === undefined) return
      this.#unreadBytes -= piece.payload.length
      if (piece.payload.length > 0 && !this.#closing) lender.lend(piece.payload, this.onBytes)
      if (piece.isLast) {
        this.#peerClosed = true
        // As on a real host: of a client one cannot know whether it still listens.
        if (this.#options.role === 'client') this.#closing = true
        else this.#closeOnceAnswered()
      }
    }
  }

  #closeOnceAnswered(): void {
    this.#answered = false
    after(this.#options.clock, ANSWER_MS, () => {
      if (this.#state !== 'open' || this.#closing) return
      if (this.#answered || this.unsentBytes > 0) this.#closeOnceAnswered()
      else this.close()
    })
  }

  #pumpSoon(): void {
    if (this.#pumpDue) return
    this.#pumpDue = true
    soon(this.#options.clock, () => {
      this.#pumpDue = false
      this.#deliver()
      this.#pump()
    })
  }

  /** Sends what may be sent; the end of what was to be sent; and tells the owner what has come of it. */
  #pump(): void {
    if (this.#forgotten) return
    this.#transmission.resend()
    while (this.#state === 'open' && this.#unsent.length > 0) {
      const sizeBytes = Math.min(this.#unsent.length, this.#segmentBytes)
      if (this.#transmission.nextSequence + sizeBytes > this.#sendUntil) {
        // No part of a segment for a part of a window. RFC 9293 §3.8.6.2.1.
        this.#transmission.block()
        break
      }
      if (sizeBytes > this.#transmission.roomBytes) break
      this.#transmission.transmit('data', this.#unsent.take(sizeBytes))
    }
    if (this.#state === 'open' && this.#unsent.length === 0) {
      if (this.#drainOwed) {
        this.#drainOwed = false
        this.onDrained()
      }
      this.#finish()
    }
    if (this.#acknowledgementOwed === 'now' && !this.#forgotten) this.#transmitBare(TCP_FLAGS.ack)
    this.#leave()
  }

  /** Once all is sent: our FIN where we are closing, and the end where the peer is closing too. */
  #finish(): void {
    if (this.#state !== 'open' || this.#unsent.length > 0) return
    if (!this.#closing && !this.#hasSentAll) return
    if (!this.#finSent) {
      this.#finSent = true
      this.#waitsAtEnd = !this.#finReceived
      this.#transmission.transmit('fin', NO_BYTES)
    }
    if (this.#peerClosed) {
      this.#state = 'ended'
      this.onEnd(undefined)
    }
  }

  /** Once both ends have closed and know it. */
  #leave(): void {
    if (this.#state !== 'ended' || this.#forgotten || !this.#transmission.idle) return
    if (!this.#waitsAtEnd) this.#forget()
    else if (!this.#isInTimeWait) this.#wait()
  }

  /** RFC 9293 §3.6.1: TIME-WAIT, from the last FIN on. */
  #wait(): void {
    this.#isInTimeWait = true
    this.#cancelWait()
    this.#cancelWait = after(this.#options.clock, TIME_WAIT_MS, () => this.#forget())
  }

  #break(code: NetworkFaultCode, reason: string): void {
    const before = this.#state
    this.#state = 'ended'
    this.#forget()
    const fault = new Fault<NetworkFaultCode>(code, reason, { temporary: true })
    if (before === 'open') this.onEnd(fault)
    else if (before !== 'ended') this.#options.onOpen(fault)
  }

  #forget(): void {
    this.#transmission.stop()
    this.#unsent.clear()
    this.#cancelAcknowledgement?.()
    this.#cancelWait()
    if (this.#forgotten) return
    this.#forgotten = true
    this.#options.onForgotten()
  }

  #transmitFlight({ kind, sequence, payload, retransmitted }: Flight): void {
    const isAnswer = this.#state !== 'syn-sent'
    const flags =
      kind === 'syn'
        ? TCP_FLAGS.syn | (isAnswer ? TCP_FLAGS.ack : 0)
        : kind === 'fin'
          ? TCP_FLAGS.fin | TCP_FLAGS.ack
          : TCP_FLAGS.ack | (this.#unsent.length === 0 ? TCP_FLAGS.psh : 0)
    this.#transmit(flags, sequence, payload, retransmitted)
  }

  #transmitBare(flags: number, sequence: number = this.#transmission.nextSequence): void {
    this.#transmit(flags, sequence, NO_BYTES, false)
  }

  #transmit(flags: number, sequence: number, payload: Uint8Array, retransmitted: boolean): void {
    const { clock, segmentBytesMax, transmit } = this.#options
    const hasAcknowledgement = (flags & TCP_FLAGS.ack) !== 0
    const isSyn = (flags & TCP_FLAGS.syn) !== 0
    transmit({
      protocol: 'tcp',
      source: this.local,
      target: this.remote,
      payload,
      header: {
        sequence: sequence >>> 0,
        acknowledgement: hasAcknowledgement ? this.#acknowledged() >>> 0 : 0,
        flags,
        window: isSyn ? WINDOW_FIELD_MAX : this.#announced(),
        options: {
          mss: isSyn ? segmentBytesMax : undefined,
          timestamp: {
            value: timestampOf(clock.now()),
            echo: hasAcknowledgement ? this.#recentTimestamp : 0,
          },
          sack: hasAcknowledgement
            ? this.#reception.sack.map(({ left, right }) => ({
                left: left >>> 0,
                right: right >>> 0,
              }))
            : [],
        },
      },
      retransmitted,
    })
  }

  /** What is expected next, which the segment that goes out now says. */
  #acknowledged(): number {
    this.#cancelAcknowledgement?.()
    this.#cancelAcknowledgement = undefined
    this.#acknowledgementOwed = 'none'
    this.#lastAcknowledged = this.#reception.expected
    return this.#lastAcknowledged
  }

  /** The window's field. What was once announced stays; little more is kept back. RFC 9293 §3.8.6.2.2. */
  #announced(): number {
    const { expected } = this.#reception
    const until = this.#windowUntil()
    if (until - this.#announcedUntil >= this.#segmentBytes) this.#announcedUntil = until
    const units = Math.max(0, this.#announcedUntil - expected) >> WINDOW_SHIFT
    return Math.min(units, WINDOW_FIELD_MAX)
  }

  /** Where our window ends by what the owner has read. */
  #windowUntil(): number {
    return this.#reception.expected - this.#unreadBytes + WINDOW_BYTES_MAX
  }
}

/** Grows by one every 4 µs, from a start of its own for each pair of addresses. RFC 9293 §3.4.1. */
function initialSequence({ local, remote, clock }: LabStreamOptions): number {
  const text = `${local.host} ${local.port} ${remote.host} ${remote.port}`
  let sum = 0x811c9dc5
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193)
  return (sum + Math.floor(250 * clock.now())) >>> 0
}
