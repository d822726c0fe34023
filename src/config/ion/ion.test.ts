import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wallMs } from '../../base/time.ts'
import { faultOf, type IonReading, readIon } from './ion.ts'
import { PROGRAMS } from './programs.ts'

const NOON = wallMs(1_795_435_200_000)

function read(files: Readonly<Record<string, string>>): IonReading {
  return readIon(
    Object.entries(files).map(([file, text]) => ({ file, text })),
    {
      readFile: (file) => {
        const text = files[file]
        return text === undefined ? { file, reason: 'not there' } : { file, text }
      },
      startedAt: wallMs(NOON + 999),
    },
  )
}

function problemsOf(files: Readonly<Record<string, string>>): readonly string[] {
  return faultOf(read(files).problems)?.message.split('\n') ?? []
}

const IONRC = '1 2\n'
const BPRC = `1
a scheme ipn ipnfw ipnadminep
a endpoint ipn:2.1 x
a protocol udp
a induct udp 127.0.0.1:2113 udpcli
a outduct udp 127.0.0.1:3113 udpclo
a plan ipn:3.0 125000
a planduct ipn:3.0 udp 127.0.0.1:3113
`

/** The problems of a node with these further lines in its bprc. */
function bprcProblems(...lines: readonly string[]): readonly string[] {
  return problemsOf({ 'a.ionrc': IONRC, 'a.bprc': BPRC + lines.join('\n') }).map((problem) =>
    problem.replace('a.bprc:', ''),
  )
}

function ionrcProblems(...lines: readonly string[]): readonly string[] {
  return problemsOf({ 'a.ionrc': `1 2\n${lines.join('\n')}` }).map((problem) =>
    problem.replace('a.ionrc:', ''),
  )
}

test('a node is what its lines say', () => {
  const { node, problems } = read({ 'a.ionrc': IONRC, 'a.bprc': BPRC })
  expect(problems).toEqual([])
  expect(node).toEqual({
    node: 2n,
    clock: { errorSec: 1, isSynchronized: true, utcDeltaSec: 0 },
    contactPlan: { contacts: [], ranges: [] },
    keys: [],
    ltp: { sessions: undefined, spans: [], seats: [] },
    schemes: [{ name: 'ipn', forwarder: 'ipnfw', adminEndpoint: 'ipnadminep' }],
    endpoints: [{ endpoint: { scheme: 'ipn', node: 2n, service: 1n, elements: 2 }, rule: 'x' }],
    protocols: [{ name: 'udp' }],
    inducts: [{ protocol: 'udp', duct: '127.0.0.1:2113', daemon: 'udpcli' }],
    outducts: [{ protocol: 'udp', duct: '127.0.0.1:3113', daemon: 'udpclo' }],
    plans: [
      {
        endpoint: { scheme: 'ipn', node: 3n, service: 0n, elements: 2 },
        rateBytesPerSec: 125_000,
        ducts: [{ protocol: 'udp', duct: '127.0.0.1:3113' }],
        isBlocked: false,
      },
    ],
    exits: [],
    profiles: [],
  })
})

test('without a line that says which node it is there is no node, and that is no mistake', () => {
  expect(read({ 'global.ionrc': 'a contact +0 +600 2 3 100' })).toMatchObject({
    node: undefined,
    problems: [],
  })
})

test('times count from the start, to the second, or from the reference time', () => {
  const { node } = read({
    'a.ionrc': `1 2
a contact +0 +10 2 3 5
@ +100
a contact +0 +10 2 3 5
@ 2026/11/23-13:00:00
a range +0 2026/11/23-14:00:00 2 3 4
@ 0
a contact +20 +30 2 3 5 0.5
`,
    'b.ionrc': 'a contact +0 +10 3 2 5\n',
  })
  const contacts = node?.contactPlan.contacts.map(({ from, until }) => [from - NOON, until - NOON])
  expect(contacts).toEqual([
    [0, 10_000],
    [20_000, 30_000],
    [100_000, 110_000],
    [0, 10_000],
  ])
  expect(node?.contactPlan.ranges).toEqual([
    {
      from: NOON + 3_600_000,
      until: NOON + 7_200_000,
      source: 2n,
      destination: 3n,
      oneWayDelayMs: 4000,
    },
  ])
})

test.each([
  [['a contact +0 +0 2 3 5'], '2:14: an end at 2026/11/23-12:00:00, not after the beginning'],
  [['a contact +0 -1 2 3 5'], '2:14: a contact that begins at a time and ends at none: '],
  [['a contact +0 +2147483647 2 3 5'], '2:14: a time beyond what ION can hold: '],
  [['a contact +0 +5 2 3 0'], '2:21: a contact at 0 bytes per second: '],
  [['a contact -1 -1 2 3 5'], '2:19: a registration of 2 with 3: '],
  [['a contact 0 0 4 5 5'], '2:15: a hypothetical contact from 4 to 5: this node, 2, '],
  [['a contact 0 0 2 2 5'], '2:15: a hypothetical contact from 2 to 2: '],
  [
    ['a contact +0 +9 2 3 5', 'a contact +9 +12 2 3 5'],
    '3:11: a contact from 2 to 3 that overlaps or touches the one from 2026/11/23-12:00:00 until',
  ],
  [['a range +0 +9 2 3 5', 'a range +8 +12 2 3 5'], '3:9: a range of 2 and 3 that overlaps'],
  [['c contact +0 2 3 5'], '2:11: there is no contact of 2 and 3 from 2026/11/23-12:00:00: '],
  [['d contact +0 2 3'], '2:11: there is no contact of 2 and 3 from '],
  [['d range +0 2 3'], '2:9: there is no range of 2 and 3 from '],
  [['1 2'], '2:3: the node is 2 already: one "1 2" would be right'],
  [['1 3'], '2:3: the node is 2 already: one "1 2" would be right'],
])('ionrc %o is refused: %s', (lines, problem) => {
  expect(ionrcProblems(...lines)).toEqual([expect.stringContaining(problem)])
})

test('contacts of other pairs and ranges that only touch are beside each other', () => {
  const lines = ['a contact +0 +9 2 3 5', 'a contact +0 +9 3 2 5', 'a contact +10 +12 2 3 5']
  expect(ionrcProblems(...lines, 'a range +0 +9 2 3 5', 'a range +9 +12 2 3 6')).toEqual([])
})

test('contacts and ranges are changed and deleted', () => {
  const { node, problems } = read({
    'a.ionrc': `1 2
a contact +0 +9 2 3 5
a contact +10 +19 2 3 5 0.5
a contact +0 +9 3 2 5
a range +0 +9 2 3 5
a range +0 +9 3 4 5
c contact +10 2 3 7
d contact +0 2 3
d contact * 3 2
d contact * 8 9
d range +0 2 3
d range * 3 4
`,
  })
  expect(problems).toEqual([])
  expect(node?.contactPlan.ranges).toEqual([])
  expect(node?.contactPlan.contacts).toMatchObject([{ rateBytesPerSec: 7, confidence: 0.5 }])
})

test.each([
  ['a scheme ipn a b', '9:1: a scheme ipn is there already, from a.bprc:2: once would be right'],
  ['c scheme dtn a b', '9:10: there is no scheme dtn: one of ipn would be right'],
  ['a endpoint ipn:2.1 q', '9:1: an endpoint ipn:2.1 is there already, from a.bprc:3: '],
  ['a endpoint ipn:5.1 q', '9:12: endpoint ipn:5.1 of another node: ipn:2.1 would be right'],
  [
    'a endpoint dtn://x/y q',
    '9:12: endpoint dtn://x/y of a scheme that is not there: "a scheme dtn',
  ],
  ['d endpoint ipn:2.9', '9:12: there is no endpoint ipn:2.9: one of ipn:2.1 would be right'],
  ['a protocol udp', '9:1: a protocol udp is there already'],
  ['a induct tcp x tcpcli', '9:10: there is no protocol tcp: one of udp would be right'],
  ['a induct udp 127.0.0.1:2113 x', '9:1: an induct udp/127.0.0.1:2113 is there already'],
  ['a induct udp 127.0.0.1:80 udpcli', '9:14: duct "127.0.0.1:80": a host and a port such as'],
  ['a induct udp [::1]:2113 udpcli', '9:14: duct "[::1]:2113": a host and a port such as'],
  ['c induct udp x udpcli', '9:14: there is no induct udp/x: one of udp/127.0.0.1:2113'],
  ['a outduct udp 127.0.0.1:3113 x', '9:1: an outduct udp/127.0.0.1:3113 is there already'],
  ['a outduct udp host:99999 x', '9:15: duct "host:99999": '],
  ['d outduct udp x', '9:15: there is no outduct udp/x: '],
  ['a plan ipn:3.0', '9:1: a plan for ipn:3.0 is there already, from a.bprc:7: '],
  ['a plan ipn:3.1', '9:8: a plan for ipn:3.1, which is no node: ipn:3.0 would be right'],
  ['b plan ipn:4.0', '9:8: there is no plan for ipn:4.0: one of ipn:3.0 would be right'],
  ['a planduct ipn:3.0 udp x', '9:24: there is no outduct udp/x: one of udp/127.0.0.1:3113'],
  [
    'a planduct ipn:3.0 udp 127.0.0.1:3113',
    '9:24: outduct udp/127.0.0.1:3113 is attached to ipn:3.0 already: ',
  ],
  ['d planduct udp x', '9:16: outduct udp/x is attached to no plan: '],
])('bprc with %s is refused: %s', (line, problem) => {
  expect(bprcProblems(line)).toEqual([expect.stringContaining(problem)])
})

test('what is added is changed and deleted', () => {
  const lines = `c scheme ipn f2 a2
a endpoint ipn:2.2 x
c endpoint ipn:2.1 q 'run'
d endpoint ipn:2.2
c induct udp 127.0.0.1:2113 'udpcli 2'
c outduct udp 127.0.0.1:3113 'udpclo 1' 1000
c plan ipn:3.0 0
a plan ipn:4.0
g plan ipn:4.0 ipn:3.0
b plan ipn:4.0
a plan ipn:5.0
g plan ipn:5.0 ipn:3.0
g plan ipn:5.0 ''
b plan ipn:5.0
u plan ipn:5.0
d plan ipn:5.0
d planduct udp 127.0.0.1:3113
`
  const { node, problems } = read({ 'a.ionrc': IONRC, 'a.bprc': BPRC + lines })
  expect(problems).toEqual([])
  expect(node).toMatchObject({
    schemes: [{ name: 'ipn', forwarder: 'f2', adminEndpoint: 'a2' }],
    endpoints: [{ rule: 'q', script: 'run' }],
    inducts: [{ daemon: 'udpcli 2' }],
    outducts: [{ daemon: 'udpclo 1', payloadBytesMax: 1000 }],
    plans: [
      { endpoint: { node: 3n }, ducts: [] },
      { endpoint: { node: 4n }, via: { node: 3n }, isBlocked: true },
    ],
  })
  expect(node?.plans[0]).not.toHaveProperty('rateBytesPerSec')
})

test('the plans and exits of ipnrc', () => {
  const { node, problems } = read({
    'a.ionrc': IONRC,
    'a.bprc': `${BPRC}a outduct udp 127.0.0.1:4113 udpclo\nr 'ipnadmin a.ipnrc'\n`,
    'a.ipnrc': `a plan 4 udp/127.0.0.1:4113 5
c plan 4 6
a exit 10 20 ipn:4.0
c exit 10 20 ipn:3.0
a exit 30 30 ipn:4.0
d exit 30 30
`,
  })
  expect(problems).toEqual([])
  expect(node?.plans[1]).toMatchObject({ rateBytesPerSec: 6, ducts: [{ duct: '127.0.0.1:4113' }] })
  expect(node?.exits).toMatchObject([{ first: 10n, last: 20n, gateway: { node: 3n } }])
})

test.each([
  ['a plan 4 udp/x', '1:10: there is no outduct udp/x: one of udp/127.0.0.1:3113'],
  ['a plan 3 udp/127.0.0.1:3113', '1:1: a plan for ipn:3.0 is there already, from a.bprc:7'],
  ['c plan 4 5', '1:8: there is no plan for ipn:4.0: '],
  ['a exit 20 10 ipn:4.0', '1:11: nodes 20 to 10: the lower number first would be right'],
  ['d exit 10 20', '1:8: there is no exit for 10 to 20: one added before would be right'],
])('ipnrc with %s is refused: %s', (line, problem) => {
  expect(problemsOf({ 'a.ionrc': IONRC, 'a.bprc': BPRC, 'a.ipnrc': line })).toEqual([
    expect.stringContaining(`a.ipnrc:${problem}`),
  ])
})

test('an ipnrc alone may name any outduct', () => {
  expect(problemsOf({ 'a.ipnrc': 'a plan 4 udp/x' })).toEqual([])
})

test('a command that comes before the creation of what it is for is refused', () => {
  expect(problemsOf({ 'a.bprc': 'a protocol udp\n1\n' })).toEqual([
    'a.bprc:1:1: a protocol before "1": "1" first would be right',
  ])
  expect(problemsOf({ 'a.bprc': 'a protocol udp\n' })).toEqual([])
})

test('spans, seats, profiles and keys are kept', () => {
  const { node, problems } = read({
    'a.ionrc': IONRC,
    'a.ionsecrc': '1\na key k f\nc key k g\na key l f\nd key l\n',
    'a.ltprc': "1 100\na span 3 1 2 1400 5 6 'lso' -2\na span 4 1 2 3 4 5 x\nd span 4\ns 'lsi'\n",
    'a.dtpcrc':
      '1\na profile 1 5 100 1 3600 0.1 ipn:2.0\na profile 2 5 0 1 9 0.1 dtn:none\nd profile 2\n',
  })
  expect(problems).toEqual([])
  expect(node?.keys).toEqual([{ name: 'k', file: 'g' }])
  expect(node?.ltp).toMatchObject({
    sessions: 100,
    spans: [{ peer: 3n, segmentBytesMax: 1400, queuingLatencySec: -2 }],
    seats: ['lsi'],
  })
  expect(node?.profiles).toMatchObject([{ id: 1, lifetimeSec: 3600, qos: { priority: 1 } }])
})

test('spans, seats, profiles and keys are there once', () => {
  const profile = '5 100 1 3600 0.1 ipn:2.0'
  const lines = problemsOf({
    'a.ionsecrc': 'a key k f\na key k f\n',
    'a.ltprc': 'a span 3 1 2 3 4 5 x\na span 3 1 2 3 4 5 x\na seat x\ns x\n',
    'a.dtpcrc': `a profile 1 ${profile}\na profile 1 6 100 1 3600 0.1 ipn:2.0\na profile 2 ${profile}\n`,
  })
  expect(lines).toEqual([
    'a.ionsecrc:2:1: a key k is there already, from a.ionsecrc:1: once would be right',
    'a.ltprc:2:1: a span 3 is there already, from a.ltprc:1: once would be right',
    'a.ltprc:4:1: a seat x is there already, from a.ltprc:3: once would be right',
    'a.dtpcrc:2:1: a profile 1 is there already, from a.dtpcrc:1: once would be right',
    'a.dtpcrc:3:11: profile 2 says the same as profile 1, so that ION refuses it: one of the two would be right',
  ])
})

test('what changes nothing is said once', () => {
  const { notices } = read({
    'a.ionrc': '1 2 a.ionconfig\nm horizon +0\nm horizon +5\n',
    'a.ionconfig': 'wmSize 5\nwmSize 6\nheapWords 7\n',
    'a.ltprc': 'a span 3 1 2 3 4 5 x\nc span 3 1 2 3 4 5 y\n',
    'a.bprc': '1\na scheme imc x y\na protocol ltp\na protocol udp\n',
  })
  const said = notices.map(({ file, line, message }) => `${file}:${line}: ${message.split(':')[0]}`)
  expect(said).toEqual([
    'a.ionrc:2: m horizon is read and changes nothing',
    'a.ionconfig:1: wmSize is read and changes nothing',
    'a.ionconfig:3: heapWords is read and changes nothing',
    'a.ltprc:1: a span is read and changes nothing',
    'a.bprc:2: scheme imc is read and changes nothing',
    'a.bprc:3: protocol ltp is not spoken',
  ])
})

test('all problems are in one fault, in the order of the files and their lines', () => {
  const { problems } = read({ 'b.bprc': 'foo\n1\na plan ipn:3.1\nbar\n', 'a.ionrc': 'foo\n' })
  const fault = faultOf(problems)
  expect(fault).toMatchObject({ code: 'ion/unknown-command', temporary: false })
  const places = fault?.message.split('\n').map((line) => line.split(':').slice(0, 3).join(':'))
  expect(places).toEqual(['b.bprc:1:1', 'b.bprc:3:8', 'b.bprc:4:1', 'a.ionrc:1:1'])
})

test('property: no texts throw, and every problem has a place in one of them', () => {
  const words = Object.values(PROGRAMS).flatMap(({ rules }) => Object.keys(rules))
  const things = [
    'ipn:2.0',
    '2',
    '3',
    '+0',
    '+5',
    'udp',
    'udp/x',
    'x',
    "''",
    '## begin bpadmin',
    '#',
  ]
  const line = fc
    .array(fc.constantFrom(...words, ...things), { maxLength: 8 })
    .map((parts) => parts.join(' '))
  const text = fc.array(fc.oneof(line, fc.string()), { maxLength: 20 }).map((l) => l.join('\n'))
  const name = fc.constantFrom(
    ...Object.values(PROGRAMS).map(({ extension }) => `a.${extension}`),
    'a.rc',
  )
  fc.assert(
    fc.property(fc.dictionary(name, text, { maxKeys: 4 }), (files) => {
      for (const { file, line: number, column } of read(files).problems) {
        const lines = (files[file] ?? '').split('\n')
        expect(number).toBeLessThanOrEqual(Math.max(lines.length, 1))
        expect(column).toBeLessThanOrEqual(Math.max(lines[number - 1]?.length ?? 0, 1))
      }
    }),
  )
})
