import { ByteQueue } from '../base/byte-queue.ts'
import { NO_BYTES } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type { MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { ByteStream, NetworkFaultCode, SocketAddress } from '../ports/network.ts'
import { ANSWER_MS, SEGMENT_BYTES_MAX, WINDOW_BYTES_MAX } from './limits.ts'
import { lend, type Segment, type SegmentKind, type SegmentPacket } from './packet.ts'
import { TCP_FLAGS, type TcpHeader, WINDOW_SHIFT } from './tcp-header.ts'
import { type Flight, octets, Transmission } from './transmission.ts'
import { after, soon } from './world.ts'

export interface LabStreamOptions {
  readonly role: 'client' | 'server'
  readonly local: SocketAddress
  readonly remote: SocketAddress
  readonly clock: Clock
  readonly transmit: (packet: SegmentPacket) => void
  /** Hears once that the stream is open, or the Fault that kept it from opening. */
  readonly onOpen: (fault: Fault | undefined) => void
  /** Hears once that no segment of this stream matters any more. */
  readonly onForgotten: () => void
}

/**
 * One end of a simulated TCP connection. A handshake of three segments costs the client one round
 * trip; bytes travel in segments of 1460, each acknowledged by itself; what is lost is sent again
 * (see Transmission) and holds back what came after it. At most a window of 1 MiB may be under way
 * and unread, so a reader that pauses stops the sender. As with the real thing, a round trip beyond
 * some 20 minutes outlasts every retransmission of the handshake, and no stream opens. No delayed
 * acknowledgements, no Nagle, no probing of a peer that is silent.
 */
export class LabStream implements Omit<ByteStream, 'secure' | 'onSecured'> {
  readonly local: SocketAddress
  readonly remote: SocketAddress
  onBytes: (bytes: Uint8Array) => void = () => {}
  onDrained: () => void = () => {}
  onEnd: (fault: Fault | undefined) => void = () => {}

  readonly #options: LabStreamOptions
  readonly #transmission: Transmission
  #state: 'opening' | 'open' | 'ended' = 'opening'
  #forgotten = false

  readonly #unsent: ByteQueue = new ByteQueue()
  #sentBytes = 0
  #peerConsumedBytes = 0
  #drainOwed = false
  #pumpDue = false
  #closing = false
  #finSent = false

  /** Sequence of the next segment to come in order. */
  #expected = 0
  /** What is expected next of the peer's sequence numbers. */
  #acknowledgement = 0
  #echo = 0
  readonly #early = new Map<number, SegmentPacket>()
  readonly #unread: SegmentPacket[] = []
  #consumedBytes = 0
  #paused = false
  #peerClosed = false
  /** Something was sent since we last looked. */
  #answered = false
  /** What a segment that must arrive says on its way; only the answer to a SYN says anything. */
  #answers: Segment['acknowledges']

  constructor(options: LabStreamOptions) {
    this.#options = options
    this.local = options.local
    this.remote = options.remote
    this.#transmission = new Transmission(
      options.clock,
      (flight) => this.#transmitFlight(flight),
      () => this.#break('network/timed-out', 'no acknowledgement'),
    )
  }

  get unsentBytes(): number {
    return this.#unsent.length
  }

  /** The client's first segment. */
  open(): void {
    this.#transmission.transmit('syn', NO_BYTES)
  }

  /** The server's answer to a first segment. */
  answer(syn: Segment): void {
    this.#expected = 1
    this.#acknowledgement = 1
    this.#answers = { sequence: 0, sentAt: syn.sentAt }
    this.#transmission.transmit('syn-ack', NO_BYTES)
  }

  /** Gives up an attempt to open. */
  abandon(): void {
    if (this.#state === 'opening') this.#break('network/timed-out', 'no answer')
  }

  send(bytes: Uint8Array): void {
    if (this.#state === 'ended' || this.#closing || bytes.length === 0) return
    this.#unsent.append(bytes)
    this.#drainOwed = true
    this.#answered = true
    this.#pumpSoon()
  }

  close(): void {
    this.#closing = true
    this.#pumpSoon()
  }

  abort(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#transmitControl('reset', undefined)
    this.#forget()
    soon(this.#options.clock, () => this.onEnd(undefined))
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    soon(this.#options.clock, () => {
      const consumedBefore = this.#consumedBytes
      this.#deliver()
      // The peer may have stopped at the end of its window; that news must arrive.
      if (this.#consumedBytes > consumedBefore && this.#state === 'open' && !this.#finSent) {
        this.#transmission.transmit('window', NO_BYTES)
      }
      this.#pump()
    })
  }

  receive(packet: SegmentPacket): void {
    const { segment } = packet
    if (segment.kind === 'reset') {
      if (this.#state === 'opening') this.#break('network/refused', 'connection refused')
      else this.#break('network/reset', 'connection reset by peer')
      return
    }
    this.#peerConsumedBytes = Math.max(this.#peerConsumedBytes, segment.consumedBytes)
    if (segment.acknowledges !== undefined) {
      this.#transmission.acknowledge(segment.acknowledges.sequence, segment.acknowledges.sentAt)
    }
    if (this.#state === 'opening' && opens(this.#options.role, segment.kind)) {
      this.#state = 'open'
      this.#options.onOpen(undefined)
    }
    if (segment.sequence !== undefined) this.#accept(packet, segment.sequence, segment.sentAt)
    this.#pump()
  }

  #accept(packet: SegmentPacket, sequence: number, sentAt: MonoMs): void {
    if (sequence >= this.#expected) this.#early.set(sequence, packet)
    for (;;) {
      const next = this.#early.get(this.#expected)
      if (next === undefined) break
      this.#early.delete(this.#expected++)
      this.#unread.push(next)
      this.#acknowledgement += octets(next.segment.kind, next.payload)
      this.#echo = Math.floor(next.segment.sentAt) >>> 0
    }
    this.#deliver()
    if (!this.#forgotten) this.#transmitControl('ack', { sequence, sentAt })
  }

  #deliver(): void {
    while (this.#state === 'open' && (!this.#paused || this.#closing)) {
      const packet = this.#unread.shift()
      if (packet === undefined) return
      if (packet.segment.kind === 'fin') {
        this.#peerClosed = true
        // As on a real host: of a client one cannot know whether it still listens.
        if (this.#options.role === 'client') this.#closing = true
        else this.#closeOnceAnswered()
      }
      this.#consumedBytes += packet.payload.length
      if (packet.payload.length > 0 && !this.#closing) lend(packet.payload, this.onBytes)
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
    while (this.#state === 'open' && this.#unsent.length > 0) {
      const size = Math.min(this.#unsent.length, SEGMENT_BYTES_MAX)
      const unreadBytes = this.#sentBytes - this.#peerConsumedBytes
      if (size > this.#transmission.roomBytes || unreadBytes + size > WINDOW_BYTES_MAX) break
      this.#sentBytes += size
      this.#transmission.transmit('data', this.#unsent.take(size))
    }
    if (this.#state === 'open' && this.#unsent.length === 0) {
      if (this.#drainOwed) {
        this.#drainOwed = false
        this.onDrained()
      }
      this.#finish()
    }
    if (this.#state === 'ended' && this.#transmission.idle) this.#forget()
  }

  /** Once all is sent: our FIN where we are closing, and the end where the peer is closing too. */
  #finish(): void {
    if (this.#state !== 'open' || !this.#closing || this.#unsent.length > 0) return
    if (!this.#finSent) {
      this.#finSent = true
      this.#transmission.transmit('fin', NO_BYTES)
    }
    if (this.#peerClosed) {
      this.#state = 'ended'
      this.onEnd(undefined)
    }
  }

  #break(code: NetworkFaultCode, reason: string): void {
    const before = this.#state
    this.#state = 'ended'
    this.#forget()
    const fault = new Fault<NetworkFaultCode>(code, reason, { temporary: true })
    if (before === 'opening') this.#options.onOpen(fault)
    else if (before === 'open') this.onEnd(fault)
  }

  #forget(): void {
    this.#transmission.stop()
    this.#unsent.clear()
    if (this.#forgotten) return
    this.#forgotten = true
    this.#options.onForgotten()
  }

  #transmitFlight(flight: Flight): void {
    const { kind, sequence, payload, retransmitted } = flight
    const acknowledges = kind === 'syn-ack' ? this.#answers : undefined
    this.#transmit(payload, { kind, sequence, acknowledges, retransmitted }, flight.offset)
  }

  #transmitControl(kind: 'ack' | 'reset', acknowledges: Segment['acknowledges']): void {
    this.#transmit(NO_BYTES, { kind, sequence: undefined, acknowledges, retransmitted: false })
  }

  #transmit(
    payload: Uint8Array,
    segment: Omit<Segment, 'sentAt' | 'consumedBytes'>,
    offset: number = this.#transmission.nextOffset,
  ): void {
    this.#options.transmit({
      protocol: 'tcp',
      source: this.local,
      target: this.remote,
      payload,
      header: this.#header(segment.kind, offset),
      segment: {
        ...segment,
        sentAt: this.#options.clock.now(),
        consumedBytes: this.#consumedBytes,
      },
    })
  }

  #header(kind: SegmentKind, offset: number): TcpHeader {
    const isSyn = kind === 'syn' || kind === 'syn-ack'
    const now = Math.floor(this.#options.clock.now()) >>> 0
    return {
      sequence: offset,
      acknowledgement: kind === 'syn' ? 0 : this.#acknowledgement,
      flags: FLAGS[kind],
      window: isSyn ? 0xffff : WINDOW_BYTES_MAX >> WINDOW_SHIFT,
      options: {
        mss: isSyn ? SEGMENT_BYTES_MAX : undefined,
        timestamp: { value: now, echo: this.#echo },
        sack: [],
      },
    }
  }
}

const FLAGS: Readonly<Record<SegmentKind, number>> = {
  syn: TCP_FLAGS.syn,
  'syn-ack': TCP_FLAGS.syn | TCP_FLAGS.ack,
  data: TCP_FLAGS.psh | TCP_FLAGS.ack,
  window: TCP_FLAGS.ack,
  fin: TCP_FLAGS.fin | TCP_FLAGS.ack,
  ack: TCP_FLAGS.ack,
  reset: TCP_FLAGS.rst | TCP_FLAGS.ack,
}

/** A server's stream is open once the client has shown that it heard the answer to its SYN. */
function opens(role: 'client' | 'server', kind: SegmentKind): boolean {
  return role === 'client' ? kind === 'syn-ack' : kind !== 'syn'
}
