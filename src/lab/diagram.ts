/** Sequence diagrams as Mermaid text. */

import type { MonoMs } from '../base/time.ts'
import type { CapturedPacket } from './capture.ts'
import { describePacket } from './describe.ts'

export interface DiagramStep {
  readonly at: MonoMs
  readonly from: string
  readonly to: string
  readonly text: string
  readonly lost: boolean
}

/** The packets that carry something or open and close a stream: no bare acknowledgements. */
export function packetSteps(packets: readonly CapturedPacket[]): readonly DiagramStep[] {
  return packets
    .filter(({ segment }) => segment !== 'ack')
    .map((packet) => ({
      at: packet.sentAt,
      from: packet.from,
      to: packet.to,
      text: describePacket(packet),
      lost: packet.arrivesAt === 'lost',
    }))
}

/**
 * The steps in the order given, each with its virtual time. `participants` come first, in their
 * order; others follow as the steps name them.
 */
export function sequenceDiagram(
  steps: readonly DiagramStep[],
  participants: readonly string[] = [],
): string {
  const named = steps.flatMap((step) => [step.from, step.to])
  const ids = participantIds([...participants, ...named])
  const lines = ['sequenceDiagram']
  for (const [name, id] of ids) lines.push(`  participant ${id} as ${escaped(name)}`)
  for (const step of steps) lines.push(`  ${line(step, (name) => ids.get(name) ?? name)}`)
  return `${lines.join('\n')}\n`
}

function line(step: DiagramStep, id: (name: string) => string): string {
  const text = `${escaped(step.text)} (${seconds(step.at)})`
  return `${id(step.from)}${step.lost ? '-x' : '->>'}${id(step.to)}: ${text}`
}

/**
 * Mermaid reads `-` in an id as an arrow and `end` as the end of a block: only letters, digits and
 * `_`, and never a word by itself.
 */
function participantIds(names: readonly string[]): ReadonlyMap<string, string> {
  const ids = new Map<string, string>()
  const taken = new Set<string>()
  for (const name of names) {
    if (ids.has(name)) continue
    const plain = name.replace(/[^A-Za-z0-9]/g, '_')
    const base = /^[A-Za-z]+$|^[^A-Za-z]/.test(plain) ? `h_${plain}` : plain
    let id = base
    for (let count = 2; taken.has(id); count++) id = `${base}_${count}`
    taken.add(id)
    ids.set(name, id)
  }
  return ids
}

/** Mermaid takes `;` for the end of a statement, `#` for an entity and `<…>` for a tag. */
function escaped(text: string): string {
  return (
    text
      .replace(/[#;<>]/g, (character) => `#${character.charCodeAt(0)};`)
      .replace(/\r\n|[\r\n]/g, '<br/>')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they have no place in a text file
      .replace(/[\x00-\x1f\x7f]/g, '\ufffd')
  )
}

function seconds(at: MonoMs): string {
  return `t=${Math.round(at) / 1000}s`
}
