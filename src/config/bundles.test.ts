import { expect, test } from 'vitest'
import { parseNodeConfig } from './node-config.ts'

const NODE = `host: mail-1.a.com
directory: d
node: ipn:2
dtnName: mail-1
users: []
udp: {listen: "127.0.0.1:2113"}
tcp:
  listen: 127.0.0.1:4556
  versions: [3, 4]
  keepalive: 15s
  idle: 10min
stcp: {listen: "127.0.0.1:4456"}
mtcp: {listen: off}
plans:
  - {to: ipn:3, protocol: tcp, duct: "127.0.0.1:4557", oneWayDelay: 1s, dtnNames: [mail-2, ~all]}
  - {to: ipn:4, protocol: stcp, duct: "[::1]:4458", oneWayDelay: 1s, ipnOnly: yes, rate: 10kB/s}
  - {to: ipn:5, protocol: mtcp, duct: "127.0.0.1:4459", oneWayDelay: 1s, ipnOnly: no}
statusReports: {rate: 5/s}
payloadCrc: none
`

function problemsOf(text: string): readonly string[] {
  const parsed = parseNodeConfig(text, 'node.yaml')
  return parsed.ok ? [] : parsed.fault.message.split('\n')
}

/** The problems of the file with `from` replaced. */
function problemsWith(from: string, to: string): readonly string[] {
  expect(NODE).toContain(from)
  return problemsOf(NODE.replace(from, to))
}

test('every convergence layer, and the plans over them, become options', () => {
  const parsed = parseNodeConfig(NODE, 'node.yaml')
  expect(parsed.ok ? parsed.value : parsed.fault.message).toMatchObject({
    dtnName: 'mail-1',
    udp: { listen: { host: '127.0.0.1', port: 2113 } },
    tcp: {
      listen: { host: '127.0.0.1', port: 4556 },
      versions: [3, 4],
      keepaliveSec: 15,
      idleMs: 600_000,
    },
    stcp: { listen: { host: '127.0.0.1', port: 4456 } },
    mtcp: {},
    statusReports: { ratePerSec: 5 },
    payloadCrc: 'none',
    echo: true,
  })
  expect(parsed.ok && parsed.value.plans).toStrictEqual([
    {
      node: 3n,
      protocol: 'tcp',
      duct: '127.0.0.1:4557',
      oneWayDelayMs: 1000,
      dtnNames: ['mail-2', '~all'],
    },
    {
      node: 4n,
      protocol: 'stcp',
      duct: '[::1]:4458',
      oneWayDelayMs: 1000,
      rateBytesPerSec: 10_000,
      ipnOnly: true,
    },
    { node: 5n, protocol: 'mtcp', duct: '127.0.0.1:4459', oneWayDelayMs: 1000 },
  ])
})

test('what need not be said of a layer has its default; off is none', () => {
  const text = NODE.replace(/tcp:\n.*\n.*\n.*\n.*\n/, 'tcp: {}\n')
    .replace('mtcp: {listen: off}', 'mtcp: {}')
    .replace('{rate: 5/s}', '{}')
    .concat('echo: off\n')
  const parsed = parseNodeConfig(text, 'node.yaml')
  expect(parsed.ok ? parsed.value : parsed.fault.message).toMatchObject({
    tcp: {},
    mtcp: {},
    statusReports: {},
    echo: false,
  })
  for (const [from, to, read] of [
    ['keepalive: 15s', 'keepalive: off', { tcp: { keepaliveSec: 0 } }],
    ['{rate: 5/s}', 'off', { node: 2n }],
  ] as const) {
    const other = parseNodeConfig(NODE.replace(from, to), 'node.yaml')
    expect(other.ok && other.value).toMatchObject(read)
    if (to === 'off') expect(other.ok && other.value).not.toHaveProperty('statusReports')
  }
})

test.each([
  [
    'protocol: tcp',
    'protocol: ltp',
    '15:27: plans[0].protocol is "ltp": udp or tcp or stcp or mtcp',
  ],
  ['[3, 4]', '[3, 5]', '9:17: tcp.versions[1] is "5": 4 or 3'],
  ['[3, 4]', '4', '9:13: tcp.versions is "4": a list of versions such as [4, 3]'],
  [
    'keepalive: 15s',
    'keepalive: 1min',
    '10:14: tcp.keepalive is "1min": whole seconds such as 30s, up to 65535s, or off',
  ],
  [
    'keepalive: 15s',
    'keepalive: 65536s',
    '10:14: tcp.keepalive is "65536s": whole seconds such as 30s, up to 65535s, or off',
  ],
  [
    'idle: 10min',
    'idle: 0',
    '11:9: tcp.idle is "0": a duration such as 30s or 10min, up to 3650d, or off',
  ],
  ['{rate: 5/s}', '{rate: 5}', '18:23: statusReports.rate is "5": reports a second such as 10/s'],
  ['{rate: 5/s}', 'on', '18:16: statusReports is "on": a mapping with the keys rate'],
  ['ipnOnly: yes', 'ipnOnly: true', '16:79: plans[1].ipnOnly is "true": yes or no'],
  [
    'dtnName: mail-1',
    'dtnName: dtn://mail-1/',
    '4:10: dtnName is "dtn://mail-1/": a name such as mail-1, for dtn://mail-1/',
  ],
  [
    '{listen: "127.0.0.1:4456"}',
    '127.0.0.1:4456',
    '12:7: stcp is "127.0.0.1:4456": a mapping with the keys listen',
  ],
  [
    '  idle:',
    '  idel:',
    '11:3: unknown key "idel" (did you mean idle?): one of listen, versions, keepalive, idle, tls, authentication',
  ],
])('"%s" as "%s" is refused with its place', (from, to, message) => {
  expect(problemsWith(from, to)).toEqual([`node.yaml:${message} would be right`])
})

test('what contradicts itself is refused with what would be right', () => {
  for (const [from, to, message] of [
    [
      'stcp: {listen: "127.0.0.1:4456"}\n',
      '',
      '15:27: plan over stcp, while stcp is off: stcp with listen would be right',
    ],
    [
      '127.0.0.1:4456',
      '127.0.0.1:4556',
      '12:16: stcp listens on the address of tcp: one of its own would be right',
    ],
    ['[3, 4]', '[]', '9:13: no version of TCPCL: [4, 3], or one of the two, would be right'],
    ['[3, 4]', '[3, 3]', '9:17: version 3 appears again: once would be right'],
    [
      'ipnOnly: yes',
      'ipnOnly: yes, dtnNames: [x]',
      '16:94: dtnNames of a plan that is ipnOnly: one of the two would be right',
    ],
    ['~all', 'mail-1', "15:92: dtn://mail-1/ is this node: another node's name would be right"],
    [
      'ipnOnly: no',
      'dtnNames: [mail-2]',
      '17:85: dtn://mail-2/ appears again: once would be right',
    ],
    [
      'users: []',
      'users: []\nmailService: 7',
      '6:14: mailService is 7, where the echo service is: another one, or echo: off, would be right',
    ],
  ] as const) {
    expect(problemsWith(from, to)).toEqual([`node.yaml:${message}`])
  }
})

const GROUPS = `groups:
  - {nodes: ipn:9, via: ipn:3}
  - {nodes: ipn:100-199, via: ipn:4, oneWayDelay: 1min}
payloadCrc: none
`

test('groups become plans for many nodes over the duct of the neighbour', () => {
  const parsed = parseNodeConfig(NODE.replace('payloadCrc: none\n', GROUPS), 'node.yaml')
  expect(parsed.ok && parsed.value.plans.slice(3)).toStrictEqual([
    {
      node: 9n,
      until: 9n,
      via: 3n,
      protocol: 'tcp',
      duct: '127.0.0.1:4557',
      oneWayDelayMs: 1000,
    },
    {
      node: 100n,
      until: 199n,
      via: 4n,
      protocol: 'stcp',
      duct: '[::1]:4458',
      oneWayDelayMs: 60_000,
      ipnOnly: true,
      rateBytesPerSec: 10_000,
    },
  ])
})

test.each([
  ['ipn:9, via: ipn:3', 'ipn:9, via: ipn:7', 'group by way of ipn:7, but there is no plan to it'],
  ['ipn:9, via: ipn:3', 'ipn:3, via: ipn:3', 'group of ipn:3, to which there is a plan: one of'],
  ['ipn:100-199', 'ipn:9', 'group of ipn:9 appears again'],
  ['ipn:100-199', 'ipn:199-100', 'groups[1].nodes is "ipn:199-100": a node such as ipn:4, or'],
])('a group with %s is wrong as %s', (from, to, problem) => {
  const text = NODE.replace('payloadCrc: none\n', GROUPS.replace(from, to))
  expect(problemsOf(text)).toContainEqual(expect.stringContaining(problem))
})
