/** An experiment as a picture: its first measure over what varies most, a line for each way. */

import { valueLabel, valueTicks } from '../pictures/axis.ts'
import {
  LINE_PX,
  line,
  type Point as Place,
  path,
  seriesColour,
  svgDocument,
  text,
  textWidth,
} from '../pictures/svg.ts'
import type { Experiment, Run } from './experiment.ts'
import { AXES, type Axis } from './report.ts'
import { type Row, rowsOf } from './statistics.ts'

const MARGIN = 16
const LEFT = MARGIN + 60
const WIDTH = 680
const HEIGHT = 220
/** From the top of one panel to the top of the next. */
const PANEL = HEIGHT + 84
const BESIDE = 5
/** From where on equal steps stand for equal factors, not for equal differences. */
const LOGARITHMIC_FROM = 50

/** One panel for each value of what else varies. */
export function plotOf(experiment: Experiment, runs: readonly Run[]): string {
  const rows = rowsOf(runs, experiment.measures)
  const [x, ...others] = AXES.slice(1).sort((a, b) => valuesOf(b, rows) - valuesOf(a, rows))
  const ways = [...new Set(rows.map(({ point }) => point.way))]
  if (x === undefined) return ''
  const panels = new Map<string, Row[]>()
  for (const row of rows) {
    const varying = others.filter((axis) => valuesOf(axis, rows) > 1)
    const name = varying.map(({ title, of }) => `${title} ${of(row.point)}`).join(', ')
    panels.set(name, [...(panels.get(name) ?? []), row])
  }
  const body = [
    text({ x: MARGIN, y: 26 }, `${experiment.name}: ${experiment.about}`, { isBold: true }),
    ...legend(ways),
    ...[...panels].flatMap(([name, those], i) =>
      panel(name, those, { experiment, x, ways, top: 76 + i * PANEL }),
    ),
  ]
  const size = { width: LEFT + WIDTH + MARGIN, height: 76 + panels.size * PANEL }
  return svgDocument(size, `${experiment.name}: ${experiment.about}`, body)
}

function valuesOf({ of }: Axis, rows: readonly Row[]): number {
  return new Set(rows.map(({ point }) => of(point))).size
}

function legend(ways: readonly string[]): readonly string[] {
  let x = LEFT
  return ways.flatMap((way, i) => {
    const from = { x, y: 50 }
    x += 24
    const label = text({ x, y: 54 }, way)
    x += textWidth(way) + 20
    return [line({ from, to: { x: from.x + 18, y: 50 } }, seriesColour(i)), label]
  })
}

interface PanelOptions {
  readonly experiment: Experiment
  readonly x: Axis
  readonly ways: readonly string[]
  readonly top: number
}

function panel(
  name: string,
  rows: readonly Row[],
  { experiment, x, ways, top }: PanelOptions,
): readonly string[] {
  const [measure] = experiment.measures
  if (measure === undefined) return []
  const labels = [...new Set(rows.map(({ point }) => x.of(point)))]
  const shown = rows.flatMap(({ estimates }) => {
    const { mean, halfWidth = 0 } = estimates.get(measure.key) ?? {}
    return mean === undefined ? [] : [mean, mean + halfWidth]
  })
  const base = top + 22 + HEIGHT
  const scale = scaleOf(shown, base)
  const step = WIDTH / Math.max(1, labels.length)
  // Beside each other, so that one does not hide the other's interval.
  const placeOf = (row: Row, value: number): Place => ({
    x:
      LEFT +
      (labels.indexOf(x.of(row.point)) + 0.5) * step +
      (ways.indexOf(row.point.way) - (ways.length - 1) / 2) * BESIDE,
    y: scale.y(value),
  })
  const right = LEFT + WIDTH
  return [
    text({ x: LEFT, y: top + 12 }, `${measure.title} (${measure.unit})${name && `, ${name}`}`),
    ...scale.ticks.flatMap(({ value, label }) => [
      line(
        { from: { x: LEFT, y: scale.y(value) }, to: { x: right, y: scale.y(value) } },
        'faint',
        '1 5',
      ),
      text({ x: LEFT - 6, y: scale.y(value) + 4 }, label, { anchor: 'end', colour: 'faint' }),
    ]),
    line({ from: { x: LEFT, y: base }, to: { x: right, y: base } }, 'faint'),
    ...labels.map((label, i) =>
      text({ x: LEFT + (i + 0.5) * step, y: base + LINE_PX }, label, { anchor: 'middle' }),
    ),
    text({ x: LEFT + WIDTH / 2, y: base + 2 * LINE_PX }, x.title, {
      anchor: 'middle',
      colour: 'faint',
    }),
    ...ways.flatMap((way, i) => {
      const those = rows.filter(({ point }) => point.way === way)
      return curve(those, measure.key, i, placeOf)
    }),
  ]
}

/** With a bar for the confidence interval; interrupted where nothing came of it. */
function curve(
  rows: readonly Row[],
  key: string,
  series: number,
  placeOf: (row: Row, value: number) => Place,
): readonly string[] {
  const colour = seriesColour(series)
  const drawn: string[] = []
  let stretch: Place[] = []
  const finish = (): void => {
    if (stretch.length > 1) drawn.push(path(stretch, colour))
    stretch = []
  }
  for (const row of rows) {
    const estimate = row.estimates.get(key)
    if (estimate === undefined) {
      finish()
      continue
    }
    const { mean, halfWidth = 0 } = estimate
    const { x, y } = placeOf(row, mean)
    stretch.push({ x, y })
    const [above, below] = [placeOf(row, mean + halfWidth), placeOf(row, mean - halfWidth)]
    drawn.push(line({ from: above, to: below }, colour))
    drawn.push(line({ from: { x: x - 3, y }, to: { x: x + 3, y } }, colour))
  }
  finish()
  return drawn
}

interface Scale {
  readonly y: (value: number) => number
  readonly ticks: readonly { readonly value: number; readonly label: string }[]
}

/** Upwards from `base`. */
function scaleOf(values: readonly number[], base: number): Scale {
  const positive = values.filter((value) => value > 0)
  const [least, most] = [Math.min(...positive), Math.max(0, ...positive)]
  if (positive.length > 0 && most / least > LOGARITHMIC_FROM) {
    const [from, to] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))]
    const y = (value: number): number => {
      const power = value > 0 ? Math.log10(value) : from
      return base - (Math.max(0, power - from) / (to - from)) * HEIGHT
    }
    const ticks = Array.from({ length: to - from + 1 }, (_, i) => {
      const value = 10 ** (from + i)
      return { value, label: valueLabel(value) }
    })
    return { y, ticks }
  }
  const ticks = valueTicks(most || 1, 5, false)
  const top = ticks.at(-1)?.value ?? 1
  return { y: (value) => base - (Math.max(0, value) / top) * HEIGHT, ticks }
}
