/** Runs as lines of CSV (RFC 4180): what the machines that share an experiment hand to each other. */

import { Fault, type Result } from '../../base/fault.ts'
import type { LabFaultCode } from '../fault.ts'
import type { Experiment, Run, Settings } from './experiment.ts'

const POINT_COLUMNS = [
  'experiment',
  'messages',
  'message_bytes',
  'rate_bytes_per_s',
  'contact_s',
  'way',
  'one_way_delay_s',
  'loss',
  'contacts_per_day',
  'seed',
]

/** With a line of names before all others. */
export function formatRuns(
  experiment: Experiment,
  settings: Settings,
  runs: readonly Run[],
): string {
  const keys = experiment.measures.map(({ key }) => key)
  const same = [
    experiment.name,
    settings.messages,
    settings.messageBytes,
    settings.rateBytesPerSec,
    settings.contactMs / 1000,
  ]
  const lines = runs.map(({ point, seed, values }) => [
    ...same,
    point.way,
    point.oneWayDelayMs / 1000,
    point.lossShare,
    point.contactsPerDay,
    seed,
    ...keys.map((key) => values[key] ?? ''),
  ])
  return [[...POINT_COLUMNS, ...keys], ...lines].map((cells) => `${cells.join(',')}\r\n`).join('')
}

export interface ReadRuns {
  readonly settings: Settings
  readonly runs: readonly Run[]
}

/** Of one experiment with one set of settings. `fileName` is for the fault, which says the line. */
export function parseRuns(
  text: string,
  experiment: Experiment,
  fileName: string,
): Result<ReadRuns, LabFaultCode> {
  const keys = experiment.measures.map(({ key }) => key)
  const columns = [...POINT_COLUMNS, ...keys]
  const [head = '', ...lines] = text.split(/\r?\n/)
  const at = (line: number, message: string): Result<ReadRuns, LabFaultCode> => ({
    ok: false,
    fault: new Fault<LabFaultCode>('lab/not-runs', `${fileName}:${line}: ${message}`, {
      temporary: false,
    }),
  })
  if (head !== columns.join(',')) {
    return at(1, `not runs of ${experiment.name}: a first line ${columns.join(',')} would be right`)
  }
  let settings: Settings | undefined
  const runs: Run[] = []
  for (const [index, line] of lines.entries()) {
    if (line === '') continue
    const cells = line.split(',')
    const read = cells.length === columns.length ? readLine(cells, keys) : undefined
    if (read === undefined || cells[0] !== experiment.name) {
      return at(index + 2, `${columns.length} values of ${experiment.name} would be right`)
    }
    if (settings !== undefined && !isSame(settings, read.settings)) {
      return at(index + 2, 'other settings than the lines before have')
    }
    settings = read.settings
    runs.push(read.run)
  }
  return settings === undefined ? at(1, 'no runs') : { ok: true, value: { settings, runs } }
}

function readLine(
  cells: readonly string[],
  keys: readonly string[],
): { readonly settings: Settings; readonly run: Run } | undefined {
  const [, messages, messageBytes, rate, contact, way = '', delay, loss, perDay, seed, ...values] =
    cells
  const numbers = [messages, messageBytes, rate, contact, delay, loss, perDay, seed].map(number)
  const measured = values.map((cell) => (cell === '' ? undefined : number(cell)))
  if (numbers.includes(undefined) || way === '') return undefined
  if (measured.some((value, i) => value === undefined && values[i] !== '')) return undefined
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = numbers
  const point = { way, oneWayDelayMs: e * 1000, lossShare: f, contactsPerDay: g }
  return {
    settings: { messages: a, messageBytes: b, rateBytesPerSec: c, contactMs: d * 1000 },
    run: { point, seed: h, values: Object.fromEntries(keys.map((key, i) => [key, measured[i]])) },
  }
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text) ? Number(text) : undefined
}

function isSame(a: Settings, b: Settings): boolean {
  return (Object.keys(a) as (keyof Settings)[]).every((key) => a[key] === b[key])
}

/**
 * The runs of several machines, in the order in which one would have them: each point with each seed
 * once. Of one that two have and do not agree about, `differs`.
 */
export function mergeRuns(
  experiment: Experiment,
  parts: readonly (readonly Run[])[],
): { readonly runs: readonly Run[] } | { readonly differs: Run } {
  const runs = new Map<string, Run>()
  for (const run of parts.flat()) {
    const key = JSON.stringify([run.point, run.seed])
    const known = runs.get(key)
    if (known !== undefined && JSON.stringify(known.values) !== JSON.stringify(run.values)) {
      return { differs: run }
    }
    runs.set(key, run)
  }
  return { runs: sorted(experiment, [...runs.values()]) }
}

export function sorted({ grid }: Experiment, runs: readonly Run[]): readonly Run[] {
  return [...runs].sort(
    ({ point: a, seed }, { point: b, seed: other }) =>
      a.oneWayDelayMs - b.oneWayDelayMs ||
      a.lossShare - b.lossShare ||
      a.contactsPerDay - b.contactsPerDay ||
      grid.ways.indexOf(a.way) - grid.ways.indexOf(b.way) ||
      seed - other,
  )
}
