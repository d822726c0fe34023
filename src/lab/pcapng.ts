/**
 * What was captured as a file that Wireshark and tshark open: pcapng (draft-ietf-opsawg-pcapng), an
 * interface for each host, the lab's civil time in nanoseconds.
 */

import { concat, fromUtf8, NO_BYTES } from '../base/bytes.ts'
import type { WallMs } from '../base/time.ts'
import type { CapturedPacket } from './capture.ts'
import { ethernetFrame, tcpSegment, udpDatagram } from './frame.ts'

export interface PcapngOptions {
  /** Civil time at the beginning of the capture's clock. */
  readonly startsAt: WallMs
  /**
   * The name of the host whose view it is: what it sent, when it did, and what reached it, when it did.
   * Default: the view of nobody, who sees each packet once, where it sets out; a comment says of those
   * that got lost on the first link that they did.
   */
  readonly at?: string | undefined
  /** Said of the whole file. */
  readonly comment?: string | undefined
}

const BLOCKS = { section: 0x0a0d0d0a, interface: 1, packet: 6 } as const
const BYTE_ORDER = 0x1a2b3c4d
const ETHERNET = 1
/** Options, each by the block that has it. */
const OPTIONS = {
  comment: 1,
  userApplication: 4,
  interfaceName: 2,
  timeResolution: 9,
  flags: 2,
} as const
const INBOUND = 1
const OUTBOUND = 2
/** Timestamps are in 10^-9 s. */
const NANOSECONDS = 9
const LOST = 'lost on its way'

/** The file, piece by piece. */
export function* pcapng(
  packets: readonly CapturedPacket[],
  options: PcapngOptions,
): Generator<Uint8Array, void> {
  yield sectionHeader(options.comment)
  const sightings = options.at === undefined ? seenByNobody(packets) : seenAt(packets, options.at)
  const interfaces = new Map<string, number>()
  const identifications = new Map<string, number>()
  for (const { packet, at, on, direction } of sightings) {
    let index = interfaces.get(on)
    if (index === undefined) {
      index = interfaces.size
      interfaces.set(on, index)
      yield interfaceDescription(on)
    }
    // IP numbers the packets of each pair of hosts, but for the fragments, which have a number already.
    const pair = `${packet.source.host} ${packet.target.host}`
    const identification = identifications.get(pair) ?? 0
    if (packet.fragment === undefined) identifications.set(pair, (identification + 1) % 0x10000)
    const nanoseconds = BigInt(Math.round((options.startsAt + at) * 1000)) * 1000n
    const comment = packet.arrivesAt === 'lost' ? LOST : undefined
    yield enhancedPacket(index, nanoseconds, frameOf(packet, identification), direction, comment)
  }
}

/** The packet as an Ethernet frame. */
function frameOf(packet: CapturedPacket, identification: number): Uint8Array {
  const { source, target, protocol, payload, tcp, fragment } = packet
  const ends = { source: source.host, target: target.host, protocol }
  if (tcp !== undefined) {
    const content = tcpSegment(source, target, tcp, payload)
    return ethernetFrame({ ...ends, identification, content })
  }
  const content = udpDatagram(source, target, fragment?.datagram ?? payload)
  if (fragment === undefined) return ethernetFrame({ ...ends, identification, content })
  const { offset, isLast } = fragment
  const end =
    offset + payload.length + (offset === 0 ? content.length - fragment.datagram.length : 0)
  return ethernetFrame({
    ...ends,
    identification: fragment.identification,
    fragment: { offset, isLast },
    content: content.subarray(offset, end),
  })
}

/** One packet as somebody saw it. */
interface Sighting {
  readonly packet: CapturedPacket
  readonly at: number
  /** The host at which it was seen. */
  readonly on: string
  readonly direction: typeof INBOUND | typeof OUTBOUND
}

function seenByNobody(packets: readonly CapturedPacket[]): readonly Sighting[] {
  return packets.filter(({ isOnward }) => !isOnward).map((packet) => sent(packet))
}

function seenAt(packets: readonly CapturedPacket[], host: string): readonly Sighting[] {
  const sightings = packets.flatMap((packet): readonly Sighting[] => {
    if (packet.from === host) return [sent(packet)]
    const { arrivesAt, to } = packet
    const came = to === host && arrivesAt !== 'lost'
    return came ? [{ packet, at: arrivesAt, on: host, direction: INBOUND }] : []
  })
  // The order of sending is kept where two fall together.
  return sightings.sort((a, b) => a.at - b.at)
}

function sent(packet: CapturedPacket): Sighting {
  return { packet, at: packet.sentAt, on: packet.from, direction: OUTBOUND }
}

function sectionHeader(comment: string | undefined): Uint8Array {
  const head = new Uint8Array(16)
  const view = new DataView(head.buffer)
  view.setUint32(0, BYTE_ORDER, true)
  view.setUint16(4, 1, true)
  // -1: the length of the section is not told.
  view.setBigInt64(8, -1n, true)
  return block(
    BLOCKS.section,
    head,
    comment === undefined ? NO_BYTES : option(OPTIONS.comment, fromUtf8(comment)),
    option(OPTIONS.userApplication, fromUtf8('Lightlag')),
    END_OF_OPTIONS,
  )
}

function interfaceDescription(name: string): Uint8Array {
  const head = new Uint8Array(8)
  new DataView(head.buffer).setUint16(0, ETHERNET, true)
  return block(
    BLOCKS.interface,
    head,
    option(OPTIONS.interfaceName, fromUtf8(name)),
    option(OPTIONS.timeResolution, Uint8Array.of(NANOSECONDS)),
    END_OF_OPTIONS,
  )
}

function enhancedPacket(
  index: number,
  nanoseconds: bigint,
  frame: Uint8Array,
  direction: number,
  comment: string | undefined,
): Uint8Array {
  const head = new Uint8Array(20)
  const view = new DataView(head.buffer)
  view.setUint32(0, index, true)
  view.setUint32(4, Number(nanoseconds >> 32n), true)
  view.setUint32(8, Number(nanoseconds & 0xffff_ffffn), true)
  view.setUint32(12, frame.length, true)
  view.setUint32(16, frame.length, true)
  return block(
    BLOCKS.packet,
    head,
    padded(frame),
    comment === undefined ? NO_BYTES : option(OPTIONS.comment, fromUtf8(comment)),
    option(OPTIONS.flags, Uint8Array.of(direction, 0, 0, 0)),
    END_OF_OPTIONS,
  )
}

const END_OF_OPTIONS = new Uint8Array(4)

function option(code: number, value: Uint8Array): Uint8Array {
  const head = Uint8Array.of(code & 0xff, code >> 8, value.length & 0xff, value.length >> 8)
  return concat(head, padded(value))
}

/** Its length stands at both of its ends. */
function block(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 12)
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, type, true)
  view.setUint32(4, length, true)
  let at = 8
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  view.setUint32(at, length, true)
  return bytes
}

/** To whole words of 32 bits. */
function padded(bytes: Uint8Array): Uint8Array {
  const lacking = -bytes.length & 3
  return lacking === 0 ? bytes : concat(bytes, new Uint8Array(lacking))
}
