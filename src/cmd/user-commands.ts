/** `lightlag user …`: the commands and their options. */

import type { Command } from 'commander'
import { told } from './failure.ts'
import {
  appPasswordAdd,
  appPasswordDel,
  appPasswordList,
  type UserArguments,
  userAdd,
  userDel,
  userList,
  userPasswd,
  userQuota,
} from './user.ts'

/** `exitStatuses` ends every help text; `configOf` misses the option that all of them need. */
export function addUserCommands(
  program: Command,
  exitStatuses: string,
  configOf: (options: { readonly config?: string }, command: Command) => string,
): void {
  const user = program.command('user')
  const subcommand = (parent: Command, name: string, what: string, example: string): Command =>
    parent
      .command(name)
      .description(what)
      .option('--config <file>', "the host's file, as etc/mail-1.yaml")
      .addHelpText('after', `\nExamples:\n  lightlag user ${example}\n${exitStatuses}`)
  const by = (options: object, command: Command): UserArguments => ({
    ...options,
    config: configOf(options, command),
  })

  subcommand(
    user,
    'add',
    'give somebody a mailbox; the password is asked for, or read from standard input',
    'add ann --config etc/mail-1.yaml',
  )
    .argument('<name>')
    .action((name: string, options: object, command: Command) =>
      told(() => userAdd(name, by(options, command))),
    )
  subcommand(user, 'passwd', 'set another password', 'passwd ann --config etc/mail-1.yaml')
    .argument('<name>')
    .action((name: string, options: object, command: Command) =>
      told(() => userPasswd(name, by(options, command))),
    )
  subcommand(user, 'del', 'let somebody log in no more', 'del ann --config etc/mail-1.yaml')
    .argument('<name>')
    .action((name: string, options: object, command: Command) =>
      told(() => userDel(name, by(options, command))),
    )
  subcommand(user, 'list', 'list the users', 'list --config etc/mail-1.yaml --json')
    .option('--json', 'as JSON')
    .action((options: object, command: Command) => told(async () => userList(by(options, command))))

  subcommand(
    user,
    'quota',
    'tell what each user has in the mailboxes, and may have',
    'quota --config etc/mail-1.yaml',
  )
    .option('--json', 'as JSON')
    .action((options: object, command: Command) => told(() => userQuota(by(options, command))))

  const app = user
    .command('app-password')
    .description('passwords of single programs, which can be taken back one by one')
  subcommand(
    app,
    'add',
    'make one, and show it this once',
    'app-password add ann phone --config etc/mail-1.yaml',
  )
    .argument('<name>')
    .argument('<label>', 'what it is for')
    .action((name: string, label: string, options: object, command: Command) =>
      told(() => appPasswordAdd(name, label, by(options, command))),
    )
  subcommand(app, 'del', 'take one back', 'app-password del ann phone --config etc/mail-1.yaml')
    .argument('<name>')
    .argument('<label>')
    .action((name: string, label: string, options: object, command: Command) =>
      told(() => appPasswordDel(name, label, by(options, command))),
    )
  subcommand(
    app,
    'list',
    'list what a user has them for',
    'app-password list ann --config etc/mail-1.yaml',
  )
    .argument('<name>')
    .action((name: string, options: object, command: Command) =>
      told(async () => appPasswordList(name, by(options, command))),
    )
}
