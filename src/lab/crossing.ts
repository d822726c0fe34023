/** What each mail cost on the links: which of the captured packets carried it or its acknowledgement. */

import { type Adu, decodeAdu, namesIn } from '../bridge/adu.ts'
import { aduId, type Bundle } from '../proto/bpv7/bundle.ts'
import { decodeBundle } from '../proto/bpv7/codec.ts'
import type { CapturedPacket } from './capture.ts'

export interface Crossing {
  mailPackets: number
  mailWireBytes: number
  acknowledgementPackets: number
  acknowledgementWireBytes: number
}

/** By transaction, for all packets between two hosts. */
export function crossingsOf(packets: readonly CapturedPacket[]): ReadonlyMap<string, Crossing> {
  const carried = packets.flatMap((packet) => {
    const decoded =
      packet.from === packet.to
        ? undefined
        : decodeBundle(packet.fragment?.datagram ?? packet.payload)
    return decoded?.ok ? [{ packet, bundle: decoded.value }] : []
  })
  // Only the first fragment of an ADU says what it is; the others are known by the ADU's name.
  const aduOf = new Map<string, AduHead>()
  for (const { bundle } of carried) {
    const head = aduHead(bundle)
    if (head !== undefined) aduOf.set(aduId(bundle), head)
  }
  const crossings = new Map<string, Crossing>()
  for (const { packet, bundle } of carried) {
    const head = aduOf.get(aduId(bundle))
    // Those that travel together share the cost.
    const share = packet.wireBytes / (head?.names.length ?? 1)
    for (const name of head?.names ?? []) {
      const crossing = crossings.get(name) ?? noCrossing()
      crossings.set(name, crossing)
      if (head?.type === 'mails') {
        crossing.mailPackets++
        crossing.mailWireBytes += share
      } else {
        crossing.acknowledgementPackets++
        crossing.acknowledgementWireBytes += share
      }
    }
  }
  return crossings
}

interface AduHead {
  readonly type: Adu['type']
  readonly names: readonly string[]
}

function aduHead(bundle: Bundle): AduHead | undefined {
  if ((bundle.primary.fragment?.offset ?? 0n) !== 0n) return undefined
  const adu = decodeAdu(bundle.payload.data)
  return adu.ok ? { type: adu.value.type, names: namesIn(adu.value) } : undefined
}

function noCrossing(): Crossing {
  return {
    mailPackets: 0,
    mailWireBytes: 0,
    acknowledgementPackets: 0,
    acknowledgementWireBytes: 0,
  }
}
