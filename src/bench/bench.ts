/** `npm run bench -- WHAT`: what this system does in a second, on a machine that does nothing else. */

import { Command, Option } from 'commander'
import type { PayloadCrc } from '../dtn/node.ts'
import { type BundlesResult, benchBundles } from './bundles.ts'
import type { Layer, StoreKind } from './bundles-node.ts'
import type { DiskLimit } from './disk-limit.ts'
import { imapCommand } from './imap-command.ts'
import { labCommand } from './lab-command.ts'
import { MailBench, type MailCase, type MailResult, type MailWork } from './mail.ts'
import { mailOverBundlesCommand } from './mail-over-bundles-command.ts'
import { number, numbers, someOf } from './options.ts'

const LAYERS: readonly Layer[] = ['udp', 'tcp', 'stcp']
const STORES: readonly StoreKind[] = ['memory', 'durable']
const PAYLOAD_CRCS: readonly PayloadCrc[] = ['crc-32c', 'none']

interface BundlesFlags {
  readonly layers: readonly Layer[]
  readonly stores: readonly StoreKind[]
  readonly sizes: readonly number[]
  readonly count?: number
  readonly rate?: number
  readonly payloadCrc: readonly PayloadCrc[]
  readonly json?: true
}

const program = new Command('bench')
  .description(
    'Measures on two cores, one for each process; figures mean something on a quiet machine only.',
  )
  .showHelpAfterError()

program
  .command('bundles')
  .description('bundles from one node to another over loopback sockets')
  .addOption(
    new Option('--layers <list>', 'convergence layers').default(LAYERS).argParser(someOf(LAYERS)),
  )
  .addOption(new Option('--stores <list>', 'stores').default(STORES).argParser(someOf(STORES)))
  .addOption(
    new Option('--sizes <list>', 'bytes of payload').default([1000, 10_000]).argParser(numbers),
  )
  .option('--count <number>', 'bundles in each run (default: 300000)', number)
  .option('--rate <bytes/s>', 'of UDP, which nothing else slows down', number)
  .addOption(
    new Option('--payload-crc <list>', 'of the bundles: ours, and none as ION sends')
      .default(PAYLOAD_CRCS)
      .argParser(someOf(PAYLOAD_CRCS)),
  )
  .option('--json', 'one JSON object for each run')
  .addHelpText('after', '\nExample:\n  npm run bench -- bundles --layers tcp --sizes 1000 --json')
  .action(async (flags: BundlesFlags) => {
    if (!flags.json) console.log(BUNDLES_HEAD)
    const { layers, stores, sizes, count, rate, payloadCrc: payloadCrcs } = flags
    for await (const result of benchBundles({
      layers,
      stores,
      sizes,
      count,
      rateBytesPerSec: rate,
      payloadCrcs,
    })) {
      console.log(flags.json ? JSON.stringify(result) : bundlesRow(result))
    }
  })

const WORKS: readonly MailWork[] = ['maildir', 'lmtp', 'relay']
const CONNECTIONS: readonly MailCase['connections'][] = ['reused', 'new']

interface MailFlags {
  readonly works?: readonly MailWork[]
  readonly sessions?: readonly number[]
  readonly sizes?: readonly number[]
  readonly connections?: readonly MailCase['connections'][]
  readonly pairs: number
  readonly count?: number
  readonly directory: string
  readonly json?: true
}

program
  .command('mail')
  .description(
    'mails into mailboxes and into the queue, beside Postfix and others that are installed',
  )
  .addOption(new Option('--works <list>', 'what is measured').argParser(someOf(WORKS)))
  .addOption(new Option('--sessions <list>', 'sessions at a time').argParser(numbers))
  .addOption(new Option('--sizes <list>', 'bytes of message').argParser(numbers))
  .addOption(
    new Option('--connections <list>', 'for many mails, or for one each').argParser(
      someOf(CONNECTIONS),
    ),
  )
  .option('--pairs <number>', 'runs of ours and of the other, in turns', number, 3)
  .option('--count <number>', 'mails in each run of ours', number)
  .option('--directory <path>', 'on the disk to measure', 'var')
  .option('--json', 'one JSON object for the disk and for each comparison')
  .addHelpText(
    'after',
    '\nWithout a list: six cases that tell the most, in some minutes.\n\nExample:\n  npm run bench -- mail --works maildir --sessions 1,20,100 --sizes 1024,4096,65536',
  )
  .action(async (flags: MailFlags) => {
    const { pairs, count, directory } = flags
    const bench = new MailBench({ cases: casesOf(flags), pairs, count, directory })
    const tell = (result: object, text: () => string): void =>
      console.log(flags.json ? JSON.stringify(result) : text())
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        bench.dispose()
        process.exit(1)
      })
    }
    try {
      const disk = await bench.diskLimit()
      tell({ disk }, () => `${diskLine(disk)}\n${MAIL_HEAD}`)
      for await (const result of bench.results()) tell(result, () => mailRow(result, disk))
    } finally {
      bench.dispose()
    }
  })

program.addCommand(imapCommand())
program.addCommand(labCommand())

const USUAL: readonly MailCase[] = [
  { work: 'maildir', sessions: 20, bytes: 4096, connections: 'reused' },
  { work: 'maildir', sessions: 20, bytes: 4096, connections: 'new' },
  { work: 'maildir', sessions: 1, bytes: 4096, connections: 'reused' },
  { work: 'lmtp', sessions: 20, bytes: 4096, connections: 'reused' },
  { work: 'relay', sessions: 20, bytes: 4096, connections: 'reused' },
  { work: 'relay', sessions: 20, bytes: 4096, connections: 'new' },
]

/** Every combination of what the lists say. */
function casesOf(flags: MailFlags): readonly MailCase[] {
  if (!flags.works && !flags.sessions && !flags.sizes && !flags.connections) return USUAL
  const { works = WORKS, sessions = [20], sizes = [4096], connections = CONNECTIONS } = flags
  return works.flatMap((work) =>
    sessions.flatMap((count) =>
      sizes.flatMap((bytes) =>
        connections.map((each) => ({ work, sessions: count, bytes, connections: each })),
      ),
    ),
  )
}

function diskLine({ filesPerSec, appendsPerSec }: DiskLimit): string {
  return `This disk, 4 KB each: ${filesPerSec} files/s made, flushed, renamed and flushed again by eight writers; ${appendsPerSec} flushed appends/s by one.`
}

const MAIL_COLUMNS = [8, 8, 6, 11, 12, 16, 16, 14, 14, 10, 12] as const
const MAIL_HEAD = cells(
  MAIL_COLUMNS,
  'work',
  'sessions',
  'bytes',
  'connections',
  'beside',
  'accepted/s',
  'arrived/s',
  'CPU µs/mail',
  'memory MiB',
  'ratio',
  'of the disk',
)

function mailRow(result: MailResult, disk: DiskLimit): string {
  const { work, sessions, bytes, connections, other, ours, others, ratio } = result
  const both = (of: (figures: typeof ours) => number): string => `${of(ours)} / ${of(others)}`
  const share = Math.round((100 * ours.arrivedPerSec) / disk.filesPerSec)
  return cells(
    MAIL_COLUMNS,
    work,
    sessions,
    bytes,
    connections,
    other,
    both(({ acceptedPerSec }) => acceptedPerSec),
    both(({ arrivedPerSec }) => arrivedPerSec),
    both(({ cpuMicrosecPerMail }) => cpuMicrosecPerMail),
    both(({ memoryMiB }) => memoryMiB),
    `${work === 'relay' ? ratio.accepted : ratio.arrived} ×`,
    work === 'relay' ? '' : `${share} %`,
  )
}

const COLUMNS = [6, 8, 7, 8, 9, 6, 10, 8, 7, 14, 12] as const
const BUNDLES_HEAD = row(
  'layer',
  'store',
  'bytes',
  'CRC',
  'bundles',
  'lost',
  'bundles/s',
  'Mbit/s',
  '× ION',
  'CPU µs/bundle',
  'RSS MiB',
)

function bundlesRow(result: BundlesResult): string {
  const { cpuMicrosecPerBundle: cpu, rssMiB } = result
  return row(
    result.layer,
    result.store,
    result.bytes,
    result.payloadCrc === 'none' ? 'as ION' : result.payloadCrc,
    result.bundles,
    result.lost,
    result.bundlesPerSec,
    result.mbitPerSec,
    result.timesIon,
    `${cpu.sender} + ${cpu.receiver}`,
    `${rssMiB.sender} + ${rssMiB.receiver}`,
  )
}

function row(...texts: readonly (string | number)[]): string {
  return cells(COLUMNS, ...texts)
}

function cells(widths: readonly number[], ...texts: readonly (string | number)[]): string {
  return texts.map((text, i) => String(text).padStart(widths[i] ?? 0)).join(' ')
}

program.addCommand(mailOverBundlesCommand())

await program.parseAsync()
