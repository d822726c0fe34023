/** A sequence diagram as Mermaid text. */

import { formatSeconds, participantsOf, type Sequence, type SequenceItem } from './sequence.ts'

export function mermaidSequence(sequence: Sequence): string {
  const ids = participantIds(participantsOf(sequence))
  const lines = ['sequenceDiagram']
  for (const [name, id] of ids) lines.push(`  participant ${id} as ${escaped(name)}`)
  for (const item of sequence.items) lines.push(`  ${line(item, (name) => ids.get(name) ?? name)}`)
  if (sequence.remark !== undefined) lines.push(`  %% ${escaped(sequence.remark)}`)
  return `${lines.join('\n')}\n`
}

function line(item: SequenceItem, id: (name: string) => string): string {
  if (item.type === 'note') {
    const over = item.over.map(id)
    return over.length === 1
      ? `note right of ${over[0]}: ${escaped(item.text)}`
      : `note over ${over.join(',')}: ${escaped(item.text)}`
  }
  const text = `${escaped(item.text)} (${formatSeconds(item.at)})`
  return `${id(item.from)}${item.lost ? '-x' : '->>'}${id(item.to)}: ${text}`
}

/**
 * Mermaid reads `-` in an id as an arrow and `end` as the end of a block: only letters, digits and
 * `_`, and never a word by itself.
 */
function participantIds(names: readonly string[]): ReadonlyMap<string, string> {
  const ids = new Map<string, string>()
  const taken = new Set<string>()
  for (const name of names) {
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
