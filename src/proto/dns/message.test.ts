import { decode, encode } from 'dns-packet'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex } from '../../base/bytes.ts'
import { type DnsData, RECORD_TYPES } from './data.ts'
import { type DnsMessage, decodeDnsMessage, encodeDnsMessage } from './message.ts'
import { encodeName, readName } from './name.ts'

const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/)
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))
const u16 = fc.nat(0xffff)
const data: fc.Arbitrary<DnsData> = fc.oneof(
  fc.ipV4().map((address) => ({ type: 'A' as const, address })),
  fc.record({ type: fc.constant('MX' as const), preference: u16, exchange: name }),
  fc.record({ type: fc.constant('PTR' as const), target: name }),
  fc.record({
    type: fc.constant('SRV' as const),
    priority: u16,
    weight: u16,
    port: u16,
    target: fc.oneof(name, fc.constant('')),
  }),
  fc.record({ type: fc.constant('TXT' as const), text: fc.string({ maxLength: 600 }) }),
  fc.record({
    type: fc.constant('IPN' as const),
    node: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  }),
)
const message: fc.Arbitrary<DnsMessage> = fc.record({
  id: u16,
  isResponse: fc.boolean(),
  isTruncated: fc.boolean(),
  code: fc.nat(15),
  question: fc.record({ name, type: u16 }),
  answers: fc.array(fc.record({ name, ttlSec: fc.nat(0x7fffffff), data }), { maxLength: 6 }),
  udpBytesMax: fc.option(u16, { nil: undefined }),
})

function encoded(of: DnsMessage): Uint8Array {
  const bytes = encodeDnsMessage(of)
  if (bytes === undefined) throw new Error('it is none')
  return bytes
}

test('property: what is encoded is decoded to the same', () => {
  fc.assert(
    fc.property(message, (of) => {
      expect(decodeDnsMessage(encoded(of))).toEqual(of)
    }),
  )
})

test('property: no bytes throw, nor a message of which an octet was changed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      decodeDnsMessage(bytes)
    }),
  )
  fc.assert(
    fc.property(message, fc.nat(), fc.nat(255), fc.nat(), (of, at, octet, cut) => {
      const bytes = encoded(of)
      bytes[at % bytes.length] = octet
      decodeDnsMessage(bytes)
      decodeDnsMessage(bytes.subarray(0, cut % bytes.length))
    }),
  )
})

test('property: another library reads the same, names that point included', () => {
  fc.assert(
    fc.property(message, (of) => {
      const read = decode(Buffer.from(encoded(of)))
      expect(read.questions?.[0]?.name).toBe(of.question.name)
      expect(read.answers?.map((answer) => answer.name)).toEqual(
        of.answers.map((each) => each.name),
      )
    }),
  )
  const written = encode({
    type: 'response',
    questions: [{ type: 'MX', name: 'a.com' }],
    answers: [
      { type: 'MX', name: 'a.com', ttl: 5, data: { preference: 10, exchange: 'mx.a.com' } },
      { type: 'AAAA', name: 'mx.a.com', ttl: 5, data: '2001:db8::1:0:0:1' },
    ],
  })
  expect(decodeDnsMessage(written)?.answers).toEqual([
    { name: 'a.com', ttlSec: 5, data: { type: 'MX', preference: 10, exchange: 'mx.a.com' } },
    { name: 'mx.a.com', ttlSec: 5, data: { type: 'AAAA', address: '2001:db8::1:0:0:1' } },
  ])
})

test('a name that points at itself, or far, is none (RFC 1035 §4.1.4)', () => {
  expect(readName(fromHex('c000') ?? new Uint8Array(0), 0)).toBeUndefined()
  expect(readName(fromHex('c0ff') ?? new Uint8Array(0), 0)).toBeUndefined()
})

test('a label of 63 octets and a name of 255 are as long as they can be (RFC 1035 §2.3.4)', () => {
  const longest = 'x'.repeat(63)
  expect(encodeName(longest)).toHaveLength(65)
  expect(encodeName(`${longest}x`)).toBeUndefined()
  const full = `${[longest, longest, longest].join('.')}.${'y'.repeat(61)}`
  expect(encodeName(full)).toHaveLength(255)
  expect(encodeName(`${full}y`)).toBeUndefined()
  expect(encodeName('a..com')).toBeUndefined()
})

test('an address or a name that is none is not encoded', () => {
  const of = (wrong: DnsData): DnsMessage => ({
    id: 1,
    isResponse: true,
    isTruncated: false,
    code: 0,
    question: { name: 'a.com', type: RECORD_TYPES.A },
    answers: [{ name: 'a.com', ttlSec: 1, data: wrong }],
    udpBytesMax: undefined,
  })
  expect(encodeDnsMessage(of({ type: 'A', address: '::1' }))).toBeUndefined()
  expect(encodeDnsMessage(of({ type: 'AAAA', address: '192.0.2.1' }))).toBeUndefined()
  expect(encodeDnsMessage(of({ type: 'PTR', target: 'a..b' }))).toBeUndefined()
})
