/** `npm run bench -- WHAT`: what this system does in a second, on a machine that does nothing else. */

import { Command, InvalidArgumentError, Option } from 'commander'
import { type BundlesResult, benchBundles } from './bundles.ts'
import type { Layer, StoreKind } from './bundles-node.ts'

const LAYERS: readonly Layer[] = ['udp', 'tcp', 'stcp']
const STORES: readonly StoreKind[] = ['memory', 'durable']

interface BundlesFlags {
  readonly layers: readonly Layer[]
  readonly stores: readonly StoreKind[]
  readonly sizes: readonly number[]
  readonly count?: number
  readonly rate?: number
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
    new Option('--layers <list>', 'convergence layers').default(LAYERS).argParser(oneOf(LAYERS)),
  )
  .addOption(new Option('--stores <list>', 'stores').default(STORES).argParser(oneOf(STORES)))
  .addOption(
    new Option('--sizes <list>', 'bytes of payload').default([1000, 10_000]).argParser(numbers),
  )
  .option(
    '--count <number>',
    'bundles in each run (default: 300000 small ones, 100000 large ones)',
    number,
  )
  .option('--rate <bytes/s>', 'of UDP, which nothing else slows down', number)
  .option('--json', 'one JSON object for each run')
  .addHelpText('after', '\nExample:\n  npm run bench -- bundles --layers tcp --sizes 1000 --json')
  .action(async (flags: BundlesFlags) => {
    if (!flags.json) console.log(BUNDLES_HEAD)
    const { layers, stores, sizes, count, rate } = flags
    for await (const result of benchBundles({
      layers,
      stores,
      sizes,
      count,
      rateBytesPerSec: rate,
    })) {
      console.log(flags.json ? JSON.stringify(result) : bundlesRow(result))
    }
  })

const COLUMNS = [6, 8, 7, 9, 6, 10, 8, 7, 14, 12] as const
const BUNDLES_HEAD = row(
  'layer',
  'store',
  'bytes',
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
    result.bundles,
    result.lost,
    result.bundlesPerSec,
    result.mbitPerSec,
    result.timesIon,
    `${cpu.sender} + ${cpu.receiver}`,
    `${rssMiB.sender} + ${rssMiB.receiver}`,
  )
}

function row(...cells: readonly (string | number)[]): string {
  return cells.map((cell, i) => String(cell).padStart(COLUMNS[i] ?? 0)).join(' ')
}

function oneOf<Name extends string>(names: readonly Name[]): (text: string) => readonly Name[] {
  return (text) =>
    text.split(',').map((part) => {
      const name = names.find((each) => each === part)
      if (name === undefined) throw new InvalidArgumentError(`One of ${names.join(', ')}.`)
      return name
    })
}

function numbers(text: string): readonly number[] {
  return text.split(',').map(number)
}

function number(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value <= 0) {
    throw new InvalidArgumentError('A whole number above 0.')
  }
  return value
}

await program.parseAsync()
