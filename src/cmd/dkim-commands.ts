/** `lightlag dkim …`: the commands and their options. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../base/quantity.ts'
import {
  type DkimArguments,
  type DkimNewArguments,
  type DkimRetireArguments,
  dkimList,
  dkimNew,
  dkimRetire,
  dkimShow,
} from './dkim.ts'
import { told } from './failure.ts'

/** `exitStatuses` ends every help text; `configOf` misses the option that all of them need. */
export function addDkimCommands(
  program: Command,
  exitStatuses: string,
  configOf: (options: { readonly config?: string }, command: Command) => string,
): void {
  const dkim = program.command('dkim')
  const subcommand = (name: string, what: string, example: string): Command =>
    dkim
      .command(name)
      .description(what)
      .option('--config <file>', "the host's file, as etc/mail-1.yaml")
      .option('--domain <domain>', 'whose mail it signs (default: the name of the host)', domain)
      .addHelpText('after', `\nExamples:\n  lightlag dkim ${example}\n${exitStatuses}`)
  const by = <Options extends object>(
    options: Options,
    command: Command,
  ): Options & DkimArguments => ({ ...options, config: configOf(options, command) })

  subcommand('new', 'make a key, and print the record to publish', 'new --config etc/mail-1.yaml')
    .option('--selector <selector>', 'its name (default: the date)', selector)
    .addOption(
      new Option('--algorithm <algorithm>', 'of the key')
        .choices(['rsa', 'ed25519'])
        .default('rsa'),
    )
    .option('--in <duration>', 'when it signs (default: 1d; the first one at once)', duration)
    .action((options: DkimNewArguments, command: Command) =>
      told(async () => dkimNew(by(options, command))),
    )
  subcommand('list', 'list the keys', 'list --config etc/mail-1.yaml --json')
    .option('--json', 'one JSON object for each, on a line')
    .action((options: DkimArguments, command: Command) =>
      told(async () => dkimList(by(options, command))),
    )
  subcommand('show', 'print the record of a key', 'show 20261123 --config etc/mail-1.yaml --check')
    .argument('<selector>')
    .option('--check', 'ask whether it is published')
    .action((name: string, options: DkimArguments, command: Command) =>
      told(() => dkimShow(name, by(options, command))),
    )
  subcommand('retire', 'have a key sign no more', 'retire 20261123 --config etc/mail-1.yaml')
    .argument('<selector>')
    .option('--in <duration>', 'when (default: now)', duration)
    .action((name: string, options: DkimRetireArguments, command: Command) =>
      told(async () => dkimRetire(name, by(options, command))),
    )
}

function domain(text: string): string {
  if (!/^(?=.{1,253}$)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*$/i.test(text)) {
    throw new InvalidArgumentError('A domain is a.com.')
  }
  return text.toLowerCase()
}

function selector(text: string): string {
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(text)) {
    throw new InvalidArgumentError('A selector is of letters, digits and - between them.')
  }
  return text.toLowerCase()
}

function duration(text: string): number {
  const value = parseDuration(text)
  if (value === undefined) throw new InvalidArgumentError('A duration is 30min, 2d or 0.')
  return value
}
