/** Single packets in words: what their headers say, and how what they carry begins. */

import { toUtf8Strict } from '../../base/bytes.ts'
import type { CapturedPacket } from '../capture.ts'
import { TCP_FLAGS } from '../tcp-header.ts'
import { describeDatagram } from './datagram-words.ts'
import { firstLine } from './spoken.ts'

const FLAG_NAMES = Object.entries(TCP_FLAGS).map(
  ([name, flag]) => [name.toUpperCase(), flag] as const,
)

/** A command that carries a password, up to it. RFC 1939 §7, RFC 4954 §4. */
const SECRET = /^(PASS|AUTH [A-Z0-9-]+|\S+ LOGIN \S+) .*/i

/** Of a fragment, that of the datagram. */
export function protocolOf({ tcp, fragment, payload }: CapturedPacket): string {
  return tcp === undefined ? describeDatagram(fragment?.datagram ?? payload).protocol : 'TCP'
}

export function describePacket(packet: CapturedPacket): string {
  const { tcp, fragment, payload } = packet
  const again = packet.retransmitted ? ' (again)' : ''
  if (tcp === undefined) {
    if (fragment === undefined) return describeDatagram(payload).text
    const { offset, datagram } = fragment
    const whole = offset === 0 ? `: ${describeDatagram(datagram).text}` : ''
    return `fragment at ${offset}, ${payload.length} B${whole}`
  }
  const flags = FLAG_NAMES.flatMap(([name, flag]) => ((tcp.flags & flag) === 0 ? [] : [name]))
  const acknowledged = (tcp.flags & TCP_FLAGS.ack) === 0 ? '' : ` ack=${tcp.acknowledgement}`
  const carried = payload.length === 0 ? '' : `, ${describeBytes(payload)}`
  return `${flags.join(', ')} seq=${tcp.sequence}${acknowledged}${carried}${again}`
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
