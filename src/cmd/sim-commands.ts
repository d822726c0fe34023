/** `lightlag sim …`: deterministic runs of the lab. */

import { type Command, InvalidArgumentError } from 'commander'
import { duration, seed } from './numbers.ts'
import type { PlayArguments } from './sim-play.ts'
import type { SimSearchArguments } from './sim-search.ts'

/** `exitStatuses` ends every help text. */
export function addSimCommands(program: Command, exitStatuses: string): void {
  const sim = program.command('sim').enablePositionalOptions()
  addPlayOptions(sim)
  sim
    .command('search')
    .description('draw worlds, mail and faults from seeds, and look for broken promises')
    .option('--seeds <number>', 'how many (default: 200, or 1 with --seed)', count)
    .option('--seed <number>', 'the first (default: 1)', seed)
    .option(
      '--budget <duration>',
      'begin nothing more after this time: 60s (default: none)',
      duration,
    )
    .option(
      '--only <names>',
      'of one seed, what of it is to happen: m3,f0,l1 (default: all)',
      names,
    )
    .option('--json', 'one JSON object for each failure and one for the sum, each on a line')
    .addHelpText(
      'after',
      `
A seed draws hosts, links with their losses and contacts (l0, l1…), hosts of little room or patience
(h2…), mails (m0…), visits of mail programs (v0…) and faults (f0…). Of a seed that breaks a promise the
least that does so is printed, and how to run that again.

Examples:
  lightlag sim search --seeds 200 --budget 60s
  lightlag sim search --seed 17 --only m0,v0,l1
${exitStatuses}`,
    )
    .action(async (options: SimSearchArguments) =>
      (await import('./sim-search.ts')).simSearch(options),
    )
}

/** The options of `sim` itself, beside its commands. */
function addPlayOptions(sim: Command): void {
  sim
    .argument('[scenario]', 'file of a scenario, for --step')
    .option('--step', 'walk through it event by event, by commands on standard input')
    .option('--replay <file>', 'play what "lab up --record" or --record has written, and compare')
    .option('--record <file>', 'with --step: write down the run')
    .option('--seed <number>', 'in place of that of the scenario', seed)
    .option('--json', 'with --step: one JSON object for each event and each state')
    .addHelpText(
      'after',
      `
Commands of --step: an empty line or "step" for the next event, "step 10", "to 12.5s" up to that time,
"host mail-1" until something is seen of a host, "until mail-delivered" until a host tells that,
"exec mail-1 echo Hi | mail user@mail-2.a.com" to have something to step through, "state", "quit".

Examples:
  lightlag sim scenarios/earth-moon.yaml --step
  printf 'to 2s\\nstate\\n' | lightlag sim scenarios/earth-moon.yaml --step
  lightlag lab up scenarios/earth-moon.yaml --record run.jsonl
  lightlag sim --replay run.jsonl

Exit status: 0 done, 1 a replay went another way, 2 an option, a value or a file was not understood.`,
    )
    .action(async (scenario: string | undefined, options: PlayArguments) =>
      (await import('./sim-play.ts')).play(scenario, options),
    )
}

function names(text: string): readonly string[] {
  const all = text.split(',')
  if (all.every((name) => /^[hlmvf]\d+$/.test(name))) return all
  throw new InvalidArgumentError('Names such as m3,f0,l1.')
}

function count(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('A whole number above 0.')
}
