/** `npm run bench -- imap`. */

import { Command } from 'commander'
import { ImapBench, type ImapOptions, type ImapResult } from './imap.ts'
import type { OpenResult } from './imap-open.ts'
import { number } from './options.ts'

interface Flags extends Omit<ImapOptions, 'only'> {
  readonly only?: readonly string[]
  readonly open?: number
  readonly json?: true
}

export function imapCommand(): Command {
  return new Command('imap')
    .description('a mailbox of many messages, beside Dovecot where it is installed')
    .option('--messages <number>', 'in the mailbox', number, 10_000)
    .option('--fetched <number>', 'bodies that FETCH and RETR ask for', number, 1000)
    .option('--appended <number>', 'messages that APPEND brings', number, 500)
    .option('--pushes <number>', 'messages that are told of in IDLE', number, 5)
    .option('--sessions <number>', 'that sit idle at the end', number, 1000)
    .option('--pairs <number>', 'runs of both, in turns', number, 1)
    .option('--seed <number>', 'of the messages', number, 1)
    .option('--only <list>', 'parts of names of what is wanted', (text) => text.split(','))
    .option('--open <number>', 'messages of a mailbox that is opened, and nothing else', number)
    .option('--directory <path>', 'on the disk to measure', 'var')
    .option('--json', 'one JSON object for each line')
    .addHelpText(
      'after',
      '\nA ratio above 1 means that ours is faster, or takes less.\n\nExample:\n  npm run bench -- imap --messages 2000 --only open,SEARCH --json',
    )
    .action(run)
}

async function run({ json, only, open, ...sizes }: Flags): Promise<void> {
  const bench = new ImapBench({ ...sizes, only })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => bench.dispose().finally(() => process.exit(1)))
  }
  try {
    if (open !== undefined) {
      const result = await bench.opening(open)
      console.log(json ? JSON.stringify(result) : openRow(result))
      return
    }
    for (const left of bench.omissions) console.error(`Left out: ${left}`)
    if (!json) console.log(HEAD)
    for (const result of await bench.results()) {
      console.log(json ? JSON.stringify(result) : row(result))
    }
  } finally {
    await bench.dispose()
  }
}

function openRow(result: OpenResult): string {
  const { messages, withoutIndexMs, afterRestartMs, warmMs, appendMs, memoryMiB } = result
  return `${messages} messages: ${withoutIndexMs} ms without an index, ${afterRestartMs} ms after a restart, ${warmMs} ms warm; APPEND ${appendMs} ms; ${memoryMiB} MiB`
}

const WIDTHS = [-38, 10, 10, 5, 8] as const
const HEAD = cells('', 'ours', 'Dovecot', '', 'ratio')

function row({ task, unit, ours, dovecot, ratio, differs }: ImapResult): string {
  const note = differs ? '  the answers differ' : ''
  return `${cells(task, ours, dovecot ?? '', unit, ratio === undefined ? '' : `${ratio} ×`)}${note}`
}

function cells(...texts: readonly (string | number)[]): string {
  return texts
    .map((text, i) => {
      const width = WIDTHS[i] ?? 0
      return width < 0 ? String(text).padEnd(-width) : String(text).padStart(width)
    })
    .join(' ')
}
