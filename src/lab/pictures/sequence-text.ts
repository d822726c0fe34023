/** A sequence diagram for a terminal: a column for each participant, an arrow for each message. */

import { participantsOf, type Sequence, type SequenceItem } from './sequence.ts'
import { cellsOf, printable, wrap } from './words.ts'

/** Cells of a label's line. */
const LABEL_CELLS_MAX = 56
const GAP_CELLS_MIN = 14
const TIME_CELLS = 12

export function textSequence(sequence: Sequence): string {
  const names = participantsOf(sequence)
  const items = sequence.items.map((item) => prepared(item, names))
  const columns = columnsFor(names, items)
  const rows = [nameRow(names, columns), lifelines(columns)]
  for (const item of items) {
    if (item.isNote) rows.push(lifelines(columns))
    for (const row of drawn(item, columns)) rows.push(row)
  }
  rows.push(lifelines(columns))
  const lines = rows.map((row) => row.join('').trimEnd())
  if (sequence.remark !== undefined) lines.push('', sequence.remark)
  return `${[printable(sequence.title), '', ...lines].join('\n')}\n`
}

interface Prepared {
  readonly isNote: boolean
  readonly time: string
  /** Columns; from > to points to the left. */
  readonly from: number
  readonly to: number
  readonly lost: boolean
  readonly lines: readonly string[]
}

function prepared(item: SequenceItem, names: readonly string[]): Prepared {
  const lines = item.text.split('\n').flatMap((line) => wrap(printable(line), LABEL_CELLS_MAX))
  if (item.type === 'message') {
    const time = `${(item.at / 1000).toFixed(3)} s`
    const [from, to] = [names.indexOf(item.from), names.indexOf(item.to)]
    return { isNote: false, time, from, to, lost: item.lost, lines }
  }
  const over = item.over.map((name) => names.indexOf(name))
  const [from, to] = [Math.min(...over), Math.max(...over)]
  return { isNote: true, time: '', from, to, lost: false, lines }
}

/** Where each participant's line stands: far enough apart for what is said between neighbours. */
function columnsFor(names: readonly string[], items: readonly Prepared[]): readonly number[] {
  const gaps = names.map((name, i) =>
    Math.max(GAP_CELLS_MIN, Math.ceil((cellsOf(name) + cellsOf(names[i + 1] ?? '')) / 2) + 3),
  )
  for (const { isNote, from, to, lines } of items) {
    const wide = Math.max(...lines.map(cellsOf)) + (isNote ? 6 : 10)
    const [left, right] = [Math.min(from, to), from === to ? from + 1 : Math.max(from, to)]
    const span = right - left
    for (let i = left; i < right; i++) {
      gaps[i] = Math.max(gaps[i] ?? 0, Math.ceil(wide / span))
    }
  }
  const first = TIME_CELLS + Math.max(3, Math.ceil(cellsOf(names[0] ?? '') / 2))
  const columns: number[] = []
  for (let i = 0, at = first; i < names.length; at += gaps[i++] ?? 0) columns.push(at)
  return columns
}

/** A row is a list of cells; the second cell of a wide character is empty. */
type Row = string[]

function lifelines(columns: readonly number[]): Row {
  const row: Row = new Array<string>((columns.at(-1) ?? 0) + 1).fill(' ')
  for (const column of columns) row[column] = '|'
  return row
}

function nameRow(names: readonly string[], columns: readonly number[]): Row {
  const row: Row = []
  for (const [i, name] of names.entries()) {
    const shown = printable(name)
    put(row, (columns[i] ?? 0) - Math.floor(cellsOf(shown) / 2), shown)
  }
  return row
}

function drawn(item: Prepared, columns: readonly number[]): readonly Row[] {
  const from = columns[item.from] ?? 0
  const to = columns[item.to] ?? 0
  if (item.isNote) return noteRows(item, columns, from, to)
  if (from === to) {
    return item.lines.map((said, i) => {
      const row = lifelines(columns)
      if (i === 0) put(row, 0, item.time.padStart(TIME_CELLS - 2))
      put(row, from + 1, `${i === 0 ? '<-.' : '   '} ${said}`)
      return row
    })
  }
  const [left, right] = [Math.min(from, to), Math.max(from, to)]
  const inside = right - left - 1
  const rows = item.lines.map((said) => {
    const row = lifelines(columns)
    put(row, left + 1, ' '.repeat(inside))
    put(row, left + 3, said)
    return row
  })
  const shaft = arrow(inside, from < to, item.lost)
  // One line goes into the arrow itself.
  const last = rows.length === 1 ? (rows[0] as Row) : lifelines(columns)
  put(last, left + 1, shaft)
  if (rows.length === 1) put(last, left + 4, ` ${item.lines[0]} `)
  else rows.push(last)
  put(rows[0] as Row, 0, item.time.padStart(TIME_CELLS - 2))
  return rows
}

function arrow(cells: number, toRight: boolean, lost: boolean): string {
  const shaft = '-'.repeat(cells - 1)
  const head = lost ? 'X' : toRight ? '>' : '<'
  return toRight ? `${shaft}${head}` : `${head}${shaft}`
}

function noteRows(
  { lines, from: first, to: last }: Prepared,
  columns: readonly number[],
  from: number,
  to: number,
): readonly Row[] {
  const isBeside = first === last
  const wide = Math.max(...lines.map(cellsOf))
  const start = isBeside ? from + 2 : Math.max(0, Math.floor((from + to - wide - 4) / 2))
  return lines.map((said) => {
    const row = lifelines(columns)
    const padded = `${said}${' '.repeat(wide - cellsOf(said))}`
    put(row, start, isBeside ? `( ${padded} )` : `[ ${padded} ]`)
    return row
  })
}

function put(row: Row, at: number, said: string): void {
  let column = Math.max(0, at)
  while (row.length < column) row.push(' ')
  for (const character of said) {
    row[column] = character
    for (let i = 1; i < cellsOf(character); i++) row[column + i] = ''
    column += cellsOf(character)
  }
}
