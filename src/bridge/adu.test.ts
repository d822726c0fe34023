import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromLatin1, toHex } from '../base/bytes.ts'
import { CborWriter } from '../proto/cbor/writer.ts'
import {
  ADU_KINDS,
  decodeAcknowledgements,
  decodeAdu,
  encodeAcknowledgement,
  encodeAcknowledgements,
  encodeMails,
  encodeQuestion,
  type Refusal,
} from './adu.ts'
import { BATCH_RECIPIENTS_MAX, OBJECT_MAILS_READ_MAX, POST_ANSWER_BYTES_MAX } from './limits.ts'
import { transactionName } from './transaction-name.ts'

const run = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => toHex(bytes))
const number = fc.oneof(fc.nat(20), fc.nat())
const names = fc
  .uniqueArray(fc.tuple(fc.constantFrom('a1b2c3d4e5f6', '000000000001'), number), {
    selector: ([run, number]) => transactionName(run, number),
    minLength: 1,
    maxLength: 50,
  })
  .map((pairs) => pairs.map(([run, number]) => transactionName(run, number)))

const refusal: fc.Arbitrary<Refusal> = fc.record({
  recipient: fc.option(fc.nat(), { nil: undefined }),
  code: fc.integer({ min: 400, max: 599 }),
  text: fc.string({ maxLength: 100 }),
})

test('property: an object comes out as it went in', () => {
  fc.assert(
    fc.property(names, fc.nat(40), fc.uint8Array(), fc.nat(), (names, packing, packed, size) => {
      const sizes = names.slice(1).map((_, i) => size + i)
      const bytes = encodeMails({ packing, names, sizes, packed })
      const mails = { type: 'mails', packing, names, sizes, packed }
      expect(decodeAdu(bytes)).toEqual({ ok: true, value: mails })
    }),
  )
})

test('property: an acknowledgement comes out as it went in', () => {
  const packings = fc.uniqueArray(fc.nat(31)).map((list) => list.sort((a, b) => a - b))
  const reads = fc.record(
    { packings, objectBytesMax: fc.maxSafeNat() },
    { requiredKeys: ['packings'] },
  )
  fc.assert(
    fc.property(names, reads, fc.array(fc.array(refusal)), (names, reads, refusals) => {
      const answers = names.map((transaction, i) => ({ transaction, refusals: refusals[i] ?? [] }))
      const acknowledgement = { type: 'acknowledgement', ...reads, answers }
      expect(decodeAdu(encodeAcknowledgement({ ...reads, answers }))).toEqual({
        ok: true,
        value: acknowledgement,
      })
    }),
  )
})

test('property: a question comes out as it went in', () => {
  fc.assert(
    fc.property(names, (names) => {
      const question = { type: 'question', names }
      expect(decodeAdu(encodeQuestion(names))).toEqual({ ok: true, value: question })
    }),
  )
})

test('property: no bytes throw', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.constantFrom(3, 4, 5), (bytes, kind) => {
      decodeAdu(bytes)
      decodeAdu(Uint8Array.of(kind, ...bytes))
    }),
  )
})

test('a thousand mails of one run are acknowledged in less than thirty octets', () => {
  fc.assert(
    fc.property(run, (run) => {
      const answers = Array.from({ length: 1000 }, (_, i) => ({
        transaction: transactionName(run, 5000 + i),
        refusals: [],
      }))
      expect(encodeAcknowledgement({ packings: [0, 1, 2, 3], answers }).length).toBeLessThan(30)
    }),
  )
})

test('a bare batch-SMTP object is not taken for an ADU of ours', () => {
  expect(decodeAdu(fromLatin1('EHLO mail-1.a.com\r\n')).ok).toBe(false)
})

test('a reply code that refuses nothing is no refusal', () => {
  const refusals = [{ recipient: 0, code: 250, text: '2.0.0 Ok' }]
  const bytes = encodeAcknowledgement({
    packings: [],
    answers: [{ transaction: 'a1b2c3d4e5f6.1', refusals }],
  })
  expect(decodeAdu(bytes).ok).toBe(false)
})

test('what names more mails than any object has, or one twice, is no ADU', () => {
  const named = (...counts: readonly number[]): boolean => {
    const writer = new CborWriter()
    writer.array(3)
    writer.uint(0)
    writer.array(3 * counts.length)
    for (const count of counts) {
      writer.byteString(new Uint8Array(6))
      writer.uint(7)
      writer.uint(count)
    }
    writer.array(0)
    return decodeAdu(Uint8Array.of(ADU_KINDS.acknowledgement, ...writer.written())).ok
  }
  expect(named(OBJECT_MAILS_READ_MAX)).toBe(true)
  expect(named(OBJECT_MAILS_READ_MAX + 1)).toBe(false)
  expect(named(Number.MAX_SAFE_INTEGER)).toBe(false)
  expect(named(0)).toBe(false)
  expect(named(3, 1)).toBe(false)
})

test('more refusals than any object has recipients are no ADU', () => {
  const most = BATCH_RECIPIENTS_MAX + OBJECT_MAILS_READ_MAX
  for (const [count, ok] of [
    [most, true],
    [most + 1, false],
  ] as const) {
    const one = { recipient: 0, code: 550, text: '' }
    const refusals = Array.from({ length: count }, () => one)
    const answers = [{ transaction: 'a1b2c3d4e5f6.1', refusals }]
    expect(decodeAdu(encodeAcknowledgement({ packings: [], answers })).ok).toBe(ok)
  }
})

test('answers with more refusals than one acknowledgement may have are written as several, and all read', () => {
  const most = BATCH_RECIPIENTS_MAX + OBJECT_MAILS_READ_MAX
  const answer = (mail: number, count: number) => ({
    transaction: `a1b2c3d4e5f6.${mail}`,
    refusals: Array.from({ length: count }, (_, recipient) => ({
      ...{ recipient, code: 550, text: '5.1.1 no such user' },
    })),
  })
  const whole = [answer(1, most - 1), answer(2, 1), answer(3, 0)]
  const parts = [answer(4, BATCH_RECIPIENTS_MAX), answer(5, BATCH_RECIPIENTS_MAX)]
  const written = encodeAcknowledgements({ packings: [0], answers: [...whole, ...parts] })
  expect(written).toHaveLength(2)
  const expected = [whole, parts].map((answers) => ({
    ...{ type: 'acknowledgement', packings: [0], answers },
  }))
  expect(written.map((bytes) => decodeAdu(bytes))).toEqual(
    expected.map((value) => ({ ok: true, value })),
  )
  expect(decodeAcknowledgements(concat(...written))).toEqual({ ok: true, value: expected })
  expect(encodeAcknowledgements({ packings: [0], answers: [] })).toHaveLength(1)
})

test('the answers to a post are about no more mails than one object has, however few octets name them', () => {
  const part = (first: number, count: number): Uint8Array =>
    encodeAcknowledgement({
      packings: [0],
      answers: Array.from({ length: count }, (_, i) => ({
        ...{ transaction: transactionName('a1b2c3d4e5f6', first + i), refusals: [] },
      })),
    })
  const half = OBJECT_MAILS_READ_MAX / 2
  const whole = concat(part(0, half), part(half, half))
  expect(decodeAcknowledgements(whole).ok).toBe(true)
  expect(decodeAcknowledgements(concat(whole, part(2 * half, 1))).ok).toBe(false)
  const empty = Array.from({ length: OBJECT_MAILS_READ_MAX + 1 }, () => part(0, 0))
  expect(decodeAcknowledgements(concat(...empty)).ok).toBe(false)
})

test('no bytes make the answers to a post throw', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      for (const one of [bytes, concat(Uint8Array.of(ADU_KINDS.acknowledgement), bytes)]) {
        expect(typeof decodeAcknowledgements(one).ok).toBe('boolean')
      }
    }),
  )
  expect(decodeAcknowledgements(new Uint8Array(0)).ok).toBe(false)
})

test.each(['x', 'é', '😀'])(
  'a refusal of many lines of %s is cut off, and read, where an answer has it',
  (letter) => {
    const refusals = [{ recipient: 0, code: 550, text: `5.7.1 ${letter.repeat(600)}` }]
    const answers = [{ transaction: 'a1b2c3d4e5f6.1', refusals }]
    const read = decodeAdu(encodeAcknowledgement({ packings: [], answers }))
    const adu = read.ok && read.value.type === 'acknowledgement' ? read.value : undefined
    expect(adu?.answers[0]?.refusals[0]?.text).toMatch(
      new RegExp(`^5\\.7\\.1 ${letter}{100,}$`, 'u'),
    )
  },
)

test('the longest acknowledgement fits into the answer to a post', () => {
  const one = { recipient: 9999, code: 550, text: 'x'.repeat(512) }
  const refusals = Array.from({ length: BATCH_RECIPIENTS_MAX + OBJECT_MAILS_READ_MAX }, () => one)
  const answers = [{ transaction: 'a1b2c3d4e5f6.1', refusals }]
  const names = OBJECT_MAILS_READ_MAX * 'a1b2c3d4e5f6.1000000 '.length
  const { length } = encodeAcknowledgement({ packings: [], answers })
  expect(length + names).toBeLessThan(POST_ANSWER_BYTES_MAX)
})
