/** Files told line by line: `lightlag rc check`. */

import type { IonReading } from './ion.ts'
import type { IonNode } from './ion-node.ts'
import { formatNotice, type Notice } from './problem.ts'
import { PROGRAMS } from './programs.ts'
import type { ReadLine, ReadUnit } from './read.ts'

/** Lines without their ends; blank lines and comments are left out. */
export function explainIon(reading: IonReading): readonly string[] {
  const lines = reading.units.flatMap((unit) => [...explainUnit(unit, reading), ''])
  const elsewhere = reading.notices.filter((notice) => !isAtLine(notice, reading.units))
  return [
    ...lines,
    ...elsewhere.map((notice) => `note: ${formatNotice(notice)}`),
    ...(reading.node === undefined ? [] : [summarize(reading.node)]),
  ]
}

function isAtLine({ file, line }: Notice, units: readonly ReadUnit[]): boolean {
  return units.some((unit) => unit.file === file && unit.lines.some((l) => l.number === line))
}

function explainUnit({ file, program, lines }: ReadUnit, reading: IonReading): readonly string[] {
  const { name, purpose } = PROGRAMS[program]
  const of = (notices: readonly Notice[], { number }: ReadLine): readonly Notice[] =>
    notices.filter((notice) => notice.file === file && notice.line === number)
  const told = lines.flatMap((line) => {
    const wrong = of(reading.problems, line)
    const remarks = [
      ...wrong.map(({ column, message }) => `wrong, column ${column}: ${message}`),
      ...of(reading.notices, line).map(({ message }) => `note: ${message}`),
    ]
    const { parsed, number, text } = line
    if (parsed.kind !== 'command' && remarks.length === 0) return []
    const meaning = parsed.kind === 'command' ? [parsed.rule.explain(parsed.read.command)] : []
    return [`${String(number).padStart(5)}  ${text.trim()}`, ...indented([...meaning, ...remarks])]
  })
  return [`${file}: ${name}, ${purpose}`, ...told]
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `       ${line}`)
}

function summarize(node: IonNode): string {
  const count = (items: readonly unknown[], what: string): string =>
    `${items.length} ${what}${items.length === 1 ? '' : 's'}`
  const { endpoints, inducts, outducts, plans, contactPlan } = node
  return `node ${node.node}: ${[
    count(endpoints, 'endpoint'),
    count(inducts, 'induct'),
    count(outducts, 'outduct'),
    count(plans, 'plan'),
    count(contactPlan.contacts, 'contact'),
    count(contactPlan.ranges, 'range'),
  ].join(', ')}`
}
