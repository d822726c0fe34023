/** The pictures of a run, from what was captured and told in it. */

import { addMs, type MonoMs, monoMs, type WallMs } from '../../base/time.ts'
import type { Scenario } from '../../config/scenario.ts'
import type { CapturedPacket } from '../capture.ts'
import type { Happenings } from '../happenings.ts'
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
  /** What hosts told later, and is not kept. */
  readonly cutHappenings: number
}

/** Of a lab as it is now. */
export function recordingOf(
  { world, network: { capture } }: Pick<Lab, 'world' | 'network'>,
  scenario: Scenario,
  { kept, cut }: Pick<Happenings, 'kept' | 'cut'>,
): Recording {
  return {
    scenario,
    startsAt: world.startsAt,
    until: world.now(),
    packets: capture.packets,
    cutPackets: capture.count - capture.packets.length,
    happenings: kept,
    cutHappenings: cut,
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
      return lineChart({
        ...frameOf(recording, 'what waits', recording.cutHappenings),
        series: queueDepths(recording),
      })
    case 'contacts':
      return ganttChart({ ...frameOf(recording, 'contacts'), rows: contactRows(recording) })
  }
}

function sequenceFor(recording: Recording, detail: Detail, asked: AskedFilter): Sequence {
  const { scenario, happenings, cutHappenings } = recording
  const packets = asked.across ? recording.packets.filter(({ local }) => !local) : recording.packets
  const filter = filterOf(recording, asked)
  const hosts = scenario.hosts.map(({ host }) => host)
  const options = {
    title: `${scenario.name}: ${detail}`,
    hosts,
    filter,
    remark: cutText(recording),
  }
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
      const remark = cutText(recording, cutHappenings)
      return sequenceOf(journeyItems(wanted, messages, filter.mails), { ...options, remark })
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
function spaceTime(recording: Recording, filter: PictureFilter): string {
  const { scenario, packets } = recording
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
    remark: cutText(recording),
  })
}

/** What all charts have in common. */
function frameOf(
  recording: Recording,
  what: string,
  cutHappenings = 0,
): Pick<LineChart, 'title' | 'span' | 'remark'> {
  const { scenario, until } = recording
  return {
    title: `${scenario.name}: ${what}`,
    span: { from: monoMs(0), until },
    remark: cutText(recording, cutHappenings),
  }
}

/** What is said where the capture was full, or more was told than is kept and the picture is of that. */
function cutText({ cutPackets }: Recording, cutHappenings = 0): string | undefined {
  const texts = [
    ...(cutPackets > 0 ? [`The capture was full: ${cutPackets} later packets are not in it.`] : []),
    ...(cutHappenings > 0 ? [`${cutHappenings} later events of hosts are not in it.`] : []),
  ]
  return texts.length === 0 ? undefined : texts.join(' ')
}
