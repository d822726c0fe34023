import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../base/bytes.ts'
import { ipnEndpoint } from './endpoint-id.ts'
import {
  decodeAdministrativeRecord,
  encodeStatusReport,
  type StatusItem,
  type StatusReport,
} from './status-report.ts'

const NO: StatusItem = { asserted: false }

const report: StatusReport = {
  received: { asserted: true, time: 848_693_428_065n },
  forwarded: NO,
  delivered: { asserted: true },
  deleted: NO,
  reason: 11,
  source: ipnEndpoint(3n, 2n),
  creationTimestamp: { time: 848_693_428_000n, sequence: 9163n },
}

function decoded(hex: string): unknown {
  const bytes = fromHex(hex.replaceAll(' ', ''))
  if (bytes === undefined) throw new Error(`not hex: ${hex}`)
  const result = decodeAdministrativeRecord(bytes)
  return result.ok ? result.value : result.fault.code
}

const BEFORE = '82 01 84'
const AFTER = '00 82 02 82 03 02 82 1b000000c59be9d9ad 19 23cb'

test('a report is written as its section says (RFC 9171 §6.1.1)', () => {
  const { time: _, ...received } = report.received
  const untimed = { ...report, received, creationTimestamp: { time: 1n, sequence: 2n } }
  expect(toHex(encodeStatusReport(untimed))).toBe('8201848481f581f481f581f40b8202820302820102')
})

test('a report about a fragment has its offset and length (RFC 9171 §6.1.1)', () => {
  const fragment = { offset: 65_000n, payloadLength: 5000n }
  const bytes = encodeStatusReport({ ...report, fragment })
  expect(toHex(bytes.subarray(0, 3))).toBe('820186')
  expect(decodeAdministrativeRecord(bytes)).toEqual({
    ok: true,
    value: { type: 'status-report', report: { ...report, fragment } },
  })
})

test('a report that ION sent is read (RFC 9171 §6.1.1)', () => {
  expect(decoded(`${BEFORE} 84 82 f5 1b000000c59bea0d2c 81 f4 81 f4 81 f4 ${AFTER}`)).toEqual({
    type: 'status-report',
    report: {
      received: { asserted: true, time: 0xc59bea0d2cn },
      forwarded: NO,
      delivered: NO,
      deleted: NO,
      reason: 0,
      source: ipnEndpoint(3n, 2n),
      creationTimestamp: { time: 0xc59be9d9adn, sequence: 0x23cbn },
    },
  })
})

test('status information may have more than four items (RFC 9171 §6.1.1)', () => {
  const items = '81f4 81f5 81f4 81f4'
  const four = decoded(`${BEFORE} 84 ${items} ${AFTER}`)
  expect(four).toMatchObject({ report: { forwarded: { asserted: true } } })
  expect(decoded(`${BEFORE} 86 ${items} 81f5 a10102 ${AFTER}`)).toEqual(four)
  expect(decoded(`${BEFORE} 83 81f4 81f5 81f4 ${AFTER}`)).toMatch(/^cbor\//)
})

test('an indicator that is not a Boolean is refused (RFC 9171 §6.1.1)', () => {
  expect(decoded(`${BEFORE} 84 8101 81f4 81f4 81f4 ${AFTER}`)).toBe('cbor/unexpected-item')
})

test('the time of what is not asserted is refused (RFC 9171 §6.1.1)', () => {
  expect(decoded(`${BEFORE} 84 82f401 81f4 81f4 81f4 ${AFTER}`)).toBe('bpv7/bad-record')
})

test('a record of a type that we do not know is recognised as such (RFC 9171 §6.1)', () => {
  expect(decoded('82 07 83 01 a0 41 ff')).toEqual({ type: 'unknown', code: 7 })
  expect(decoded('83 07 01 02')).toBe('cbor/wrong-length')
})

test('property: a report is read as it was written', () => {
  const uint = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn })
  const item: fc.Arbitrary<StatusItem> = fc.oneof(
    fc.constant(NO),
    fc.constant({ asserted: true }),
    uint.map((time) => ({ asserted: true, time })),
  )
  const anyReport: fc.Arbitrary<StatusReport> = fc
    .record({
      received: item,
      forwarded: item,
      delivered: item,
      deleted: item,
      reason: fc.nat(300),
      source: fc.tuple(uint, uint).map(([node, service]) => ipnEndpoint(node, service)),
      creationTimestamp: fc.record({ time: uint, sequence: uint }),
      fragment: fc.option(fc.record({ offset: uint, payloadLength: uint }), { nil: undefined }),
    })
    .map(({ fragment, ...rest }) => (fragment === undefined ? rest : { ...rest, fragment }))
  fc.assert(
    fc.property(anyReport, (report) => {
      const value = { type: 'status-report', report }
      expect(decodeAdministrativeRecord(encodeStatusReport(report))).toEqual({
        ok: true,
        value,
      })
    }),
  )
})

test('property: no bytes make the decoder throw', () => {
  const damaged = fc
    .tuple(fc.nat(60), fc.nat(255))
    .map(([at, byte]) => encodeStatusReport(report).fill(byte, at, at + 1))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), damaged), (bytes) => {
      decodeAdministrativeRecord(bytes)
    }),
    { numRuns: 1000 },
  )
})
