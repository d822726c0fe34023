import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromHex, NO_BYTES, toHex } from '../../base/bytes.ts'
import type { Result } from '../../base/fault.ts'
import { BLOCK_FLAGS, BUNDLE_FLAGS, type Bundle, bundleId, type CanonicalBlock } from './bundle.ts'
import { decodeBundle, encodeBundle } from './codec.ts'
import { ipnEndpoint } from './endpoint-id.ts'
import { encodeBundleAge } from './extension/bundle-age.ts'
import { encodeHopCount } from './extension/hop-count.ts'
import { encodePreviousNode } from './extension/previous-node.ts'
import { fragmentBundle, Reassembly } from './fragmentation.ts'
import { ADU_BYTES_MAX, EXTENTS_MAX, FRAGMENTS_MAX } from './limits.ts'

function block(type: number, number: number, data: Uint8Array = NO_BYTES): CanonicalBlock {
  return { type, number, flags: 0n, crcType: 1, data }
}

function bundleOf(data: Uint8Array, blocks: readonly CanonicalBlock[] = []): Bundle {
  return {
    primary: {
      flags: 0n,
      crcType: 1,
      destination: ipnEndpoint(3n, 1n),
      source: ipnEndpoint(2n, 1n),
      reportTo: ipnEndpoint(2n, 0n),
      creationTimestamp: { time: 803_363_697_898n, sequence: 3n },
      lifetimeMs: 600_000n,
    },
    blocks,
    payload: { type: 1, number: 1, flags: 0n, crcType: 2, data },
  }
}

function part(data: Uint8Array, offset: number, totalAduLength: number): Bundle {
  const bundle = bundleOf(data)
  const fragment = { offset: BigInt(offset), totalAduLength: BigInt(totalAduLength) }
  return { ...bundle, primary: { ...bundle.primary, flags: BUNDLE_FLAGS.isFragment, fragment } }
}

function numbered(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i ^ (i >> 8))
}

function value<T>(result: Result<T>): T {
  if (!result.ok) throw result.fault
  return result.value
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.fault.code
}

/** Sends every fragment over the wire; the bundles that came whole. */
function reassembled(fragments: readonly Bundle[]): Bundle[] {
  const reassembly = new Reassembly(fragments[0] as Bundle)
  return fragments.flatMap((fragment) => {
    const received = value(decodeBundle(encodeBundle(fragment)))
    return value(reassembly.add(received)) ?? []
  })
}

test('a bundle that fits is left alone', () => {
  const bundle = bundleOf(numbered(100))
  expect(value(fragmentBundle(bundle, encodeBundle(bundle).length))).toEqual([bundle])
  expect(value(fragmentBundle(bundle, encodeBundle(bundle).length - 1)).length).toBe(2)
})

test('fragments say where they belong and what they are part of (RFC 9171 §5.8)', () => {
  const fragments = value(fragmentBundle(bundleOf(numbered(1000)), 500))
  expect(fragments.map(bundleId)).toEqual([
    'ipn:2.1/803363697898-3/0+443',
    'ipn:2.1/803363697898-3/443+441',
    'ipn:2.1/803363697898-3/884+116',
  ])
  for (const { primary } of fragments) {
    expect(primary.flags).toBe(BUNDLE_FLAGS.isFragment)
    expect(primary.fragment?.totalAduLength).toBe(1000n)
  }
  expect(fragments.map((f) => encodeBundle(f).length)).toEqual([500, 500, 174])
})

test('the first fragment has every block, the others those that all must have (RFC 9171 §5.8)', () => {
  const blocks = [
    block(222, 2),
    { ...block(223, 3), flags: BLOCK_FLAGS.replicateInEveryFragment },
    block(6, 4, encodePreviousNode(ipnEndpoint(9n, 0n))),
    block(7, 5, encodeBundleAge(5n)),
    block(10, 6, encodeHopCount({ limit: 9, count: 1 })),
  ]
  const fragments = value(fragmentBundle(bundleOf(numbered(1000), blocks), 400))
  const types = fragments.map((fragment) => fragment.blocks.map((b) => b.type))
  expect(types).toEqual([
    [222, 223, 6, 7, 10],
    [223, 6, 7, 10],
    [223, 6, 7, 10],
    [223, 6, 7, 10],
  ])
})

test('what must not be fragmented is not (RFC 9171 §5.8)', () => {
  const bundle = bundleOf(numbered(1000))
  const flags = BUNDLE_FLAGS.mustNotFragment
  const whole = { ...bundle, primary: { ...bundle.primary, flags } }
  expect(codeOf(fragmentBundle(whole, 500))).toBe('bpv7/must-not-fragment')
  expect(codeOf(fragmentBundle(whole, 5000))).toBe('ok')
})

test('a bundle whose primary block is signed instead of checked is not fragmented', () => {
  const bundle = bundleOf(numbered(1000), [block(11, 2)])
  const signed = { ...bundle, primary: { ...bundle.primary, crcType: 0 as const } }
  expect(codeOf(fragmentBundle(signed, 500))).toBe('bpv7/must-not-fragment')
})

test('a bundle with security blocks is not fragmented, encrypted age and hops or not', () => {
  const secret = { ...block(7, 3), data: Uint8Array.of(0xff, 0xff) }
  for (const blocks of [[block(12, 2), secret], [block(11, 2)]]) {
    const bundle = bundleOf(numbered(1000), blocks)
    expect(codeOf(fragmentBundle(bundle, 500))).toBe('bpv7/must-not-fragment')
    expect(codeOf(fragmentBundle(bundle, 5000))).toBe('ok')
  }
})

test('a limit that leaves no room for payload is refused', () => {
  expect(codeOf(fragmentBundle(bundleOf(numbered(1000)), 50))).toBe('bpv7/no-room')
  expect(codeOf(fragmentBundle(bundleOf(NO_BYTES), 30))).toBe('bpv7/no-room')
})

test('a bundle is not cut into more fragments than the limit', () => {
  const overhead = encodeBundle(part(numbered(1), 100_000, 200_000)).length - 1
  const fits = value(fragmentBundle(bundleOf(numbered(FRAGMENTS_MAX)), overhead + 2))
  expect(fits.length).toBeLessThanOrEqual(FRAGMENTS_MAX)
  expect(codeOf(fragmentBundle(bundleOf(numbered(8 * FRAGMENTS_MAX)), overhead + 2))).toBe(
    'bpv7/too-many-fragments',
  )
})

test.each([
  ['70,000', 0, 2],
  ['150,000', 2, 5],
])(
  'the fragments that ION made of an ADU of %s bytes are put together (RFC 9171 §5.9)',
  (_, from, to) => {
    const url = new URL('../../../vectors/bpv7/ion-fragments.valid.txt', import.meta.url)
    const lines = readFileSync(url, 'utf8').trimEnd().split('\n').slice(1)
    const fragments = lines.slice(from, to).map((line) => {
      return value(decodeBundle(fromHex(line.slice(0, line.indexOf(' '))) as Uint8Array))
    })
    const adu = concat(...fragments.map(({ payload }) => payload.data))
    for (const order of [fragments, fragments.toReversed()]) {
      const [whole] = reassembled(order) as [Bundle]
      expect(Buffer.compare(whole.payload.data, adu)).toBe(0)
      expect(whole.primary.fragment).toBeUndefined()
      expect(whole.primary.flags & BUNDLE_FLAGS.isFragment).toBe(0n)
      expect(whole.blocks).toEqual(fragments[0]?.blocks)
    }
  },
)

test('overlapping fragments count once (RFC 9171 §5.9)', () => {
  const adu = numbered(30)
  const cut = (start: number, end: number) => part(adu.slice(start, end), start, 30)
  const whole = reassembled([
    cut(5, 12),
    cut(20, 25),
    cut(5, 12),
    cut(0, 8),
    cut(3, 28),
    cut(22, 30),
  ])
  expect(whole.map((bundle) => bundle.payload.data)).toEqual([adu])
})

test('the bytes that came first stay (RFC 9171 §5.9)', () => {
  const reassembly = new Reassembly(part(Uint8Array.of(1, 1), 0, 4))
  value(reassembly.add(part(Uint8Array.of(1, 1), 1, 4)))
  const whole = value(reassembly.add(part(Uint8Array.of(2, 2, 2, 2), 0, 4)))
  expect(whole?.payload.data).toEqual(Uint8Array.of(2, 1, 1, 2))
})

test('held bytes are copies and never more than the ADU has', () => {
  const data = numbered(10)
  const reassembly = new Reassembly(part(data, 0, 20))
  for (let i = 0; i < 5; i++) value(reassembly.add(part(data, 0, 20)))
  expect(reassembly.heldBytes).toBe(10)
  data.fill(0)
  const whole = value(reassembly.add(part(numbered(10), 10, 20)))
  expect(whole?.payload.data.subarray(0, 10)).toEqual(numbered(10))
})

test('a fragment of an ADU of another length is refused', () => {
  const reassembly = new Reassembly(part(numbered(4), 0, 20))
  expect(codeOf(reassembly.add(part(numbered(4), 0, 21)))).toBe('bpv7/bad-fragment')
})

test('an ADU beyond the limit is refused before anything is held', () => {
  const largest = part(numbered(4), 0, ADU_BYTES_MAX)
  expect(codeOf(new Reassembly(largest).add(largest))).toBe('ok')
  const larger = part(numbered(4), 0, ADU_BYTES_MAX + 1)
  expect(codeOf(new Reassembly(larger).add(larger))).toBe('bpv7/adu-too-large')
})

test('extents beyond the limit are refused, and what was held stays', () => {
  const total = 2 * EXTENTS_MAX + 2
  const one = (offset: number) => part(Uint8Array.of(1), offset, total)
  const reassembly = new Reassembly(one(0))
  for (let i = 0; i < EXTENTS_MAX; i++) value(reassembly.add(one(2 * i)))
  expect(codeOf(reassembly.add(one(total - 1)))).toBe('bpv7/too-many-fragments')
  expect(codeOf(reassembly.add(one(0)))).toBe('ok')
  expect(reassembly.heldBytes).toBe(EXTENTS_MAX)
})

test('property: fragments, cut again and shuffled, make the bundle that was cut', () => {
  const blocks = [block(222, 2), block(7, 3, encodeBundleAge(5n))]
  const anyLength = fc.integer({ min: 1, max: 3000 })
  fc.assert(
    fc.property(
      anyLength,
      anyLength,
      anyLength,
      fc.infiniteStream(fc.nat()),
      (length, a, b, order) => {
        const bundle = bundleOf(numbered(length), blocks)
        const once = value(fragmentBundle(bundle, 110 + a))
        const twice = once.flatMap((fragment) => value(fragmentBundle(fragment, 110 + b)))
        for (const each of twice) expect(encodeBundle(each).length).toBeLessThanOrEqual(110 + b)
        fc.pre(twice[0]?.primary.fragment !== undefined)
        const shuffled = twice
          .map((fragment) => ({ fragment, key: order.next().value as number }))
          .sort((x, y) => x.key - y.key)
          .map(({ fragment }) => fragment)
        const whole = reassembled(shuffled)
        expect(whole.length).toBe(1)
        expect(toHex(encodeBundle(whole[0] as Bundle))).toBe(toHex(encodeBundle(bundle)))
      },
    ),
  )
})
