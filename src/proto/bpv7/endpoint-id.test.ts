import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../base/bytes.ts'
import { decodeCbor } from '../cbor/decode.ts'
import { CborWriter } from '../cbor/writer.ts'
import {
  dtnNodeName,
  type EndpointId,
  formatEndpointId,
  ipnEndpoint,
  isAdministrative,
  isLocalNode,
  isNullEndpoint,
  isSingleton,
  LOCAL_NODE,
  NULL_ENDPOINT,
  parseEndpointId,
  readEndpointId,
  sameEndpoint,
  writeEndpointId,
} from './endpoint-id.ts'
import { ENDPOINT_ID_LENGTH_MAX } from './limits.ts'

function encoded(eid: EndpointId): string {
  const writer = new CborWriter()
  writeEndpointId(writer, eid)
  return toHex(writer.written())
}

function decoded(hex: string): EndpointId | string {
  const bytes = fromHex(hex)
  if (bytes === undefined) throw new Error(`not hex: ${hex}`)
  const result = decodeCbor(bytes, readEndpointId)
  return result.ok ? result.value : result.fault.code
}

function dtn(ssp: string): EndpointId {
  return { scheme: 'dtn', ssp }
}

const uint32 = fc.bigInt({ min: 0n, max: 0xffff_ffffn })
const uint64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn })
const anyEid: fc.Arbitrary<EndpointId> = fc.oneof(
  fc.record({
    scheme: fc.constant('ipn' as const),
    node: fc.oneof(uint32, uint64),
    service: uint64,
    elements: fc.constantFrom(2 as const, 3 as const),
  }),
  fc.constant(NULL_ENDPOINT),
  fc.stringMatching(/^\/\/[a-z0-9.-]{0,20}\/[!-~]{0,30}$/).map(dtn),
)

test('ipn is written with two numbers (RFC 9171 §4.2.5.1.2)', () => {
  expect(encoded(ipnEndpoint(3n, 25n))).toBe('820282031819')
})

test('ipn with an allocator is written with three numbers', () => {
  expect(encoded(ipnEndpoint((977_000n << 32n) | 3n, 25n))).toBe('8202831a000ee868031819')
})

test('a received ipn keeps its form, and both forms are the same endpoint', () => {
  const two = decoded('8202820302')
  const three = decoded('820283000302')
  expect(two).toEqual({ scheme: 'ipn', node: 3n, service: 2n, elements: 2 })
  expect(three).toEqual({ scheme: 'ipn', node: 3n, service: 2n, elements: 3 })
  expect(encoded(three as EndpointId)).toBe('820283000302')
  expect(sameEndpoint(two as EndpointId, three as EndpointId)).toBe(true)
  expect(formatEndpointId(three as EndpointId)).toBe('ipn:3.2')
})

test('numbers of the three-element form have 32 bits', () => {
  expect(decoded('8202831b00000001000000000302')).toBe('bpv7/bad-endpoint')
  expect(decoded('820283001b000000010000000002')).toBe('bpv7/bad-endpoint')
})

test('the null endpoint is written with a number, and its text is forgiven (RFC 9171 §4.2.5.1.1)', () => {
  expect(encoded(NULL_ENDPOINT)).toBe('820100')
  expect(decoded('820100')).toEqual(NULL_ENDPOINT)
  expect(decoded('8201646e6f6e65')).toEqual(NULL_ENDPOINT)
  expect(decoded('820101')).toBe('bpv7/bad-endpoint')
})

test('nothing is at ipn:0, whatever the service', () => {
  expect(isNullEndpoint(ipnEndpoint(0n, 0n))).toBe(true)
  expect(isNullEndpoint(ipnEndpoint(0n, 7n))).toBe(true)
  expect(isNullEndpoint(ipnEndpoint(7n, 0n))).toBe(false)
  expect(sameEndpoint(ipnEndpoint(0n, 0n), NULL_ENDPOINT)).toBe(true)
  expect(sameEndpoint(NULL_ENDPOINT, ipnEndpoint(1n, 0n))).toBe(false)
})

test('different endpoints are different', () => {
  const all = [dtn('//a/x'), dtn('//a/y'), ipnEndpoint(2n, 1n), ipnEndpoint(2n, 2n), NULL_ENDPOINT]
  for (const a of all) for (const b of all) expect(sameEndpoint(a, b)).toBe(a === b)
})

test('a dtn name is its text (RFC 9171 §4.2.5.1.1)', () => {
  expect(encoded(dtn('//a/b'))).toBe('8201652f2f612f62')
  expect(decoded('8201652f2f612f62')).toEqual(dtn('//a/b'))
})

test('a dtn name without its slash, or with a space, is refused (RFC 9171 §4.2.5.1.1)', () => {
  expect(decoded('8201632f2f61')).toBe('bpv7/bad-endpoint')
  expect(decoded('8201652f2f612f20')).toBe('bpv7/bad-endpoint')
})

test('a dtn name beyond the limit is refused', () => {
  const longest = `//n/${'d'.repeat(ENDPOINT_ID_LENGTH_MAX - 4)}`
  expect(decoded(encoded(dtn(longest)))).toEqual(dtn(longest))
  expect(decoded(encoded(dtn(`${longest}d`)))).toBe('cbor/too-large')
  expect(parseEndpointId(`dtn:${longest}`)).toEqual(dtn(longest))
  expect(parseEndpointId(`dtn:${longest}d`)).toBeUndefined()
})

test('an unknown scheme is refused', () => {
  expect(decoded('820300')).toBe('bpv7/bad-endpoint')
})

test('text is read as people write it', () => {
  expect(parseEndpointId('ipn:3.25')).toEqual(ipnEndpoint(3n, 25n))
  expect(parseEndpointId('ipn:0.3.25')).toEqual(ipnEndpoint(3n, 25n))
  expect(parseEndpointId('ipn:977000.3.25')).toEqual(ipnEndpoint((977_000n << 32n) | 3n, 25n))
  expect(parseEndpointId('dtn://node/demux')).toEqual(dtn('//node/demux'))
  expect(parseEndpointId('dtn://node/')).toEqual(dtn('//node/'))
  expect(parseEndpointId('dtn:none')).toEqual(NULL_ENDPOINT)
})

test('ipn:! is the node it is said on, in text and as a number (RFC 9758)', () => {
  const local = ipnEndpoint(LOCAL_NODE, 7n)
  expect(parseEndpointId('ipn:!.7')).toEqual(local)
  expect(parseEndpointId('ipn:4294967295.7')).toEqual(local)
  expect(formatEndpointId(local)).toBe('ipn:!.7')
  expect([local, ipnEndpoint(3n, 7n), NULL_ENDPOINT].map(isLocalNode)).toEqual([true, false, false])
  for (const text of ['ipn:!', 'ipn:1.!.7', 'ipn:!.!', 'ipn:!7']) {
    expect(parseEndpointId(text)).toBeUndefined()
  }
})

test('only a dtn demux that begins with a tilde is a group (RFC 9171 §4.2.5.1.1)', () => {
  expect(isSingleton(dtn('//news/~all'))).toBe(false)
  for (const eid of [dtn('//n/a~'), dtn('//~n/a'), dtn('//n/'), ipnEndpoint(3n, 1n)]) {
    expect(isSingleton(eid)).toBe(true)
  }
})

test('service 0 and the empty demux are administrative (RFC 9171 §4.2.5.1.1, §4.2.5.1.2)', () => {
  const all = [ipnEndpoint(3n, 0n), dtn('//n/'), ipnEndpoint(3n, 1n), dtn('//n/x'), NULL_ENDPOINT]
  expect(all.map(isAdministrative)).toEqual([true, true, false, false, false])
  expect(all.map(dtnNodeName)).toEqual([undefined, 'n', undefined, 'n', undefined])
})

test('text that names no endpoint is refused', () => {
  for (const text of [
    '',
    'ipn:',
    'ipn:3',
    'ipn:3.',
    'ipn:03.1',
    'ipn:-3.1',
    'ipn:4294967296.1',
    'ipn:3.18446744073709551616',
    'ipn:4294967296.3.1',
    'ipn:1.2.3.4',
    'ipn:3.25 ',
    'dtn:node',
    'dtn://node',
    'dtn://no de/x',
    'http://x/y',
  ]) {
    expect(parseEndpointId(text)).toBeUndefined()
  }
})

test('property: what is written is read again in the same form', () => {
  fc.assert(
    fc.property(anyEid, (eid) => {
      expect(decoded(encoded(eid))).toEqual(eid)
    }),
  )
})

test('property: the text of an endpoint names it, in printable ASCII without spaces', () => {
  fc.assert(
    fc.property(anyEid, (eid) => {
      const text = formatEndpointId(eid)
      expect(text).toMatch(/^[!-~]+$/)
      const parsed = parseEndpointId(text)
      expect(parsed !== undefined && sameEndpoint(parsed, eid)).toBe(true)
    }),
  )
})
