import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { fromHex, fromUtf8, toHex, toUtf8 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { dtnMs, dtnToWall } from '../../src/base/time.ts'
import { ipnEndpoint } from '../../src/proto/bpv7/endpoint-id.ts'
import { BundleLab, bundleFor, told } from '../support/bundle-lab.ts'

interface Case {
  readonly datagrams: readonly Uint8Array[]
  readonly outcome: string
  readonly line: string
}

const CASES: readonly Case[] = readFileSync('vectors/bpv7/accept-matrix.expected.txt', 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [hex = '', outcome = ''] = line.split(' | ')
    const datagrams = hex.split('+').map((part) => fromHex(part) ?? new Uint8Array())
    return { datagrams, outcome, line }
  })

/** A moment after the last of them was made. */
const WALL = dtnToWall(dtnMs(0xc59bea812a + 1))

/** A node with the endpoints that the bundles are for, which tells everything it may. */
function start(): Promise<BundleLab> {
  return BundleLab.start({ wallAtStart: WALL, statusReports: { ratePerSec: 1000 } }, [2n, 3n])
}

/** What has happened since `before` of everything was there, in one line. */
function outcome(lab: BundleLab, before: { readonly [K in Seen]: number }): string {
  const events = lab.events.slice(before.events).flatMap((event) => {
    if (event.type === 'bundle-deleted') return [`deleted: ${event.reason}`]
    return event.type === 'bundle-refused' ? ['refused'] : []
  })
  const delivered = lab.texts.slice(before.delivered).map((text) => `delivered "${text}"`)
  const sent = lab.bundles.slice(before.datagrams)
  const forwarded = sent
    .filter(({ primary }) => (primary.flags & 2n) === 0n)
    .map(({ payload }) => `forwarded "${toUtf8(payload.data)}"`)
  const reports = lab.reports.slice(before.reports).map((report) => `tells ${told(report)}`)
  const done = [...delivered, ...forwarded, ...events]
  return [...(done.length === 0 ? ['waits'] : done), ...reports].join(', ')
}

type Seen = 'events' | 'delivered' | 'datagrams' | 'reports'

function seen(lab: BundleLab): { readonly [K in Seen]: number } {
  return {
    events: lab.events.length,
    delivered: lab.delivered.length,
    datagrams: lab.datagrams.length,
    reports: lab.reports.length,
  }
}

test('there are 52 of them', () => {
  expect(CASES.length).toBe(52)
})

test.each([1, 2, 3, 4, 5])(
  'each bundle has its outcome, whatever came before (order %i)',
  async (seed) => {
    const lab = await start()
    const random = seededRandom(seed)
    const cases = CASES.map((each) => ({ each, at: random.next() })).sort((a, b) => a.at - b.at)
    const pieces: string[] = []
    for (const { each } of cases) {
      const before = seen(lab)
      await lab.exchange(...each.datagrams)
      // The first of the two fragments waits for the other, whichever it is.
      if (each.outcome.startsWith('fragment')) pieces.push(outcome(lab, before))
      else expect(`${outcome(lab, before)}: ${each.line}`).toBe(`${each.outcome}: ${each.line}`)
    }
    expect(pieces).toEqual(['waits', 'delivered "T30-0123457890123456"'])
    const { length } = lab.texts
    await lab.exchange(bundleFor(ipnEndpoint(2n, 2n), { data: fromUtf8('alive') }))
    expect(lab.texts.slice(length)).toEqual(['alive'])
  },
)

test('all of them at once, and the node lives', async () => {
  const lab = await start()
  const bytes = CASES.flatMap(({ datagrams }) => datagrams)
  await lab.exchange(...bytes, ...[...bytes].reverse())
  const payload = new Uint8Array(1)
  const request = { sourceService: 2n, destination: ipnEndpoint(3n, 1n), payload, lifetimeMs: 1000 }
  await lab.perform(lab.node.send(request))
  await lab.runFor(20)
  expect(toHex(lab.bundles.at(-1)?.payload.data ?? new Uint8Array())).toBe('00')
})
