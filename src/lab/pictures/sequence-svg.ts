/** A sequence diagram as SVG. */

import { formatSeconds, participantsOf, type Sequence, type SequenceItem } from './sequence.ts'
import {
  arrow,
  box,
  cross,
  FONT_PX,
  LINE_PX,
  line,
  path,
  svgDocument,
  text,
  textWidth,
} from './svg.ts'
import { wrap } from './words.ts'

const LABEL_CELLS_MAX = 64
const MARGIN = 16
const TIME_WIDTH = 84
const GAP_MIN = 150
const BOX_HEIGHT = 30

export function svgSequence(sequence: Sequence): string {
  const names = participantsOf(sequence)
  const items = sequence.items.map((item) => prepared(item, names))
  const columns = columnsFor(names, items)
  const beside = Math.max(0, ...items.map((item) => rightOf(item, columns) - (columns.at(-1) ?? 0)))
  const half = boxWidth(names.at(-1) ?? '') / 2
  const width = (columns.at(-1) ?? 0) + Math.max(beside, half) + MARGIN
  const top = MARGIN + 24
  const body: string[] = []
  let y = top + BOX_HEIGHT + 14
  for (const item of items) {
    const drawn = draw(item, columns, y)
    body.push(drawn.svg)
    y = drawn.bottom
  }
  const bottom = y + 10
  const lives = columns.map((x) =>
    line({ from: { x, y: top + BOX_HEIGHT }, to: { x, y: bottom } }, 'faint', '4 4'),
  )
  const heads = names.map((name, i) => {
    const [x, wide] = [columns[i] ?? 0, boxWidth(name)]
    const frame = { x: x - wide / 2, y: top, width: wide, height: BOX_HEIGHT }
    return `${box(frame, 'box', 'faint')}${text({ x, y: top + 20 }, name, { anchor: 'middle', isBold: true })}`
  })
  const remark = sequence.remark === undefined ? [] : wrap(sequence.remark, 90)
  const end = bottom + MARGIN + remark.length * LINE_PX
  const wide = Math.max(
    width,
    MARGIN * 2 + Math.max(...[sequence.title, ...remark].map(textWidth)) * 1.1,
  )
  return svgDocument({ width: wide, height: end }, sequence.title, [
    text({ x: MARGIN, y: MARGIN + 8 }, sequence.title, { isBold: true }),
    ...lives,
    ...heads,
    ...body,
    ...remark.map((said, i) =>
      text({ x: MARGIN, y: bottom + (i + 1) * LINE_PX }, said, { colour: 'bad' }),
    ),
  ])
}

interface Prepared {
  readonly item: SequenceItem
  /** Columns, the lower first for notes. */
  readonly from: number
  readonly to: number
  readonly lines: readonly string[]
  /** Of the widest line, in pixels. */
  readonly width: number
}

function prepared(item: SequenceItem, names: readonly string[]): Prepared {
  const lines = item.text.split('\n').flatMap((said) => wrap(said, LABEL_CELLS_MAX))
  const width = Math.max(...lines.map(textWidth))
  if (item.type === 'message') {
    return { item, from: names.indexOf(item.from), to: names.indexOf(item.to), lines, width }
  }
  const over = item.over.map((name) => names.indexOf(name))
  return { item, from: Math.min(...over), to: Math.max(...over), lines, width }
}

function columnsFor(names: readonly string[], items: readonly Prepared[]): readonly number[] {
  const gaps = names
    .slice(1)
    .map((name, i) => Math.max(GAP_MIN, (boxWidth(name) + boxWidth(names[i] ?? '')) / 2 + 20))
  for (const { from, to, width } of items) {
    // What stands beside the last line needs no gap.
    const [left, right] = [Math.min(from, to), from === to ? from + 1 : Math.max(from, to)]
    for (let i = left; i < Math.min(right, gaps.length); i++) {
      gaps[i] = Math.max(gaps[i] ?? 0, (width + 44) / (right - left))
    }
  }
  const columns = [MARGIN + TIME_WIDTH + boxWidth(names[0] ?? '') / 2]
  for (const gap of gaps) columns.push((columns.at(-1) ?? 0) + gap)
  return columns
}

/** How far to the right it reaches. */
function rightOf({ item, from, to, width }: Prepared, columns: readonly number[]): number {
  if (item.type === 'note' && from !== to) {
    const middle = ((columns[from] ?? 0) + (columns[to] ?? 0)) / 2
    return Math.max((columns[to] ?? 0) + 24, middle + width / 2 + 12)
  }
  return from === to ? (columns[from] ?? 0) + width + 50 : 0
}

interface Drawn {
  readonly svg: string
  readonly bottom: number
}

function draw(prepared: Prepared, columns: readonly number[], y: number): Drawn {
  return prepared.item.type === 'note'
    ? drawNote(prepared, columns, y)
    : drawMessage(prepared, columns, y)
}

function drawNote(
  { from, to, lines, width }: Prepared,
  columns: readonly number[],
  y: number,
): Drawn {
  const [left, right] = [columns[from] ?? 0, columns[to] ?? 0]
  const height = lines.length * LINE_PX + 8
  const wide = Math.max(right - left + 48, width + 24)
  const frame =
    from === to
      ? { x: left + 12, y, width: width + 20, height }
      : { x: (left + right - wide) / 2, y: y + 8, width: wide, height }
  const said = lines.map((line, i) => {
    const base = frame.y + 4 + FONT_PX + i * LINE_PX
    return from === to
      ? text({ x: frame.x + 10, y: base }, line)
      : text({ x: (left + right) / 2, y: base }, line, { anchor: 'middle', isBold: true })
  })
  const svg = [box(frame, from === to ? 'note' : 'band', 'faint'), ...said].join('')
  return { svg, bottom: frame.y + height + 10 }
}

function drawMessage(
  { item, from, to, lines }: Prepared,
  columns: readonly number[],
  y: number,
): Drawn {
  const [start, end] = [columns[from] ?? 0, columns[to] ?? 0]
  const below = y + lines.length * LINE_PX + 4
  const isLost = item.type === 'message' && item.lost
  const time = item.type === 'message' ? formatSeconds(item.at) : ''
  const parts = [text({ x: MARGIN, y: below }, time, { colour: 'faint' })]
  if (start === end) {
    const turn = [
      { x: start, y: below - 12 },
      { x: start + 28, y: below - 12 },
      { x: start + 28, y: below },
    ]
    parts.push(path(turn, 'ink'))
    parts.push(arrow({ from: { x: start + 28, y: below }, to: { x: start, y: below } }, 'ink'))
    for (const [i, said] of lines.entries()) {
      parts.push(text({ x: start + 36, y: y + FONT_PX + i * LINE_PX }, said))
    }
    return { svg: parts.join(''), bottom: below + 12 }
  }
  for (const [i, said] of lines.entries()) {
    const at = { x: (start + end) / 2, y: y + FONT_PX + i * LINE_PX }
    // The way of several lines is read from their left.
    const left = Math.min(start, end) + 14
    parts.push(
      lines.length === 1
        ? text(at, said, { anchor: 'middle', colour: isLost ? 'bad' : 'ink' })
        : text({ ...at, x: left }, said, { colour: isLost ? 'bad' : 'ink' }),
    )
  }
  const tip = { x: isLost ? start + (end - start) * 0.8 : end, y: below }
  const way = { from: { x: start, y: below }, to: tip }
  parts.push(isLost ? `${line(way, 'bad')}${cross(tip)}` : arrow(way, from < to ? 'c0' : 'c1'))
  return { svg: parts.join(''), bottom: below + 14 }
}

function boxWidth(name: string): number {
  return textWidth(name) * 1.08 + 24
}
