import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseIpPrefix } from '../base/ip-address.ts'
import { parseNodeConfig } from './node-config.ts'

const COMPLETE = `host: Mail-1.A.com
directory: ../var/mail-1
node: ipn:2
domains: [mail-1.a.com, a.com]
users:
  - {name: user, password: 0123}
  - {name: ada, password: "correct horse"}
smtp:
  listen: 127.0.0.1:2125
submission:
  listen: "[::1]:2587"
  plaintextAuth: allow
pop3:
  listen: 127.0.0.1:0
udp:
  listen: 127.0.0.1:2113
  rate: 125kB/s
plans:
  - {to: ipn:3, protocol: udp, duct: "127.0.0.1:3113", oneWayDelay: 20min}
transport:
  mail-2.a.com: bp:ipn:3.2525
  a.com: local
limits:
  messageSizeMax: 1.5MiB
retry:
  giveUpAfter: 2d
`

/** Says what it finds, of all but this machine. */
const AUTHENTICATION_DEFAULT = {
  ...{ dmarc: 'none', spf: 'none' },
  trusted: [parseIpPrefix('127.0.0.0/8'), parseIpPrefix('::1/128')],
}

function problemsOf(text: string): readonly string[] {
  const parsed = parseNodeConfig(text, 'node.yaml')
  return parsed.ok ? [] : parsed.fault.message.split('\n')
}

/** The problems of the complete file with `from` replaced. */
function problemsWith(from: string, to: string): readonly string[] {
  expect(COMPLETE).toContain(from)
  return problemsOf(COMPLETE.replace(from, to))
}

const SMTP_DEFAULTS = {
  bareLineEnds: 'refuse',
  vrfy: 'noncommittal',
  expn: 'refuse',
  oneWayDelayMs: 0,
}

test('a complete file becomes typed values', () => {
  expect(parseNodeConfig(COMPLETE, 'node.yaml')).toEqual({
    ok: true,
    value: {
      host: 'mail-1.a.com',
      directory: '../var/mail-1',
      authentication: AUTHENTICATION_DEFAULT,
      node: 2n,
      mailService: 2525n,
      domains: ['mail-1.a.com', 'a.com'],
      users: [
        { name: 'user', password: '0123' },
        { name: 'ada', password: 'correct horse' },
      ],
      smtp: { listen: { host: '127.0.0.1', port: 2125 }, ...SMTP_DEFAULTS },
      submission: {
        listen: { host: '::1', port: 2587 },
        ...SMTP_DEFAULTS,
        plaintextAuth: 'allow',
      },
      pop3: { listen: { host: '127.0.0.1', port: 0 }, plaintextAuth: 'refuse', oneWayDelayMs: 0 },
      udp: { listen: { host: '127.0.0.1', port: 2113 }, rateBytesPerSec: 125_000 },
      plans: [{ node: 3n, protocol: 'udp', duct: '127.0.0.1:3113', oneWayDelayMs: 1_200_000 }],
      echo: true,
      transport: [
        { domain: 'mail-2.a.com', route: 'bp:ipn:3.2525' },
        { domain: 'a.com', route: 'local' },
      ],
      outgoing: { tls: 'offered', oneWayDelayMs: 0, mtaSts: true, pipelining: true, routes: [] },
      credentialFiles: new Map(),
      secretFiles: new Map(),
      limits: { messageBytesMax: 1_572_864, storeBytesMax: 4_294_967_296 },
      aliases: [],
      subaddress: 'inbox',
      retry: { giveUpAfterMs: 172_800_000, routes: [] },
    },
  })
})

test('what is left out or off has its default, and no key that is undefined', () => {
  const parsed = parseNodeConfig(
    'host: m.a.com\ndirectory: d\nnode: ipn:2\nusers: []\nsmtp: off\nudp: {listen: "127.0.0.1:1", rate: off}\n',
    'node.yaml',
  )
  expect(parsed.ok && parsed.value).toStrictEqual({
    host: 'm.a.com',
    directory: 'd',
    authentication: AUTHENTICATION_DEFAULT,
    node: 2n,
    mailService: 2525n,
    domains: ['m.a.com'],
    users: [],
    udp: { listen: { host: '127.0.0.1', port: 1 } },
    plans: [],
    echo: true,
    transport: [],
    aliases: [],
    subaddress: 'inbox',
    outgoing: { tls: 'offered', oneWayDelayMs: 0, mtaSts: true, pipelining: true, routes: [] },
    credentialFiles: new Map(),
    secretFiles: new Map(),
    limits: { messageBytesMax: 52_428_800, storeBytesMax: 4_294_967_296 },
    retry: { giveUpAfterMs: 432_000_000, routes: [] },
  })
})

test('every problem is listed, each with its place, what was read and what would be right', () => {
  const text = `host: not a domain
nodes: ipn:2
node: 2
node: ipn:2
users:
  - name: ../user
    password: ""
  - user
smtp:
  listen: localhost:25
  plaintextAuth: allow
limits: 5MiB
transport:
  bad domain: local
  mail-2.a.com: smtp:x:0
`
  expect(problemsOf(text)).toEqual([
    'node.yaml:1:1: directory is missing: a path such as ../var/mail-1 would be right',
    'node.yaml:1:7: host is "not a domain": a domain such as mail-1.a.com would be right',
    // All keys follow.
    expect.stringMatching(
      /^node\.yaml:2:1: unknown key "nodes" \(did you mean node\?\): one of host, .* would be right$/,
    ),
    'node.yaml:3:7: node is "2": a node such as ipn:2 would be right',
    'node.yaml:4:1: key "node" appears again: each key once would be right',
    'node.yaml:6:11: users[0].name is "../user": a name such as user, of letters, digits and ._+- after the first would be right',
    'node.yaml:7:15: users[0].password is unfit: a password of 1 to 255 characters, none of them a control would be right',
    'node.yaml:8:5: users[1] is "user": a mapping with the keys name, password would be right',
    'node.yaml:10:11: smtp.listen is "localhost:25": an IP address and a port such as 127.0.0.1:2525 or [::1]:2525 would be right',
    'node.yaml:11:3: unknown key "plaintextAuth": one of listen, bareLineEnds, vrfy, expn, oneWayDelay, sessionsMax, sessionsPerPeerMax, connectionsPerPeerMax would be right',
    'node.yaml:12:9: limits is "5MiB": a mapping with the keys messageSizeMax, storeSizeMax would be right',
    'node.yaml:14:3: key "bad domain": a domain such as mail-2.a.com, .a.com, user@a.com or * would be right',
    'node.yaml:15:17: transport.mail-2.a.com is "smtp:x:0": local, discard, or a route such as bp:ipn:3.2525, carry:mail-2.a.com, https:mail-2.a.com, smtp:[host]:port, lmtp:host:port would be right',
  ])
})

test('resolvers are listed, with or without a port, or there are none', () => {
  const servers = (text: string) => {
    const parsed = parseNodeConfig(`${COMPLETE}dns: {servers: ${text}}\n`, 'node.yaml')
    return parsed.ok ? parsed.value.dns?.servers : parsed.fault.message
  }
  expect(servers('[127.0.0.1, "[::1]:5353"]')).toEqual(['127.0.0.1', '[::1]:5353'])
  expect(servers('none')).toEqual([])
  expect(servers('[example.com]')).toContain('an IP address such as 127.0.0.1, with or without')
  expect(servers('system')).toContain('or none to ask nobody would be right')
})

test('checks on mail from outside are chosen, or left out; and keys lie where they are said to', () => {
  const parsed = parseNodeConfig(
    `${COMPLETE}authentication: {dmarc: reject, spf: reject, trusted: [192.0.2.0/24]}\ndkim: {directory: keys}\n`,
    'node.yaml',
  )
  expect(parsed.ok && parsed.value).toMatchObject({
    authentication: { dmarc: 'reject', spf: 'reject', trusted: [parseIpPrefix('192.0.2.0/24')] },
    dkim: { directory: 'keys' },
  })
  const off = parseNodeConfig(`${COMPLETE}authentication: {check: off}\n`, 'node.yaml')
  expect(off.ok && 'authentication' in off.value).toBe(false)
  expect(problemsOf(`${COMPLETE}authentication: {trusted: [192.0.2.1]}\n`)).toEqual([
    expect.stringContaining('a network such as 192.0.2.0/24 or ::1/128 would be right'),
  ])
})

test('the code of the fault is that of its first problem', () => {
  const parsed = parseNodeConfig(COMPLETE.replace('node:', 'nodes:'), 'node.yaml')
  expect(!parsed.ok && parsed.fault.code).toBe('config/missing-key')
  expect(!parsed.ok && parsed.fault.temporary).toBe(false)
})

test.each([
  ['giveUpAfter: 2d', 'giveUpAfter: 2', 'retry.giveUpAfter is "2"'],
  ['giveUpAfter: 2d', 'giveUpAfter: 3651d', 'retry.giveUpAfter is "3651d"'],
  ['oneWayDelay: 20min', 'oneWayDelay: 300000000000d', 'plans[0].oneWayDelay is "300000000000d"'],
  ['messageSizeMax: 1.5MiB', 'storeSizeMax: 1025GiB', 'limits.storeSizeMax is "1025GiB"'],
  ['messageSizeMax: 1.5MiB', 'messageSizeMax: 0', 'limits.messageSizeMax is "0"'],
  ['rate: 125kB/s', 'rate: 125kB', 'udp.rate is "125kB"'],
  ['rate: 125kB/s', 'rate: 0B/s', 'udp.rate is "0B/s"'],
  ['plaintextAuth: allow', 'plaintextAuth: yes', 'submission.plaintextAuth is "yes"'],
  ['to: ipn:3', 'to: ipn:4294967296', 'plans[0].to is "ipn:4294967296"'],
  ['to: ipn:3', 'to: ipn:0', 'plans[0].to is "ipn:0"'],
  ['127.0.0.1:3113', '127.0.0.1:0', 'plans[0].duct is "127.0.0.1:0"'],
  ['127.0.0.1:2125', '127.0.0.1:65536', 'smtp.listen is "127.0.0.1:65536"'],
  ['127.0.0.1:2125', '::1:25', 'smtp.listen is "::1:25"'],
  ['directory: ../var/mail-1', 'directory:', 'directory is empty'],
  ['bp:ipn:3.2525', 'bp:ipn:3.0', 'transport.mail-2.a.com is "bp:ipn:3.0"'],
  ['bp:ipn:3.2525', 'bp:dtn://x/y', 'transport.mail-2.a.com is "bp:dtn://x/y"'],
])('%s is wrong as %s', (from, to, message) => {
  expect(problemsWith(from, to)).toEqual([expect.stringContaining(`: ${message}: `)])
})

test('the largest duration and the largest size are taken', () => {
  expect(problemsWith('giveUpAfter: 2d', 'giveUpAfter: 3650d')).toEqual([])
  expect(problemsWith('messageSizeMax: 1.5MiB', 'storeSizeMax: 1024GiB')).toEqual([])
})

test('messages that no node puts together, and stores without room for what comes together, are refused', () => {
  expect(problemsWith('messageSizeMax: 1.5MiB', 'messageSizeMax: 129MiB')).toEqual([
    expect.stringContaining('messageSizeMax of 135266304 bytes: at most 128MiB would be right'),
  ])
  expect(problemsWith('messageSizeMax: 1.5MiB', 'storeSizeMax: 15MiB')).toEqual([
    expect.stringContaining('storeSizeMax of 15728640 bytes: at least 16MiB would be right'),
  ])
})

test('contradictions are told at one of the two places', () => {
  expect(problemsWith('to: ipn:3', 'to: ipn:2')).toEqual([
    'node.yaml:19:10: plan to ipn:2, which is this node: another node would be right',
    'node.yaml:21:17: mail-2.a.com goes to bp:ipn:3.2525, but there is no plan to ipn:3: a plan to it would be right',
  ])
  expect(problemsWith('a.com: local', 'b.com: local')).toEqual([
    'node.yaml:22:10: b.com is local, but not among the domains: mail-1.a.com, a.com would be right',
  ])
  expect(problemsWith('a.com: local', 'a.com: bp:ipn:3.2525')).toEqual([
    "node.yaml:22:10: a.com goes to bp:ipn:3.2525, but is among this host's own domains: local would be right",
  ])
  expect(problemsWith('udp:\n  listen: 127.0.0.1:2113\n  rate: 125kB/s', 'udp: off')).toEqual([
    'node.yaml:17:27: plan over udp, while udp is off: udp with listen would be right',
  ])
  expect(problemsWith('127.0.0.1:3113', '[::1]:3113')).toEqual([
    'node.yaml:19:38: duct [::1]:3113, while udp listens at 127.0.0.1: an IPv4 address would be right',
  ])
  expect(problemsWith('127.0.0.1:2113', '"[::]:2113"')).toEqual([
    'node.yaml:19:38: duct 127.0.0.1:3113, while udp listens at ::: an IPv6 address would be right',
  ])
  expect(problemsWith('127.0.0.1:0', '127.0.0.1:2125')).toEqual([
    'node.yaml:14:11: pop3 listens on the address of smtp: one of its own would be right',
  ])
  expect(problemsWith('name: ada', 'name: USER')).toEqual([
    'node.yaml:7:5: user user appears again: once would be right',
  ])
  expect(problemsWith('[mail-1.a.com, a.com]', '[a.com, A.com]')).toEqual([
    'node.yaml:4:18: domain a.com appears again: once would be right',
  ])
  const plan = '  - {to: ipn:3, protocol: udp, duct: "127.0.0.1:3113", oneWayDelay: 20min}\n'
  expect(problemsWith(plan, plan + plan)).toEqual([
    'node.yaml:20:5: plan to ipn:3 appears again: once would be right',
  ])
})

test('an unknown key hides no contradiction', () => {
  expect(problemsWith('a.com: local', 'b.com: local\ncolour: red')).toEqual([
    expect.stringContaining('b.com is local'),
    expect.stringContaining('unknown key "colour"'),
  ])
})

test('a password that is refused is not repeated', () => {
  expect(problemsWith('"correct horse"', '"correct\\0horse"').join()).not.toContain('horse')
})

test.each([
  ['host: [', 'node.yaml:1:8: not YAML'],
  ['a: 1\n b: 2\n', 'node.yaml:1:4: not YAML'],
  ['---\na: 1\n---\nb: 1\n', 'node.yaml:3:1: not YAML'],
  ['a: &x 1\nb: *x\n', 'node.yaml:2:4: alias "*x"'],
  ['a: !!int 1\n', 'node.yaml:1:4: not YAML'],
  ['? [a]\n: 1\n', 'node.yaml:1:3: a key that is a list or a mapping'],
  ['', 'node.yaml:1:1: the file is empty'],
  ['- a\n', 'node.yaml:1:1: the file is a list'],
])('text that is no mapping in YAML is refused: %j', (text, start) => {
  expect(problemsOf(text)[0]).toSatisfy((line: string) => line.startsWith(start), start)
})

test('the key __proto__ is refused wherever it stands', () => {
  expect(problemsWith('a.com: local', '__proto__: local')).toEqual([
    'node.yaml:22:3: unknown key "__proto__": no such key would be right',
  ])
})

test('property: any text gives a value or lines that begin with their place', () => {
  const piece = fc.oneof(
    fc.constantFrom(...COMPLETE.split(/(?<=[:\n])/)),
    fc.string({ unit: 'binary', maxLength: 12 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      for (const line of problemsOf(pieces.join(''))) {
        expect(line).toMatch(/^node\.yaml:[1-9]\d*:[1-9]\d*: \S/u)
      }
    }),
  )
})
