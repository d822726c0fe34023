import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  concat,
  equalBytes,
  fromBase64,
  fromHex,
  fromLatin1,
  fromUtf8,
  NO_BYTES,
  toBase64,
  toHex,
  toLatin1,
  toUtf8,
  toUtf8Strict,
} from './bytes.ts'

const bytes = (): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength: 64 })

test('property: concat is what Buffer.concat is', () => {
  fc.assert(
    fc.property(fc.array(bytes()), (parts) => {
      expect(concat(...parts)).toEqual(new Uint8Array(Buffer.concat(parts)))
    }),
  )
  expect(concat()).toEqual(NO_BYTES)
})

test('property: equalBytes is equality of hexadecimal text', () => {
  const few = fc.uint8Array({ max: 1, maxLength: 3 })
  fc.assert(
    fc.property(few, few, (a, b) => {
      expect(equalBytes(a, b)).toBe(toHex(a) === toHex(b))
    }),
  )
})

test('property: base64, hexadecimal and Latin-1 come back as they went (RFC 4648 §4)', () => {
  fc.assert(
    fc.property(bytes(), (x) => {
      expect(fromBase64(toBase64(x))).toEqual(x)
      expect(fromHex(toHex(x))).toEqual(x)
      expect(fromLatin1(toLatin1(x))).toEqual(x)
    }),
  )
})

test('property: base64 and hexadecimal are those of Buffer', () => {
  fc.assert(
    fc.property(bytes(), (x) => {
      expect(toBase64(x)).toBe(Buffer.from(x).toString('base64'))
      expect(toHex(x)).toBe(Buffer.from(x).toString('hex'))
    }),
  )
})

test('base64 without its padding, with spaces or of another alphabet is refused (RFC 4648 §3.2)', () => {
  for (const text of ['QQ', 'QQ=', 'QQ= =', 'QQ==\n', 'Q===', '=QQ=', '-_==', 'QUJD=', ' ']) {
    expect(fromBase64(text), text).toBeUndefined()
  }
  expect(fromBase64('')).toEqual(NO_BYTES)
})

test('hexadecimal of odd length or with other characters is refused', () => {
  for (const text of ['a', 'ag', '0x', ' 1', '+1']) expect(fromHex(text), text).toBeUndefined()
  expect(fromHex('aB')).toEqual(Uint8Array.of(0xab))
})

test('malformed UTF-8 is replaced, or refused where asked for strictly', () => {
  const broken = Uint8Array.of(0x61, 0xc3, 0x28)
  expect(toUtf8(broken)).toBe('a\ufffd(')
  expect(toUtf8Strict(broken)).toBeUndefined()
  expect(toUtf8Strict(fromUtf8('你好 ü'))).toBe('你好 ü')
})

test('a byte order mark is content and stays', () => {
  const marked = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)
  expect(fromUtf8(toUtf8(marked))).toEqual(marked)
  expect(toUtf8Strict(marked)).toBe('\ufeffa')
})

test('Latin-1 refuses what it lacks, and takes texts of any length', () => {
  expect(() => fromLatin1('a€')).toThrow(RangeError)
  const long = new Uint8Array(10_000).map((_, index) => index % 256)
  expect(fromLatin1(toLatin1(long))).toEqual(long)
})
