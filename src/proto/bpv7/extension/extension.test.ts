import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../../base/bytes.ts'
import { ipnEndpoint } from '../endpoint-id.ts'
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
