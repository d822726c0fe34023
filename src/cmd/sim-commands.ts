/** `lightlag sim …`: deterministic runs of the lab. */

import { type Command, InvalidArgumentError } from 'commander'
import { duration, seed } from './numbers.ts'
import { addPlayOptions } from './sim-play.ts'
import { simSearch } from './sim-search.ts'

/** `exitStatuses` ends every help text. */
export function addSimCommands(program: Command, exitStatuses: string): void {
  const sim = program
    .command('sim')
    .description('run worlds of the lab again and again, in virtual time')
    .enablePositionalOptions()
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
  lightlag sim search --seed 17 --only m2,f0,l1
${exitStatuses}`,
    )
    .action(simSearch)
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
