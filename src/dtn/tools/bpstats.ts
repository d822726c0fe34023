import { toCivil } from '../../base/calendar.ts'
import { type WallMs, wallMs } from '../../base/time.ts'
import { describeReason, STATUS_REASONS } from '../../proto/bpv7/status-report.ts'
import type { ControlStatus } from '../control/status.ts'
import type { Traffic } from '../counters.ts'
import { printLine, type Tool } from './tool.ts'

/**
 * Prints what ION's bpstats writes into ion.log. All bundles count as of standard priority: version 7
 * of the protocol has no other.
 */
export const bpstats: Tool = {
  usage: 'Usage: bpstats\n',
  usageOn: 'output',
  parse: (args) => {
    if (args.length > 0) return undefined
    return {
      own: undefined,
      run: async (ports) => {
        const status = await ports.client.status()
        const span = `from ${timeOf(wallMs(status.since))} to ${timeOf(wallMs(status.now))}`
        printLine(ports, '[i] Start of statistics snapshot...')
        for (const [name, { bundles, bytes }] of talliesOf(status)) {
          const tally = `${bundles} ${bytes}`
          printLine(ports, `[x] ${name} ${span}: (0) 0 0 (1) ${tally} (2) 0 0 (+) ${tally}`)
        }
        printLine(ports, '[i] ...end of statistics snapshot.')
        return 0
      },
    }
  },
}

/** What was sent from here, forwarded, transmitted, received, delivered, sent again, and expired. */
function talliesOf(status: ControlStatus): readonly (readonly [string, Traffic])[] {
  const { endpoints, neighbours, layers, deleted } = status
  const forwarded = sum(neighbours.map(({ sent }) => sent))
  const events = (bundles: number): Traffic => ({ bundles, bytes: 0 })
  return [
    ['src', sum(endpoints.map(({ sent }) => sent))],
    ['fwd', forwarded],
    ['xmt', forwarded],
    ['rcv', sum(layers.map(({ received }) => received))],
    ['dlv', sum(endpoints.map(({ delivered }) => delivered))],
    ['rfw', events(neighbours.reduce((count, { retries }) => count + retries, 0))],
    ['exp', events(deleted[describeReason(STATUS_REASONS.lifetimeExpired)] ?? 0)],
  ]
}

function sum(parts: readonly Traffic[]): Traffic {
  return {
    bundles: parts.reduce((count, { bundles }) => count + bundles, 0),
    bytes: parts.reduce((count, { bytes }) => count + bytes, 0),
  }
}

/** `2026/11/23-04:14:01`, in UTC. */
function timeOf(wall: WallMs): string {
  const { year, month, day, hour, minute, second } = toCivil(wall)
  const [m, d, h, min, s] = [month, day, hour, minute, second].map((n) =>
    String(n).padStart(2, '0'),
  )
  return `${year}/${m}/${d}-${h}:${min}:${s}`
}
