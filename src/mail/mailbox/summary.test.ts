import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { formatEnvelope } from '../../proto/imap/describe.ts'
import { envelopeOf, MESSAGE_FIELDS } from '../../proto/message/part-fields.ts'
import { formatSummary, Summary } from './summary.ts'

const octets = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)),
})
const someFields = fc.dictionary(fc.constantFrom(...MESSAGE_FIELDS), octets)

it('has every field and the envelope as they were written', () => {
  fc.assert(
    fc.property(someFields, (fields) => {
      const summary = Summary.read(formatSummary(fields))
      expect(MESSAGE_FIELDS.map((name) => summary?.field(name))).toEqual(
        MESSAGE_FIELDS.map((name) => fields[name]),
      )
      expect(summary?.envelope).toEqual(envelopeOf(fields))
      expect(toLatin1(summary?.envelopeOctets ?? fromLatin1(''))).toBe(
        formatEnvelope(envelopeOf(fields)),
      )
    }),
  )
})

it('is read anew where an earlier version has written it, and breaks on no octets', () => {
  expect(Summary.read(fromLatin1('{"subject":"a"}'))).toBeUndefined()
  expect(Summary.read(fromLatin1(''))).toBeUndefined()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (rest) => {
      const summary = Summary.read(new Uint8Array([0x31, ...rest]))
      for (const name of MESSAGE_FIELDS) summary?.field(name)
    }),
  )
})
