/** The messages of protocols that captured packets carried, in the order in which they set out. */

import { type MonoMs, monoMs } from '../../base/time.ts'
import { formatAddress } from '../../ports/network.ts'
import type { CapturedPacket } from '../capture.ts'
import { Conversation, type Said } from './conversation.ts'
import { describeDatagram } from './datagram-words.ts'
import type { Side } from './spoken.ts'

export interface Message {
  readonly at: MonoMs
  /** Hosts, or the users on them where both ends are on one host. */
  readonly from: string
  readonly to: string
  readonly protocol: string
  /** Perhaps of several lines, with LF between them. */
  readonly text: string
  /** It never arrived. What TCP sent again is not lost. */
  readonly lost: boolean
  /** Names of the mails that it carries or answers for: transactions, Message-IDs. */
  readonly mails: readonly string[]
  /** The packets that it came in: their places among all. */
  readonly places: readonly number[]
  /** Undefined for a datagram. */
  readonly stream: MessageStream | undefined
}

/** Which connection a message is of, and what that does from here on. */
export interface MessageStream {
  /** The same for all messages of one connection, and for no other. */
  readonly number: number
  readonly client: string
  readonly server: string
  readonly phase: string | undefined
  readonly remark: string | undefined
}

export function messagesIn(packets: readonly CapturedPacket[]): readonly Message[] {
  const collector = new Collector(packets)
  for (const [place, packet] of packets.entries()) {
    if (packet.protocol === 'udp') collector.datagram(packet, place)
    else collector.segment(packet, place)
  }
  return collector.collected()
}

/** What a user's program on a host is called. */
export function userOn(host: string): string {
  return `user on ${host}`
}

interface Stream {
  readonly conversation: Conversation
  /** `host:port`. */
  readonly client: string
  readonly names: Readonly<Record<Side, string>>
}

interface Datagram {
  readonly at: MonoMs
  readonly from: string
  readonly to: string
  readonly protocol: string
  readonly text: string
  readonly mails: readonly string[]
  /** Of which bundle it is one, whole or a fragment. */
  readonly adu: string | undefined
  readonly places: number[]
  lost: boolean
}

class Collector {
  readonly #packets: readonly CapturedPacket[]
  readonly #datagrams: Datagram[] = []
  /** Those of which fragments may follow. */
  readonly #fragmented = new Map<string, Datagram>()
  /** By their payloads, which stay the same on every link. */
  readonly #underWay = new Map<Uint8Array, Datagram>()
  readonly #streams: Stream[] = []
  /** By both ends; an older one with the same has ended. */
  readonly #current = new Map<string, Stream>()

  /** Hosts by address: where a packet goes by way of others, it does not say who gets it in the end. */
  readonly #hosts = new Map<string, string>()

  constructor(packets: readonly CapturedPacket[]) {
    this.#packets = packets
    for (const { target, to } of packets) this.#hosts.set(target.host, to)
    for (const { source, from, isOnward } of packets)
      if (!isOnward) this.#hosts.set(source.host, from)
  }

  datagram(packet: CapturedPacket, place: number): void {
    const { fragment, source, target, sentAt: at, from } = packet
    const to = this.#targetOf(packet)
    const key = `${source.host} ${target.host} ${fragment?.identification}`
    const lost = packet.arrivesAt === 'lost'
    const goesOn = packet.isOnward ? this.#underWay.get(packet.payload) : undefined
    const whole = goesOn ?? (fragment?.offset ? this.#fragmented.get(key) : undefined)
    if (whole !== undefined) {
      // All fragments are needed, and every link on the way.
      whole.lost ||= lost
      whole.places.push(place)
      this.#underWay.set(packet.payload, whole)
      return
    }
    const words = describeDatagram(packet)
    const datagram = { at, from, to, lost, places: [place], ...words }
    this.#datagrams.push(datagram)
    this.#underWay.set(packet.payload, datagram)
    if (fragment !== undefined) this.#fragmented.set(key, datagram)
  }

  segment(packet: CapturedPacket, place: number): void {
    if (packet.isOnward) return
    const ends = [formatAddress(packet.source), formatAddress(packet.target)] as const
    const key = [...ends].sort().join(' ')
    const known = this.#current.get(key)
    const begins = packet.segment === 'syn' && !packet.retransmitted
    const stream = known === undefined || begins ? this.#newStream(packet) : known
    if (stream !== known) this.#current.set(key, stream)
    stream.conversation.hear(packet, place, ends[0] === stream.client ? 'client' : 'server')
  }

  /** The client is who says SYN; where the capture began later and nobody did, who has the higher port. */
  #newStream(packet: CapturedPacket): Stream {
    const { source, target, segment, from } = packet
    const to = this.#targetOf(packet)
    const isClient = segment === 'syn' || (segment !== 'syn-ack' && source.port > target.port)
    const [client, server] = isClient ? [from, to] : [to, from]
    const stream = {
      conversation: new Conversation(),
      client: formatAddress(isClient ? source : target),
      names: { client: client === server ? userOn(client) : client, server },
    }
    this.#streams.push(stream)
    return stream
  }

  #targetOf({ from, to, target, local }: CapturedPacket): string {
    return local ? to : (this.#hosts.get(target.host) ?? from)
  }

  collected(): readonly Message[] {
    const streams = this.#streams.flatMap(({ conversation, names }, number) => {
      conversation.end()
      return conversation.said.map((said) => this.#spokenMessage(said, number, names))
    })
    // Those that began in one packet keep their order.
    return [...this.#datagramMessages(), ...streams].sort(
      (a, b) => (a.places[0] ?? 0) - (b.places[0] ?? 0),
    )
  }

  /** Only the first fragment of a bundle says what it carries. */
  #datagramMessages(): readonly Message[] {
    const mailsOf = new Map<string, readonly string[]>()
    for (const { adu, mails } of this.#datagrams) {
      if (adu !== undefined && mails.length > 0) mailsOf.set(adu, mails)
    }
    return this.#datagrams.map(({ adu, ...datagram }) => ({
      ...datagram,
      mails: mailsOf.get(adu ?? '') ?? datagram.mails,
      stream: undefined,
    }))
  }

  #spokenMessage(said: Said, number: number, names: Stream['names']): Message {
    const { side, protocol, text, mails, phase, remark, more, packets } = said
    const { client, server } = names
    const again = packets.some((place) => this.#packets[place]?.arrivesAt === 'lost')
    const parts = [text, ...(more > 0 ? [`… ${more} more`] : []), ...(again ? [AGAIN] : [])]
    return {
      at: this.#packets[packets[0] ?? 0]?.sentAt ?? monoMs(0),
      from: names[side],
      to: side === 'client' ? server : client,
      protocol,
      text: parts.join('\n'),
      lost: false,
      mails,
      places: packets,
      stream: { number, client, server, phase, remark },
    }
  }
}

const AGAIN = '(lost on its way, and sent again)'
