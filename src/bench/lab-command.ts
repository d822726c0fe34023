/** `npm run bench -- lab`. */

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import { type ConstellationResult, runConstellation } from './lab-constellation.ts'
import { type MarsDay, runMarsDay } from './lab-mars-day.ts'
import { number, someOf } from './options.ts'

const PARTS = ['mars-day', 'constellation', 'growth'] as const
type Part = (typeof PARTS)[number]

interface Flags {
  readonly only: readonly Part[]
  readonly nodes: number
  readonly contacts: number
  readonly bundles: number
  readonly here?: true
  readonly json?: true
}

/** What a constellation has under way at once is more than survives in the memory for young objects that Node has by itself. */
const CONSTELLATION_OPTIONS = ['--max-semi-space-size=128']

export function labCommand(): Command {
  return new Command('lab')
    .description('the lab itself: events a second, a day of mail to Mars, a constellation')
    .addOption(
      new Option('--only <list>', `of ${PARTS.join(', ')}`).default(PARTS).argParser(someOf(PARTS)),
    )
    .option('--nodes <number>', 'of the constellation', number, 1000)
    .option('--contacts <number>', 'a day, of each link that comes and goes', number, 15)
    .option('--bundles <number>', 'in its day', number, 100_000)
    .option('--here', 'in this process, with the memory that it was given; for profiles')
    .option('--json', 'one JSON object for each line')
    .addHelpText(
      'after',
      '\nExample:\n  npm run bench -- lab --only constellation --nodes 100 --json',
    )
    .action(run)
}

async function run({ only, here, json, ...size }: Flags): Promise<void> {
  const tell = <Result extends object>(result: Result, text: (result: Result) => string): void =>
    console.log(json ? JSON.stringify(result) : text(result))
  if (only.includes('mars-day')) {
    tell(here ? await runMarsDay() : inProcess<MarsDay>([], ['mars-day']), marsText)
  }
  if (only.includes('constellation')) {
    const { nodes, contacts: contactsPerLink, bundles } = size
    const result = here
      ? await runConstellation({ nodes, contactsPerLink, bundles })
      : constellationOf(nodes, contactsPerLink, bundles)
    tell(result, constellationText)
  }
  if (only.includes('growth')) for (const result of growth()) tell(result, constellationText)
}

/** By tens of nodes, of contacts and of bundles. */
function* growth(): Iterable<ConstellationResult> {
  for (const [nodes, contacts, bundles] of [
    [10, 15, 1000],
    [100, 15, 1000],
    [1000, 15, 1000],
    [100, 150, 1000],
    [100, 1500, 1000],
    [100, 15, 10_000],
    [100, 15, 100_000],
  ] as const) {
    yield constellationOf(nodes, contacts, bundles)
  }
}

function constellationOf(nodes: number, contacts: number, bundles: number): ConstellationResult {
  const size = ['--nodes', nodes, '--contacts', contacts, '--bundles', bundles].map(String)
  return inProcess<ConstellationResult>(CONSTELLATION_OPTIONS, ['constellation', ...size])
}

/** Each in a process of its own, so that its memory is its own and nothing is compiled for another. */
function inProcess<Result>(nodeOptions: readonly string[], part: readonly string[]): Result {
  const bench = fileURLToPath(new URL('bench.js', import.meta.url))
  const words = [...nodeOptions, bench, 'lab', '--here', '--json', '--only', ...part]
  const { stdout, stderr, status } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Result
}

function marsText({ mails, arrived, events, eventsPerSec, seconds, rssMiB }: MarsDay): string {
  return `A day on Mars, 20 min away: ${arrived} of ${mails} mails arrived, in ${seconds} s; ${events} events, ${eventsPerSec}/s, ${rssMiB} MiB.`
}

function constellationText(result: ConstellationResult): string {
  const { nodes, contacts, bundles, delivered, hops, startSec, runSec, rssMiB } = result
  const { events, eventsPerSec, idleKiBPerNode } = result
  return `${nodes} nodes, ${contacts} contacts: ${delivered} of ${bundles} bundles over ${hops} hops; made in ${startSec} s, played in ${runSec} s; ${events} events, ${eventsPerSec}/s; ${rssMiB} MiB, ${idleKiBPerNode} KiB an idle node.`
}
