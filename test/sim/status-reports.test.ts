import { expect, test } from 'vitest'
import { fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { dtnMs, dtnToWall } from '../../src/base/time.ts'
import { REPORT_LIFETIME_MS_MIN } from '../../src/dtn/limits.ts'
import { LabStore } from '../../src/lab/store.ts'
import { BLOCK_FLAGS, type Bundle } from '../../src/proto/bpv7/bundle.ts'
import { ipnEndpoint } from '../../src/proto/bpv7/endpoint-id.ts'
import { encodeStatusReport } from '../../src/proto/bpv7/status-report.ts'
import { BundleLab, bundleFor, told } from '../support/bundle-lab.ts'

const HERE = ipnEndpoint(2n, 1n)
const THERE = ipnEndpoint(3n, 1n)
const REPORT_TO = ipnEndpoint(3n, 4n)
const ALL = 0x07_4000n
const TIMES = 0x40n
const ENABLED = { statusReports: {} }

function asking(
  destination: Bundle['primary']['destination'],
  more: Partial<Bundle['primary']> = {},
) {
  const primary = { flags: ALL, reportTo: REPORT_TO, ...more }
  return bundleFor(destination, { primary, data: fromUtf8('text') })
}

test('no report is sent unless the node is configured to (RFC 9171 §5.1)', async () => {
  const lab = await BundleLab.start({}, [1n])
  await lab.exchange(asking(HERE), asking(THERE), asking(ipnEndpoint(0n, 1n)))
  expect(lab.reports).toEqual([])
  expect(lab.texts).toEqual(['text'])
})

test('received and delivered are told, without times unless these are asked for (RFC 9171 §6.1.1)', async () => {
  const lab = await BundleLab.start(ENABLED, [1n])
  await lab.exchange(asking(HERE))
  expect(lab.reports.map(told)).toEqual(['received 0', 'delivered 0'])
  expect(lab.reports[0]).toMatchObject({
    received: { asserted: true },
    source: ipnEndpoint(9n, 1n),
    creationTimestamp: { time: 848_736_000_000n, sequence: 0n },
  })
  expect(lab.reports[0]?.received.time).toBeUndefined()
  const { primary } = lab.bundles[0] as Bundle
  expect(primary).toMatchObject({
    flags: 2n,
    source: ipnEndpoint(2n, 0n),
    destination: REPORT_TO,
    lifetimeMs: BigInt(REPORT_LIFETIME_MS_MIN),
  })
})

test('with times where these are asked for (RFC 9171 §4.2.3, §6.1.1)', async () => {
  const lab = await BundleLab.start(ENABLED, [1n])
  await lab.exchange(asking(HERE, { flags: ALL | TIMES }))
  const time = Number(lab.reports[1]?.delivered.time)
  expect(lab.world.wall() - dtnToWall(dtnMs(time))).toBeLessThan(100)
})

test('forwarded is told once the convergence layer has it (RFC 9171 §5.4 step 5)', async () => {
  const lab = await BundleLab.start(ENABLED)
  await lab.exchange(asking(THERE))
  expect(lab.reports.map(told)).toEqual(['received 0', 'forwarded 0'])
})

test('deleted is told with its reason (RFC 9171 §5.10)', async () => {
  const lab = await BundleLab.start(ENABLED)
  const waiting = { creationTimestamp: { time: 848_736_000_000n, sequence: 7n }, lifetimeMs: 5000n }
  await lab.exchange(asking(ipnEndpoint(77n, 1n), waiting))
  expect(lab.reports.map(told)).toEqual(['received 0'])
  await lab.runFor(5000)
  expect(lab.reports.map(told)).toEqual(['received 0', 'deleted 1'])
})

test('a damaged block is told of, where the primary block is whole (RFC 9171 §5.6 step 3)', async () => {
  const lab = await BundleLab.start(ENABLED, [1n])
  const damaged = asking(HERE)
  damaged[damaged.length - 8] = (damaged[damaged.length - 8] ?? 0) ^ 1
  const unknown = asking(HERE, { flags: 0n })
  unknown[12] = (unknown[12] ?? 0) ^ 1
  await lab.exchange(damaged, unknown)
  expect(lab.reports.map(told)).toEqual(['received 0', 'deleted 8'])
})

test('a block that cannot be processed is told of where it says so (RFC 9171 §5.6 step 4)', async () => {
  const lab = await BundleLab.start(ENABLED, [1n])
  const block = { type: 200, number: 2, crcType: 0 as const, data: new Uint8Array(1) }
  const primary = { reportTo: REPORT_TO }
  const { reportIfUnprocessable: report, deleteBundleIfUnprocessable: fatal } = BLOCK_FLAGS
  await lab.exchange(bundleFor(HERE, { primary, blocks: [{ ...block, flags: report }] }))
  expect(lab.reports.map(told)).toEqual(['received 11'])
  await lab.exchange(
    bundleFor(HERE, {
      primary: { ...primary, flags: ALL },
      blocks: [{ ...block, flags: report | fatal }],
    }),
  )
  expect(lab.reports.slice(1).map(told)).toEqual(['received 0', 'received 11', 'deleted 11'])
})

test('about a fragment the report has its offset and length; about the whole it has none (RFC 9171 §6.1.1)', async () => {
  const lab = await BundleLab.start(ENABLED, [1n])
  const piece = (offset: bigint) =>
    asking(HERE, { flags: ALL | 1n, fragment: { offset, totalAduLength: 8n } })
  await lab.exchange(piece(4n), piece(0n))
  expect(lab.reports.map((report) => [told(report), report.fragment])).toEqual([
    ['received 0', { offset: 4n, payloadLength: 4n }],
    ['received 0', { offset: 0n, payloadLength: 4n }],
    ['delivered 0', undefined],
  ])
})

test('nothing is told to nobody, nor where no plan leads (RFC 9171 §5.1)', async () => {
  const lab = await BundleLab.start(ENABLED, [1n])
  await lab.exchange(asking(HERE, { reportTo: ipnEndpoint(0n, 0n) }))
  await lab.exchange(asking(HERE, { reportTo: ipnEndpoint(88n, 0n) }))
  expect(lab.datagrams).toEqual([])
  expect(lab.node.status().store.bundles).toBe(0)
})

test('of reports there are no reports: two nodes cannot keep each other busy (RFC 9171 §4.2.3)', async () => {
  const lab = await BundleLab.start(ENABLED, [1n])
  await lab.exchange(asking(HERE))
  for (const { primary } of lab.bundles) expect(primary.flags & ALL).toBe(0n)
  for (const bytes of lab.datagrams.slice()) await lab.exchange(bytes)
  expect(lab.reports.length).toBe(4)
})

test('the rate is bounded, and what was left out is counted (RFC 9171 §5.1)', async () => {
  const lab = await BundleLab.start({ statusReports: { kinds: ['received'], ratePerSec: 4 } }, [1n])
  const many = Array.from({ length: 50 }, (_, i) =>
    asking(HERE, { creationTimestamp: { time: 848_736_000_000n, sequence: BigInt(i) } }),
  )
  await lab.exchange(...many)
  expect(lab.reports.map(told)).toEqual(Array(4).fill('received 0'))
  expect(lab.node.status().reports).toEqual({ sent: 4, leftOut: 46, received: 0 })
  await lab.runFor(1000)
  const more = Array.from({ length: 10 }, (_, i) =>
    asking(HERE, { creationTimestamp: { time: 848_736_000_001n, sequence: BigInt(i) } }),
  )
  await lab.exchange(...more)
  expect(lab.reports.length).toBe(8)
})

test('reports that cannot leave do not fill the store', async () => {
  const options = { limits: { ownRecordCountMax: 3 }, statusReports: { ratePerSec: 1000 } }
  const plans = [{ node: 3n, protocol: 'udp', duct: 'nowhere' }]
  const lab = await BundleLab.start({ ...options, plans }, [1n])
  for (let i = 0n; i < 20n; i++) {
    const creationTimestamp = { time: 848_736_000_000n, sequence: i }
    await lab.exchange(asking(HERE, { creationTimestamp }))
  }
  expect(lab.node.status()).toMatchObject({ store: { bundles: 3 }, reports: { sent: 3 } })
  expect(lab.texts.length).toBe(20)
})

test('the administrative endpoint understands a report and tells it as an event (RFC 9171 §6.1)', async () => {
  const lab = await BundleLab.start({}, [1n])
  const data = encodeStatusReport({
    received: { asserted: false },
    forwarded: { asserted: true, time: 848_736_001_000n },
    delivered: { asserted: false },
    deleted: { asserted: false },
    reason: 0,
    source: ipnEndpoint(2n, 1n),
    creationTimestamp: { time: 848_736_000_000n, sequence: 3n },
  })
  const primary = { flags: 2n }
  await lab.exchange(bundleFor(ipnEndpoint(2n, 0n), { primary, data }))
  expect(lab.events.find(({ type }) => type === 'bundle-reported')).toEqual({
    type: 'bundle-reported',
    bundle: 'ipn:2.1/848736000000-3',
    by: 'ipn:9.1',
    status: ['forwarded'],
    reason: 'no additional information',
    wall: 1_795_420_801_000,
  })
  await lab.exchange(bundleFor(HERE, { primary, data }))
  expect(lab.delivered[0]).toMatchObject({ administrative: true })
  expect(lab.node.status().reports.received).toBe(2)
})

test('a record of a kind that we do not know, and a malformed one, are taken and ignored (RFC 9171 §6.1)', async () => {
  const lab = await BundleLab.start()
  for (const [sequence, data] of [Uint8Array.of(0x82, 7, 0), Uint8Array.of(0xff)].entries()) {
    const creationTimestamp = { time: 848_736_000_000n, sequence: BigInt(sequence) }
    const primary = { flags: 2n, creationTimestamp }
    await lab.exchange(bundleFor(ipnEndpoint(2n, 0n), { primary, data }))
  }
  await lab.exchange(bundleFor(ipnEndpoint(2n, 0n)))
  expect(lab.reasons('bundle-deleted')).toEqual([
    'ipn:9.1/848736000000-0 is no administrative record',
  ])
  expect(lab.node.status()).toMatchObject({ store: { bundles: 0 }, reports: { received: 0 } })
})

test('a sender asks for reports and gets them, from itself as well (RFC 9171 §5.2)', async () => {
  const lab = await BundleLab.start(ENABLED)
  const id = await lab.perform(
    lab.node.send({
      sourceService: 1n,
      destination: THERE,
      payload: fromUtf8('x'),
      lifetimeMs: 1000,
      reports: { kinds: ['forwarded', 'deleted'], to: ipnEndpoint(0xffff_ffffn, 0n), times: true },
    }),
  )
  await lab.runFor(20)
  const [sent] = lab.bundles as [Bundle]
  expect(sent.primary).toMatchObject({ flags: 0x05_0040n, reportTo: ipnEndpoint(2n, 0n) })
  expect(toUtf8(sent.payload.data)).toBe('x')
  expect(lab.events.find(({ type }) => type === 'bundle-reported')).toMatchObject({ bundle: id })
})

test('a transmission that is canceled is deleted for that reason (RFC 9171 §5.12)', async () => {
  const lab = await BundleLab.start(ENABLED)
  const request = { sourceService: 1n, payload: fromUtf8('x'), lifetimeMs: 10_000 }
  const reports = { kinds: ['deleted'], to: REPORT_TO } as const
  const destination = ipnEndpoint(77n, 1n)
  const id = await lab.perform(lab.node.send({ ...request, destination, reports }))
  expect(lab.node.cancel('ipn:2.1/0-0')).toBe(false)
  expect(lab.node.cancel(id)).toBe(true)
  await lab.runFor(20)
  expect(lab.reports.map(told)).toEqual(['deleted 3'])
  expect(lab.node.cancel(id)).toBe(false)
  await lab.exchange(bundleFor(destination))
  expect(lab.node.cancel('ipn:9.1/848736000000-0')).toBe(false)
})

test('what asks for reports is still asked for after a restart', async () => {
  const first = await BundleLab.start(ENABLED)
  await first.exchange(asking(ipnEndpoint(2n, 5n)))
  const lab = await BundleLab.start({ ...ENABLED, store: new LabStore({}, first.store.crash()) }, [
    5n,
  ])
  await lab.runFor(20)
  expect(lab.reports.map(told)).toEqual(['delivered 0'])
})
