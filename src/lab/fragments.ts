/** Datagrams that one packet does not take: RFC 791 §3.2, RFC 8200 §4.5. */

import { concat } from '../base/bytes.ts'
import type { MonoMs } from '../base/time.ts'
import { formatAddress } from '../ports/network.ts'
import { REASSEMBLY_BYTES_MAX, REASSEMBLY_MS, UDP_HEADER_BYTES } from './limits.ts'
import { type DatagramPacket, type Fragment, ipHeaderBytes } from './packet.ts'

/** The header by which IPv6 says that a packet is a fragment. */
const FRAGMENT_HEADER_BYTES = 8

/** The packets in which it goes over a way of that MTU. */
export function fragmented(
  datagram: DatagramPacket,
  mtuBytes: number,
  nextIdentification: () => number,
): readonly DatagramPacket[] {
  const { payload, target } = datagram
  const headerBytes = ipHeaderBytes(target.host)
  const totalBytes = UDP_HEADER_BYTES + payload.length
  if (headerBytes + totalBytes <= mtuBytes) return [datagram]
  const extraBytes = target.host.includes(':') ? FRAGMENT_HEADER_BYTES : 0
  const pieceBytes = (mtuBytes - headerBytes - extraBytes) & ~7
  const identification = nextIdentification()
  const fragments: DatagramPacket[] = []
  for (let offset = 0; offset < totalBytes; offset += pieceBytes) {
    const end = Math.min(offset + pieceBytes, totalBytes)
    fragments.push({
      ...datagram,
      payload: payload.subarray(Math.max(0, offset - UDP_HEADER_BYTES), end - UDP_HEADER_BYTES),
      fragment: { identification, offset, isLast: end === totalBytes, datagram: payload },
    })
  }
  return fragments
}

/** What has come of one datagram. */
interface Partial {
  readonly startedAt: MonoMs
  /** By their offsets. */
  readonly pieces: Map<number, Uint8Array>
  bytes: number
}

/**
 * Puts datagrams together again. One whose fragments do not all come in time is given up, and no
 * more is kept than the bound: what comes beyond it is lost.
 */
export class Reassembly {
  /** Those that began first come first. */
  readonly #partials = new Map<string, Partial>()
  #bytes = 0

  /** What waits. */
  get bytes(): number {
    return this.#bytes
  }

  /** The datagram, once it is whole. */
  add(packet: DatagramPacket, fragment: Fragment, now: MonoMs): DatagramPacket | undefined {
    this.#giveUp(now)
    const { source, target } = packet
    const key = `${formatAddress(source)} ${formatAddress(target)} ${fragment.identification}`
    const partial = this.#partials.get(key) ?? { startedAt: now, pieces: new Map(), bytes: 0 }
    if (partial.pieces.has(fragment.offset)) return undefined
    const bytes = packet.payload.length + (fragment.offset === 0 ? UDP_HEADER_BYTES : 0)
    if (this.#bytes + bytes > REASSEMBLY_BYTES_MAX) return undefined
    this.#partials.set(key, partial)
    partial.pieces.set(fragment.offset, packet.payload)
    partial.bytes += bytes
    this.#bytes += bytes
    if (partial.bytes < UDP_HEADER_BYTES + fragment.datagram.length) return undefined
    this.#remove(key, partial)
    const inOrder = [...partial.pieces].sort(([a], [b]) => a - b).map(([, piece]) => piece)
    return { ...packet, payload: concat(...inOrder), fragment: undefined }
  }

  #giveUp(now: MonoMs): void {
    for (const [key, partial] of this.#partials) {
      if (now - partial.startedAt < REASSEMBLY_MS) return
      this.#remove(key, partial)
    }
  }

  #remove(key: string, partial: Partial): void {
    this.#partials.delete(key)
    this.#bytes -= partial.bytes
  }
}
