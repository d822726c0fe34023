import { expect, test } from 'vitest'
import { wallMs } from '../../base/time.ts'
import { formatEndpointId, ipnEndpoint } from '../../proto/bpv7/endpoint-id.ts'
import { bundleHostOf, hostNamesIn } from './bundle-host.ts'
import { readIon } from './ion.ts'
import type { IonNode } from './ion-node.ts'

function nodeOf(bprc: readonly string[], ipnrc: readonly string[] = []): IonNode {
  const text = [
    '## begin ionadmin\n1 2\n## end ionadmin',
    `## begin bpadmin\n1\n${bprc.join('\n')}\n## end bpadmin`,
    `## begin ipnadmin\n${ipnrc.join('\n')}\n## end ipnadmin\n`,
  ].join('\n')
  const { node, problems } = readIon([{ file: 'x.rc', text }], {
    readFile: (file) => ({ file, reason: 'no file' }),
    startedAt: wallMs(1_800_000_000_000),
  })
  expect(problems).toEqual([])
  if (node === undefined) throw new Error('no node')
  return node
}

const BPRC = [
  "a scheme ipn 'ipnfw' 'ipnadminep'",
  'a endpoint ipn:2.0 x',
  'a endpoint ipn:2.1 x',
  'a endpoint ipn:2.2 q',
  'a protocol udp',
  'a protocol tcp',
  'a induct udp 0.0.0.0:2113 udpcli',
  'a induct tcp @ tcpcli',
  "a outduct udp 172.22.0.3:3113 'udpclo 1'",
  "a outduct tcp moon.example:4556 ''",
]

test("endpoints, ducts and plans become the node's", () => {
  const ion = nodeOf(BPRC, ['a plan 3 udp/172.22.0.3:3113 50000', 'a plan 4 tcp/moon.example:4556'])
  expect(hostNamesIn(ion)).toEqual(['@', 'moon.example'])
  const addresses = new Map([
    ['@', '172.21.0.3'],
    ['moon.example', '172.22.0.9'],
  ])
  expect(bundleHostOf(ion, addresses)).toEqual({
    options: {
      node: 2n,
      endpoints: [
        { service: 1n, whenInactive: 'abandon' },
        { service: 2n, whenInactive: 'defer' },
      ],
      inducts: [
        { protocol: 'udp', listen: { host: '0.0.0.0', port: 2113 } },
        { protocol: 'tcp', listen: { host: '172.21.0.3', port: 4556 } },
      ],
      plans: [
        {
          node: 3n,
          protocol: 'udp',
          duct: '172.22.0.3:3113',
          ipnOnly: true,
          rateBytesPerSec: 50_000,
        },
        { node: 4n, protocol: 'tcp', duct: '172.22.0.9:4556', ipnOnly: true },
      ],
      contactPlan: { contacts: [], ranges: [] },
      tcpclVersions: [3, 4],
      statusReports: {},
    },
    notices: [],
  })
})

test('what cannot be done is said: names without address, ducts that are not spoken, exits', () => {
  const ion = nodeOf(
    [...BPRC, 'a protocol ltp', "a outduct ltp 5 'ltpclo'", "a endpoint ipn:2.9 q 'echo'"],
    ['a plan 4 tcp/moon.example:4556', 'a plan 5 ltp/5', 'a exit 10 20 ipn:3.0'],
  )
  const { options, notices } = bundleHostOf(ion, new Map())
  expect(options.plans).toEqual([])
  expect(notices).toEqual([
    'endpoint ipn:2.9: its script is not run',
    'induct tcp/@ is not listened on',
    'plan ipn:4.0 has no duct that can be used here: its bundles wait',
    'plan ipn:5.0 has no duct that can be used here: its bundles wait',
    'exit 10 to 20: no plan for ipn:3.0 has a duct that can be used here: its bundles wait',
  ])
})

test('a plan by way of a gateway takes the duct of the gateway, a blocked one none', () => {
  const ion = nodeOf(
    [...BPRC, 'a plan ipn:7.0', 'g plan ipn:7.0 ipn:3.0', 'a plan ipn:8.0', 'b plan ipn:8.0'],
    ['a plan 3 udp/172.22.0.3:3113'],
  )
  const { options, notices } = bundleHostOf(ion, new Map([['@', '127.0.0.1']]))
  expect(options.plans.map(({ node, duct }) => [node, duct])).toEqual([
    [3n, '172.22.0.3:3113'],
    [7n, '172.22.0.3:3113'],
  ])
  expect(options.plans.map(({ via }) => via)).toEqual([undefined, 3n])
  expect(notices).toEqual(['plan ipn:8.0 is blocked: its bundles wait'])
})

test('by way of a gateway whose plan is blocked goes nothing; a blocked plan says that an exit has its bundles', () => {
  const ion = nodeOf(
    [...BPRC, 'a plan ipn:7.0', 'g plan ipn:7.0 ipn:3.0', 'a plan ipn:8.0', 'b plan ipn:8.0'],
    [
      ...['a plan 3 udp/172.22.0.3:3113', 'a plan 4 udp/172.22.0.3:3113'],
      ...['a exit 8 20 ipn:3.0', 'a exit 5 9 ipn:4.0', 'a exit 1 100 ipn:4.0'],
    ],
  )
  const plans = ion.plans.map((plan) =>
    formatEndpointId(plan.endpoint) === 'ipn:3.0' ? { ...plan, isBlocked: true } : plan,
  )
  const { options, notices } = bundleHostOf({ ...ion, plans }, new Map([['@', '127.0.0.1']]))
  expect(options.plans.map(({ node, until, via }) => [node, until, via])).toEqual([
    [4n, undefined, undefined],
    [5n, 9n, 4n],
    [1n, 100n, 4n],
  ])
  expect(notices).toEqual([
    'plan ipn:3.0 is blocked: its bundles take exit 1 to 100',
    'plan ipn:7.0 has no duct that can be used here: its bundles take exit 5 to 9',
    'plan ipn:8.0 is blocked: its bundles take exit 5 to 9',
    'exit 8 to 20: no plan for ipn:3.0 has a duct that can be used here: its bundles wait',
  ])
})

test('profiles of DTPC: ION’s limits, and what changes nothing is said', () => {
  const { node } = readIon(
    [
      { file: 'a.ionrc', text: '1 2 global' },
      {
        file: 'a.dtpcrc',
        text: '1\na profile 21 5 100 1 3600 0.1 dtn:none\na profile 6 2 0 3 30 1.2 ipn:2.4 rcv,del\ns\n',
      },
    ],
    { readFile: (file) => ({ file, reason: 'no file' }), startedAt: wallMs(0) },
  )
  if (node === undefined) throw new Error('no node')
  const { options, notices } = bundleHostOf(node, new Map())
  expect(options.dtpc).toEqual([
    {
      id: 21,
      retransmissionsMax: 5,
      aggregationBytes: 100,
      aggregationMs: 1000,
      lifetimeMs: 3_600_000,
    },
    {
      id: 6,
      retransmissionsMax: 2,
      aggregationBytes: 0,
      aggregationMs: 0,
      lifetimeMs: 30_000,
      reports: { kinds: ['received', 'deleted'], to: ipnEndpoint(2n, 4n), times: true },
    },
  ])
  expect(notices).toEqual([
    'profile 6: there is no custody in version 7 of the protocol',
    'profile 6: its bundles go as all others do, whatever their quality of service',
  ])
})

test('an exit is a plan for its nodes by way of its gateway, by the duct and at the rate of that', () => {
  const exits = ['a exit 10 20 ipn:3.0', 'a exit 12 12 ipn:9.0', 'a exit 30 40 dtn://far/']
  const ion = nodeOf(BPRC, ['a plan 3 udp/172.22.0.3:3113 50000', ...exits])
  const { options, notices } = bundleHostOf(ion, new Map([['@', '127.0.0.1']]))
  expect(options.plans.slice(1)).toEqual([
    {
      ...{ node: 10n, until: 20n, via: 3n },
      ...{ protocol: 'udp', duct: '172.22.0.3:3113', ipnOnly: true, rateBytesPerSec: 50_000 },
    },
  ])
  expect(notices).toEqual(
    ['exit 12 to 12: no plan for ipn:9.0', 'exit 30 to 40: no plan for dtn://far/'].map(
      (what) => `${what} has a duct that can be used here: its bundles wait`,
    ),
  )
})
