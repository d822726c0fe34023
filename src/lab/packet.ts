import type { MonoMs } from '../base/time.ts'
import type { SocketAddress } from '../ports/network.ts'
import { TCP_HEADER_BYTES, UDP_HEADER_BYTES } from './limits.ts'
import type { TcpHeader } from './tcp-header.ts'

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
  readonly segment: Segment
  readonly header: TcpHeader
}

/** `window` tells a stopped sender that it may go on; `ack` and `reset` alone are not acknowledged. */
export type SegmentKind = 'syn' | 'syn-ack' | 'data' | 'window' | 'fin' | 'ack' | 'reset'

/** What TCP's header says, as far as the lab's streams need it: it counts segments, not bytes. */
export interface Segment {
  readonly kind: SegmentKind
  readonly sentAt: MonoMs
  /** Place among all that must arrive; undefined for what need not. */
  readonly sequence: number | undefined
  /** The one segment that this one acknowledges, and when that was sent. */
  readonly acknowledges: { readonly sequence: number; readonly sentAt: MonoMs } | undefined
  /** What the reader has taken of the stream so far. */
  readonly consumedBytes: number
  readonly retransmitted: boolean
}

export function wireBytes(packet: Packet): number {
  return packet.payload.length + (packet.protocol === 'udp' ? UDP_HEADER_BYTES : TCP_HEADER_BYTES)
}

/**
 * Hands bytes over for the length of one call, and overwrites them afterwards: whoever keeps what
 * was only borrowed finds zeros in the lab rather than, now and then, other bytes in production.
 */
export function lend(bytes: Uint8Array, borrower: (bytes: Uint8Array) => void): void {
  const copy = bytes.slice()
  borrower(copy)
  copy.fill(0)
}
