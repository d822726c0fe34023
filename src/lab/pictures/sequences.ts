/** Sequence diagrams of what was captured, at the detail that is asked for. */

import type { CapturedPacket } from '../capture.ts'
import { type Message, messagesIn, userOn } from './messages.ts'
import { PacketWords } from './packet-words.ts'
import type { Sequence, SequenceItem, SequenceNote } from './sequence.ts'

/** Of a picture: those of whom something is asked; all others are left out. */
export interface PictureFilter {
  /** Names of hosts: what one of them sends or gets. */
  readonly hosts?: readonly string[] | undefined
  /** `smtp`, `bp`, in any case: what is of one of them. */
  readonly protocols?: readonly string[] | undefined
  /** Names of one mail: what carries it or answers for it; of a stream that did, all. */
  readonly mails?: readonly string[] | undefined
}

/** Items of one diagram: more than anybody reads, and what a program that draws it still takes. */
export const SEQUENCE_ITEMS_MAX = 2000

export interface SequenceOptions {
  readonly title: string
  /** Hosts in the order in which they shall stand. */
  readonly hosts: readonly string[]
  readonly filter?: PictureFilter
  /** What there is no more of than is drawn. */
  readonly remark?: string | undefined
}

/** Each packet, whatever it carries. */
export function packetSequence(
  packets: readonly CapturedPacket[],
  options: SequenceOptions,
): Sequence {
  const wanted = wantedPackets(packets, options.filter ?? {})
  const words = new PacketWords()
  const items = wanted.map((packet): SequenceItem => {
    const { from, to, sentAt: at, arrivesAt } = packet
    const isLocal = packet.protocol === 'tcp' && from === to
    const isClient = packet.source.port > packet.target.port
    return {
      type: 'message',
      at,
      from: isLocal && isClient ? userOn(from) : from,
      to: isLocal && !isClient ? userOn(to) : to,
      text: words.describe(packet),
      lost: arrivesAt === 'lost',
    }
  })
  return sequenceOf(items, options)
}

/** Each message of a protocol; what connections do, as notes over both ends. */
export function messageSequence(
  packets: readonly CapturedPacket[],
  options: SequenceOptions,
): Sequence {
  const messages = wantedMessages(messagesIn(packets), options.filter ?? {})
  const phases = new Map<number, { name: string | undefined; count: number }>()
  const items = messages.flatMap((message): readonly SequenceItem[] => {
    const { at, from, to, text, lost, stream } = message
    const arrow: SequenceItem = { type: 'message', at, from, to, text, lost }
    if (stream === undefined) return [arrow]
    const phase = phases.get(stream.number) ?? { name: undefined, count: 0 }
    phases.set(stream.number, phase)
    const notes: SequenceNote[] = []
    if (stream.phase !== undefined && stream.phase !== phase.name) {
      phase.name = stream.phase
      phase.count++
      const said = `Phase ${phase.count}: ${stream.phase}`
      notes.push({ type: 'note', over: [stream.client, stream.server], text: said })
    }
    if (stream.remark === undefined) return [...notes, arrow]
    return [...notes, arrow, { type: 'note', over: [stream.client], text: stream.remark }]
  })
  return sequenceOf(items, options)
}

/** By their messages where the filter asks for a protocol or a mail: what belongs to no message is left out then. */
export function wantedPackets(
  packets: readonly CapturedPacket[],
  filter: PictureFilter,
): readonly CapturedPacket[] {
  const { hosts, protocols, mails } = filter
  const isOfHost = ({ from, to }: CapturedPacket): boolean => isAmong([from, to], hosts)
  if (protocols === undefined && mails === undefined) return packets.filter(isOfHost)
  const messages = wantedMessages(messagesIn(packets), { protocols, mails })
  const places = new Set(messages.flatMap((message) => message.places))
  return packets.filter((packet, place) => places.has(place) && isOfHost(packet))
}

function wantedMessages(
  messages: readonly Message[],
  { hosts, protocols, mails }: PictureFilter,
): readonly Message[] {
  const carriers = new Set(
    messages.flatMap(({ stream, mails: carried }) =>
      stream !== undefined && isAmong(carried, mails) ? [stream.number] : [],
    ),
  )
  return messages.filter(({ from, to, protocol, mails: carried, stream }) => {
    const isOfMail = stream === undefined ? isAmong(carried, mails) : carriers.has(stream.number)
    return isOfMail && isAmong([from, to], hosts) && isAmong([protocol], protocols, true)
  })
}

/** Whether one of the names is wanted; all are where nothing is said. */
export function isAmong(
  names: readonly string[],
  wanted: readonly string[] | undefined,
  inAnyCase = false,
): boolean {
  if (wanted === undefined) return true
  const plain = (name: string): string => (inAnyCase ? name.toLowerCase() : name)
  return names.some((name) => wanted.some((one) => plain(one) === plain(name)))
}

export function sequenceOf(items: readonly SequenceItem[], options: SequenceOptions): Sequence {
  const { title, hosts, remark } = options
  const seen = new Set(
    items.flatMap((item) => (item.type === 'message' ? [item.from, item.to] : [...item.over])),
  )
  // A user stands beside the host, on the outer side.
  const [first, ...others] = hosts
  const order = first === undefined ? [] : [userOn(first), first]
  for (const host of others) order.push(host, userOn(host))
  const remarks = [
    ...(items.length === 0 ? ['Nothing was seen of what was asked for.'] : []),
    ...(items.length > SEQUENCE_ITEMS_MAX
      ? [`Only the first ${SEQUENCE_ITEMS_MAX} of ${items.length} are drawn.`]
      : []),
    ...(remark === undefined ? [] : [remark]),
  ]
  return {
    title,
    participants: order.filter((name) => seen.has(name)),
    items: items.slice(0, SEQUENCE_ITEMS_MAX),
    remark: remarks.length === 0 ? undefined : remarks.join(' '),
  }
}
