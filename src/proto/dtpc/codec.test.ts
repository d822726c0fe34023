import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../base/bytes.ts'
import { decodeDtpc, encodeDtpc } from './codec.ts'
import { RECORDS_PER_ADU_MAX } from './limits.ts'
import type { DtpcPdu } from './pdu.ts'

const number = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const pdu: fc.Arbitrary<DtpcPdu> = fc.oneof(
  fc.record({
    type: fc.constant('acknowledgement' as const),
    profile: number,
    sequence: number,
  }),
  fc.record({
    type: fc.constant('data' as const),
    profile: number,
    sequence: number,
    topics: fc.array(
      fc.record({
        topic: number,
        records: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }),
      }),
      { maxLength: 4 },
    ),
  }),
)

test('the example of the facts: profile 21, number 1, topic 1, one record (ION 4.1.3)', () => {
  const bytes = fromHex('0015010101027a7a') ?? new Uint8Array()
  const decoded = decodeDtpc(bytes)
  expect(decoded).toMatchObject({
    ok: true,
    value: { type: 'data', profile: 21, sequence: 1, topics: [{ topic: 1 }] },
  })
  const acknowledgement = { type: 'acknowledgement' as const, profile: 21, sequence: 1 }
  expect(toHex(encodeDtpc(acknowledgement))).toBe('011501')
})

test('property: what is encoded decodes to the same', () => {
  fc.assert(
    fc.property(pdu, (value) => {
      expect(decodeDtpc(encodeDtpc(value))).toEqual({ ok: true, value })
    }),
  )
})

test('property: no bytes make it throw, and cut anywhere it is refused or shorter', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void decodeDtpc(bytes)))
  fc.assert(
    fc.property(pdu, fc.nat(), (value, at) => {
      const bytes = encodeDtpc(value)
      const cut = decodeDtpc(bytes.subarray(0, at % bytes.length))
      expect(cut).not.toEqual({ ok: true, value })
    }),
  )
})

test.each([
  ['nothing', ''],
  ['another type', '021501'],
  ['another version', '401501'],
  ['a profile without end', '00ffff'],
  ['a number beyond 64 bits', '00ffffffffffffffffffff7f01'],
  ['a number beyond what can be counted', '0015ffffffffffffffff7f'],
  ['more records than octets', '0015010105'],
  ['a record of 2^60 octets', '001501010190808080808080808000'],
  ['a record that is cut', '001501010105616263'],
])('%s is refused', (_, hex) => {
  const decoded = decodeDtpc(fromHex(hex) ?? new Uint8Array())
  expect(decoded.ok ? undefined : decoded.fault.code).toMatch(/^(dtpc\/bad-pdu|sdnv\/too-large)$/)
})

test('records that cost nothing on the wire are bounded', () => {
  const bytes = new Uint8Array(2 * RECORDS_PER_ADU_MAX + 5)
  bytes.set([0, 21, 1])
  expect(decodeDtpc(bytes)).toMatchObject({ ok: false, fault: { code: 'dtpc/bad-pdu' } })
})
