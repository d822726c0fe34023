/** Single packets in words: what their headers say, and how what they carry begins. */

import { toUtf8Strict } from '../../base/bytes.ts'
import { formatAddress, type SocketAddress } from '../../ports/network.ts'
import type { CapturedPacket } from '../capture.ts'
import { TCP_FLAGS, type TcpHeader } from '../tcp-header.ts'
import { describeDatagram } from './datagram-words.ts'
import { firstLine } from './spoken.ts'

const FLAG_NAMES = Object.entries(TCP_FLAGS).map(
  ([name, flag]) => [name.toUpperCase(), flag] as const,
)

/** A command that carries a password, up to it. RFC 1939 §7, RFC 4954 §4. */
const SECRET = /^(PASS|AUTH [A-Z0-9-]+|\S+ LOGIN \S+) .*/i

/** Of a fragment, that of the datagram. */
export function protocolOf(packet: CapturedPacket): string {
  return packet.tcp === undefined ? describeDatagram(packet).protocol : 'TCP'
}

/** Of one packet after the other: sequence numbers are counted from where each stream began. */
export class PacketWords {
  /** Of each direction. */
  readonly #begins = new Map<string, number>()

  describe(packet: CapturedPacket): string {
    const { tcp, fragment, payload, retransmitted } = packet
    if (tcp !== undefined) {
      const carried = payload.length === 0 ? '' : `, ${describeBytes(payload)}`
      return `${this.#header(tcp, packet.source, packet.target)}${carried}${retransmitted ? ' (again)' : ''}`
    }
    if (fragment === undefined) return describeDatagram(packet).text
    const { offset } = fragment
    const whole = offset === 0 ? `: ${describeDatagram(packet).text}` : ''
    return `fragment at ${offset}, ${payload.length} B${whole}`
  }

  #header(tcp: TcpHeader, source: SocketAddress, target: SocketAddress): string {
    const [there, back] = [way(source, target), way(target, source)]
    const isSyn = (tcp.flags & TCP_FLAGS.syn) !== 0
    if (isSyn || !this.#begins.has(there)) this.#begins.set(there, tcp.sequence)
    if (!this.#begins.has(back)) this.#begins.set(back, tcp.acknowledgement)
    const flags = FLAG_NAMES.flatMap(([name, flag]) => ((tcp.flags & flag) === 0 ? [] : [name]))
    const sequence = (tcp.sequence - (this.#begins.get(there) ?? 0)) >>> 0
    const acknowledged = (tcp.acknowledgement - (this.#begins.get(back) ?? 0)) >>> 0
    const ack = (tcp.flags & TCP_FLAGS.ack) === 0 ? '' : ` ack=${acknowledged}`
    return `${flags.join(', ')} seq=${sequence}${ack}`
  }
}

function way(from: SocketAddress, to: SocketAddress): string {
  return `${formatAddress(from)} ${formatAddress(to)}`
}

/** The size, and the first line where there is text. */
function describeBytes(bytes: Uint8Array): string {
  const size = `${bytes.length} B`
  const line = firstLine(bytes)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters tell binary from text
  if (line === undefined || /[\x00-\x08\x0e-\x1f\x7f]/.test(line.text)) return size
  if (toUtf8Strict(bytes.subarray(0, line.end)) === undefined) return size
  return `${size}: ${line.text.replace(SECRET, '$1 ****')}`
}
