/** What several seeds together say. */

import type { Measure, Point, Run } from './experiment.ts'
import { isSamePoint } from './experiment.ts'

export interface Estimate {
  readonly mean: number
  /** Half the width of the 95 % confidence interval of the mean; undefined for one seed alone. */
  readonly halfWidth: number | undefined
  /** How many runs had the value. */
  readonly count: number
}

export interface Row {
  readonly point: Point
  readonly runs: number
  /** By key of the measure; undefined where no run had a value. */
  readonly estimates: ReadonlyMap<string, Estimate | undefined>
}

/** One for each point, in the order in which the points come. */
export function rowsOf(runs: readonly Run[], measures: readonly Measure[]): readonly Row[] {
  const points: Point[] = []
  for (const { point } of runs) {
    if (!points.some((known) => isSamePoint(known, point))) points.push(point)
  }
  return points.map((point) => {
    const those = runs.filter((run) => isSamePoint(run.point, point))
    const estimates = measures.map(({ key }): [string, Estimate | undefined] => [
      key,
      estimate(those.flatMap(({ values }) => values[key] ?? [])),
    ])
    return { point, runs: those.length, estimates: new Map(estimates) }
  })
}

export function estimate(values: readonly number[]): Estimate | undefined {
  const count = values.length
  if (count === 0) return undefined
  const mean = values.reduce((sum, value) => sum + value, 0) / count
  if (count === 1) return { mean, halfWidth: undefined, count }
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const deviation = Math.sqrt(squares / (count - 1))
  return { mean, halfWidth: (studentT(count - 1) * deviation) / Math.sqrt(count), count }
}

/** Two-sided 95 % quantiles of Student's t distribution, for 1 to 30 degrees of freedom. */
const T_95: readonly number[] = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048,
  2.045, 2.042,
]

function studentT(degrees: number): number {
  // Cornish-Fisher's first terms are right to four digits beyond the table.
  const z = 1.959964
  return T_95[degrees - 1] ?? z + (z ** 3 + z) / (4 * degrees)
}
