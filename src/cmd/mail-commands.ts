/** The commands for a running host's mail, and their options. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../base/quantity.ts'
import type { QueueAction } from '../bridge/mail-requests.ts'
import {
  actOnQueue,
  type MailArguments,
  mail,
  printQueue,
  sendmail,
} from '../bridge/tools/mail-programs.ts'
import { EXIT, Failure } from './failure.ts'
import { type HostOption, mailPorts, withStandardInput } from './mail-ports.ts'
import { printQueueCost, showQueued, traceMail } from './mail-queue.ts'

const NODE = 'number or control socket of the host (default: the only one here)'

const ACTIONS: Readonly<Record<QueueAction, string>> = {
  hold: 'keep mails in the queue until they are released',
  release: 'let go what is held, by you or by its sender',
  requeue: 'try now what waits for its next attempt',
  delete: 'take mails out of the queue, without a word to their senders',
  bounce: 'return mails to their senders',
}

interface Selecting extends HostOption {
  readonly address?: string
  readonly domain?: string
  readonly olderThan?: number
  readonly all?: boolean
}

/** `exitStatuses` ends every help text. */
export function addMailCommands(program: Command, exitStatuses: string): void {
  addQueueCommands(program.command('queue'), exitStatuses)
  addListing(program.command('mailq'), 'lightlag mailq', exitStatuses)
  addTrace(program.command('trace'), exitStatuses)
  addSendmail(program.command('sendmail'))
  addMail(program.command('mail'))
}

function addQueueCommands(queue: Command, exitStatuses: string): void {
  addListing(
    queue.command('list').description('list what waits'),
    'lightlag queue list --json',
    exitStatuses,
  )
  queue
    .command('show')
    .argument('<id>', 'queue id, as in the list')
    .description('print a mail as it is in the queue')
    .option('--node <node>', NODE)
    .addHelpText('after', `\nExamples:\n  lightlag queue show 1PRT2M4T0XKQ7A5B\n${exitStatuses}`)
    .action((id: string, options: HostOption) => showQueued(id, options))
  queue
    .command('cost')
    .description('say what waiting mail will cost: octets on the link, seconds of contact, money')
    .option('--json', 'one JSON object with all next hops and their sum')
    .option('--node <node>', NODE)
    .addHelpText(
      'after',
      `
Examples:
  lightlag queue cost
  lightlag queue cost --json | jq .sum.money

Of mail for far gateways. What is in bundles is counted, other mail is packed as it would be now, to see; of
more than 4 MiB for one next hop the rest is reckoned by that. Rates are those of contacts or plans, prices
those of "links" in the host's file. What is sent again and acknowledgements are not in it.
${exitStatuses}`,
    )
    .action((options: HostOption & { readonly json?: boolean }) => printQueueCost(options))
  for (const [action, purpose] of Object.entries(ACTIONS) as [QueueAction, string][]) {
    addAction(queue.command(action), action, purpose, exitStatuses)
  }
}

function addTrace(command: Command, exitStatuses: string): void {
  command
    .argument('<id>', 'queue id or Message-ID')
    .option('--json', 'one JSON object for each mail, on a line')
    .option('--node <node>', NODE)
    .addHelpText(
      'after',
      `\nExamples:\n  lightlag trace 1PRT2M4T0XKQ7A5B\n  lightlag trace '<4711@mail-1.a.com>' --json\n${exitStatuses}`,
    )
    .action((id: string, options: HostOption & { readonly json?: boolean }) =>
      traceMail(id, options),
    )
}

function addSendmail(command: Command): void {
  command
    .argument('[words...]')
    .option('--node <node>', NODE)
    .allowUnknownOption()
    .addHelpText(
      'after',
      `
Examples:
  lightlag sendmail -t -i < letter.eml
  lightlag sendmail -f user@mail-1.a.com ann@mail-2.a.com < letter.eml
  lightlag sendmail -N success,delay ann@mail-2.a.com < letter.eml

-t takes the recipients from the header, -i reads past a line of one dot, -f says who it is from and -F
by what name, -N, -R and -V ask for reports (RFC 3461); -bs speaks SMTP on standard input and output,
-bp lists the queue, and -q tries it now. "lightlag links" makes a command named sendmail.

Exit status: 0 accepted, 64 not understood, 65 refused, 67 no such user, 68 no way to its domain, 75 not now:
no host runs here, or it has no room; 77 not for you.`,
    )
    .action((words: readonly string[], options: HostOption) =>
      withStandardInput(() => sendmail(words, mailPorts(options))),
    )
}

function addMail(command: Command): void {
  command
    .argument('[address...]')
    .option('-s, --subject <text>', 'its subject')
    .option('-c, --cc <addresses>', 'who gets a copy, with commas between them')
    .option('-r, --from <address>', 'who it is from (default: you)')
    .addOption(new Option('-H, --headers', 'list your mails').conflicts('print'))
    .option('-p, --print', 'print your mails')
    .option('-u, --user <name>', 'whose mailbox to look at (default: yours)')
    .option('--node <node>', NODE)
    .addHelpText(
      'after',
      `
Examples:
  echo Hello | lightlag mail -s Greetings user@mail-2.a.com
  echo Hello | lightlag mail -s Greetings -c ann@mail-2.a.com user@mail-2.a.com,bob@mail-2.a.com
  lightlag mail -H -u user

Exit status: 0 accepted, 64 not understood, 65 refused, 67 no such user, 68 no way to its domain, 75 not now:
no host runs here, or it has no room; 77 not for you. With -H and -p 0 there is mail, 1 there is none.`,
    )
    .action((to: readonly string[], options: MailArguments & HostOption) =>
      withStandardInput(() => mail(to, options, mailPorts(options))),
    )
}

function addListing(command: Command, example: string, exitStatuses: string): void {
  command
    .option('--json', 'one JSON object for each mail, on a line')
    .option('--node <node>', NODE)
    .addHelpText('after', `\nExamples:\n  ${example}\n${exitStatuses}`)
    .action((options: HostOption & { readonly json?: boolean }) =>
      printQueue(options, mailPorts(options)),
    )
}

function addAction(
  command: Command,
  action: QueueAction,
  purpose: string,
  exitStatuses: string,
): void {
  command
    .description(purpose)
    .argument('[id...]', 'queue ids, as in the list')
    .option('--address <address>', 'those from or for this address')
    .option('--domain <domain>', 'those for this domain')
    .option('--older-than <duration>', 'those that came so long ago: 2h, 5d', duration)
    .option('--all', 'all of them')
    .option('--node <node>', NODE)
    .addHelpText(
      'after',
      `
Examples:
  lightlag queue ${action} 1PRT2M4T0XKQ7A5B
  lightlag queue ${action} --domain mail-2.a.com --older-than 2d
${exitStatuses}`,
    )
    .action((ids: readonly string[], options: Selecting) => {
      const { address, domain, olderThan, all } = options
      const selection = {
        ...(ids.length > 0 && { queueIds: ids }),
        ...(address !== undefined && { address }),
        ...(domain !== undefined && { domain }),
        ...(olderThan !== undefined && { olderThanMs: olderThan }),
      }
      if (Object.keys(selection).length === 0 && !all) {
        const message = `queue ${action}: which mails? Queue ids, --address, --domain, --older-than or --all`
        throw new Failure(EXIT.usage, message)
      }
      return actOnQueue(action, selection, mailPorts(options))
    })
}

function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new InvalidArgumentError('A duration is 30min, 2h or 5d.')
  return ms
}
