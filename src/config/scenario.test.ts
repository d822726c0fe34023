import { expect, test } from 'vitest'
import { parseScenario } from './scenario.ts'

const COMPLETE = `name: pair
seed: 7
networks:
  - {name: earth, prefix: 172.21.0.0/24}
  - {name: moon, prefix: 172.22.0.0/24}
links:
  - {between: [earth, moon], oneWayDelay: 500ms, loss: 20%, rate: 1MB/s}
hosts:
  - host: mail-1.a.com
    network: earth
    address: 172.21.0.3
    node: ipn:2
    users: []
    udp: {listen: "172.21.0.3:2113"}
    plans:
      - {to: ipn:3, protocol: udp, duct: "172.22.0.3:3113"}
  - host: mail-2.a.com
    network: moon
    address: 172.22.0.3
    node: ipn:3
    users: []
    udp: {listen: "172.22.0.3:3113"}
    plans:
      - {to: ipn:2, protocol: udp, duct: "172.21.0.3:2113", oneWayDelay: 2s}
`

function problemsOf(text: string): readonly string[] {
  const parsed = parseScenario(text, 's.yaml')
  return parsed.ok ? [] : parsed.fault.message.split('\n')
}

function problemsWith(from: string, to: string): readonly string[] {
  expect(COMPLETE).toContain(from)
  return problemsOf(COMPLETE.replace(from, to))
}

test('a scenario becomes typed values; a plan takes its delay from the link', () => {
  const parsed = parseScenario(COMPLETE, 's.yaml')
  if (!parsed.ok) throw parsed.fault
  const { hosts, ...rest } = parsed.value
  expect(rest).toEqual({
    name: 'pair',
    seed: 7,
    startsAt: 1_795_420_800_000,
    tcp: { synRetries: 6, synAckRetries: 5 },
    tls: { version: 'TLSv1.3', resumption: false },
    networks: [
      { name: 'earth', prefix: '172.21.0.0/24' },
      { name: 'moon', prefix: '172.22.0.0/24' },
    ],
    links: [
      {
        between: ['earth', 'moon'],
        oneWayDelayMs: 500,
        lossShare: 0.2,
        rateBytesPerSec: 1_000_000,
      },
    ],
  })
  expect(hosts.map(({ host, network, address }) => [host, network, address])).toEqual([
    ['mail-1.a.com', 'earth', '172.21.0.3'],
    ['mail-2.a.com', 'moon', '172.22.0.3'],
  ])
  expect(hosts.map(({ plans }) => plans[0]?.oneWayDelayMs)).toEqual([500, 2000])
})

test.each([
  ['name: moon', 'name: earth', 's.yaml:5:5: network earth appears again'],
  ['[earth, moon]', '[earth, mars]', 's.yaml:7:23: unknown network mars: one of earth, moon'],
  ['[earth, moon]', '[earth, earth]', 's.yaml:7:15: between earth, earth: two networks'],
  ['[earth, moon]', '[earth]', 's.yaml:7:15: between earth: two networks'],
  ['network: moon', 'network: mars', 's.yaml:18:14: unknown network mars'],
  ['address: 172.22.0.3', 'address: 172.23.0.3', 's.yaml:19:14: address 172.23.0.3 on moon'],
  [
    '"172.22.0.3:3113"}\n    plans',
    '"0.0.0.0:3113"}\n    plans',
    's.yaml:16:42: duct 172.22.0.3:3113',
  ],
  ['node: ipn:3', 'node: ipn:2', 's.yaml:17:5: node ipn:2 appears again'],
  ['host: mail-2', 'host: mail-1', 's.yaml:17:5: host mail-1.a.com appears again'],
  [
    '{to: ipn:3,',
    '{to: ipn:4,',
    's.yaml:16:14: plan to ipn:4, which no host is: one of ipn:2, ipn:3',
  ],
  [
    'duct: "172.22.0.3:3113"',
    'duct: "172.22.0.3:3114"',
    's.yaml:16:42: duct 172.22.0.3:3114 to mail-2.a.com',
  ],
  ['172.22.0.0/24', '172.22.0.1/24', 's.yaml:5:26: networks[1].prefix is "172.22.0.1/24"'],
  [
    'seed: 7',
    'seed: 4294967296',
    's.yaml:2:7: seed is "4294967296": a whole number from 0 to 4294967295',
  ],
  ['seed: 7', 'seed: 7\nsynRetries: 128', 's.yaml:3:13: synRetries is "128": a whole number'],
  ['seed: 7', 'seed: 7\ntlsVersion: 1.3', 's.yaml:3:13: tlsVersion is "1.3": TLSv1.2 or TLSv1.3'],
  [
    'address: 172.22.0.3',
    'address: 172.22.0.3\n    nameServer: 172.22.0.9',
    's.yaml:20:17: nameServer 172.22.0.9, which no host is: one of 172.21.0.3, 172.22.0.3',
  ],
  ['loss: 20%', 'loss: 101%', 's.yaml:7:56: links[0].loss is "101%": a share'],
])('%s is wrong as %s', (from, to, start) => {
  expect(problemsWith(from, to)).toContainEqual(expect.stringContaining(start))
})

test('a plan needs a link between the two networks', () => {
  const link = 'links:\n  - {between: [earth, moon], oneWayDelay: 500ms, loss: 20%, rate: 1MB/s}\n'
  expect(problemsWith(link, '')).toEqual([
    's.yaml:14:14: plan to ipn:3, but no link joins earth and moon: a link would be right',
    's.yaml:22:14: plan to ipn:2, but no link joins moon and earth: a link would be right',
  ])
})

test('a link given twice is refused, whichever way round', () => {
  const link = '  - {between: [earth, moon], oneWayDelay: 500ms, loss: 20%, rate: 1MB/s}\n'
  const turned = link.replace('earth, moon', 'moon, earth')
  expect(problemsWith(link, link + turned)).toEqual([
    's.yaml:8:5: link between earth and moon appears again: once would be right',
  ])
})
