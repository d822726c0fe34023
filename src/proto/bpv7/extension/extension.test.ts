import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../../base/bytes.ts'
import { type EndpointId, ipnEndpoint } from '../endpoint-id.ts'
import { decodeBundleAge, encodeBundleAge } from './bundle-age.ts'
import { decodeHopCount, encodeHopCount } from './hop-count.ts'
import { decodePreviousNode, encodePreviousNode } from './previous-node.ts'

test('the previous node is an endpoint ID (RFC 9171 §4.4.1)', () => {
  const data = encodePreviousNode(ipnEndpoint(2n, 0n))
  expect(toHex(data)).toBe('8202820200')
  expect(decodePreviousNode(data)).toEqual({ ok: true, value: ipnEndpoint(2n, 0n) })
})

test('the bundle age is an unsigned integer (RFC 9171 §4.4.2)', () => {
  for (const ageMs of [0n, 46_712n, 0xffff_ffff_ffff_ffffn]) {
    expect(decodeBundleAge(encodeBundleAge(ageMs))).toEqual({ ok: true, value: ageMs })
  }
  expect(toHex(encodeBundleAge(46_712n))).toBe('19b678')
})

test('the hop count is a limit and a count (RFC 9171 §4.4.3)', () => {
  const data = encodeHopCount({ limit: 30, count: 1 })
  expect(toHex(data)).toBe('82181e01')
  expect(decodeHopCount(data)).toEqual({ ok: true, value: { limit: 30, count: 1 } })
})

test('a hop limit is 1 to 255 (RFC 9171 §4.4.3)', () => {
  const code = (hex: string) => {
    const result = decodeHopCount(fromHex(hex) as Uint8Array)
    return result.ok ? 'ok' : result.fault.code
  }
  expect(code('8218ff00')).toBe('ok')
  expect(code('820000')).toBe('bpv7/bad-extension')
  expect(code('8219010000')).toBe('bpv7/bad-extension')
})

test('bytes after the data are refused', () => {
  for (const decode of [decodePreviousNode, decodeBundleAge, decodeHopCount]) {
    expect(decode(fromHex('82010000') as Uint8Array).ok).toBe(false)
    expect(decode(fromHex('0000') as Uint8Array).ok).toBe(false)
  }
})

const uint64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn })
const endpoint: fc.Arbitrary<EndpointId> = fc.oneof(
  fc.tuple(uint64, uint64).map(([node, service]) => ipnEndpoint(node, service)),
  fc
    .stringMatching(/^\/\/[a-z0-9.-]{1,20}\/[!-~]{0,30}$/)
    .map((ssp) => ({ scheme: 'dtn', ssp }) as const),
)
const hopCount = fc.record({
  limit: fc.integer({ min: 1, max: 255 }),
  count: fc.nat(Number.MAX_SAFE_INTEGER),
})

test('property: what is encoded is decoded again', () => {
  fc.assert(
    fc.property(uint64, hopCount, endpoint, (ageMs, hops, node) => {
      expect(decodeBundleAge(encodeBundleAge(ageMs))).toEqual({ ok: true, value: ageMs })
      expect(decodeHopCount(encodeHopCount(hops))).toEqual({ ok: true, value: hops })
      expect(decodePreviousNode(encodePreviousNode(node))).toEqual({ ok: true, value: node })
    }),
  )
})

test('property: no bytes make a decoder throw', () => {
  const near = fc
    .tuple(
      fc.oneof(
        uint64.map(encodeBundleAge),
        hopCount.map(encodeHopCount),
        endpoint.map(encodePreviousNode),
      ),
      fc.nat(),
      fc.nat(255),
    )
    .map(([bytes, at, byte]) => bytes.with(at % bytes.length, byte))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), near), (bytes) => {
      for (const decode of [decodePreviousNode, decodeBundleAge, decodeHopCount]) decode(bytes)
    }),
    { numRuns: 1000 },
  )
})
