import { expect, test } from 'vitest'
import { wallMs } from '../base/time.ts'
import { parseScenario } from './scenario.ts'
import { Topology } from './topology.ts'

/** Earth, a relay and Mars: every part that a scenario may have, and nothing wrong. */
const WHOLE = `name: chain
seed: 7
start: 2027-02-19T00:00:00Z
networks:
  - {name: earth, prefix: 172.21.0.0/24}
  - {name: relay, prefix: 172.22.0.0/24}
  - {name: mars, prefix: 172.23.0.0/24}
links:
  - between: [earth, relay]
    oneWayDelay: 1s
    jitter: 20ms
    distribution: normal
    gemodel: {p: 1%, r: 10%, 1-h: 90%, 1-k: 0.1%}
    rate: 1MB/s
    contacts:
      - {from: +1h, for: 10min, every: 8h}
      - {from: 2027-02-19T02:00:00Z, until: +3h}
  - between: [relay, mars]
    lightTime: [earth, mars]
    back: {delays: [{at: +0s, oneWayDelay: 4min}, {at: +1d, oneWayDelay: 5min}], rate: 1kB/s}
hosts:
  - host: e.a.com
    network: earth
    address: 172.21.0.3
    node: ipn:2
    users: [{name: user, password: 123456}]
    submission: {listen: "172.21.0.3:587", plaintextAuth: allow}
    udp: {listen: "172.21.0.3:2113"}
    plans: [{to: ipn:3, protocol: udp, duct: "172.22.0.3:3113"}]
    groups: [{nodes: ipn:4, via: ipn:3}]
    transport: {m.a.com: bp:ipn:4.2525}
  - host: r.a.com
    network: relay
    address: 172.22.0.3
    node: ipn:3
    users: []
    udp: {listen: "172.22.0.3:3113"}
    plans:
      - {to: ipn:2, protocol: udp, duct: "172.21.0.3:2113"}
      - {to: ipn:4, protocol: udp, duct: "172.23.0.3:4113"}
  - host: m.a.com
    network: mars
    address: 172.23.0.3
    node: ipn:4
    users: [{name: user, password: 123456}]
    udp: {listen: "172.23.0.3:4113"}
    plans: [{to: ipn:3, protocol: udp, duct: "172.22.0.3:3113"}]
    groups: [{nodes: ipn:2, via: ipn:3}]
timeline:
  - {at: +1min, submit: {name: first, from: user@e.a.com, to: [user@m.a.com]}}
  - {at: +2min, down: [earth, relay]}
  - {at: +3min, up: [earth, relay]}
  - {at: +4min, change: {between: [relay, mars], loss: 10%}}
  - {at: +5min, kill: r.a.com}
  - {at: +6min, start: r.a.com}
  - {at: +1d, assert: {delivered: first}}
`

function problemsWith(from: string, to: string): readonly string[] {
  expect(WHOLE).toContain(from)
  const parsed = parseScenario(WHOLE.replace(from, to), 's.yaml')
  return parsed.ok ? [] : parsed.fault.message.split('\n')
}

test('nothing in a problem is for a terminal to obey', () => {
  const problems = problemsWith('seed:', '"\\e[2Ja": 1\n"\\x9bb": 1\nseed:')
  expect(problems.join('\n')).toMatch(/unknown key "\\u001b\[2Ja".*\n.*unknown key "\\u009bb"/)
  const twice = problemsWith('seed:', '"\\ea": 1\n"\\ea": 1\nseed:')
  expect(twice.join('\n')).toContain('key "\\u001ba" appears again')
})

test('every part that a scenario may have becomes typed values', () => {
  const parsed = parseScenario(WHOLE, 's.yaml')
  if (!parsed.ok) throw parsed.fault
  const { links, hosts, timeline = [], startsAt } = parsed.value
  expect(startsAt).toBe(1_802_995_200_000)
  expect(links).toEqual([
    {
      between: ['earth', 'relay'],
      oneWayDelayMs: 1000,
      lossShare: 0,
      jitterMs: 20,
      jitterDistribution: 'normal',
      gilbertElliott: { toBad: 0.01, toGood: 0.1, badLoss: 0.9, goodLoss: 0.001 },
      rateBytesPerSec: 1_000_000,
      contacts: [
        { fromMs: 3_600_000, untilMs: 4_200_000, everyMs: 28_800_000 },
        { fromMs: 7_200_000, untilMs: 10_800_000 },
      ],
    },
    {
      between: ['relay', 'mars'],
      oneWayDelayMs: 0,
      lossShare: 0,
      lightTime: ['earth', 'mars'],
      back: {
        lightTime: undefined,
        delays: [
          { atMs: 0, oneWayDelayMs: 240_000 },
          { atMs: 86_400_000, oneWayDelayMs: 300_000 },
        ],
        rateBytesPerSec: 1000,
      },
    },
  ])
  expect(timeline.map(({ atMs, action }) => [atMs / 60_000, action.type])).toEqual([
    [1, 'submit'],
    [2, 'link-down'],
    [3, 'link-up'],
    [4, 'link-change'],
    [5, 'kill'],
    [6, 'start'],
    [1440, 'assert'],
  ])
  expect(timeline[3]?.action).toEqual({
    type: 'link-change',
    link: { between: ['relay', 'mars'] },
    change: { lossShare: 0.1 },
  })
  // A group waits for the whole way: 1 s, and the time of light at the opposition of 2027.
  const group = hosts[0]?.plans[1]
  expect(group).toMatchObject({ node: 4n, until: 4n, via: 3n, protocol: 'udp' })
  expect((group?.oneWayDelayMs ?? 0) / 60_000).toBeGreaterThan(5.5)
  expect((group?.oneWayDelayMs ?? 0) / 60_000).toBeLessThan(5.8)
})

test('the nodes at both ends know the contacts of their link, unless it says no', () => {
  const parsed = parseScenario(WHOLE, 's.yaml')
  if (!parsed.ok) throw parsed.fault
  const [earth, relay, mars] = parsed.value.hosts
  const { startsAt = 0 } = parsed.value
  const known = earth?.contactPlan?.contacts.filter(({ source }) => source === 2n) ?? []
  expect(known.slice(0, 3)).toEqual(
    [
      [60, 70],
      [120, 180],
      [540, 550],
    ].map(([from = 0, until = 0]) => ({
      source: 2n,
      destination: 3n,
      from: startsAt + from * 60_000,
      until: startsAt + until * 60_000,
      rateBytesPerSec: 900_000,
      confidence: 1,
    })),
  )
  expect(known).toHaveLength(1000)
  expect(relay?.contactPlan?.contacts).toHaveLength(2000)
  // Three a day, two of the first, and the one that stands alone.
  const topology = new Topology(parsed.value.links, wallMs(startsAt))
  expect(topology.openingsEndMs('earth', 'relay')).toBe((1 + 998 * 8) * 3_600_000 + 600_000)
  expect(topology.openingsEndMs('relay', 'mars')).toBeUndefined()
  expect(mars?.contactPlan).toBeUndefined()
  const quiet = parseScenario(WHOLE.replace('rate: 1MB/s', 'announced: no'), 's.yaml')
  expect(quiet.ok && quiet.value.hosts[0]?.contactPlan).toBeUndefined()
})

// What is wrong, what is written in place of what, and the beginning of what is told.
test.each([
  [
    'unknown key',
    'jitter: 20ms',
    'jiter: 20ms',
    '11:5: unknown key "jiter" (did you mean jitter?): one of between, oneWayDelay',
  ],
  [
    'negative delay',
    'oneWayDelay: 1s\n',
    'oneWayDelay: -1s\n',
    '10:18: links[0].oneWayDelay is "-1s": a duration such as',
  ],
  [
    'no delay',
    '    oneWayDelay: 1s\n',
    '',
    '9:5: a link without a delay: oneWayDelay, delays or lightTime would be right',
  ],
  [
    'two delays',
    'lightTime: [earth, mars]',
    'lightTime: [earth, mars]\n    oneWayDelay: 1s',
    '19:16: lightTime beside oneWayDelay: one of the two',
  ],
  [
    'one planet',
    'lightTime: [earth, mars]',
    'lightTime: [earth, earth]',
    '19:16: lightTime between earth, earth: two planets',
  ],
  [
    'no planet',
    'lightTime: [earth, mars]',
    'lightTime: [earth, moon]',
    '19:24: links[1].lightTime[1] is "moon": mercury or venus or',
  ],
  [
    'date without elements',
    '2027-02-19T00:00:00Z\n',
    '2060-02-19T00:00:00Z\n',
    '19:16: lightTime in 2060: a start from 1800 to 2049',
  ],
  ['delays not in order', '{at: +1d', '{at: +0s', '20:56: a delay at the time of the one before'],
  [
    'no jitter',
    '    jitter: 20ms\n',
    '',
    '11:19: distribution normal without jitter: a jitter such as 20ms',
  ],
  ['share beyond all', 'p: 1%', 'p: 101%', '13:18: links[0].gemodel.p is "101%": a share'],
  [
    'contact ends first',
    'until: +3h',
    'until: +1h',
    '17:45: contact ends before it begins: a later until',
  ],
  [
    'contact before the start',
    'from: 2027-02-19T02',
    'from: 2027-02-18T02',
    '17:16: contact begins before the scenario starts',
  ],
  [
    'contact with two ends',
    'for: 10min',
    'for: 10min, until: +3h',
    '16:9: contact with until and for: one of the two',
  ],
  [
    'contact without end',
    'for: 10min, ',
    '',
    '16:9: contact with neither until nor for: one of the two',
  ],
  [
    'contact longer than its turn',
    'every: 8h',
    'every: 5min',
    '16:40: contact of 10min every 5min: a longer time',
  ],
  [
    'overlapping contacts',
    '+1h, for: 10min',
    '+1h, for: 61min',
    '17:9: contact at the time of number 1: one after the other',
  ],
  [
    'overlapping turn',
    '2027-02-19T02:00:00Z, until: +3h',
    '+17h, until: +18h',
    '17:9: contact at the time of number 1',
  ],
  [
    'link to nowhere',
    '[relay, mars]\n',
    '[relay, mers]\n',
    '18:22: unknown network mers (did you mean mars?): one of earth, relay, mars',
  ],
  [
    'link never up',
    'rate: 1MB/s\n',
    'loss: 100%\n',
    '14:11: earth to relay loses everything, so that nothing ever gets through: less',
  ],
  [
    'one contact less, which is nothing wrong',
    'every: 8h}\n      - {from: 2027-02-19T02:00:00Z, until: +3h}',
    'every: 8h}',
    '',
  ],
  [
    'overlapping prefixes',
    '172.22.0.0/24',
    '172.21.0.128/25',
    '6:27: prefix 172.21.0.128/25 of relay overlaps 172.21.0.0/24 of earth: one apart',
  ],
  [
    'overlapping addresses',
    'address: 172.23.0.3',
    'address: 172.22.0.3',
    '41:5: address 172.22.0.3 appears again',
  ],
  [
    'address outside its network',
    'address: 172.23.0.3',
    'address: 172.24.0.3',
    '43:14: address 172.24.0.3 on mars: one in 172.23.0.0/24',
  ],
  [
    'unknown network of a host',
    'network: mars',
    'network: mar',
    '42:14: unknown network mar (did you mean mars?)',
  ],
  [
    'group without plan',
    'groups: [{nodes: ipn:4, via: ipn:3}]',
    'groups: [{nodes: ipn:4, via: ipn:9}]',
    '30:34: group by way of ipn:9, but there is no plan to it',
  ],
  ['group of nobody', 'nodes: ipn:4,', 'nodes: ipn:9,', '30:22: a group of nodes that no host is'],
  [
    'way to nowhere',
    '      - {to: ipn:4, protocol: udp, duct: "172.23.0.3:4113"}\n',
    '',
    '30:22: bundles for ipn:4 come no further than r.a.com, which has no way there: a plan or a group there',
  ],
  [
    'way in a circle',
    '      - {to: ipn:4, protocol: udp, duct: "172.23.0.3:4113"}\n',
    '    groups: [{nodes: ipn:4, via: ipn:2}]\n',
    '30:22: bundles for ipn:4 go round in a circle, e.a.com to r.a.com to e.a.com: groups that lead there',
  ],
  [
    'no way back',
    '    groups: [{nodes: ipn:2, via: ipn:3}]\n',
    '',
    '31:26: mail to bp:ipn:4.2525 is never acknowledged, as bundles for ipn:2 come no further than m.a.com',
  ],
  [
    'mail to no service',
    'bp:ipn:4.2525',
    'bp:ipn:4.25',
    '31:26: mail to bp:ipn:4.25, while m.a.com takes it on service 2525: bp:ipn:4.2525',
  ],
  [
    'neighbour that does not listen',
    '    udp: {listen: "172.23.0.3:4113"}\n',
    '    udp: off\n',
    '40:31: plan over udp to m.a.com, which does not listen there: udp with listen at m.a.com',
  ],
  [
    'domain of two hosts',
    'node: ipn:4\n',
    'node: ipn:4\n    domains: [m.a.com, r.a.com]\n',
    '45:24: domain r.a.com is that of r.a.com too: one host',
  ],
  [
    'unknown host',
    'kill: r.a.com',
    'kill: x.a.com',
    '54:23: unknown host x.a.com: one of e.a.com, r.a.com, m.a.com',
  ],
  [
    'nearly a host',
    'start: r.a.com',
    'start: r.a.co',
    '55:24: unknown host r.a.co (did you mean r.a.com?)',
  ],
  [
    'unknown link',
    'down: [earth, relay]',
    'down: [earth, mars]',
    '51:23: no link between earth, mars: one of [earth, relay], [relay, mars]',
  ],
  ['change of nothing', ', loss: 10%', '', '53:25: a change of nothing: a key such as loss: 10%'],
  [
    'two things at once',
    '{at: +2min, down',
    '{at: +2min, kill: r.a.com, down',
    '51:23: kill beside down: an event of its own',
  ],
  [
    'nothing at all',
    'down: [earth, relay]',
    '',
    '51:5: an event with nothing to do: one of down, up, change',
  ],
  [
    'unknown mail',
    'delivered: first',
    'delivered: fist',
    '56:35: unknown mail fist (did you mean first?): one of first',
  ],
  [
    'two claims',
    'delivered: first',
    'delivered: first, notDelivered: first',
    '56:23: not one claim: delivered, notDelivered, or mailbox with count',
  ],
  [
    'unknown mailbox',
    'to: [user@m.a.com]',
    'to: [use@m.a.com]',
    '50:64: unknown mailbox use@m.a.com (did you mean user@m.a.com?)',
  ],
  [
    'sender without a service',
    'from: user@e.a.com',
    'from: user@m.a.com',
    '50:45: unknown sender user@m.a.com',
  ],
  [
    'time before the start',
    'at: +2min',
    'at: 2026-01-01T00:00:00Z',
    '51:10: a time before the start: +0s or later',
  ],
  [
    'contact plan that is not there',
    'lightTime: [earth, mars]',
    'lightTime: [earth, mars]\n    contactPlan: x.ionrc',
    '20:18: contactPlan x.ionrc cannot be read: no files are read here',
  ],
])('%s: %s written as %s is told', (what, from, to, start) => {
  const problems = problemsWith(from, to)
  if (start === '') expect(problems, what).toEqual([])
  else expect(problems, what).toContainEqual(expect.stringMatching(startOf(`s.yaml:${start}`)))
  for (const problem of problems) expect(problem).toMatch(/ would be right$|cannot be read/)
})

function startOf(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`)
}

test('all problems are told in one go, in the order of the text', () => {
  const text = WHOLE.replace('network: mars', 'network: mar')
    .replace('kill: r.a.com', 'kill: x.a.com')
    .replace('until: +3h', 'until: +1h')
  const parsed = parseScenario(text, 's.yaml')
  const lines = parsed.ok ? [] : parsed.fault.message.split('\n')
  expect(lines.map((line) => line.split(':')[1])).toEqual(
    expect.arrayContaining(['17', '42', '54']),
  )
  const places = lines.map((line) => Number(line.split(':')[1]))
  expect(places).toEqual([...places].sort((a, b) => a - b))
})

const CONTACTS = `a contact 2027/02/19-01:00:00 2027/02/19-02:00:00 2 3 100000
a contact +10800 +14400 3 2 5000
a range +0 +86400 2 3 7
`

test('a file of ionadmin gives a link its contacts and delays, each direction its own', () => {
  const text = WHOLE.replace(/ {4}contacts:\n.*\n.*\n/, '    contactPlan: c.ionrc\n')
  const parsed = parseScenario(text, 'dir/s.yaml', (name, from) => ({
    file: `${from}/${name}`,
    text: CONTACTS,
  }))
  if (!parsed.ok) throw parsed.fault
  const hour = 3_600_000
  expect(parsed.value.links[0]).toMatchObject({
    contacts: [{ fromMs: hour, untilMs: 2 * hour, rateBytesPerSec: 100_000, oneWayDelayMs: 7000 }],
    back: {
      contacts: [
        { fromMs: 3 * hour, untilMs: 4 * hour, rateBytesPerSec: 5000, oneWayDelayMs: 7000 },
      ],
    },
  })
  expect(parsed.value.hosts[0]?.contactPlan?.contacts).toHaveLength(2)
  const wrong = parseScenario(text, 's.yaml', (file) => ({ file, text: 'a contact +9 +1 2 3 1\n' }))
  expect(wrong.ok ? '' : wrong.fault.message).toMatch(/^s\.yaml:15:18: c\.ionrc:1:/)
})
