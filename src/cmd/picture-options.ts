/** Which pictures of a run in the lab are wanted, and writing them: for every command that makes one. */

import { closeSync, openSync, writeSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { pcapng } from '../lab/pcapng.ts'
import {
  type AskedFilter,
  CHARTS,
  type Chart,
  DETAILS,
  type Detail,
  drawChart,
  drawSequence,
  PROTOCOLS,
  type Recording,
  SEQUENCE_FORMS,
  type SequenceForm,
} from '../lab/pictures/pictures.ts'
import { EXIT, Failure } from './failure.ts'
import { writeText, written } from './files.ts'

/** As commander hands them over. Files; `-` is standard output. */
export interface PictureArguments
  extends Partial<Record<SequenceForm, string>>,
    Partial<Record<'spaceTime' | 'linkUse' | 'queues' | 'contacts', string>> {
  readonly pcapng?: string
  readonly at?: string
  readonly diagram?: Detail
  readonly host?: readonly string[]
  readonly protocol?: readonly string[]
  readonly mail?: string
  readonly across?: true
}

const CHART_WORDS: Readonly<Record<Chart, string>> = {
  'space-time': 'packets as slanted lines between places, time running down',
  'link-use': 'what each link carried over time',
  queues: 'mails in queues and octets before links over time',
  contacts: 'when links carry anything, as bars',
}

export const PICTURE_HELP = `
A file named - is standard output. Without --svg, --mermaid and --text, --diagram writes Mermaid there.`

export function addPictureOptions(command: Command): Command {
  command
    .option('--pcapng <file>', 'write what was captured, for Wireshark and tshark')
    .option(
      '--at <host>',
      'as that host saw it, with --pcapng (default: as sent, each packet once)',
    )
    .addOption(
      new Option(
        '--diagram <detail>',
        'how much a sequence diagram says (default: messages)',
      ).choices(DETAILS),
    )
  for (const form of SEQUENCE_FORMS) {
    command.option(`--${form} <file>`, `write the sequence diagram as ${FORM_WORDS[form]}`)
  }
  for (const chart of CHARTS) command.option(`--${chart} <file>`, `SVG: ${CHART_WORDS[chart]}`)
  return command
    .option('--host <name...>', 'draw only what these hosts send and get')
    .addOption(new Option('--protocol <name...>', 'draw only these protocols').choices(PROTOCOLS))
    .option('--across', 'draw only what crosses a link')
    .option('--mail <name>', 'draw only one mail, by queue ID, transaction or Message-ID')
}

const FORM_WORDS: Readonly<Record<SequenceForm, string>> = {
  mermaid: 'Mermaid',
  svg: 'SVG',
  text: 'plain text',
}

/** Before a run, so that nobody waits for one in vain: a Failure where a host does not exist. */
export function checkPictures(args: PictureArguments, hosts: readonly string[]): void {
  for (const name of [...(args.host ?? []), ...(args.at === undefined ? [] : [args.at])]) {
    if (hosts.includes(name)) continue
    const right = `one of ${hosts.join(', ')} would be right`
    throw new Failure(EXIT.usage, `unknown host ${name}: ${right}`)
  }
}

/** Writes all that was asked for; a Failure where a file cannot be written. */
export function writePictures(recording: Recording, args: PictureArguments): void {
  const { at, diagram = 'messages', host, protocol, mail, across } = args
  const asked: AskedFilter = { hosts: host, protocols: protocol, mail, across }
  if (args.pcapng !== undefined) writeCapture(recording, args.pcapng, at)
  const forms = SEQUENCE_FORMS.filter((form) => args[form] !== undefined)
  for (const form of forms) {
    writeText(args[form] ?? '-', drawSequence(recording, diagram, form, asked))
  }
  if (args.diagram !== undefined && forms.length === 0) {
    writeText('-', drawSequence(recording, diagram, 'mermaid', asked))
  }
  for (const chart of CHARTS) {
    const file = args[FILES[chart]]
    if (file !== undefined) writeText(file, drawChart(recording, chart, asked))
  }
}

const FILES = {
  'space-time': 'spaceTime',
  'link-use': 'linkUse',
  queues: 'queues',
  contacts: 'contacts',
} as const satisfies Readonly<Record<Chart, keyof PictureArguments>>

function writeCapture(recording: Recording, file: string, at: string | undefined): void {
  const { packets, startsAt, cutPackets, scenario } = recording
  const cut = cutPackets > 0 ? `; ${cutPackets} later packets are not in it` : ''
  const comment = `${scenario.name}, seed ${scenario.seed}${cut}`
  written(file, () => {
    const to = file === '-' ? 1 : openSync(file, 'w')
    try {
      for (const piece of pcapng(packets, { startsAt, at, comment })) writeSync(to, piece)
    } finally {
      if (to !== 1) closeSync(to)
    }
  })
  if (cut !== '') process.stderr.write(`lightlag: the capture was full${cut}\n`)
}
