import { expect, test } from 'vitest'
import { leadsTo, neighbourOf } from '../dtn/static-plan.ts'
import { ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { nextWindow, windowAt } from './link-schedule.ts'
import { parseScenario, type Scenario } from './scenario.ts'

function constellation(said: string): Scenario {
  const parsed = parseScenario(`name: sky\nseed: 1\nconstellation: {${said}}\n`, 's.yaml')
  if (!parsed.ok) throw parsed.fault
  return parsed.value
}

test.each([
  [5, 4, 3],
  [4, 7, 9],
  [3, 3, 1],
])(
  'in %d planes of %d satellites with %d stations every node reaches every other',
  (planes, satellites, stations) => {
    const { hosts, links, networks } = constellation(
      `planes: ${planes}, satellites: ${satellites}, stations: ${stations}`,
    )
    const count = planes * satellites + stations
    expect([hosts.length, networks.length]).toEqual([count, count])
    expect(links).toHaveLength(2 * planes * satellites + stations)
    const byNode = new Map(hosts.map((host) => [host.node, host]))
    for (const from of hosts) {
      for (const to of hosts.filter(({ users }) => from.users.length === 0 || users.length > 0)) {
        let at = from
        let hops = 0
        for (; at !== to && hops < count; hops++) {
          const ways = at.plans
            .filter((plan) => leadsTo(plan, ipnEndpoint(to.node, 7n)))
            .sort((a, b) => Number((a.until ?? a.node) - a.node - ((b.until ?? b.node) - b.node)))
          const next = ways[0] && byNode.get(neighbourOf(ways[0]))
          if (next === undefined) throw new Error(`${at.host} has no way to ${to.host}`)
          at = next
        }
        expect(at.host).toBe(to.host)
        expect(hops).toBeLessThanOrEqual(2 + Math.floor(planes / 2) + Math.floor(satellites / 2))
      }
    }
  },
)

test('planes are together for two thirds of every half turn, and a satellite passes a station once in a turn', () => {
  const { links, hosts } = constellation(
    'planes: 4, satellites: 4, stations: 2, orbit: 90min, for: 1d',
  )
  const [ahead, beside] = links
  const station = links.at(-1)
  const half = 45 * 60_000
  expect(ahead?.contacts).toBeUndefined()
  const open = Array.from({ length: 24 * 60 }, (_, minute) =>
    windowAt(beside?.contacts ?? [], minute * 60_000) === undefined ? 0 : 1,
  ).reduce((sum: number, one) => sum + one, 0)
  expect(open / (24 * 60)).toBeCloseTo(2 / 3, 1)
  const first = nextWindow(beside?.contacts ?? [], 1)
  const second = nextWindow(beside?.contacts ?? [], (first?.fromMs ?? 0) + 1)
  expect((second?.fromMs ?? 0) - (first?.fromMs ?? 0)).toBe(half)
  expect(station?.contacts?.[0]).toEqual({ fromMs: half, untilMs: half + 600_000 })
  // Both ends know them.
  expect(hosts[0]?.contactPlan?.contacts.length).toBeGreaterThan(60)
})

test.each([
  ['planes: 2, satellites: 30, stations: 1', '3:25: 2 planes: 3 or more would be right'],
  ['planes: 33, satellites: 30', '3:16: constellation.stations is missing: a whole number'],
])('%s is refused as %s', (said, start) => {
  const parsed = parseScenario(`name: sky\nseed: 1\nconstellation: {${said}}\n`, 's.yaml')
  expect(parsed.ok ? '' : parsed.fault.message).toContain(`s.yaml:${start}`)
})

test('a constellation stands alone, and a scenario without it has hosts', () => {
  const beside =
    'constellation: {planes: 3, satellites: 3, stations: 1}\nnetworks:\n  - {name: a, prefix: 10.0.0.0/8}\n'
  const both = parseScenario(`name: sky\nseed: 1\n${beside}`, 's.yaml')
  expect(both.ok ? '' : both.fault.message).toBe(
    's.yaml:3:16: constellation beside networks, links or hosts: one of the two would be right',
  )
  const none = parseScenario('name: sky\nseed: 1\n', 's.yaml')
  expect(none.ok ? '' : none.fault.message).toBe(
    's.yaml:1:1: a scenario without hosts: hosts, or a constellation, would be right',
  )
})
