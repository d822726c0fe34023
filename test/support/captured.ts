import { fromLatin1, NO_BYTES } from '../../src/base/bytes.ts'
import { monoMs } from '../../src/base/time.ts'
import type { CapturedPacket } from '../../src/lab/capture.ts'
import type { SegmentKind } from '../../src/lab/packet.ts'
import { NO_OPTIONS, TCP_FLAGS } from '../../src/lab/tcp-header.ts'

const CLIENT = { host: '172.21.0.3', port: 49_152 }
const SERVER = { host: '172.22.0.3', port: 25 }

/** A datagram from mail-1 to mail-2 that arrives half a second later. */
export function capturedDatagram(change: Partial<CapturedPacket>): CapturedPacket {
  return {
    sentAt: monoMs(0),
    arrivesAt: monoMs(500),
    local: false,
    from: 'mail-1',
    to: 'mail-2',
    source: CLIENT,
    target: SERVER,
    protocol: 'udp',
    segment: undefined,
    tcp: undefined,
    fragment: undefined,
    retransmitted: false,
    payload: fromLatin1('hello'),
    wireBytes: 33,
    ...change,
  }
}

/** A TCP connection in packets, from mail-1 to mail-2: a step every 10 ms. */
export class CapturedStream {
  readonly packets: CapturedPacket[] = []
  readonly #next = { client: 0, server: 0 }

  open(): this {
    this.#add('client', 'syn', TCP_FLAGS.syn)
    this.#add('server', 'syn-ack', TCP_FLAGS.syn | TCP_FLAGS.ack)
    return this.#add('client', 'ack', TCP_FLAGS.ack)
  }

  client(said: string | Uint8Array, change: Partial<CapturedPacket> = {}): this {
    return this.#add('client', 'data', TCP_FLAGS.ack, octets(said), change)
  }

  server(said: string | Uint8Array, change: Partial<CapturedPacket> = {}): this {
    return this.#add('server', 'data', TCP_FLAGS.ack, octets(said), change)
  }

  /** The last packet once more: it was lost. */
  again(): this {
    const last = this.packets.pop()
    if (last === undefined) return this
    this.packets.push({ ...last, arrivesAt: 'lost' })
    this.packets.push({ ...last, sentAt: monoMs(last.sentAt + 1000), retransmitted: true })
    return this
  }

  #add(
    side: 'client' | 'server',
    segment: SegmentKind,
    flags: number,
    payload: Uint8Array = NO_BYTES,
    change: Partial<CapturedPacket> = {},
  ): this {
    const sentAt = monoMs(this.packets.length * 10)
    const [source, target] = side === 'client' ? [CLIENT, SERVER] : [SERVER, CLIENT]
    const [from, to] = side === 'client' ? ['mail-1', 'mail-2'] : ['mail-2', 'mail-1']
    const sequence = this.#next[side]
    this.#next[side] += payload.length + ((flags & TCP_FLAGS.syn) === 0 ? 0 : 1)
    this.packets.push({
      ...capturedDatagram({ sentAt, arrivesAt: sentAt, source, target, from, to, payload }),
      protocol: 'tcp',
      segment,
      tcp: { sequence, acknowledgement: 0, flags, window: 0xffff, options: NO_OPTIONS },
      ...change,
    })
    return this
  }
}

function octets(said: string | Uint8Array): Uint8Array {
  return typeof said === 'string' ? fromLatin1(said) : said
}
