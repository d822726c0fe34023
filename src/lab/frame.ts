/**
 * Packets as they would be on an Ethernet: Ethernet II, IPv4 (RFC 791) or IPv6 (RFC 8200), UDP
 * (RFC 768) or TCP (RFC 9293), with the checksums that they have.
 */

import { concat } from '../base/bytes.ts'
import { type IpAddress, parseIpAddress } from '../base/ip-address.ts'
import type { SocketAddress } from '../ports/network.ts'
import { encodeTcpOptions, type TcpHeader } from './tcp-header.ts'

/** Their numbers in IP's header. */
export const PROTOCOLS = { tcp: 6, udp: 17 } as const

export interface IpPacket {
  readonly source: string
  readonly target: string
  readonly protocol: keyof typeof PROTOCOLS
  /** The same for all fragments of one packet: 16 bits. */
  readonly identification: number
  /** Undefined for a whole packet. An offset is a multiple of 8. */
  readonly fragment?: { readonly offset: number; readonly isLast: boolean } | undefined
  /** From the header of UDP or TCP on. */
  readonly content: Uint8Array
}

const ETHERNET_BYTES = 14
const ETHERTYPES = { 32: 0x0800, 128: 0x86dd } as const
const HOPS = 64
const DONT_FRAGMENT = 0x4000
const MORE_FRAGMENTS = 0x2000
/** The Fragment header of IPv6, and what it takes. */
const FRAGMENT_HEADER = 44
const FRAGMENT_HEADER_BYTES = 8

export function udpDatagram(
  source: SocketAddress,
  target: SocketAddress,
  payload: Uint8Array,
): Uint8Array {
  const datagram = new Uint8Array(8 + payload.length)
  const view = viewOf(datagram)
  view.setUint16(0, source.port)
  view.setUint16(2, target.port)
  view.setUint16(4, datagram.length)
  datagram.set(payload, 8)
  // 0 would mean that there is no checksum.
  view.setUint16(6, transportChecksum('udp', source.host, target.host, datagram) || 0xffff)
  return datagram
}

export function tcpSegment(
  source: SocketAddress,
  target: SocketAddress,
  header: TcpHeader,
  payload: Uint8Array,
): Uint8Array {
  const options = encodeTcpOptions(header.options)
  const headerBytes = 20 + options.length
  const segment = new Uint8Array(headerBytes + payload.length)
  const view = viewOf(segment)
  view.setUint16(0, source.port)
  view.setUint16(2, target.port)
  view.setUint32(4, header.sequence)
  view.setUint32(8, header.acknowledgement)
  view.setUint16(12, ((headerBytes / 4) << 12) | header.flags)
  view.setUint16(14, header.window)
  segment.set(options, 20)
  segment.set(payload, headerBytes)
  view.setUint16(16, transportChecksum('tcp', source.host, target.host, segment))
  return segment
}

/** The Ethernet addresses are made of the IP addresses: the lab has none of its own. */
export function ethernetFrame(packet: IpPacket): Uint8Array {
  const [source, target] = [addressOf(packet.source), addressOf(packet.target)]
  const head = new Uint8Array(ETHERNET_BYTES)
  head.set(macOf(target), 0)
  head.set(macOf(source), 6)
  viewOf(head).setUint16(12, ETHERTYPES[source.bits])
  const ip = source.bits === 32 ? ipv4Header(packet) : ipv6Header(packet)
  return concat(head, ip, packet.content)
}

function ipv4Header(packet: IpPacket): Uint8Array {
  const { fragment, content } = packet
  const header = new Uint8Array(20)
  const view = viewOf(header)
  header[0] = 0x45
  view.setUint16(2, header.length + content.length)
  view.setUint16(4, packet.identification)
  const more = fragment === undefined || fragment.isLast ? 0 : MORE_FRAGMENTS
  const whole = packet.protocol === 'tcp' ? DONT_FRAGMENT : 0
  view.setUint16(6, fragment === undefined ? whole : more | (fragment.offset / 8))
  header[8] = HOPS
  header[9] = PROTOCOLS[packet.protocol]
  header.set(octetsOf(addressOf(packet.source)), 12)
  header.set(octetsOf(addressOf(packet.target)), 16)
  view.setUint16(10, checksum([header]))
  return header
}

function ipv6Header(packet: IpPacket): Uint8Array {
  const { fragment, content } = packet
  const extensionBytes = fragment === undefined ? 0 : FRAGMENT_HEADER_BYTES
  const header = new Uint8Array(40 + extensionBytes)
  const view = viewOf(header)
  header[0] = 0x60
  view.setUint16(4, extensionBytes + content.length)
  header[6] = fragment === undefined ? PROTOCOLS[packet.protocol] : FRAGMENT_HEADER
  header[7] = HOPS
  header.set(octetsOf(addressOf(packet.source)), 8)
  header.set(octetsOf(addressOf(packet.target)), 24)
  if (fragment !== undefined) {
    header[40] = PROTOCOLS[packet.protocol]
    view.setUint16(42, fragment.offset | (fragment.isLast ? 0 : 1))
    view.setUint32(44, packet.identification)
  }
  return header
}

/** Over the addresses as well, so that what reaches the wrong host is noticed. */
function transportChecksum(
  protocol: keyof typeof PROTOCOLS,
  source: string,
  target: string,
  content: Uint8Array,
): number {
  const tail = new Uint8Array(8)
  const view = viewOf(tail)
  view.setUint32(0, content.length)
  view.setUint32(4, PROTOCOLS[protocol])
  return checksum([octetsOf(addressOf(source)), octetsOf(addressOf(target)), tail, content])
}

/** The Internet checksum (RFC 1071) of pieces of which all but the last have an even length. */
function checksum(pieces: readonly Uint8Array[]): number {
  let sum = 0
  for (const piece of pieces) {
    for (let i = 0; i < piece.length; i += 2) {
      sum += ((piece[i] ?? 0) << 8) | (piece[i + 1] ?? 0)
    }
  }
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000)
  return 0xffff - sum
}

/** Locally administered: 02:00 and the last four octets of the IP address. */
function macOf(address: IpAddress): Uint8Array {
  return concat(Uint8Array.of(0x02, 0x00), octetsOf(address).slice(-4))
}

function octetsOf({ bits, value }: IpAddress): Uint8Array {
  return Uint8Array.from({ length: bits / 8 }, (_, i) =>
    Number((value >> BigInt(bits - 8 * (i + 1))) & 0xffn),
  )
}

function addressOf(text: string): IpAddress {
  return parseIpAddress(text) ?? UNSPECIFIED
}

/** For what has no address: nothing that crosses a link. */
const UNSPECIFIED: IpAddress = { bits: 32, value: 0n }

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
