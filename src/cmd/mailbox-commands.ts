/** `lightlag mailbox …` and `lightlag deliver`: the commands and their options. */

import { type Command, CommanderError, Option } from 'commander'
import { type DeliverArguments, deliver, SYSEXITS } from './deliver.ts'
import { type ExportArguments, mailboxExport } from './mailbox-export.ts'
import { type ImportArguments, MAILBOX_FORMATS, mailboxImport } from './mailbox-import.ts'

/** `exitStatuses` ends every help text of commands that have those. */
export function addMailboxCommands(program: Command, exitStatuses: string): void {
  const mailbox = program.command('mailbox')
  placed(mailbox.command('import'))
    .argument('<source>', 'a Maildir, an mbox file, an eml file or a folder of those')
    .description('put the messages of a Maildir, an mbox file or eml files into a mailbox')
    .addOption(
      new Option('--format <format>', 'what the source is (default: what it looks like)').choices(
        MAILBOX_FORMATS,
      ),
    )
    .option('--json', 'the result as JSON')
    .addHelpText(
      'after',
      `
The host may be running. Messages that an earlier import has put in, and that are still there, are not
put in once more: what was broken off is taken up by the same command. An mbox file is read as mboxrd.

Examples:
  lightlag mailbox import ~/Mail/old.mbox --config etc/mail-1.yaml --user ann --mailbox Archive/old
  lightlag mailbox import /home/ann/Maildir --maildir var/mail-1/home/ann/Maildir
${exitStatuses}`,
    )
    .action((source: string, options: ImportArguments) => mailboxImport(source, options))
  placed(mailbox.command('export'))
    .argument(
      '<target>',
      'a Maildir, an mbox file that is not there yet, or a folder for eml files',
    )
    .description('write the messages of a mailbox into a Maildir, an mbox file or eml files')
    .addOption(
      new Option('--format <format>', 'what to write').choices(MAILBOX_FORMATS).default('mbox'),
    )
    .option('--json', 'the result as JSON')
    .addHelpText(
      'after',
      `
Flags and times go with the messages, but eml files have no flags. The mailbox is not changed.

Examples:
  lightlag mailbox export inbox.mbox --config etc/mail-1.yaml --user ann
  lightlag mailbox export letters --format eml --maildir var/mail-1/home/ann/Maildir --mailbox Sent
${exitStatuses}`,
    )
    .action((target: string, options: ExportArguments) => mailboxExport(target, options))
  program
    .command('deliver')
    // What calls it looks for the statuses of sysexits.h, whatever was wrong.
    .exitOverride(({ exitCode, code, message }) => {
      throw new CommanderError(exitCode === 0 ? 0 : SYSEXITS.usage, code, message)
    })
    .argument('<user>', 'whose mailbox')
    .option('-f, --from <sender>', 'who it is from, for Return-Path')
    .option(
      '-a, --address <address>',
      'to whom it was sent, for Delivered-To and, where the host has it so, for the mailbox of user+Lists',
    )
    .option('--config <file>', "the host's file, as etc/mail-1.yaml")
    .option(
      '--to <place>',
      'in its place: a Maildir, as ~/Maildir/, or an mbox file, as /var/mail/ann',
    )
    .addHelpText(
      'after',
      `
Examples:
  lightlag deliver -f "$SENDER" -a "$RECIPIENT" --config /etc/lightlag.yaml ann <letter.eml
  lightlag deliver --to /var/mail/ann ann <letter.eml
  mailbox_command = /usr/bin/lightlag deliver -f "$SENDER" -a "$RECIPIENT" --to "$HOME/Maildir/" "$USER"
      (in Postfix's main.cf)

Exit status, as in sysexits.h: 0 the mail is on the disk, 64 the arguments were not understood, 65 it is
no mail, 67 there is no such user, 73 the user's mailbox is full, 75 not now: try again.`,
    )
    .action((user: string, options: DeliverArguments) => deliver(user, options))
}

function placed(command: Command): Command {
  return command
    .option('--config <file>', "the host's file, as etc/mail-1.yaml")
    .option('--user <name>', 'whose mailbox')
    .option('--maildir <folder>', 'in place of both: any Maildir')
    .option('--mailbox <name>', 'which one of it', 'INBOX')
}
