/** Which pictures of a run in the lab are wanted: for every command that makes one. */

import { type Command, Option } from 'commander'
import {
  CHARTS,
  type Chart,
  DETAILS,
  type Detail,
  PROTOCOLS,
  SEQUENCE_FORMS,
  type SequenceForm,
} from '../lab/pictures/choices.ts'

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
