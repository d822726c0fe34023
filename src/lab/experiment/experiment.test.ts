import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { labPacking } from '../packing.ts'
import { formatRuns, mergeRuns, parseRuns, sorted } from './csv.ts'
import type { Experiment, Point, Run } from './experiment.ts'
import { jobsOf, pointsOf } from './experiment.ts'
import { EXPERIMENTS } from './experiments.ts'
import { plotOf } from './plot.ts'
import { formatRows, reportOf } from './report.ts'
import { estimate, rowsOf } from './statistics.ts'

const staging = { settle: () => setImmediate(), packing: labPacking }

function experiment(name: string): Experiment {
  const found = EXPERIMENTS.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no experiment ${name}`)
  return found
}

const delivery = experiment('delivery')
const POINT: Point = { way: 'smtp', oneWayDelayMs: 1000, lossShare: 0, contactsPerDay: 0 }

function run(change: Partial<Point>, seed: number, values: Run['values']): Run {
  return { point: { ...POINT, ...change }, seed, values }
}

test('the interval of a mean is that of Student: of 1, 2, 3, 4 it is 2.5 +- 2.05', () => {
  expect(estimate([])).toBeUndefined()
  expect(estimate([7])).toEqual({ mean: 7, halfWidth: undefined, count: 1 })
  const four = estimate([1, 2, 3, 4])
  expect(four?.mean).toBe(2.5)
  expect(four?.halfWidth).toBeCloseTo(2.0542, 3)
  // 1.984 is the quantile for 99 degrees of freedom.
  const hundred = estimate(Array.from({ length: 100 }, (_, i) => i % 2))
  expect(hundred?.halfWidth).toBeCloseTo((1.9842 * 0.502519) / 10, 4)
})

test('shards of any number are together what one machine does, each job once', () => {
  const seeds = [1, 2, 3]
  const all = jobsOf(delivery.grid, seeds, { number: 1, of: 1 })
  expect(all).toHaveLength(pointsOf(delivery.grid).length * 3)
  for (const of of [2, 7, 1000]) {
    const parts = Array.from({ length: of }, (_, i) =>
      jobsOf(delivery.grid, seeds, { number: i + 1, of }),
    )
    expect(new Set(parts.flat().map((job) => JSON.stringify(job))).size).toBe(all.length)
    expect(parts.flat()).toHaveLength(all.length)
  }
})

test('runs that are written are read again, in parts and in any order, and are the same text', () => {
  const runs = sorted(delivery, [
    run({ way: 'bundles-udp' }, 2, { all_s: 1.5, arrived: 1 }),
    run({}, 1, { all_s: undefined, half_s: 1e-7, arrived: 0.5, link_bytes: 12 }),
    run({ oneWayDelayMs: 0.5, lossShare: 0.01 }, 1, { arrived: 0 }),
  ])
  const text = formatRuns(delivery, delivery.settings, runs)
  const parts = [runs.slice(2), runs.slice(0, 2), runs.slice(1)].map((part) => {
    const read = parseRuns(formatRuns(delivery, delivery.settings, part), delivery, 'part.csv')
    if (!read.ok) throw read.fault
    expect(read.value.settings).toEqual(delivery.settings)
    return read.value.runs
  })
  const merged = mergeRuns(delivery, parts)
  if ('differs' in merged) throw new Error('they agree')
  expect(formatRuns(delivery, delivery.settings, merged.runs)).toBe(text)
})

test('two files that do not agree about a run are not merged', () => {
  const merged = mergeRuns(delivery, [[run({}, 1, { arrived: 1 })], [run({}, 1, { arrived: 0.9 })]])
  expect(merged).toEqual({ differs: run({}, 1, { arrived: 0.9 }) })
})

test.each([
  ['', 'x.csv:1: not runs of delivery'],
  ['a,b\n', 'x.csv:1: not runs of delivery'],
])('a file %j is no runs', (text, message) => {
  const read = parseRuns(text, delivery, 'x.csv')
  expect(read.ok ? '' : read.fault.message).toContain(message)
})

test('a line that was cut, or is of other settings, is refused with its number', () => {
  const text = formatRuns(delivery, delivery.settings, [run({}, 1, { arrived: 1 })])
  const said = (file: string): string => {
    const read = parseRuns(file, delivery, 'x.csv')
    return read.ok ? '' : read.fault.message
  }
  const [head = '', line = ''] = text.split('\r\n')
  expect(said(`${head}\r\n`)).toBe('x.csv:1: no runs')
  expect(said(`${head}\r\n${line.slice(0, -8)}\r\n`)).toMatch(/^x\.csv:2: 14 values of delivery/)
  expect(said(`${head}\r\n${line.replace('smtp,1,', 'smtp,one,')}\r\n`)).toMatch(/^x\.csv:2: /)
  const other = line.replace('delivery,10,', 'delivery,11,')
  expect(said(`${head}\r\n${line}\r\n${other}\r\n`)).toBe(
    'x.csv:3: other settings than the lines before have',
  )
})

test('the table has a column for each thing that varies, and says where runs had no value', () => {
  const runs = [
    run({}, 1, { all_s: 2, arrived: 1 }),
    run({}, 2, { all_s: 4, arrived: 1 }),
    run({}, 3, { arrived: 0.5 }),
    run({ oneWayDelayMs: 1_200_000 }, 1, { arrived: 0 }),
  ]
  const [head, , near, far] = formatRows(delivery, runs)
  expect(head).toMatch(/^\| way +\| one-way delay \| all there after \(s\)/)
  expect(near).toContain('| 3.00 ± 12.71 (2 of 3) |')
  expect(far).toMatch(/\| 20 min +\| - +\|/)
  const report = reportOf(delivery, delivery.settings, runs)
  expect(report.rows[1]).toMatchObject({ way: 'smtp', oneWayDelaySec: 1200, runs: 1 })
  expect(report.rows[1]?.measures['all_s']).toBeNull()
})

test('the plot has a panel for each loss and a line for each way', () => {
  const runs = pointsOf({ ...delivery.grid, lossShares: [0, 0.1] }).map((point, i) => ({
    point,
    seed: 1,
    values: { all_s: i + 1 },
  }))
  const svg = plotOf(delivery, runs)
  expect(svg.match(/all there after \(s\), loss/g)).toHaveLength(2)
  expect(svg.match(/<path/g)).toHaveLength(2 * delivery.grid.ways.length)
  expect(plotOf(delivery, [])).toContain('<svg')
})

test('in bundles mail is there after one delay, by SMTP after some, and the same seed says the same', async () => {
  const settings = { ...delivery.settings, messages: 3 }
  const of = (way: string) => delivery.run({ ...POINT, way }, settings, 5, staging)
  const [smtp, bundles, again] = [
    await of('smtp'),
    await of('bundles-udp'),
    await of('bundles-udp'),
  ]
  expect(bundles['all_s']).toBeGreaterThan(1)
  expect(bundles['all_s']).toBeLessThan(1.2)
  expect(smtp['all_s']).toBeGreaterThan(8)
  expect(again).toEqual(bundles)
})

test('twenty minutes away no connection comes about, and bundles arrive', async () => {
  const settings = { ...delivery.settings, messages: 1 }
  const far = { ...POINT, oneWayDelayMs: 1_200_000 }
  expect(await delivery.run({ ...far, way: 'smtp' }, settings, 1, staging)).toMatchObject({
    arrived: 0,
    all_s: undefined,
  })
  const bundles = await delivery.run({ ...far, way: 'bundles-udp' }, settings, 1, staging)
  expect(bundles['arrived']).toBe(1)
})

test.each([
  ['imap-program', 13, 15],
  ['imap-best', 2, 5],
  ['pop3', 27, 28],
  ['pop3-pipelined', 7, 9],
])(
  '%s fetches twenty mails in as many round trips as its dialogue has',
  async (way, least, most) => {
    const retrieval = experiment('retrieval')
    const settings = { ...retrieval.settings, messages: 20 }
    const values = await retrieval.run({ ...POINT, way }, settings, 1, staging)
    expect(values['round_trips']).toBeGreaterThanOrEqual(least - 1)
    expect(values['round_trips']).toBeLessThanOrEqual(most)
  },
)

test('mail waits for contacts, longer where there are fewer', async () => {
  const contacts = experiment('contacts')
  const settings = { ...contacts.settings, messages: 6 }
  const waited = async (contactsPerDay: number): Promise<number> => {
    const point = { ...POINT, way: 'bundles-udp', contactsPerDay }
    return (await contacts.run(point, settings, 1, staging))['mean_h'] ?? Number.NaN
  }
  const [twice, often] = [await waited(2), await waited(12)]
  expect(often).toBeLessThan(1.2)
  expect(twice).toBeGreaterThan(3)
  expect(rowsOf([], contacts.measures)).toEqual([])
})

test('a bundle layer that is paced fills the link whatever the delay', async () => {
  const throughput = experiment('throughput')
  const settings = { ...throughput.settings, messages: 4 }
  const point = { ...POINT, way: 'bundles-udp', oneWayDelayMs: 100 }
  const values = await throughput.run(point, settings, 1, staging)
  expect(values['arrived']).toBe(1)
  expect(values['share_of_rate']).toBeGreaterThan(0.3)
})
