/** The numbers behind the charts of a run. */

import { addMs, type MonoMs, monoMs } from '../../base/time.ts'
import type { LinkQuality } from '../../config/link-quality.ts'
import { nextWindow, windowAt } from '../../config/link-schedule.ts'
import type { CapturedPacket } from '../capture.ts'
import { WaitingMails } from '../waiting.ts'
import type { GanttRow, Series } from './charts.ts'
import type { Recording } from './pictures.ts'

/** Of the whole time, so many are told apart. */
const BUCKETS = 200
/** Windows of one periodic contact: as many as a picture has room for. */
const WINDOWS_MAX = 500

/** What each link carried, in each direction: octets that left, averaged over a two-hundredth of the time. */
export function linkUse({ scenario, packets, until }: Recording): readonly Series[] {
  const bucketMs = Math.max(1, until / BUCKETS)
  const sums = new Map<string, number[]>()
  for (const packet of packets) {
    if (packet.link === undefined) continue
    const name = linkName(packet.link)
    const buckets = sums.get(name) ?? new Array<number>(BUCKETS).fill(0)
    sums.set(name, buckets)
    const index = Math.min(BUCKETS - 1, Math.floor((packet.leavesAt ?? packet.sentAt) / bucketMs))
    buckets[index] = (buckets[index] ?? 0) + packet.wireBytes
  }
  const limits = new Map(
    scenario.links.flatMap(({ between: [a, b], back, ...there }) => [
      [linkName([a, b]), there.rateBytesPerSec] as const,
      [linkName([b, a]), { ...there, ...back }.rateBytesPerSec] as const,
    ]),
  )
  return [...sums].sort(byName).map(([name, buckets]) => ({
    name,
    unit: 'B/s',
    limit: limits.get(name),
    points: buckets.map((bytes, i) => ({
      at: monoMs(i * bucketMs),
      value: (bytes * 1000) / bucketMs,
    })),
  }))
}

/** Mails in the queue of each host, and octets that wait for each link that has a rate. */
export function queueDepths(recording: Recording): readonly Series[] {
  return [...mailQueues(recording), ...linkQueues(recording.packets)]
}

function mailQueues({ scenario, happenings }: Recording): readonly Series[] {
  const queued = new WaitingMails()
  const points = new Map(scenario.hosts.map(({ host }) => [host, [{ at: monoMs(0), value: 0 }]]))
  for (const { at, host, event } of happenings) {
    queued.hear(host, event)
    const known = points.get(host)
    const value = queued.countAt(host)
    if (value !== known?.at(-1)?.value) known?.push({ at, value })
  }
  return [...points].flatMap(([host, points]) =>
    points.length === 1 ? [] : [{ name: `queue of ${host}`, unit: 'mails', points }],
  )
}

function linkQueues(packets: readonly CapturedPacket[]): readonly Series[] {
  const changes = new Map<string, { readonly at: MonoMs; readonly bytes: number }[]>()
  for (const { link, sentAt, leavesAt, wireBytes } of packets) {
    if (link === undefined || leavesAt === undefined || leavesAt <= sentAt) continue
    const name = linkName(link)
    const known = changes.get(name) ?? []
    changes.set(name, known)
    known.push({ at: sentAt, bytes: wireBytes }, { at: leavesAt, bytes: -wireBytes })
  }
  return [...changes].sort(byName).map(([name, steps]) => {
    let value = 0
    const points = [{ at: monoMs(0), value }]
    for (const { at, bytes } of steps.sort((a, b) => a.at - b.at)) {
      value += bytes
      points.push({ at, value })
    }
    return { name: `waiting for ${name}`, unit: 'B', points }
  })
}

/** When each direction of a link carries anything, and when the nodes' plans say that it does. */
export function contactRows(recording: Recording): readonly GanttRow[] {
  const { scenario, startsAt, until } = recording
  const links = scenario.links.flatMap(({ between: [a, b], back, ...there }) => [
    ...linkRow(linkName([a, b]), there, until),
    ...linkRow(linkName([b, a]), { ...there, ...back }, until),
  ])
  const planned = new Map<string, GanttRow['bars'][number][]>()
  for (const { host, contactPlan } of scenario.hosts) {
    for (const { source, destination, from, until, rateBytesPerSec } of contactPlan?.contacts ??
      []) {
      const name = `plan of ${host}: ipn:${source} → ipn:${destination}`
      const bars = planned.get(name) ?? []
      planned.set(name, bars)
      bars.push({
        from: monoMs(from - startsAt),
        until: monoMs(until - startsAt),
        said: `${rateBytesPerSec} B/s`,
      })
    }
  }
  return [...links, ...[...planned].map(([name, bars]) => ({ name, bars }))]
}

function linkRow(name: string, { contacts }: LinkQuality, until: MonoMs): readonly GanttRow[] {
  if (contacts === undefined) return []
  const bars: GanttRow['bars'][number][] = []
  let window = windowAt(contacts, 0) ?? nextWindow(contacts, 0)
  while (window !== undefined && window.fromMs < until && bars.length < WINDOWS_MAX) {
    const { fromMs, untilMs, contact } = window
    const rate = contact.rateBytesPerSec
    const said = `${fromMs / 1000} s to ${untilMs / 1000} s${rate === undefined ? '' : `, ${rate} B/s`}`
    bars.push({ from: monoMs(fromMs), until: monoMs(untilMs), said })
    window = nextWindow(contacts, addMs(monoMs(fromMs), 1))
  }
  return [{ name, bars }]
}

function linkName([from, to]: readonly [string, string]): string {
  return `${from} → ${to}`
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}
