import type { MonoMs } from '../base/time.ts'
import { formatAddress, type SocketAddress } from '../ports/network.ts'
import { CAPTURED_PACKETS_MAX } from './limits.ts'
import type { LossCause } from './link.ts'
import type { Fragment, SegmentKind } from './packet.ts'
import type { TcpHeader } from './tcp-header.ts'

export interface CapturedPacket {
  readonly sentAt: MonoMs
  readonly arrivesAt: MonoMs | 'lost'
  /** Of a packet that the link doubled. */
  readonly arrivesAgainAt?: MonoMs
  /** Why, of one that is lost. */
  readonly lostTo?: LossCause | 'checksum'
  /** It crossed no link: it stayed within one network or one host. */
  readonly local: boolean
  /** Names of hosts; of networks where it goes on over another link from there. */
  readonly from: string
  readonly to: string
  /** The networks that its link joins, in its direction. Undefined where it is local. */
  readonly link?: readonly [string, string]
  /** It has crossed another link before, and was captured there too. */
  readonly isOnward?: boolean
  /** When its last byte is on the link, after those that waited before it. Undefined where it never is. */
  readonly leavesAt?: MonoMs
  readonly source: SocketAddress
  readonly target: SocketAddress
  readonly protocol: 'udp' | 'tcp'
  /** Undefined for UDP. */
  readonly segment: SegmentKind | undefined
  /** Undefined for UDP. */
  readonly tcp: TcpHeader | undefined
  /** Undefined for TCP, and for a datagram that is whole. */
  readonly fragment: Fragment | undefined
  /** Sent before, and not known to have arrived. */
  readonly retransmitted: boolean
  readonly payload: Uint8Array
  /** The payload with its headers. */
  readonly wireBytes: number
}

/** What set out across a link, and, where that was asked for, what stayed local, in the order of sending. */
export class Capture {
  readonly #packets: CapturedPacket[] = []
  readonly #packetsMax: number
  readonly #sums = new TrafficSum()
  #count = 0
  #wireBytes = 0

  /** Nothing is kept, counted or summed up. */
  readonly isBlind: boolean

  constructor(packetsMax: number = CAPTURED_PACKETS_MAX, isBlind = false) {
    this.#packetsMax = packetsMax
    this.isBlind = isBlind
  }

  /** For runs of millions of packets that nobody looks at. */
  static none(): Capture {
    return new Capture(0, true)
  }

  /** The first `packetsMax` packets. */
  get packets(): readonly CapturedPacket[] {
    return this.#packets
  }

  /** Of all packets, kept or not. */
  get count(): number {
    return this.#count
  }

  /** Of all packets, kept or not. */
  get wireBytes(): number {
    return this.#wireBytes
  }

  add(packet: CapturedPacket): void {
    this.#count++
    this.#wireBytes += packet.wireBytes
    this.#sums.add(packet)
    if (this.#packets.length < this.#packetsMax) this.#packets.push(packet)
  }

  /** Equal for equal traffic: same packets at the same times with the same fate. For tests, not for secrets. */
  hash(): string {
    return this.#sums.text
  }
}

/** Two FNV-1a sums of 32 bits each, of units of 16 or 32 bits, of each packet's parts in turn. */
class TrafficSum {
  #first = 0x811c9dc5
  #second = 0x9747b28c

  get text(): string {
    return [this.#first, this.#second]
      .map((sum) => (sum >>> 0).toString(16).padStart(8, '0'))
      .join('')
  }

  add(packet: CapturedPacket): void {
    const head = [
      packet.sentAt,
      packet.arrivesAt,
      packet.arrivesAgainAt ?? '',
      packet.from,
      packet.to,
      packet.protocol,
      packet.segment ?? '',
      formatAddress(packet.source),
      formatAddress(packet.target),
      packet.payload.length,
    ].join(' ')
    for (let i = 0; i < head.length; i++) this.#mix(head.charCodeAt(i))
    if (packet.tcp !== undefined) this.#mixHeader(packet.tcp)
    if (packet.fragment !== undefined) this.#mix(packet.fragment.offset)
    const { buffer, byteOffset, length } = packet.payload
    const view = new DataView(buffer, byteOffset, length)
    const whole = length & ~3
    for (let i = 0; i < whole; i += 4) this.#mix(view.getUint32(i))
    for (let i = whole; i < length; i++) this.#mix(view.getUint8(i))
  }

  #mixHeader({ sequence, acknowledgement, flags, window }: TcpHeader): void {
    this.#mix(sequence)
    this.#mix(acknowledgement)
    this.#mix((flags << 16) | window)
  }

  #mix(unit: number): void {
    this.#first = Math.imul(this.#first ^ unit, 0x01000193)
    // Upper bits reach lower ones as well: a product alone passes nothing down.
    this.#second = Math.imul(this.#second ^ unit, 0x85ebca6b)
    this.#second ^= this.#second >>> 15
  }
}
