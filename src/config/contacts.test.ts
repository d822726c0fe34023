import { expect, test } from 'vitest'
import { parseNodeConfig } from './node-config.ts'

const NODE = `host: mail-1.a.com
directory: d
node: ipn:2
users: []
udp: {listen: "127.0.0.1:2113"}
plans:
  - {to: ipn:3, protocol: udp, duct: "127.0.0.1:3113", oneWayDelay: 1s}
contacts:
  - {source: ipn:2, destination: ipn:3, from: +0, until: +10min, rate: 125kB/s}
  - {source: ipn:3, destination: ipn:2, from: +0, until: +10min, rate: 125kB/s}
  - {source: ipn:2, destination: ipn:3, from: +11min, until: +20min, rate: 125kB/s}
ranges:
  - {source: ipn:2, destination: ipn:3, from: +0, until: +10min, oneWayDelay: 5s}
  - {source: ipn:2, destination: ipn:3, from: +10min, until: +20min, oneWayDelay: 6s}
`

function problemsWith(from: string, to: string): readonly string[] {
  expect(NODE).toContain(from)
  const parsed = parseNodeConfig(NODE.replace(from, to), 'node.yaml')
  return parsed.ok ? [] : parsed.fault.message.split('\n')
}

test('contacts and ranges, by the time from the start or by dates', () => {
  const parsed = parseNodeConfig(NODE, 'node.yaml')
  expect(parsed.ok ? parsed.value.contactPlan : parsed.fault.message).toMatchObject({
    isFromStart: true,
    contacts: [
      {
        source: 2n,
        destination: 3n,
        from: 0,
        until: 600_000,
        rateBytesPerSec: 125_000,
        confidence: 1,
      },
      { source: 3n, destination: 2n },
      { from: 660_000, until: 1_200_000 },
    ],
    ranges: [{ oneWayDelayMs: 5000 }, { from: 600_000, oneWayDelayMs: 6000 }],
  })
  const dated = parseNodeConfig(
    NODE.replace(/contacts:[\s\S]*/, '').concat(
      'contacts:\n  - {source: ipn:2, destination: ipn:3, from: 2026-11-23T08:00:00Z, until: 2026-11-23T08:10:00.5Z, rate: 1kB/s}\n',
    ),
    'node.yaml',
  )
  expect(dated.ok ? dated.value.contactPlan : dated.fault.message).toMatchObject({
    isFromStart: false,
    contacts: [{ from: 1_795_420_800_000, until: 1_795_421_400_500 }],
    ranges: [],
  })
})

test('without any there is no plan of contacts', () => {
  const parsed = parseNodeConfig(NODE.replace(/contacts:[\s\S]*/, ''), 'node.yaml')
  expect(parsed.ok && parsed.value).not.toHaveProperty('contactPlan')
})

const TIME = 'a time such as +10min, from the start, or 2026-11-23T08:00:00Z'

test.each([
  [
    'from: +0, until: +10min, rate',
    'from: 0, until: +10min, rate',
    `9:47: contacts[0].from is "0": ${TIME}`,
  ],
  [
    'from: +11min',
    'from: 2026-02-30T00:00:00Z',
    `11:47: contacts[2].from is "2026-02-30T00:00:00Z": ${TIME}`,
  ],
  [
    'until: +20min, rate',
    'until: +9999999999d, rate',
    `11:62: contacts[2].until is "+9999999999d": ${TIME}`,
  ],
  [
    ', rate: 125kB/s',
    '',
    '9:5: contacts[0].rate is missing: a rate such as 125kB/s, or off for none',
  ],
  [
    'oneWayDelay: 5s',
    'owlt: 5s',
    '13:5: ranges[0].oneWayDelay is missing: a duration such as 500ms, 20min, 5d or 0, up to 3650d',
  ],
])('"%s" as "%s" is refused with its place', (from, to, message) => {
  expect(problemsWith(from, to)[0]).toBe(`node.yaml:${message} would be right`)
})

test.each([
  [
    'until: +20min, rate',
    'until: +11min, rate',
    '11:62: contact ends before it begins: a later until',
  ],
  [
    'from: +11min',
    'from: +10min',
    '11:5: contact from ipn:2 to ipn:3 at the time of number 1: one after the other, with a pause,',
  ],
  [
    'from: +10min, until: +20min, one',
    'from: +9min, until: +20min, one',
    '14:5: range from ipn:2 to ipn:3 at the time of number 1: one after the other',
  ],
  [
    'source: ipn:3, destination: ipn:2',
    'source: ipn:3, destination: ipn:3',
    '10:34: contact from ipn:3 to itself: two nodes',
  ],
  [
    'source: ipn:3, destination: ipn:2',
    'source: ipn:2, destination: ipn:9',
    '10:34: contact to ipn:9, but there is no plan to it: a plan to it',
  ],
  [
    'from: +11min, until: +20min',
    'from: 2026-11-23T08:00:00Z, until: 2026-11-23T09:00:00Z',
    '11:47: times of two kinds in one file: a time from the start, as +10min, would be right here too',
  ],
])('"%s" as "%s" contradicts itself', (from, to, message) => {
  const [problem] = problemsWith(from, to)
  expect(problem?.replace(/ would be right$/, '')).toBe(`node.yaml:${message}`)
})
