import { NO_BYTES } from '../base/bytes.ts'
import type { SocketAddress } from '../ports/network.ts'
import { TCP_HEADER_BYTES, UDP_HEADER_BYTES } from './limits.ts'
import { TCP_FLAGS, type TcpHeader, tcpOptionBytes } from './tcp-header.ts'

/** What crosses links. Payloads are never changed once they are in a packet. */
export type Packet = DatagramPacket | SegmentPacket

export interface DatagramPacket {
  readonly protocol: 'udp'
  readonly source: SocketAddress
  readonly target: SocketAddress
  /** Of a fragment, its part of the datagram's payload. */
  readonly payload: Uint8Array
  /** Undefined where the datagram is whole. */
  readonly fragment: Fragment | undefined
}

/** Where a packet has its place in a datagram that was too large for the link. RFC 791 §3.2. */
export interface Fragment {
  /** 16 bits: the same for all fragments of one datagram. */
  readonly identification: number
  /** Within what IP carries, UDP's header first: a multiple of 8. */
  readonly offset: number
  readonly isLast: boolean
  /** The payload of the whole. */
  readonly datagram: Uint8Array
}

export interface SegmentPacket {
  readonly protocol: 'tcp'
  readonly source: SocketAddress
  readonly target: SocketAddress
  readonly payload: Uint8Array
  readonly header: TcpHeader
  /** Sent before: the network does not know it, whoever looks at it wants to. */
  readonly retransmitted: boolean
}

/** What a segment is for, in one word; those that only acknowledge are `ack`. */
export type SegmentKind = 'syn' | 'syn-ack' | 'data' | 'fin' | 'ack' | 'reset'

export function segmentKind({ header: { flags }, payload }: SegmentPacket): SegmentKind {
  if (flags & TCP_FLAGS.rst) return 'reset'
  if (flags & TCP_FLAGS.syn) return flags & TCP_FLAGS.ack ? 'syn-ack' : 'syn'
  if (flags & TCP_FLAGS.fin) return 'fin'
  return payload.length > 0 ? 'data' : 'ack'
}

/** With all headers from IP's on. */
export function wireBytes(packet: Packet): number {
  const bytes = ipHeaderBytes(packet.target.host) + packet.payload.length
  if (packet.protocol === 'tcp') {
    return bytes + TCP_HEADER_BYTES + tcpOptionBytes(packet.header.options)
  }
  if (packet.fragment === undefined) return bytes + UDP_HEADER_BYTES
  return bytes + fragmentHeaderBytes(packet)
}

/** RFC 791 §3.1, RFC 8200 §3. */
export function ipHeaderBytes(address: string): number {
  return isIpv6(address) ? 40 : 20
}

/** UDP's header is in the first; in IPv6 each has a header of its own. RFC 8200 §4.5. */
function fragmentHeaderBytes({ target, fragment }: DatagramPacket): number {
  return (fragment?.offset === 0 ? UDP_HEADER_BYTES : 0) + (isIpv6(target.host) ? 8 : 0)
}

function isIpv6(address: string): boolean {
  return address.includes(':')
}

/**
 * Hands bytes over for the length of one call, and overwrites them afterwards: whoever keeps what
 * was only borrowed finds zeros in the lab, or what is lent next, rather than, now and then, other
 * bytes in production. What it hands out lies in one place, as making a copy costs more than filling it.
 */
export class Lender {
  #room: Uint8Array = NO_BYTES
  #isLent = false

  lend(bytes: Uint8Array, borrower: (bytes: Uint8Array) => void): void {
    const { length } = bytes
    if (!this.#isLent && this.#room.length < length) this.#room = new Uint8Array(2 * length)
    const isFirst = !this.#isLent
    // To one who has borrowed already: something of its own.
    const lent = isFirst ? new Uint8Array(this.#room.buffer, 0, length) : new Uint8Array(length)
    lent.set(bytes)
    this.#isLent = true
    try {
      borrower(lent)
    } finally {
      if (isFirst) this.#isLent = false
      lent.fill(0)
    }
  }
}
