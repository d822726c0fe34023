/** Every known killer of a bundle node: it lives, holds a bounded amount, and counts what came with a reason. */

import { afterEach, expect, test } from 'vitest'
import { concat, fromHex, fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { BLOCK_TYPES, type Bundle, findBlock } from '../../src/proto/bpv7/bundle.ts'
import { writeCanonicalBlock } from '../../src/proto/bpv7/canonical-block.ts'
import { decodeBundle } from '../../src/proto/bpv7/codec.ts'
import { type EndpointId, ipnEndpoint, NULL_ENDPOINT } from '../../src/proto/bpv7/endpoint-id.ts'
import { decodeBundleAge, encodeBundleAge } from '../../src/proto/bpv7/extension/bundle-age.ts'
import { decodeHopCount, encodeHopCount } from '../../src/proto/bpv7/extension/hop-count.ts'
import { encodePreviousNode } from '../../src/proto/bpv7/extension/previous-node.ts'
import { CborWriter } from '../../src/proto/cbor/writer.ts'
import { BundleLab, bundleFor, told } from '../support/bundle-lab.ts'

const HERE = ipnEndpoint(2n, 1n)
const THERE = ipnEndpoint(3n, 1n)
const FLAGS = { reports: 0x07_4000n, isFragment: 1n, anonymous: 4n }
let lab: BundleLab

async function started(options: Parameters<typeof BundleLab.start>[0] = {}): Promise<BundleLab> {
  lab = await BundleLab.start({ statusReports: { ratePerSec: 1000 }, ...options }, [1n])
  return lab
}

/** Whatever the test did, the node still does its work, and nothing of it has stayed behind. */
afterEach(async () => {
  const before = lab.delivered.length
  const primary = { creationTimestamp: { time: 848_736_000_000n, sequence: 99n } }
  await lab.exchange(bundleFor(HERE, { primary, data: fromUtf8('still here') }))
  expect(lab.texts.slice(before)).toEqual(['still here'])
})

function refusals(): Readonly<Record<string, number>> {
  return lab.node.status().refused
}

function extension(type: number, number: number, data: Uint8Array = new Uint8Array(1)) {
  return { type, number, flags: 0n, crcType: 0 as const, data }
}

/** A bundle with the bytes between its primary and its payload block replaced. */
function withRaw(raw: Uint8Array): Uint8Array {
  const whole = bundleFor(HERE, { blocks: [extension(200, 2, Uint8Array.of(0xaa, 0xbb, 0xcc))] })
  const mark = whole.findIndex((_, i) => whole[i] === 0xaa && whole[i + 1] === 0xbb)
  // The block is 85 18c8 02 00 00 43 aabbcc.
  return concat(whole.subarray(0, mark - 7), raw, whole.subarray(mark + 3))
}

/** As nobody should send them: the encoder would not. */
function rawBlocks(blocks: Bundle['blocks']): Uint8Array {
  const writer = new CborWriter()
  for (const block of blocks) writeCanonicalBlock(writer, block)
  return withRaw(writer.written())
}

function fragment(
  offset: number,
  text: string,
  total: number,
  more: Partial<Bundle['primary']> = {},
) {
  const primary = {
    flags: FLAGS.isFragment,
    fragment: { offset: BigInt(offset), totalAduLength: BigInt(total) },
    ...more,
  }
  return bundleFor(HERE, { primary, data: fromUtf8(text) })
}

test('datagrams of 0 and 1 byte are refused', async () => {
  await started()
  await lab.exchange(new Uint8Array(), Uint8Array.of(0x9f), Uint8Array.of(7), new Uint8Array(4))
  expect(refusals()).toEqual({ 'cbor/truncated': 2, 'cbor/unexpected-item': 1 })
  expect(lab.datagrams).toEqual([])
})

test('a bundle cut short anywhere is refused', async () => {
  await started()
  const whole = bundleFor(HERE)
  const cuts = Array.from({ length: whole.length - 1 }, (_, i) => whole.subarray(0, i + 1))
  await lab.exchange(...cuts)
  const counts = Object.values(refusals())
  expect(counts.reduce((sum, n) => sum + n, 0)).toBe(cuts.length)
  expect(lab.delivered).toEqual([])
})

test('a bundle with any one byte changed is refused or, where its form allows it, still itself', async () => {
  await started()
  const whole = bundleFor(HERE, { data: fromUtf8('text') })
  for (let i = 0; i < whole.length; i++) {
    const changed = whole.slice()
    changed[i] = (changed[i] ?? 0) ^ 0x10
    await lab.exchange(changed)
  }
  expect(lab.texts.every((text) => text === 'text')).toBe(true)
  expect(Object.values(refusals()).reduce((sum, n) => sum + n, 0)).toBeGreaterThan(40)
})

test('bytes nested a hundred thousand deep are refused', async () => {
  await started()
  await lab.exchange(new Uint8Array(60_000).fill(0x9f), new Uint8Array(60_000).fill(0xc1))
  await lab.exchange(withRaw(new Uint8Array(50_000).fill(0x81)))
  expect(Object.keys(refusals()).every((code) => /^(cbor|bpv7)\//.test(code))).toBe(true)
})

test('a length field that promises 2^60 bytes is refused before anything is made of it', async () => {
  await started()
  const lie = fromHex('8518c80200005b1000000000000000') ?? new Uint8Array()
  await lab.exchange(withRaw(lie))
  expect(refusals()).toEqual({ 'cbor/too-large': 1 })
})

test('a bundle of hundreds of extension blocks is refused', async () => {
  await started()
  const writer = new CborWriter()
  for (let i = 0; i < 700; i++) {
    writer.array(5)
    for (const n of [200, i + 3, 0, 0]) writer.uint(n)
    writer.byteString(new Uint8Array(1))
  }
  await lab.exchange(withRaw(writer.written()))
  expect(refusals()).toEqual({ 'bpv7/too-many-blocks': 1 })
})

test('block type 8 is an unknown block like any other (RFC 9171 §5.6 step 4)', async () => {
  await started()
  await lab.exchange(bundleFor(HERE, { blocks: [extension(8, 2)], data: fromUtf8('eight') }))
  expect(lab.texts).toEqual(['eight'])
})

test('a bundle to dtn:none or to ipn:0.5 is deleted, not forwarded (RFC 9171 §3.1)', async () => {
  await started()
  const primary = { flags: FLAGS.reports, reportTo: ipnEndpoint(3n, 4n) }
  for (const destination of [NULL_ENDPOINT, ipnEndpoint(0n, 5n)]) {
    await lab.exchange(bundleFor(destination, { primary }))
  }
  expect(refusals()).toEqual({ 'dtn/no-destination': 2 })
  expect(lab.reports.map(told)).toEqual(['received 0', 'deleted 5', 'received 0', 'deleted 5'])
  expect(lab.node.status().store.bundles).toBe(0)
})

test('a bundle that names ipn:! came from a node that let it out: it is deleted (RFC 9758)', async () => {
  await started()
  const local = ipnEndpoint(0xffff_ffffn, 1n)
  await lab.exchange(bundleFor(local), bundleFor(HERE, { primary: { source: local } }))
  expect(lab.node.status().deleted).toEqual({ 'block unintelligible': 2 })
})

test('fragments that overlap with different bytes make one ADU, of the bytes that came first', async () => {
  await started()
  await lab.exchange(fragment(0, 'aaaaaa', 10), fragment(4, 'bbbbbb', 10))
  expect(lab.texts).toEqual(['aaaaaabbbb'])
})

test('fragments that lie about the total length are refused, and the honest ones go on', async () => {
  await started()
  await lab.exchange(fragment(0, 'aaaaa', 10), fragment(5, 'bbbbb', 11), fragment(0, 'a', 2 ** 52))
  expect(refusals()).toEqual({ 'dtn/bad-fragment': 1, 'dtn/adu-too-large': 1 })
  await lab.exchange(fragment(5, 'bbbbb', 10))
  expect(lab.texts).toEqual(['aaaaabbbbb'])
})

test('a fragment beyond the end of its ADU is refused, one with an offset of 2^63 as well', async () => {
  await started()
  // Such a bundle cannot be encoded by us: made of a good one with other numbers.
  const good = fragment(5, 'bbbbb', 10)
  const at = good.findIndex((_b, i) => good[i] === 0x05 && good[i + 1] === 0x0a)
  for (const patch of ['060a', '050b', '1b80000000000000000a']) {
    const bytes = fromHex(patch) ?? new Uint8Array()
    await lab.exchange(concat(good.subarray(0, at), bytes, good.subarray(at + 2)))
  }
  expect(Object.values(refusals()).reduce((sum, n) => sum + n, 0)).toBe(3)
  expect(lab.node.status().store.bundles).toBe(0)
})

test('a lifetime of 2^64-1 is kept within our own bound, and is then pared (RFC 9171 §5.5)', async () => {
  await started({ limits: { lifetimeMsMax: 60_000 } })
  const primary = {
    lifetimeMs: 2n ** 64n - 1n,
    flags: FLAGS.reports,
    reportTo: ipnEndpoint(3n, 4n),
  }
  await lab.exchange(bundleFor(ipnEndpoint(77n, 1n), { primary }))
  expect(lab.node.status().bundles.stranded).toBe(1)
  await lab.runFor(60_000)
  expect(lab.reasons('bundle-deleted')).toEqual(['traffic pared'])
  expect(lab.reports.map(told)).toEqual(['received 0', 'deleted 10'])
})

test('an expired bundle is deleted on arrival (RFC 9171 §5.5)', async () => {
  await started()
  const primary = {
    creationTimestamp: { time: 848_000_000_000n, sequence: 1n },
    flags: FLAGS.reports,
    reportTo: ipnEndpoint(3n, 4n),
  }
  await lab.exchange(bundleFor(HERE, { primary }))
  expect(refusals()).toEqual({ 'dtn/expired': 1 })
  expect(lab.reports.map(told)).toEqual(['received 0', 'deleted 1'])
})

test('a bundle that is here already is not kept twice', async () => {
  await started()
  const bundle = bundleFor(ipnEndpoint(77n, 1n))
  await lab.exchange(bundle, bundle, bundle)
  expect(lab.node.status().store.bundles).toBe(1)
  expect(refusals()).toEqual({ 'dtn/duplicate': 2 })
})

test('anonymous bundles are no duplicates of one another (RFC 9171 §4.2.3)', async () => {
  await started()
  const primary = { source: NULL_ENDPOINT, flags: FLAGS.anonymous }
  const bundle = bundleFor(ipnEndpoint(2n, 9n), { primary })
  await lab.exchange(bundle, bundle)
  expect(lab.node.status().store.bundles).toBe(2)
})

test('a bundle that loops ends at its hop limit, and gets one where it has none (RFC 9171 §4.4.3)', async () => {
  await started()
  const last = extension(BLOCK_TYPES.hopCount, 2, encodeHopCount({ limit: 9, count: 9 }))
  await lab.exchange(bundleFor(THERE, { blocks: [last] }))
  expect(lab.node.status().deleted).toEqual({ 'hop limit exceeded': 1 })
  let bytes = bundleFor(THERE)
  for (let round = 1; round < 300; round++) {
    await lab.exchange(bytes)
    bytes = lab.datagrams.at(-1) ?? bytes
  }
  expect(lab.datagrams.length).toBe(255)
  const last255 = lab.bundles.at(-1) as Bundle
  const hops = decodeHopCount(findBlock(last255, BLOCK_TYPES.hopCount)?.data ?? new Uint8Array())
  expect(hops).toMatchObject({ value: { limit: 255, count: 255 } })
})

test('a bundle that claims to come from this node is treated like any other', async () => {
  await started()
  const primary = { source: HERE }
  await lab.exchange(bundleFor(HERE, { primary, data: fromUtf8('me') }))
  await lab.exchange(bundleFor(THERE, { primary, data: fromUtf8('me') }))
  expect(lab.texts).toEqual(['me'])
  expect(lab.bundles.map(({ payload }) => toUtf8(payload.data))).toEqual(['me'])
})

test('a bundle from us to us that asks us for every report is told of once and goes in no circle', async () => {
  await started()
  const primary = { source: HERE, reportTo: ipnEndpoint(2n, 0n), flags: FLAGS.reports }
  const reports = { ...primary, creationTimestamp: { time: 848_736_000_000n, sequence: 7n } }
  await lab.exchange(bundleFor(HERE, { primary, data: fromUtf8('me') }))
  await lab.exchange(bundleFor(ipnEndpoint(2n, 0n), { primary: reports }))
  expect(lab.texts).toEqual(['me'])
  await lab.runFor(10_000)
  const { reports: counted, store, bundles } = lab.node.status()
  // Of the first: received, delivered; of the second, which is no record: received, deleted.
  expect(counted).toEqual({ sent: 4, leftOut: 0, received: 4 })
  expect([store.bundles, bundles.waiting, lab.datagrams.length]).toEqual([0, 0, 0])
})

test.each<[name: string, block: number, data: string, refused: string]>([
  ['a hop count of three numbers', 10, '83010101', 'cbor/wrong-length'],
  ['a hop limit of 0', 10, '820000', 'bpv7/bad-extension'],
  ['a hop limit of 2^64 - 1', 10, '821bffffffffffffffff00', 'cbor/too-large'],
  ['an age below zero', 7, '20', 'cbor/unexpected-item'],
  ['an age of two numbers', 7, '0000', 'cbor/trailing-bytes'],
  ['a previous node a thousand deep', 6, '81'.repeat(1000), 'cbor/unexpected-item'],
  ['a previous node in a scheme that nobody has', 6, '82186300', 'bpv7/bad-endpoint'],
  ['a previous node of no octets', 6, '', 'cbor/truncated'],
])('an extension block with %s is refused', async (_, type, data, code) => {
  await started()
  const blocks = [extension(type, 2, fromHex(data))]
  await lab.exchange(rawBlocks(blocks))
  expect(refusals()).toEqual({ [code]: 1 })
})

test.each([
  [
    'made at the end of time',
    { creationTimestamp: { time: 2n ** 64n - 1n, sequence: 2n ** 64n - 1n } },
  ],
  [
    'made at the end of time, to live for ever',
    { creationTimestamp: { time: 2n ** 64n - 1n, sequence: 0n }, lifetimeMs: 2n ** 64n - 1n },
  ],
])('a bundle %s is delivered like any other', async (_, primary) => {
  await started()
  await lab.exchange(bundleFor(HERE, { primary, data: fromUtf8('late') }))
  expect(lab.texts).toEqual(['late'])
})

test('an age of 2^64 - 1 ms does not overflow on the way out', async () => {
  await started()
  const blocks = [extension(BLOCK_TYPES.bundleAge, 2, encodeBundleAge(2n ** 64n - 1n))]
  await lab.exchange(bundleFor(HERE, { blocks }), bundleFor(THERE, { blocks }))
  const [age] = lab.bundles.map((bundle) => findBlock(bundle, BLOCK_TYPES.bundleAge)?.data)
  expect(decodeBundleAge(age ?? new Uint8Array())).toMatchObject({ value: 2n ** 64n - 1n })
})

test('a payload in pieces, as CBOR allows and RFC 9171 does not, is refused (RFC 9171 §4.3.2)', async () => {
  await started()
  const whole = bundleFor(HERE)
  // The payload block is 86 01 01 00 02 43 000000 44 and its CRC, then the end of the bundle.
  const at = whole.length - 1 - 5 - 4
  await lab.exchange(
    concat(whole.subarray(0, at), fromHex('5f43000000ff') as Uint8Array, whole.subarray(at + 4)),
  )
  expect(Object.keys(refusals())).toEqual(['cbor/malformed'])
})

test('a dtn name reaches a node that knows only ipn, as source, destination and previous node', async () => {
  await started()
  const name: EndpointId = { scheme: 'dtn', ssp: '//moon/app' }
  const blocks = [extension(BLOCK_TYPES.previousNode, 2, encodePreviousNode(name))]
  await lab.exchange(bundleFor(HERE, { primary: { source: name }, blocks, data: fromUtf8('dtn') }))
  await lab.exchange(bundleFor(name))
  expect(lab.texts).toEqual(['dtn'])
  expect(lab.node.status().bundles.stranded).toBe(1)
})

test('bundles with nowhere to go fill their share, not the store', async () => {
  await started({ limits: { strandedCountMax: 5 } })
  const sequences = Array.from({ length: 20 }, (_, i) => BigInt(i))
  await lab.exchange(
    ...sequences.map((sequence) =>
      bundleFor(ipnEndpoint(100n + sequence, 1n), {
        primary: { creationTimestamp: { time: 848_736_000_000n, sequence } },
      }),
    ),
  )
  expect(lab.node.status().store.bundles).toBe(5)
  expect(refusals()).toEqual({ 'dtn/too-many-waiting': 15 })
})

test('ION is sent nothing that ends it: two-element EIDs, small blocks, no empty datagram', async () => {
  await started({
    plans: [{ node: 3n, protocol: 'udp', duct: '172.22.0.3:3113', ipnOnly: true }],
  })
  const request = {
    sourceService: 1n,
    destination: THERE,
    payload: new Uint8Array(),
    lifetimeMs: 1e6,
  }
  await lab.perform(lab.node.send(request))
  const name: EndpointId = { scheme: 'dtn', ssp: '//moon/app' }
  await lab.exchange(
    bundleFor(THERE, { primary: { source: name } }),
    bundleFor(THERE, { primary: { reportTo: name } }),
  )
  const reason = 'the neighbour knows no dtn-scheme names'
  expect(lab.reasons('bundle-deleted')).toEqual([reason, reason])
  expect(lab.datagrams.length).toBe(1)
  const [bytes = new Uint8Array()] = lab.datagrams
  expect(bytes.length).toBeGreaterThan(1)
  const decoded = decodeBundle(bytes)
  if (!decoded.ok) throw decoded.fault
  const { primary, blocks } = decoded.value
  expect(primary.source).toMatchObject({ elements: 2 })
  expect(primary.destination).toMatchObject({ elements: 2 })
  expect(Math.max(...blocks.map(({ data }) => data.length))).toBeLessThan(2000)
})
