import { toCivil } from '../../base/calendar.ts'
import { type WallMs, wallMs } from '../../base/time.ts'
import { STATISTICS } from '../control/status.ts'
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
        const { since, now, statistics } = await ports.client.status()
        const span = `from ${timeOf(wallMs(since))} to ${timeOf(wallMs(now))}`
        printLine(ports, '[i] Start of statistics snapshot...')
        for (const name of STATISTICS) {
          const { bundles, bytes } = statistics[name]
          const tally = `${bundles} ${bytes}`
          printLine(ports, `[x] ${name} ${span}: (0) 0 0 (1) ${tally} (2) 0 0 (+) ${tally}`)
        }
        printLine(ports, '[i] ...end of statistics snapshot.')
        return 0
      },
    }
  },
}

/** `2026/11/23-04:14:01`, in UTC. */
function timeOf(wall: WallMs): string {
  const { year, month, day, hour, minute, second } = toCivil(wall)
  const [m, d, h, min, s] = [month, day, hour, minute, second].map((n) =>
    String(n).padStart(2, '0'),
  )
  return `${year}/${m}/${d}-${h}:${min}:${s}`
}
