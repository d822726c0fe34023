import { setImmediate } from 'node:timers/promises'
import { promptPacking } from '../host/packing.ts'
import { formatRuns, mergeRuns, parseRuns, sorted } from '../lab/experiment/csv.ts'
import {
  type Experiment,
  jobsOf,
  type Run,
  type Settings,
  type Shard,
} from '../lab/experiment/experiment.ts'
import { plotOf } from '../lab/experiment/plot.ts'
import { formatRows, reportOf } from '../lab/experiment/report.ts'
import { EXIT, Failure, told } from './failure.ts'
import { readText, writeText } from './files.ts'
import { Progress } from './progress.ts'

/** As commander hands them over. */
export interface ExperimentArguments {
  readonly ways: readonly string[]
  readonly delays: readonly number[]
  readonly losses: readonly number[]
  readonly contacts?: readonly number[]
  readonly contactLength?: number
  readonly messages: number
  readonly size: number
  readonly rate: number
  readonly seeds: number
  readonly seed: number
  readonly shard: Shard
  readonly merge?: readonly string[]
  readonly csv?: string
  readonly svg?: string
  readonly json?: true
}

/** A Failure where files of shards do not fit together, or a file cannot be written. */
export async function runExperiment(
  experiment: Experiment,
  options: ExperimentArguments,
): Promise<void> {
  const { settings, runs } =
    options.merge === undefined
      ? await played(experiment, options)
      : merged(experiment, options.merge)
  if (options.csv !== undefined) writeText(options.csv, formatRuns(experiment, settings, runs))
  if (options.svg !== undefined) writeText(options.svg, plotOf(experiment, runs))
  if (options.csv === '-' || options.svg === '-') return
  const lines = options.json
    ? [JSON.stringify(reportOf(experiment, settings, runs), undefined, 2)]
    : formatRows(experiment, runs)
  process.stdout.write(`${lines.join('\n')}\n`)
}

interface Played {
  readonly settings: Settings
  readonly runs: readonly Run[]
}

async function played(experiment: Experiment, options: ExperimentArguments): Promise<Played> {
  const settings: Settings = {
    messages: options.messages,
    messageBytes: options.size,
    rateBytesPerSec: options.rate,
    contactMs: options.contactLength ?? experiment.settings.contactMs,
  }
  const grid = {
    ways: options.ways,
    oneWayDelaysMs: options.delays,
    lossShares: options.losses,
    contactsPerDay: options.contacts ?? experiment.grid.contactsPerDay,
  }
  requireRoomForContacts(settings, grid.contactsPerDay)
  const seeds = Array.from({ length: options.seeds }, (_, i) => options.seed + i)
  const jobs = jobsOf(grid, seeds, options.shard)
  const staging = { settle: () => setImmediate(), packing: promptPacking }
  const progress = new Progress(`of ${jobs.length} runs`)
  const runs: Run[] = []
  await told(async () => {
    for (const job of jobs) {
      progress.show(runs.length, () => runs.length / jobs.length)
      const values = await experiment.run(job.point, settings, job.seed, staging)
      runs.push({ ...job, values })
    }
  }).finally(() => progress.end())
  return { settings, runs: sorted(experiment, runs) }
}

function requireRoomForContacts(settings: Settings, perDay: readonly number[]): void {
  const most = Math.max(...perDay)
  if (most * settings.contactMs < 86_400_000) return
  const right = 'shorter contacts, or fewer, would be right'
  throw new Failure(EXIT.usage, `${most} contacts a day do not fit into a day: ${right}`)
}

function merged(experiment: Experiment, files: readonly string[]): Played {
  const parts = files.map((file) => {
    const parsed = parseRuns(readText(file), experiment, file)
    if (!parsed.ok) throw new Failure(EXIT.usage, parsed.fault.message)
    return { file, ...parsed.value }
  })
  const [first] = parts
  if (first === undefined) throw new Failure(EXIT.usage, '--merge needs files')
  const other = parts.find(
    ({ settings }) => JSON.stringify(settings) !== JSON.stringify(first.settings),
  )
  if (other !== undefined) {
    const why = 'they have other settings, and are not of one experiment'
    throw new Failure(EXIT.usage, `${first.file} and ${other.file}: ${why}`)
  }
  const together = mergeRuns(
    experiment,
    parts.map(({ runs }) => runs),
  )
  if ('differs' in together) {
    const { point, seed } = together.differs
    const which = `${point.way} at ${point.oneWayDelayMs / 1000} s with seed ${seed}`
    throw new Failure(EXIT.usage, `two files have other figures for ${which}`)
  }
  return { settings: first.settings, runs: together.runs }
}
