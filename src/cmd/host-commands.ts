/** `lightlag serve`, `client-config` and `links`: the commands and their options. */

import { type Command, Option } from 'commander'
import { CLIENT_CONFIG_KINDS, type ClientConfigArguments } from './client-config.ts'
import { makeLinks } from './links.ts'
import { logOption } from './log-option.ts'
import type { ServeArguments } from './serve.ts'

/** `exitStatuses` ends every help text; `configOf` misses the option that two of them need. */
export function addHostCommands(
  program: Command,
  exitStatuses: string,
  configOf: (options: { readonly config?: string }, command: Command) => string,
): void {
  program
    .command('serve')
    .option('--config <file>', "the host's file, as etc/mail-1.yaml")
    .addOption(logOption())
    .addHelpText(
      'after',
      `
Examples:
  lightlag serve --config etc/mail-1.yaml
${exitStatuses}`,
    )
    .action(
      async (
        options: Omit<ServeArguments, 'config'> & { readonly config?: string },
        command: Command,
      ) => (await import('./serve.ts')).serve({ ...options, config: configOf(options, command) }),
    )

  program
    .command('client-config')
    .argument('<user@domain>', 'whose mail program is to be set up')
    .option('--config <file>', "the host's file, as etc/mail-1.yaml")
    .addOption(
      new Option('--only <kind>', 'one of them, without heading').choices(CLIENT_CONFIG_KINDS),
    )
    .addHelpText(
      'after',
      `
Examples:
  lightlag client-config user@mail-1.a.com --config etc/mail-1.yaml
  lightlag client-config user@mail-1.a.com --config etc/mail-1.yaml --only mobileconfig >me.mobileconfig
${exitStatuses}`,
    )
    .action(
      async (
        address: string,
        options: Omit<ClientConfigArguments, 'config'> & { readonly config?: string },
        command: Command,
      ) =>
        (await import('./client-config.ts')).clientConfig(address, {
          ...options,
          config: configOf(options, command),
        }),
    )

  program
    .command('links')
    .argument('<folder>', 'where to make them; made where it is not there')
    .argument('[name...]', 'which commands (default: mail, mailq, newaliases and sendmail)')
    .addHelpText(
      'after',
      `
Nothing that is there already is replaced. With the folder first in PATH, programs find these commands
in place of the system's.

Examples:
  lightlag links ~/lightlag-bin && PATH=~/lightlag-bin:$PATH
  lightlag links /usr/local/sbin sendmail mailq
  lightlag links ~/ion-bin bpsource bpsink
${exitStatuses}`,
    )
    .action((folder: string, names: readonly string[]) => makeLinks(folder, names))
}
