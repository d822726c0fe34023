/** Values over time, one panel below the other, and spans of time as bars: a Gantt chart. */

import type { MonoMs } from '../../base/time.ts'
import { type Span, timeTicks, valueTicks } from './axis.ts'
import {
  bar,
  type Colour,
  LINE_PX,
  line,
  path,
  seriesColour,
  svgDocument,
  text,
  textWidth,
} from './svg.ts'

/** Panels or rows of one chart. */
export const ROWS_MAX = 60
/** Points of one line: more than there are pixels. */
export const POINTS_MAX = 4000

export interface Series {
  readonly name: string
  /** What the values are: `B/s`. */
  readonly unit: string
  /** In order of time. A value holds until the next. */
  readonly points: readonly { readonly at: MonoMs; readonly value: number }[]
  /** What it cannot be above, where that is something. */
  readonly limit?: number | undefined
}

export interface LineChart {
  readonly title: string
  readonly span: Span
  readonly series: readonly Series[]
  readonly remark?: string | undefined
}

export interface GanttRow {
  readonly name: string
  readonly bars: readonly (Span & { readonly said: string })[]
}

export interface GanttChart {
  readonly title: string
  readonly span: Span
  readonly rows: readonly GanttRow[]
  readonly remark?: string | undefined
}

const MARGIN = 16
const PLOT_WIDTH = 760
const PANEL_HEIGHT = 110
const ROW_HEIGHT = 24

export function lineChart(chart: LineChart): string {
  const series = chart.series.slice(0, ROWS_MAX)
  const left = MARGIN + 64
  const top = 44
  const xOf = scaleOf(chart.span, left)
  const body: string[] = []
  for (const [i, one] of series.entries()) {
    const y = top + i * (PANEL_HEIGHT + 42)
    body.push(...panel(one, { x: left, y, colour: seriesColour(i) }, xOf))
  }
  const bottom = top + series.length * (PANEL_HEIGHT + 42)
  body.push(...timeAxis(chart.span, { top: bottom - 4, bottom: bottom - 4 }, xOf))
  return framed(chart, chart.series.length, body, { width: left + PLOT_WIDTH, bottom: bottom + 16 })
}

function panel(
  { name, unit, points, limit }: Series,
  { x, y, colour }: { readonly x: number; readonly y: number; readonly colour: Colour },
  xOf: (at: number) => number,
): readonly string[] {
  const most = points.reduce((max, { value }) => Math.max(max, value), limit ?? 0)
  const isWhole = points.every(({ value }) => Number.isInteger(value))
  const ticks = valueTicks(most, 4, isWhole)
  const top = ticks.at(-1)?.value ?? 1
  const base = y + 22 + PANEL_HEIGHT
  const yOf = (value: number): number => base - (value / top) * PANEL_HEIGHT
  const right = x + PLOT_WIDTH
  const steps = thinned(points).flatMap(({ at, value }, i, all) => {
    const before = all[i - 1]?.value
    const here = { x: xOf(at), y: yOf(value) }
    return before === undefined ? [here] : [{ x: here.x, y: yOf(before) }, here]
  })
  const last = points.at(-1)
  if (last !== undefined) steps.push({ x: right, y: yOf(last.value) })
  return [
    text({ x, y: y + 14 }, `${name} (${unit})`, { isBold: true }),
    ...ticks.flatMap(({ value, label }) => [
      line({ from: { x, y: yOf(value) }, to: { x: right, y: yOf(value) } }, 'faint', '1 5'),
      text({ x: x - 6, y: yOf(value) + 4 }, label, { anchor: 'end', colour: 'faint' }),
    ]),
    line({ from: { x, y: base }, to: { x: right, y: base } }, 'faint'),
    ...(limit === undefined
      ? []
      : [line({ from: { x, y: yOf(limit) }, to: { x: right, y: yOf(limit) } }, 'bad', '6 4')]),
    path(steps, colour),
  ]
}

/** The highest of each group, where there are more points than pixels. */
function thinned(points: Series['points']): Series['points'] {
  const group = Math.ceil(points.length / POINTS_MAX)
  if (group <= 1) return points
  return Array.from({ length: Math.ceil(points.length / group) }, (_, i) => {
    const some = points.slice(i * group, (i + 1) * group)
    return some.reduce((high, point) => (point.value > high.value ? point : high))
  })
}

export function ganttChart(chart: GanttChart): string {
  const rows = chart.rows.slice(0, ROWS_MAX)
  const left = MARGIN + Math.max(40, ...rows.map(({ name }) => textWidth(name) * 1.05)) + 12
  const top = 44
  const bottom = top + rows.length * ROW_HEIGHT + 8
  const xOf = scaleOf(chart.span, left)
  const body = [
    ...timeAxis(chart.span, { top, bottom }, xOf),
    ...rows.flatMap(({ name, bars }, i) => {
      const y = top + i * ROW_HEIGHT
      const spans = bars.flatMap(({ from, until, said }) => {
        const [start, end] = [Math.max(from, chart.span.from), Math.min(until, chart.span.until)]
        if (start >= end) return []
        // Seen also where it is less than a pixel.
        const width = Math.max(1.5, xOf(end) - xOf(start))
        const shape = { x: xOf(start), y: y + 4, width, height: ROW_HEIGHT - 8 }
        return [bar(shape, seriesColour(i), `${name}: ${said}`)]
      })
      return [text({ x: left - 10, y: y + 16 }, name, { anchor: 'end' }), ...spans]
    }),
  ]
  return framed(chart, chart.rows.length, body, { width: left + PLOT_WIDTH, bottom: bottom + 20 })
}

function framed(
  { title, remark }: { readonly title: string; readonly remark?: string | undefined },
  count: number,
  body: readonly string[],
  { width, bottom }: { readonly width: number; readonly bottom: number },
): string {
  const remarks = [
    ...(count === 0 ? ['There is nothing to draw.'] : []),
    ...(count > ROWS_MAX ? [`Only the first ${ROWS_MAX} of ${count} are drawn.`] : []),
    ...(remark === undefined ? [] : [remark]),
  ]
  const size = { width: width + 48, height: bottom + remarks.length * LINE_PX + 14 }
  return svgDocument(size, title, [
    text({ x: MARGIN, y: MARGIN + 10 }, title, { isBold: true }),
    ...body,
    ...remarks.map((said, i) =>
      text({ x: MARGIN, y: bottom + (i + 1) * LINE_PX }, said, { colour: 'bad' }),
    ),
  ])
}

function timeAxis(
  span: Span,
  { top, bottom }: { readonly top: number; readonly bottom: number },
  xOf: (at: number) => number,
): readonly string[] {
  return timeTicks(span, 10).flatMap(({ value, label }) => {
    const x = xOf(value)
    return [
      line({ from: { x, y: top }, to: { x, y: bottom + 4 } }, 'faint', '1 5'),
      text({ x, y: bottom + 18 }, label, { anchor: 'middle', colour: 'faint' }),
    ]
  })
}

function scaleOf({ from, until }: Span, left: number): (at: number) => number {
  const length = Math.max(1, until - from)
  return (at) => left + ((at - from) / length) * PLOT_WIDTH
}
