/** The pictures of a run, from what was captured and told in it. */

import { addMs, type MonoMs, monoMs, type WallMs } from '../../base/time.ts'
import type { Scenario } from '../../config/scenario.ts'
import type { CapturedPacket } from '../capture.ts'
import type { Happening, Lab } from '../lab.ts'
import { ganttChart, type LineChart, lineChart } from './charts.ts'
import type { Chart, Detail, SequenceForm } from './choices.ts'
import { contactRows, linkUse, queueDepths } from './figures.ts'
import { journeyItems, namesOfMail } from './journeys.ts'
import { mermaidSequence } from './mermaid.ts'
import { messagesIn } from './messages.ts'
import { PacketWords, protocolOf } from './packet-words.ts'
import type { Sequence } from './sequence.ts'
import { svgSequence } from './sequence-svg.ts'
import { textSequence } from './sequence-text.ts'
import {
  cutText,
  isAmong,
  messageSequence,
  type PictureFilter,
  packetSequence,
  sequenceOf,
  wantedPackets,
} from './sequences.ts'
import { type Flight, spaceTimeDiagram } from './space-time.ts'

/** What is known of a run, up to some moment of it. */
export interface Recording {
  readonly scenario: Scenario
  /** Civil time when its clock was at 0. */
  readonly startsAt: WallMs
  readonly until: MonoMs
  readonly packets: readonly CapturedPacket[]
  /** Packets that were sent and not kept: the capture was full. */
  readonly cutPackets: number
  readonly happenings: readonly Happening[]
}

/** Of a lab as it is now. */
export function recordingOf(
  { world, network: { capture } }: Pick<Lab, 'world' | 'network'>,
  scenario: Scenario,
  happenings: readonly Happening[],
): Recording {
  return {
    scenario,
    startsAt: world.startsAt,
    until: world.now(),
    packets: capture.packets,
    cutPackets: capture.count - capture.packets.length,
    happenings,
  }
}

/** A filter as people give it: `mail` is any name of a mail. */
export interface AskedFilter {
  readonly hosts?: readonly string[] | undefined
  readonly protocols?: readonly string[] | undefined
  readonly mail?: string | undefined
  /** Only what crosses a link. */
  readonly across?: boolean | undefined
}

export function drawSequence(
  recording: Recording,
  detail: Detail,
  form: SequenceForm,
  asked: AskedFilter = {},
): string {
  const sequence = sequenceFor(recording, detail, asked)
  switch (form) {
    case 'mermaid':
      return mermaidSequence(sequence)
    case 'svg':
      return svgSequence(sequence)
    case 'text':
      return textSequence(sequence)
  }
}

export function drawChart(recording: Recording, chart: Chart, asked: AskedFilter = {}): string {
  switch (chart) {
    case 'space-time':
      return spaceTime(recording, filterOf(recording, asked))
    case 'link-use':
      return lineChart({ ...frameOf(recording, 'use of links'), series: linkUse(recording) })
    case 'queues':
      return lineChart({ ...frameOf(recording, 'what waits'), series: queueDepths(recording) })
    case 'contacts':
      return ganttChart({ ...frameOf(recording, 'contacts'), rows: contactRows(recording) })
  }
}

function sequenceFor(recording: Recording, detail: Detail, asked: AskedFilter): Sequence {
  const { scenario, happenings, cutPackets } = recording
  const packets = asked.across ? recording.packets.filter(({ local }) => !local) : recording.packets
  const filter = filterOf(recording, asked)
  const hosts = scenario.hosts.map(({ host }) => host)
  const options = { title: `${scenario.name}: ${detail}`, hosts, filter, cutPackets }
  switch (detail) {
    case 'packets':
      return packetSequence(packets, options)
    case 'messages':
      return messageSequence(packets, options)
    case 'journeys': {
      const wanted = happenings.filter(({ host }) => isAmong([host], filter.hosts))
      const messages = messagesIn(packets).filter(({ from, to }) =>
        isAmong([from, to], filter.hosts),
      )
      return sequenceOf(journeyItems(wanted, messages, filter.mails), options)
    }
  }
}

function filterOf(
  { happenings }: Recording,
  { hosts, protocols, mail }: AskedFilter,
): PictureFilter {
  return { hosts, protocols, mails: mail === undefined ? undefined : namesOfMail(mail, happenings) }
}

/** Each packet that crossed a link. */
function spaceTime({ scenario, packets, cutPackets }: Recording, filter: PictureFilter): string {
  const wanted = wantedPackets(packets, filter).filter(({ local }) => !local)
  const usualMs = new Map<string, number>()
  for (const { from, to, sentAt, arrivesAt } of wanted) {
    if (arrivesAt !== 'lost') usualMs.set(`${from}\n${to}`, arrivesAt - sentAt)
  }
  const words = new PacketWords()
  const flights = wanted.map((packet): Flight => {
    const { from, to, sentAt, arrivesAt } = packet
    const lost = arrivesAt === 'lost'
    return {
      from,
      to,
      sentAt,
      arrivesAt: lost ? addMs(sentAt, usualMs.get(`${from}\n${to}`) ?? 0) : arrivesAt,
      lost,
      kind: protocolOf(packet),
      label: words.describe(packet),
    }
  })
  return spaceTimeDiagram({
    title: `${scenario.name}: space and time`,
    places: scenario.hosts.map(({ host }) => host),
    flights,
    remark: cutPackets > 0 ? cutText(cutPackets) : undefined,
  })
}

/** What all charts have in common. */
function frameOf(
  { scenario, until, cutPackets }: Recording,
  what: string,
): Pick<LineChart, 'title' | 'span' | 'remark'> {
  return {
    title: `${scenario.name}: ${what}`,
    span: { from: monoMs(0), until },
    remark: cutPackets > 0 ? cutText(cutPackets) : undefined,
  }
}
