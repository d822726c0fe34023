/** What came out of an experiment, for people and for programs. */

import { formatTable } from '../demo-text.ts'
import type { Experiment, Measure, Point, Run, Settings } from './experiment.ts'
import { type Estimate, type Row, rowsOf } from './statistics.ts'

/** Columns of what does not vary are left out. */
export function formatRows(experiment: Experiment, runs: readonly Run[]): readonly string[] {
  const rows = rowsOf(runs, experiment.measures)
  const axes = AXES.filter(({ of }) => new Set(rows.map(({ point }) => of(point))).size > 1)
  const shown = axes.some(({ title }) => title === 'way') ? axes : [WAY, ...axes]
  const head = [
    ...shown.map(({ title }) => title),
    ...experiment.measures.map(({ title, unit }) => (unit === '' ? title : `${title} (${unit})`)),
  ]
  const body = rows.map((row) => [
    ...shown.map(({ of }) => of(row.point)),
    ...experiment.measures.map((measure) => cell(row, measure)),
  ])
  return formatTable([head, ...body])
}

/** `12.3`, `12.3 ± 0.4`, `12.3 ± 0.4 (3 of 5)` where two had no value, `-` where none had. */
function cell({ estimates, runs }: Row, { key, digits }: Measure): string {
  const estimate = estimates.get(key)
  if (estimate === undefined) return '-'
  const { mean, halfWidth, count } = estimate
  const spread = halfWidth === undefined ? '' : ` ± ${halfWidth.toFixed(digits)}`
  return `${mean.toFixed(digits)}${spread}${count < runs ? ` (${count} of ${runs})` : ''}`
}

export interface Report {
  readonly experiment: string
  readonly settings: Settings
  readonly rows: readonly ReportRow[]
}

export interface ReportRow {
  readonly way: string
  readonly oneWayDelaySec: number
  readonly loss: number
  readonly contactsPerDay: number
  readonly runs: number
  /** By key of the measure; null where no run had a value. */
  readonly measures: Readonly<Record<string, Estimate | null>>
}

/** What `--json` prints. */
export function reportOf(experiment: Experiment, settings: Settings, runs: readonly Run[]): Report {
  const rows = rowsOf(runs, experiment.measures).map(({ point, runs, estimates }) => ({
    way: point.way,
    oneWayDelaySec: point.oneWayDelayMs / 1000,
    loss: point.lossShare,
    contactsPerDay: point.contactsPerDay,
    runs,
    measures: Object.fromEntries(
      [...estimates].map(([key, estimate]) => [key, estimate ?? null] as const),
    ),
  }))
  return { experiment: experiment.name, settings, rows }
}

export interface Axis {
  readonly title: string
  readonly of: (point: Point) => string
}

const WAY: Axis = { title: 'way', of: ({ way }) => way }

export const AXES: readonly Axis[] = [
  WAY,
  { title: 'one-way delay', of: ({ oneWayDelayMs }) => delayText(oneWayDelayMs) },
  { title: 'loss', of: ({ lossShare }) => `${Number((100 * lossShare).toPrecision(6))} %` },
  { title: 'contacts a day', of: ({ contactsPerDay }) => String(contactsPerDay) },
]

function delayText(ms: number): string {
  if (ms >= 60_000 && ms % 60_000 === 0) return `${ms / 60_000} min`
  return ms >= 1000 || ms === 0 ? `${ms / 1000} s` : `${ms} ms`
}
