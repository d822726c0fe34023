/** Packets in words, for diagrams and for the eye. */

import { toUtf8Strict } from '../base/bytes.ts'
import type { Bundle } from '../proto/bpv7/bundle.ts'
import { decodeBundle } from '../proto/bpv7/codec.ts'
import { formatEndpointId } from '../proto/bpv7/endpoint-id.ts'
import type { CapturedPacket } from './capture.ts'
import type { SegmentKind } from './packet.ts'

const SEGMENT_NAMES: Readonly<Record<Exclude<SegmentKind, 'data'>, string>> = {
  syn: 'SYN',
  'syn-ack': 'SYN, ACK',
  ack: 'ACK',
  fin: 'FIN',
  reset: 'RST',
}

/** A command that carries a password, up to it. RFC 1939 §7, RFC 4954 §4. */
const SECRET = /^(PASS|AUTH [A-Z0-9-]+) .*/i

/** Characters of a line that are worth showing. */
const LINE_LENGTH_MAX = 100

export function describePacket(packet: CapturedPacket): string {
  const text =
    packet.segment === undefined
      ? describeDatagram(packet)
      : packet.segment === 'data'
        ? (describeTls(packet.payload) ?? describeBytes(packet.payload))
        : SEGMENT_NAMES[packet.segment]
  return packet.retransmitted ? `${text} (again)` : text
}

/** Of fragments the first tells what the datagram is. */
function describeDatagram({ payload, fragment }: CapturedPacket): string {
  if (fragment === undefined) return describeBundle(payload) ?? describeBytes(payload)
  const { datagram, offset } = fragment
  if (offset > 0) return `${payload.length} bytes of a datagram, from ${offset} on`
  return `${describeBundle(datagram) ?? describeBytes(datagram)}, in fragments`
}

/** The first line of a protocol of lines, and how many more there are; otherwise the size. */
export function describeBytes(bytes: Uint8Array): string {
  const text = bytes.length > 0 && bytes.at(-1) === 0x0a ? toUtf8Strict(bytes) : undefined
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters tell binary from text
  if (text === undefined || /[\x00-\x08\x0e-\x1f\x7f]/.test(text)) return `${bytes.length} bytes`
  const [first = '', ...more] = text.replace(/\r?\n$/, '').split(/\r?\n/)
  const line = first.replace(SECRET, '$1 ****')
  const shown = line.length > LINE_LENGTH_MAX ? `${line.slice(0, LINE_LENGTH_MAX)}…` : line
  return more.length === 0 ? shown : `${shown} … ${more.length} more`
}

/** The type of the record that `bytes` begin with, RFC 8446; undefined where that is none. */
function describeTls(bytes: Uint8Array): string | undefined {
  const [type, major, minor] = bytes
  if (major !== 3 || minor !== 3) return undefined
  const kind = type === 21 ? 'alert' : type === 22 ? 'handshake' : type === 23 ? 'data' : undefined
  return kind && `TLS ${kind}, ${bytes.length} bytes`
}

/** `BPv7 ipn:2.2525 → ipn:3.2525 #4, 1234 B`; undefined where the bytes are no bundle. */
export function describeBundle(bytes: Uint8Array): string | undefined {
  const decoded = decodeBundle(bytes)
  return decoded.ok ? bundleText(decoded.value, bytes.length) : undefined
}

function bundleText({ primary, payload }: Bundle, sizeBytes: number): string {
  const { source, destination, creationTimestamp, fragment } = primary
  const part =
    fragment === undefined
      ? ''
      : ` [${fragment.offset}+${payload.data.length} of ${fragment.totalAduLength}]`
  const way = `${formatEndpointId(source)} → ${formatEndpointId(destination)}`
  return `BPv7 ${way} #${creationTimestamp.sequence}${part}, ${sizeBytes} B`
}
