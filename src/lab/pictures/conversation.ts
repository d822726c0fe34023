/** One TCP connection as a conversation: its streams put together, its messages read. */

import type { CapturedPacket } from '../capture.ts'
import type { TlsRecord } from '../tls-records.ts'
import { FrameDialogue, framingOf, TcpclDialogue } from './bundle-dialogues.ts'
import { Flow } from './flow.ts'
import { ImapDialogue, Pop3Dialogue } from './mailbox-dialogues.ts'
import { SmtpDialogue } from './smtp-dialogue.ts'
import { cutOpaque, type Dialogue, type Side, type Spoken } from './spoken.ts'
import { beginsTls, CLOSE_NOTIFY, firstRecord, TlsConversation } from './tls-conversation.ts'

/** One message that was said. */
export interface Said {
  readonly side: Side
  readonly protocol: string
  readonly text: string
  readonly phase: string | undefined
  readonly remark: string | undefined
  readonly mails: readonly string[]
  /** The packets that it came in: places in the capture, the first of them first. */
  readonly packets: readonly number[]
  /** So many more of the same kind came right behind it. */
  more: number
}

export class Conversation {
  readonly said: Said[] = []
  readonly #sides: Readonly<Record<Side, Speaker>> = { client: newSpeaker(), server: newSpeaker() }
  #dialogue: Dialogue | undefined
  #tls: TlsConversation | undefined
  #isSecured = false
  #hasOpened = false
  /** Of the handshake's flight that is under way. */
  #flight: { readonly side: Side; readonly names: string[]; readonly packets: number[] } | undefined

  /** A packet of this connection, with its place in the capture. */
  hear(packet: CapturedPacket, place: number, side: Side): void {
    switch (packet.segment) {
      case 'syn':
      case 'syn-ack':
        if (!packet.retransmitted)
          this.#control(side, packet.segment === 'syn' ? 'SYN' : 'SYN-ACK', place)
        return
      case 'reset':
        this.#control(side, 'RST', place)
        return
    }
    if (side === 'client' && !this.#hasOpened && this.said.some(({ text }) => text === 'SYN-ACK')) {
      this.#hasOpened = true
      this.#tell(side, [place], {
        protocol: 'TCP',
        text: 'ACK',
        remark: 'the TCP connection is open',
      })
    }
    const fresh = freshBytes(packet, this.#sides[side])
    if (fresh.length === 0) return
    this.#sides[side].outer.append(fresh, place)
    this.#read(side)
  }

  /** What was begun and never finished. */
  end(): void {
    this.#flushFlight()
    for (const side of ['client', 'server'] as const) {
      const { outer, inner } = this.#sides[side]
      for (const flow of [inner, outer]) {
        const { length } = flow.view
        if (length === 0) continue
        const protocol = this.#dialogue?.protocol ?? 'TCP'
        this.#tell(side, flow.skip(length), { protocol, text: `${length} B, unfinished` })
      }
    }
  }

  #control(side: Side, text: string, place: number): void {
    const phase = text === 'SYN' ? 'TCP connection' : undefined
    this.#tell(side, [place], { protocol: 'TCP', text, phase })
  }

  #read(side: Side): void {
    const { outer } = this.#sides[side]
    for (;;) {
      if (this.#tls === undefined && side === 'client' && beginsTls(outer.view)) {
        this.#tls = new TlsConversation()
      }
      if (this.#tls === undefined) {
        if (!this.#cut(side, outer)) return
        continue
      }
      const record = firstRecord(outer.view)
      if (record === undefined) return
      // The view is gone once it is skipped.
      const { type, length } = record
      const body = record.body.slice()
      this.#onRecord(this.#tls, side, { type, body }, outer.skip(length))
    }
  }

  #onRecord(tls: TlsConversation, side: Side, record: TlsRecord, packets: readonly number[]): void {
    const words = tls.hear(side, record)
    if (words.type === 'handshake') {
      this.#inFlight(side, packets, words.names)
      return
    }
    this.#flushFlight()
    if (words.type === 'alert') {
      // As with FIN, how a connection closes is told only where something is wrong.
      if (words.description === CLOSE_NOTIFY) return
      this.#tell(side, packets, { protocol: 'TLS', text: `Alert ${words.description}` })
      return
    }
    const { inner } = this.#sides[side]
    inner.append(words.bytes, packets[0] ?? 0)
    while (this.#cut(side, inner));
  }

  #inFlight(side: Side, packets: readonly number[], names: readonly string[]): void {
    if (this.#flight?.side !== side) this.#flushFlight()
    this.#flight ??= { side, names: [], packets: [] }
    this.#flight.names.push(...names)
    this.#flight.packets.push(...packets)
  }

  #flushFlight(): void {
    const flight = this.#flight
    if (flight === undefined) return
    this.#flight = undefined
    const text = flight.names.join(', ')
    const ends = !this.#isSecured && this.#tls?.isSecured === true
    this.#tell(flight.side, flight.packets, {
      protocol: 'TLS',
      text,
      phase: this.#isSecured ? undefined : 'TLS handshake',
      remark: ends ? 'TLS is agreed: what follows is encrypted' : undefined,
    })
    if (!ends) return
    this.#isSecured = true
    this.#dialogue?.secured?.()
  }

  /** Takes the next message; false where none is all there. */
  #cut(side: Side, flow: Flow): boolean {
    const { view } = flow
    if (view.length === 0) return false
    if (this.#dialogue === undefined) {
      this.#dialogue = dialogueFor(side, view)
      if (this.#isSecured) this.#dialogue?.secured?.()
    }
    if (this.#dialogue === undefined) return false
    const spoken = this.#dialogue.cut(side, view)
    if (spoken === undefined) return false
    this.#tell(side, flow.skip(spoken.length), spoken)
    return true
  }

  #tell(side: Side, packets: readonly number[], spoken: Omit<Spoken, 'length'>): void {
    const { protocol, text, phase, remark, mails = [], isPart } = spoken
    const last = this.said.at(-1)
    const speaker = this.#sides[side]
    if (isPart && speaker.lastPart !== undefined && speaker.lastPart === last) {
      last.more++
      return
    }
    const said: Said = { side, protocol, text, phase, remark, mails, packets, more: 0 }
    this.said.push(said)
    speaker.lastPart = isPart ? said : undefined
  }
}

interface Speaker {
  readonly outer: Flow
  /** Within TLS. */
  readonly inner: Flow
  /** The sequence number that comes next; undefined before the first. */
  next: number | undefined
  /** The last that was said, where those like it join it. */
  lastPart: Said | undefined
}

function newSpeaker(): Speaker {
  return {
    outer: new Flow(),
    inner: new Flow(),
    next: undefined,
    lastPart: undefined,
  }
}

/** What of the packet was not in any before it. Sequence numbers begin anew after 2^32. */
function freshBytes({ payload, tcp }: CapturedPacket, speaker: Speaker): Uint8Array {
  if (tcp === undefined || payload.length === 0) return payload
  const known = speaker.next === undefined ? 0 : (speaker.next - tcp.sequence) | 0
  if (known >= payload.length) return payload.subarray(payload.length)
  speaker.next = (tcp.sequence + payload.length) >>> 0
  return payload.subarray(Math.max(0, known))
}

/** What tells protocols apart: a reply code, or the head of a frame and the octet behind it. */
const START_BYTES = 5

/** By how it begins; undefined while that is too little to tell. */
function dialogueFor(side: Side, bytes: Uint8Array): Dialogue | undefined {
  if (bytes.length < START_BYTES) return undefined
  const start = String.fromCharCode(...bytes.subarray(0, START_BYTES))
  if (side === 'server') {
    if (/^\d{3}[ -]/.test(start)) return new SmtpDialogue()
    if (/^\* /.test(start)) return new ImapDialogue()
    if (/^(\+OK|-ERR)/.test(start)) return new Pop3Dialogue()
  }
  if (start.startsWith('dtn!')) return new TcpclDialogue()
  const framing = framingOf(bytes)
  if (framing !== undefined) return new FrameDialogue(framing)
  return { protocol: 'TCP', cut: (_, view) => cutOpaque('TCP', view) }
}
