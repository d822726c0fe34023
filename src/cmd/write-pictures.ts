import { closeSync, openSync, writeSync } from 'node:fs'
import { pcapng } from '../lab/pcapng.ts'
import { CHARTS, type Chart, SEQUENCE_FORMS } from '../lab/pictures/choices.ts'
import {
  type AskedFilter,
  drawChart,
  drawSequence,
  type Recording,
} from '../lab/pictures/pictures.ts'
import { EXIT, Failure } from './failure.ts'
import { writeText, written } from './files.ts'
import type { PictureArguments } from './picture-options.ts'

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
