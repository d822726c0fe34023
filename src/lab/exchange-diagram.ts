/** The whole of an exchange as a sequence diagram, in which a user on a host stands beside the host. */

import { decodeAdu, namesIn } from '../bridge/adu.ts'
import { decodeBundle } from '../proto/bpv7/codec.ts'
import type { CapturedPacket } from './capture.ts'
import { type DiagramStep, packetSteps, sequenceDiagram } from './diagram.ts'

/** `hosts` in the order in which they shall stand. */
export function exchangeDiagram(
  packets: readonly CapturedPacket[],
  hosts: readonly string[],
): string {
  const shown = packets.filter(({ protocol, segment }) => protocol === 'udp' || segment === 'data')
  const steps = inRuns(
    packetSteps(shown).map((step, i) => withParts(step, shown[i] as CapturedPacket)),
  )
  const [first, ...others] = hosts
  const order =
    first === undefined
      ? []
      : [userOn(first), first, ...others.flatMap((host) => [host, userOn(host)])]
  return sequenceDiagram(steps, order)
}

/** Packet after packet of one long message is one step, told by its first. */
function inRuns(steps: readonly DiagramStep[]): readonly DiagramStep[] {
  const runs: { readonly first: DiagramStep; count: number }[] = []
  for (const step of steps) {
    const last = runs.at(-1)
    if (last !== undefined && continues(step, last.first)) last.count++
    else runs.push({ first: step, count: 1 })
  }
  return runs.map(({ first, count }) =>
    count === 1 ? first : { ...first, text: `${first.text} … and ${count - 1} more packets` },
  )
}

/** Bytes without a line of their own that go the way of the step before. */
function continues(step: DiagramStep, before: DiagramStep): boolean {
  return (
    step.from === before.from &&
    step.to === before.to &&
    step.lost === before.lost &&
    /^\d+ bytes/.test(step.text)
  )
}

function withParts(step: DiagramStep, packet: CapturedPacket): DiagramStep {
  if (packet.protocol === 'udp') {
    const { payload, fragment } = packet
    const isRest = fragment !== undefined && fragment.offset > 0
    return isRest ? step : { ...step, text: `${step.text}${cargo(fragment?.datagram ?? payload)}` }
  }
  if (packet.from !== packet.to) return step
  // Both ends are on one host: the one that dialled is the user's program, with the higher port.
  return packet.source.port > packet.target.port
    ? { ...step, from: userOn(packet.from) }
    : { ...step, to: userOn(packet.to) }
}

function userOn(host: string): string {
  return `user on ${host}`
}

/** What a bundle carries, where it is one of the gateways'. */
function cargo(payload: Uint8Array): string {
  const bundle = decodeBundle(payload)
  const adu = bundle.ok ? decodeAdu(bundle.value.payload.data) : undefined
  if (!adu?.ok) return ''
  const { value } = adu
  const names = namesIn(value)
  const first = names[0] ?? 'nothing'
  return `, ${value.type} ${names.length > 1 ? `${first} and ${names.length - 1} more` : first}`
}
