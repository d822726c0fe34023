/** `npm run bench -- mail-over-bundles`. */

import { Command, Option } from 'commander'
import { type BetweenNodes, type MailLayer, measureBetweenNodes } from './mail-between-nodes.ts'
import { measureOverALink, type OverALink, WAYS } from './mail-over-a-link.ts'
import { measureWireBytes, type WireBytes } from './mail-over-bundles.ts'
import { number, someOf } from './options.ts'

const PARTS = ['bytes', 'rate', 'link'] as const
type Part = (typeof PARTS)[number]
const LAYERS: readonly MailLayer[] = ['tcp', 'udp']

interface Flags {
  readonly only: readonly Part[]
  readonly seed: number
  readonly count: number
  readonly mails: number
  readonly directory: string
  readonly json?: true
}

export function mailOverBundlesCommand(): Command {
  return new Command('mail-over-bundles')
    .description('mail in bundles: bytes, mails a second, and the time over a slow link')
    .addOption(
      new Option('--only <list>', `of ${PARTS.join(', ')}`).default(PARTS).argParser(someOf(PARTS)),
    )
    .option('--seed <number>', 'of the corpus', number, 1)
    .option('--count <number>', 'mails in it, for bytes and link', number, 1000)
    .option('--mails <number>', 'that cross in each run for the rate', number, 12_000)
    .option('--directory <path>', 'on the disk to measure', 'var')
    .option('--json', 'one JSON object for each line')
    .action(run)
}

async function run({ only, seed, count, mails, directory, json }: Flags): Promise<void> {
  const tell = <Result extends object>(result: Result, text: (result: Result) => string): void =>
    console.log(json ? JSON.stringify(result) : text(result))
  if (only.includes('bytes')) tell(await measureWireBytes(seed, count), bytesText)
  if (only.includes('rate')) {
    for (const layer of LAYERS) {
      tell(await measureBetweenNodes({ layer, seed, mails, directory }), rateText)
    }
  }
  if (only.includes('link')) {
    for (const way of WAYS) tell(await measureOverALink(way, seed, count), linkText)
  }
}

function bytesText(result: WireBytes): string {
  const { mails, message, bpmail, objects } = result
  const ways = [
    `alone ${result.single} (packed fast ${result.singleFast})`,
    `in ${objects} objects ${result.batched} (${result.batchedFast})`,
  ]
  return `Bytes for each of ${mails} mails of ${message}: bpmail ${bpmail}; ${ways.join(', ')}, acknowledgements and envelopes with them.`
}

function rateText(result: BetweenNodes): string {
  const { layer, mails, bytes, sessions, cpuMicrosecPerMail: cpu, memoryMiB } = result
  return `${layer}: ${mails} mails of ${bytes} over ${sessions} sessions: accepted ${result.acceptedPerSec}/s, in the far Maildir ${result.arrivedPerSec}/s; CPU ${cpu.sender} + ${cpu.receiver} µs a mail, memory ${memoryMiB.sender} + ${memoryMiB.receiver} MiB.`
}

function linkText({ way, mails, halfSec, allSec, linkBytes }: OverALink): string {
  return `${way}: ${mails} mails over 1 s and 1 Mbit/s: half after ${halfSec} s, all after ${allSec} s; ${linkBytes} bytes a mail on the link.`
}
