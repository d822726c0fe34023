import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromLatin1, toHex } from '../base/bytes.ts'
import { decodeAdu, encodeAcknowledgement, encodeMailAdu, type Refusal } from './adu.ts'

const transaction = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => toHex(bytes))

const refusal: fc.Arbitrary<Refusal> = fc.record({
  recipient: fc.option(fc.nat(), { nil: undefined }),
  code: fc.integer({ min: 400, max: 599 }),
  text: fc.string({ maxLength: 100 }),
})

test('property: a mail comes out as it went in', () => {
  fc.assert(
    fc.property(transaction, fc.uint8Array(), (name, batch) => {
      expect(decodeAdu(encodeMailAdu(name, batch))).toEqual({
        ok: true,
        value: { type: 'mail', transaction: name, batch },
      })
    }),
  )
})

test('property: an acknowledgement comes out as it went in', () => {
  fc.assert(
    fc.property(transaction, fc.array(refusal), (name, refusals) => {
      expect(decodeAdu(encodeAcknowledgement({ transaction: name, refusals }))).toEqual({
        ok: true,
        value: { type: 'acknowledgement', transaction: name, refusals },
      })
    }),
  )
})

test('property: no bytes throw', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.constantFrom(1, 2, 3), (bytes, format) => {
      decodeAdu(bytes)
      decodeAdu(Uint8Array.of(format, ...bytes))
    }),
  )
})

test('a bare batch-SMTP object is not taken for an ADU of ours', () => {
  expect(decodeAdu(fromLatin1('EHLO mail-1.a.com\r\n')).ok).toBe(false)
})

test('a reply code that refuses nothing is no refusal', () => {
  const bytes = encodeAcknowledgement({
    transaction: '0011223344556677',
    refusals: [{ recipient: 0, code: 250, text: '2.0.0 Ok' }],
  })
  expect(decodeAdu(bytes).ok).toBe(false)
})
