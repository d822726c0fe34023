import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseLine } from './parse-line.ts'
import { isProgramName, PROGRAMS, type ProgramName } from './programs.ts'
import { formatCommand } from './write.ts'

const NAMES: readonly ProgramName[] = Object.keys(PROGRAMS).filter(isProgramName)

const COMMON = ['q', 'h', '?', 'v', 'e 0', 'e 1', 't', 't p', 't p 30']

/** At least one line for every rule, and for every way to write it. */
const LINES: Readonly<Record<ProgramName, readonly string[]>> = {
  ionadmin: [
    ...COMMON,
    '1 2 bench.ionconfig',
    "1 2 ''",
    '1 18446744073709551615',
    '@ +60',
    '@ 0',
    '^ 2',
    '! 1',
    'a contact +0 +600 2 3 100000',
    'a contact 2026/11/23-08:00:00 2026/11/23-09:00:00 2 3 0x100 0.5',
    'a contact -1 -1 2 2 0',
    'a contact 0 0 2 3 0 1e-7',
    'c contact +0 2 3 5 .25',
    'd contact * 2 3',
    'd contact -1 2 2',
    'd contact +5 2 3',
    'i contact 0 2 3',
    'l contact',
    'b contact',
    'a range +0 +600 2 3 010',
    'd range * 2 3',
    'd range +0 2 3',
    'i range +0 2 3',
    'l range',
    'b range',
    'm utcdelta -3600',
    'm clockerr 60',
    'm clocksync',
    'm clocksync 0',
    'm prod -1',
    'm consum 1000',
    'm in 50',
    'm outbound -1 200',
    'm search 0',
    'm horizon 0',
    'm horizon +0',
    "m alarm 'beep now'",
    'm usage',
    "r 'ipnadmin bench.ipnrc'",
    's',
    'x',
  ],
  ionconfig: [
    'sdrName ion2',
    'sdrWmSize 1000000',
    'wmKey -1',
    'wmSize 50000000',
    'wmAddress 0',
    'configFlags 13',
    'heapWords 250000',
    'heapKey -1',
    'logKey 65282',
    'logSize 0',
    'pathName /tmp',
  ],
  ionsecadmin: [...COMMON, '1', 'a key k file', 'c key k file', 'd key k', 'i key k', 'l key'],
  ltpadmin: [
    ...COMMON,
    '1 100',
    '1 100 5000',
    "a span 3 10 10 1400 100000 1 'udplso 172.22.0.3:1113'",
    "c span 3 10 10 1400 100000 1 'udplso 172.22.0.3:1113' -5",
    'd span 3',
    'i span 3',
    'l span',
    "a seat 'udplsi 0.0.0.0:1113'",
    "d seat 'udplsi 0.0.0.0:1113'",
    "i seat 'udplsi 0.0.0.0:1113'",
    'l seat',
    's',
    "s 'udplsi 0.0.0.0:1113'",
    'x',
    'm heapmax 560',
    'm screening off',
    'm ownqtime 1',
    'm maxber 0.000001',
    'm maxbacklog 10',
    'w df{]',
  ],
  bpadmin: [
    ...COMMON,
    '1',
    's',
    'x',
    "a scheme ipn 'ipnfw' 'ipnadminep'",
    "c scheme dtn 'dtn2fw' 'dtn2adminep'",
    ...['d', 'i', 's', 'x'].map((verb) => `${verb} scheme ipn`),
    'a endpoint ipn:2.1 x',
    "c endpoint dtn://x/y q 'run this'",
    'd endpoint ipn:977000.2.1',
    'i endpoint ipn:2.1',
    'a protocol tcp',
    'a protocol ltp 10',
    ...['d', 'i', 's', 'x'].map((verb) => `${verb} protocol udp`),
    'a induct udp 172.21.0.3:2113 udpcli',
    'c induct udp @:2113 udpcli',
    ...['d', 'i', 's', 'x'].map((verb) => `${verb} induct udp 172.21.0.3:2113`),
    "a outduct udp 172.22.0.3:3113 'udpclo 1'",
    "a outduct tcp 172.22.0.3 '' 65000",
    "c outduct tcp 172.22.0.3 '' 0x1000",
    ...['d', 'i', 's', 'x'].map((verb) => `${verb} outduct udp 172.22.0.3:3113`),
    'a plan ipn:3.0',
    'a plan ipn:3.0 125000',
    'c plan ipn:3.0 0',
    ...['d', 'i', 's', 'x', 'b', 'u'].map((verb) => `${verb} plan ipn:3.0`),
    'g plan ipn:3.0 ipn:4.0',
    "g plan ipn:3.0 ''",
    'a planduct ipn:3.0 udp 172.22.0.3:3113',
    'd planduct udp 172.22.0.3:3113',
    'l scheme',
    'l protocol',
    'l plan',
    'l endpoint',
    'l endpoint ipn',
    'l induct',
    'l induct udp',
    'l outduct',
    'l outduct udp',
    'm heapmax 560',
    'm maxcount 1000',
    'w 1',
    'w #j',
    "r 'ipnadmin bench.ipnrc'",
  ],
  ipnadmin: [
    ...COMMON,
    'a plan 3 udp/172.22.0.3:3113',
    'a plan 3 udp/172.22.0.3:3113 125000',
    'c plan 3 0',
    'd plan 3',
    'i plan 3',
    'l plan',
    'a exit 10 20 ipn:4.0',
    'c group 10 20 ipn:5.0',
    'd exit 10 20',
    'i exit 10 20',
    'l exit',
    'a rtovrd 1 0 0 4',
    'c rtovrd 0 3 2 -1 udp/x',
    'a cosovrd 1 0 0 2 254',
    'c cosovrd 1 0 0 2 254 7',
    'd ovrd 1 0 0',
    'i ovrd 1 0 0',
    'l ovrd',
  ],
  dtpcadmin: [
    ...COMMON,
    '1',
    's',
    'x',
    'a profile 21 5 100 1 3600 0.1 ipn:2.0',
    'a profile 22 0 0 0 60 1.2.254.1.0.7 dtn:none rcv,dlv',
    'd profile 21',
    'i profile 21',
    'l profile',
    'w o<r>-',
  ],
}

describe.each(NAMES)('%s', (name) => {
  test('has an example of every rule here', () => {
    const used = LINES[name].map((line) => commandOf(name, line)?.command)
    expect(Object.keys(PROGRAMS[name].rules).filter((rule) => !used.includes(rule))).toEqual([])
  })

  test.each(LINES[name])('%s is read, explained, written and read again', (line) => {
    const parsed = parseLine(name, line)
    if (parsed.kind !== 'command') throw new Error(JSON.stringify(parsed))
    expect(parsed.rule.explain(parsed.read.command)).toMatch(/^[a-z].*[^.]$/)
    expect(parseLine(name, formatCommand(parsed.read))).toMatchObject({ read: parsed.read })
  })
})

function commandOf(name: ProgramName, line: string): { readonly command: string } | undefined {
  const parsed = parseLine(name, line)
  return parsed.kind === 'command' ? parsed.read.command : undefined
}

/** `column: message` of each problem. */
function problemsOf(name: ProgramName, line: string): readonly string[] {
  const parsed = parseLine(name, line)
  return parsed.kind === 'refused'
    ? parsed.problems.map(({ column, message }) => `${column}: ${message}`)
    : []
}

test('the arguments become typed values', () => {
  expect(commandOf('ionadmin', 'a contact +0 2026/11/23-08:00:00 2 3 0x10 0.5')).toEqual({
    command: 'a contact',
    from: { kind: 'relative', offsetSec: 0 },
    until: { kind: 'absolute', at: 1_795_420_800_000 },
    source: 2n,
    destination: 3n,
    rateBytesPerSec: 16,
    confidence: 0.5,
  })
  expect(commandOf('bpadmin', 'a endpoint ipn:2.1 q')).toEqual({
    command: 'a endpoint',
    endpoint: { scheme: 'ipn', node: 2n, service: 1n, elements: 2 },
    rule: 'q',
  })
})

test('only the first letter of the verb is read, and all of the noun', () => {
  expect(commandOf('bpadmin', 'add plan ipn:3.0')?.command).toBe('a plan')
  expect(problemsOf('bpadmin', 'a plans ipn:3.0')).toHaveLength(1)
})

test('a number after a zero is octal where the C library reads it so, and decimal elsewhere', () => {
  expect(commandOf('bpadmin', 'a plan ipn:3.0 010')).toMatchObject({ rateBytesPerSec: 8 })
  expect(commandOf('ionadmin', 'm clockerr 010')).toMatchObject({ seconds: 10 })
  expect(problemsOf('bpadmin', 'a plan ipn:3.0 09')).toHaveLength(1)
})

test('blank lines and comments say nothing', () => {
  expect(parseLine('bpadmin', ' \t')).toEqual({ kind: 'blank' })
  expect(parseLine('bpadmin', '# a plan')).toEqual({ kind: 'comment' })
  expect(parseLine('bpadmin', '  #a plan')).toEqual({ kind: 'comment' })
})

test('a comment after a command is read as one, and told: ION has none there', () => {
  const parsed = parseLine('ionadmin', 'm horizon +0 # for ever, or as long as it takes, and more')
  expect(parsed).toMatchObject({ kind: 'command', notes: [{ column: 14 }] })
  expect(commandOf('bpadmin', 'w #')).toEqual({ command: 'w', activity: '#' })
})

test('the figures of older files are left out, and told', () => {
  const parsed = parseLine('bpadmin', 'a protocol udp 1400 100 2')
  expect(parsed).toMatchObject({ notes: [{ column: 16 }] })
  expect(commandOf('bpadmin', 'a protocol udp 1400 100')).toEqual({
    command: 'a protocol',
    name: 'udp',
  })
  expect(commandOf('bpadmin', 'a protocol ltp 1400 100 10')).toMatchObject({ protocolClass: 10 })
  expect(commandOf('ltpadmin', "a span 3 1 2 3 4 1400 5 6 'lso' 7")).toMatchObject({
    exportSessionsMax: 1,
    importSessionsMax: 3,
    segmentBytesMax: 1400,
    aggregationBytes: 5,
    aggregationSec: 6,
    queuingLatencySec: 7,
  })
})

test.each<[ProgramName, string, string]>([
  ['bpadmin', 'foo', '1: unknown command "foo" of bpadmin: one of 1 '],
  ['bpadmin', '\ufeff1', '1: a byte order mark: '],
  ['bpadmin', 'a', '1: "a" alone: one of a scheme, a endpoint'],
  ['bpadmin', 'a foo', '3: unknown command "a foo" of bpadmin: one of a scheme'],
  ['bpadmin', 's foo', '3: unknown command "s foo" of bpadmin: one of s scheme'],
  ['bpadmin', 'a scheme ipn fw', '1: a scheme with 2 arguments: a scheme <scheme name>'],
  ['bpadmin', 'a plan', '1: a plan with no arguments: a plan <endpoint name> '],
  ['bpadmin', 'a plan ipn:3.0 1 2', '18: a plan with 3 arguments: a plan '],
  ['bpadmin', 'a plan ipn:3 1', '8: endpoint name is "ipn:3": an endpoint such as ipn:2.1'],
  ['bpadmin', 'a plan ipn:3.0 fast', '16: transmission rate is "fast": bytes per second'],
  ['bpadmin', 'a plan ipn:3.0 4294967296', '16: transmission rate is "4294967296": '],
  ['bpadmin', 'a endpoint ipn:2.4294967296 x', '12: endpoint name is "ipn:2.4294967296"'],
  ['bpadmin', 'a endpoint ipn:2.1 z', '20: q|x is "z": q or x would be right'],
  ['bpadmin', 'a scheme http a b', '10: scheme name is "http": ipn or dtn or imc'],
  ['bpadmin', 'a outduct udp *x clo', '15: duct name is "*x": '],
  ['bpadmin', 'm heapmax 559', '11: max database heap for any single acquisition is "559": '],
  ['bpadmin', 'w q', '3: 0 | 1 | <activity spec is "q": 0, 1, or some of abcyz~!#jk'],
  ['bpadmin', "r 'ls", '3: a quote without an end: \' after "ls" would be right'],
  ['bpadmin', 'l a b c d e f g h i', '19: 10 words: at most 9 would be right'],
  ['ionadmin', 'e 2', '3: 0 | 1 is "2": 0 or 1 would be right'],
  ['ionadmin', '1 0', '3: own node number is "0": a node number such as 3, from 1'],
  ['ionadmin', '^ 0', '3: region number is "0": a region: a whole number from 1'],
  ['ionadmin', 'a contact +0 +1 2 0 5', '19: to node# is "0": '],
  [
    'ionadmin',
    'a contact +0 +1 2 3 5 1.5',
    '23: confidence in occurrence; default is 1.0 is "1.5": ',
  ],
  ['ionadmin', 'm clockerr 61', '12: new known maximum clock error, in seconds is "61": '],
  ['ionadmin', 'm maxber 0', '3: unknown command "m maxber" of ionadmin'],
  ['ionconfig', 'wmsize 5', '1: unknown command "wmsize" of ionconfig: one of sdrName '],
  ['ionconfig', 'wmSize', '1: wmSize with no arguments: wmSize <number>'],
  ['ionconfig', 'wmSize big', '8: number is "big": a number: '],
  [
    'ipnadmin',
    'a plan 3 172.22.0.3',
    '10: duct expression is "172.22.0.3": a protocol and an outduct',
  ],
  ['ipnadmin', 'a plan 3 host x stcp/10.1.1.1:4556', '17: a plan with 4 arguments'],
  ['ltpadmin', "a span 3 0 10 1400 100000 1 'lso'", '10: max export sessions is "0": '],
  ['ltpadmin', 'm screening maybe', '13: y | n is "maybe": y, n, on or off'],
  ['ltpadmin', 'm screening constructor', '13: y | n is "constructor": '],
  ['dtpcadmin', 'a profile 0 5 100 1 3600 0.1 ipn:2.0', '11: profileID is "0": '],
  ['dtpcadmin', 'a profile 1 5 100 1 0 0.1 ipn:2.0', '21: ttl is "0": '],
  ['dtpcadmin', 'a profile 1 5 100 1 9 0.1.0.1 ipn:2.0', '23: custody.priority'],
  ['dtpcadmin', 'a profile 1 5 100 1 9 0.1.255 ipn:2.0', '23: custody.priority'],
  ['dtpcadmin', 'a profile 1 5 100 1 9 0.1 ipn:2.0 all', '35: status_report_flags is "all": '],
])('%s: %s is refused: %s', (name, line, problem) => {
  expect(problemsOf(name, line)).toEqual([expect.stringContaining(problem)])
})

test('every unfit argument of a line is listed', () => {
  expect(problemsOf('ionadmin', 'a contact now then 2 x 5')).toHaveLength(3)
})

test('a line of 255 bytes is read and one of 256 is refused', () => {
  const line = (length: number): string =>
    `r '${'é'.repeat((length - 4) >> 1)}${length % 2 ? 'x' : ''}'`
  expect(commandOf('bpadmin', line(255))?.command).toBe('r')
  expect(problemsOf('bpadmin', line(256))).toEqual([expect.stringContaining('a line of 256 bytes')])
})

test('property: no line throws, and every problem is told in one line at a place of the line', () => {
  const pieces = NAMES.flatMap((name) => LINES[name].flatMap((line) => line.split(' ')))
  const mixed = fc
    .array(fc.oneof(fc.constantFrom(...pieces), fc.string()), { maxLength: 12 })
    .map((words) => words.join(' '))
  fc.assert(
    fc.property(fc.constantFrom(...NAMES), fc.oneof(mixed, fc.string()), (name, line) => {
      const parsed = parseLine(name, line)
      if (parsed.kind === 'command') {
        expect(parseLine(name, formatCommand(parsed.read))).toMatchObject({ read: parsed.read })
      } else if (parsed.kind === 'refused') {
        expect(parsed.problems.length).toBeGreaterThan(0)
        for (const { column, message } of parsed.problems) {
          expect(column).toBeGreaterThanOrEqual(1)
          expect(column).toBeLessThanOrEqual(Math.max(line.length, 1))
          expect(message).toMatch(/^[^\n\r]+: .+/)
        }
      }
    }),
  )
})
