import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { bareLfToCrlf, countBareLf } from './line-endings.ts'

function convert(...pieces: readonly Uint8Array[]): Uint8Array {
  let before: number | undefined
  return concat(
    ...pieces.map((piece) => {
      const converted = bareLfToCrlf(piece, before)
      before = piece.at(-1) ?? before
      return converted
    }),
  )
}

test('a bare LF becomes CRLF; CRLF and a bare CR stay (RFC 5321 §2.3.8)', () => {
  expect(toLatin1(convert(fromLatin1('\na\nb\r\nc\rd\n\n')))).toBe('\r\na\r\nb\r\nc\rd\r\n\r\n')
  expect(countBareLf(fromLatin1('\na\nb\r\nc\rd\n\n'), undefined)).toBe(4)
})

test('a CR at the end of one piece belongs to the LF that begins the next', () => {
  expect(toLatin1(convert(fromLatin1('a\r'), fromLatin1('\nb')))).toBe('a\r\nb')
})

test('what has no bare LF is passed on without a copy', () => {
  const bytes = fromLatin1('a\r\n')
  expect(bareLfToCrlf(bytes, undefined)).toBe(bytes)
})

test('property: any pieces give what one replacement of the whole gives, and the count is right', () => {
  const byte = fc.constantFrom(0x0d, 0x0a, 0x61)
  const piece = fc.array(byte, { maxLength: 12 }).map((bytes) => Uint8Array.from(bytes))
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1 }), (pieces) => {
      const whole = concat(...pieces)
      const expected = toLatin1(whole).replace(/(?<!\r)\n/g, '\r\n')
      expect(toLatin1(convert(...pieces))).toBe(expected)
      expect(countBareLf(whole, undefined)).toBe(expected.length - whole.length)
    }),
  )
})
