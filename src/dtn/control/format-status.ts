import { formatDuration } from '../../base/quantity.ts'
import type { Queue } from '../agent-events.ts'
import type { Gate } from '../contact-plan.ts'
import type { Traffic } from '../counters.ts'
import type { ControlStatus, DtpcStatus, DtpcWaiting } from './status.ts'

/** For people: a line for each thing, LF at the end. */
export function formatNodeStatus(status: ControlStatus): string {
  const { nodeIds, state, since, now, store, bundles, reports } = status
  const lines = [
    `node ${nodeIds.join(', ')}: ${state} for ${formatDuration(now - since)}`,
    `store: ${store.bundles} bundles, ${store.bytes} bytes, of ${store.bundlesMax} and ${store.bytesMax}`,
    `bundles: ${bundles.waiting} waiting (${bundles.stranded} with nowhere to go), ${bundles.held} held`,
    ...status.layers.map(
      ({ protocol, received, sent, refused, retries }) =>
        `layer ${protocol}: received ${traffic(received)}, sent ${traffic(sent)}, refused ${refused}, retries ${retries}`,
    ),
    ...status.neighbours.map(
      ({ node, until, protocol, duct, gate, received, sent, retries, queue }) =>
        `neighbour ${until === undefined ? node : `${node} to ${until}`} over ${protocol}/${duct}: ${gated(gate, now)}, received ${traffic(received)}, sent ${traffic(sent)}, retries ${retries}, ${queued(queue)}`,
    ),
    ...status.contacts.map(
      ({ source, destination, from, until, rateBytesPerSec }) =>
        `contact ${source} to ${destination}: ${from > now ? `in ${formatDuration(from - now)} ` : ''}for ${formatDuration(until - Math.max(from, now))} at ${rateBytesPerSec} bytes/s`,
    ),
    ...status.endpoints.map(
      (one) =>
        `endpoint ${one.endpoint} ${one.state}: delivered ${traffic(one.delivered)}, sent ${traffic(one.sent)}, retries ${one.retries}, refused ${one.refused}, ${queued(one.queue)}`,
    ),
    ...(status.dtpc === undefined ? [] : dtpcLines(status.dtpc)),
    ...status.layers.flatMap(({ protocol, faults }) =>
      Object.entries(faults).map(([code, count]) => `layer ${protocol} faults (${code}): ${count}`),
    ),
    ...Object.entries(status.refused).map(([code, count]) => `refused (${code}): ${count}`),
    ...Object.entries(status.deleted).map(([reason, count]) => `deleted (${reason}): ${count}`),
    `status reports: sent ${reports.sent}, left out ${reports.leftOut}, received ${reports.received}`,
  ]
  return lines.map((line) => `${line}\n`).join('')
}

function dtpcLines({ outgoing, inbox }: DtpcStatus): readonly string[] {
  const over = Object.entries(outgoing.over).map(([outcome, count]) => `, ${outcome} ${count}`)
  const waiting = ({ count, bytes }: DtpcWaiting): string => `waiting ${count} (${bytes} bytes)`
  return [
    `dtpc sending: items ${outgoing.items}, bundles ${outgoing.bundles}${over.join('')}, ${waiting(outgoing.waiting)}`,
    `dtpc receiving: items ${inbox.received}, taken ${inbox.taken}, let go ${inbox.letGo}, ${waiting(inbox.waiting)}`,
  ]
}

function traffic({ bundles, bytes }: Traffic): string {
  return `${bundles} (${bytes} bytes)`
}

function gated(gate: Gate, now: number): string {
  switch (gate.state) {
    case 'unscheduled':
      return 'open without contacts'
    case 'open':
      return `open for ${formatDuration(gate.until - now)} at ${gate.rateBytesPerSec} bytes/s`
    case 'closed':
      return `closed for ${formatDuration(gate.opensAt - now)}`
  }
}

function queued({ bundles, bytes, oldestMs }: Queue): string {
  const oldest = oldestMs === undefined ? '' : `, the oldest for ${formatDuration(oldestMs)}`
  return `waiting ${traffic({ bundles, bytes })}${oldest}`
}
