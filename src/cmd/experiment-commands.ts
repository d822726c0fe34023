/** `lightlag experiment`: a table, a plot, and runs that other machines can share. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration, parseShare, parseSize } from '../base/quantity.ts'
import type { Experiment, Shard } from '../lab/experiment/experiment.ts'
import { EXPERIMENTS } from '../lab/experiment/experiments.ts'
import { type ExperimentArguments, runExperiment } from './experiment.ts'
import { seed } from './numbers.ts'

const LIST_MAX = 1000

/** `exitStatuses` ends every help text. */
export function addExperimentCommands(program: Command, exitStatuses: string): void {
  const group = program.command('experiment')
  for (const experiment of EXPERIMENTS) addExperiment(group, experiment, exitStatuses)
}

function addExperiment(group: Command, experiment: Experiment, exitStatuses: string): void {
  const { name, about, grid, settings } = experiment
  const isVaried = (values: readonly unknown[]): boolean => values.length > 1
  const command = group
    .command(name)
    .description(about)
    .addOption(
      new Option('--ways <list>', 'which ways')
        .default(grid.ways, grid.ways.join(','))
        .argParser(waysOf(grid.ways)),
    )
    .addOption(
      new Option('--delays <list>', 'one-way delays')
        .default(grid.oneWayDelaysMs, grid.oneWayDelaysMs.map((ms) => `${ms / 1000}s`).join(','))
        .argParser(listOf(parseDuration, 'durations such as 0,1s,20min')),
    )
    .addOption(
      new Option('--losses <list>', 'shares of packets that the link loses')
        .default(grid.lossShares, grid.lossShares.map((share) => `${100 * share}%`).join(','))
        .argParser(listOf(parseShare, 'shares such as 0,1%,0.3')),
    )
  if (isVaried(grid.contactsPerDay)) {
    command
      .addOption(
        new Option('--contacts <list>', 'how often a day the link is there')
          .default(grid.contactsPerDay, grid.contactsPerDay.join(','))
          .argParser(listOf(contactsPerDay, 'numbers from 1 to 144 such as 1,3,24')),
      )
      .addOption(
        new Option('--contact-length <duration>', 'how long each time')
          .default(settings.contactMs, `${settings.contactMs / 1000}s`)
          .argParser(one(parseDuration, 'A duration is 90s or 10min.')),
      )
  }
  command
    .option('--messages <number>', 'how many mails', wholeNumber(100_000), settings.messages)
    .addOption(
      new Option('--size <bytes>', 'of each mail')
        .default(settings.messageBytes)
        .argParser(one(parseSize, 'A size is 4096, 4KiB or 1MB.')),
    )
    .addOption(
      new Option('--rate <bytes/s>', 'of the link')
        .default(settings.rateBytesPerSec)
        .argParser(one(rate, 'A rate is 125kB/s.')),
    )
    .option('--seeds <number>', 'runs of each with seeds of their own', wholeNumber(10_000), 1)
    .option('--seed <number>', 'the first of them', seed, 1)
    .addOption(
      new Option('--shard <i/n>', 'only this part of the runs, of n that together are all')
        .default({ number: 1, of: 1 }, '1/1')
        .argParser(shard),
    )
    .addOption(
      new Option('--merge <file...>', 'in place of running: what shards have written with --csv'),
    )
    .option('--csv <file>', 'write each run as a line')
    .option('--svg <file>', 'draw it')
    .option('--json', 'print the table as JSON')
    .addHelpText(
      'after',
      `
The same seed gives the same figures on any machine. A file named - is standard output.

Examples:
  lightlag experiment ${name}
  lightlag experiment ${name} --delays 0,1s,20min --seeds 10 --svg ${name}.svg
  lightlag experiment ${name} --shard 3/8 --csv part-3.csv
  lightlag experiment ${name} --merge part-*.csv --json
${exitStatuses}`,
    )
    .action((options: ExperimentArguments) => runExperiment(experiment, options))
}

function listOf<T>(
  parse: (text: string) => T | undefined,
  what: string,
): (text: string) => readonly T[] {
  return (text) => {
    const values = text.split(',').map((word) => parse(word.trim()))
    if (values.length > LIST_MAX) throw new InvalidArgumentError(`At most ${LIST_MAX} of them.`)
    return values.map((value) => {
      if (value === undefined) throw new InvalidArgumentError(`A list is of ${what}.`)
      return value
    })
  }
}

function waysOf(known: readonly string[]): (text: string) => readonly string[] {
  const parse = (word: string): string | undefined => known.find((way) => way === word)
  return listOf(parse, known.join(','))
}

function one<T>(parse: (text: string) => T | undefined, message: string): (text: string) => T {
  return (text) => {
    const value = parse(text)
    if (value === undefined || value === 0) throw new InvalidArgumentError(message)
    return value
  }
}

function wholeNumber(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < 1 || value > max) {
      throw new InvalidArgumentError(`A whole number from 1 to ${max}.`)
    }
    return value
  }
}

function rate(text: string): number | undefined {
  return parseSize(text.replace(/\/s$/, ''))
}

/** So that a contact of ten minutes fits. */
function contactsPerDay(text: string): number | undefined {
  const value = Number(text)
  return /^\d+$/.test(text) && value >= 1 && value <= 144 ? value : undefined
}

function shard(text: string): Shard {
  const [, number = 0, of = 0] = /^(\d{1,6})\/(\d{1,6})$/.exec(text)?.map(Number) ?? []
  if (number < 1 || number > of) throw new InvalidArgumentError('A part is 1/8, 2/8 … 8/8.')
  return { number, of }
}
