/** `lightlag fault …`: faults on purpose on a running host, for who tests mail programs. */

import type { Command } from 'commander'
import { formatDuration } from '../base/quantity.ts'
import { parseFault } from '../config/mail-policy.ts'
import type { InjectedFaultView } from '../mail/policy/injected-faults.ts'
import { EXIT, Failure } from './failure.ts'
import type { HostOption } from './mail-ports.ts'
import { withHost } from './mail-queue.ts'
import { printLines } from './print-lines.ts'

const NODE = 'number or control socket of the host (default: the only one here)'

/** `exitStatuses` ends every help text. */
export function addFaultCommands(program: Command, exitStatuses: string): void {
  const fault = program.command('fault')
  fault
    .command('add')
    .description('add one, until it is removed or the host stops; prints its number')
    .option('--at <command>', 'EHLO (answered at MAIL), MAIL, RCPT, DATA or end-of-data')
    .option('--sender <address>', 'whose mail: x@y, *@y, <> (default: anyone)')
    .option('--recipient <address>', 'for whom (default: anyone)')
    .option('--times <range>', 'which of those that it fits: 2, 2-4, 2- (default: each)')
    .option('--reply <text>', "what to answer: '451 4.3.0 Not now' (default: as ever, but late)")
    .option('--delay <duration>', 'before the answer: 500ms, 10min')
    .option('--node <node>', NODE)
    .addHelpText(
      'after',
      `
Examples:
  lightlag fault add --at RCPT --recipient x@y.org --times 2 --reply '451 4.3.0 Not now'
  lightlag fault add --at end-of-data --delay 6min
${exitStatuses}`,
    )
    .action(({ node, ...words }: HostOption & Record<string, string>) =>
      addFault(words, node === undefined ? {} : { node }),
    )
  fault
    .command('list')
    .description('list those that are in force, with how often each has fitted')
    .option('--json', 'one JSON object for each, on a line')
    .option('--node <node>', NODE)
    .addHelpText('after', `\nExamples:\n  lightlag fault list\n${exitStatuses}`)
    .action((options: HostOption & { readonly json?: boolean }) => listFaults(options))
  fault
    .command('remove')
    .description('remove some, by their numbers, or all')
    .argument('[number...]')
    .option('--all', 'all of them')
    .option('--node <node>', NODE)
    .addHelpText('after', `\nExamples:\n  lightlag fault remove 1\n${exitStatuses}`)
    .action((numbers: readonly string[], options: HostOption & { readonly all?: boolean }) =>
      removeFaults(numbers, options),
    )
}

async function addFault(words: Record<string, string>, options: HostOption): Promise<void> {
  const parsed = parseFault(words)
  if (!parsed.ok) throw new Failure(EXIT.usage, `fault add: ${parsed.problem}`)
  await withHost(options, async (host) => {
    process.stdout.write(`${await host.addFault(parsed.value)}\n`)
  })
}

async function listFaults(options: HostOption & { readonly json?: boolean }): Promise<void> {
  await withHost(options, async (host) => {
    const faults = await host.faults()
    const lines = faults.map(options.json ? (fault) => JSON.stringify(fault) : formatFault)
    printLines(lines)
  })
}

async function removeFaults(
  numbers: readonly string[],
  options: HostOption & { readonly all?: boolean },
): Promise<void> {
  if (options.all === true ? numbers.length > 0 : numbers.length === 0) {
    throw new Failure(EXIT.usage, 'fault remove: which? Numbers as in the list, or --all')
  }
  const wrong = numbers.find((number) => !/^\d{1,9}$/.test(number))
  if (wrong !== undefined) {
    throw new Failure(EXIT.usage, `fault remove: ${wrong}: a number as in the list would be right`)
  }
  await withHost(options, async (host) => {
    if (options.all) await host.removeFaults()
    for (const number of numbers) {
      const removed = await host.removeFaults(Number(number))
      if (removed === 0) throw new Failure(EXIT.failed, `there is no fault ${number}`)
    }
  })
}

/** `1: at RCPT, recipient x@y.org, times 2, reply 451 4.3.0 Not now; fitted once`. */
function formatFault(fault: InjectedFaultView): string {
  const { id, at, sender, recipient, from, until, reply, delayMs, count } = fault
  const times = from === until ? `${from}` : `${from ?? 1}-${until ?? ''}`
  const parts = [
    `at ${at}`,
    ...(sender === undefined ? [] : [`sender ${sender}`]),
    ...(recipient === undefined ? [] : [`recipient ${recipient}`]),
    ...(from === undefined ? [] : [`times ${times}`]),
    ...(reply === undefined
      ? []
      : [`reply ${[reply.code, reply.enhanced, ...reply.lines].join(' ')}`]),
    ...(delayMs === undefined ? [] : [`delay ${formatDuration(delayMs)}`]),
  ]
  return `${id}: ${parts.join(', ')}; has fitted ${count} times`
}
