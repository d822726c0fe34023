import { encode as oracleEncode } from 'cborg'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../base/bytes.ts'
import { decodeCbor } from './decode.ts'
import { NESTING_MAX } from './limits.ts'
import type { CborReader } from './reader.ts'
import { CborWriter } from './writer.ts'

type Item = bigint | boolean | string | Uint8Array | readonly Item[]

function write(writer: CborWriter, item: Item): void {
  if (typeof item === 'bigint') writer.uint(item)
  else if (typeof item === 'boolean') writer.boolean(item)
  else if (typeof item === 'string') writer.textString(item)
  else if (item instanceof Uint8Array) writer.byteString(item)
  else {
    writer.array(item.length)
    for (const each of item) write(writer, each)
  }
}

function encoded(item: Item): Uint8Array {
  const writer = new CborWriter(1)
  write(writer, item)
  return writer.written()
}

/** Reads what has the shape of `like`. */
function readLike(reader: CborReader, like: Item): Item {
  if (typeof like === 'bigint') return reader.uint()
  if (typeof like === 'boolean') return reader.boolean()
  if (typeof like === 'string') return reader.textString(1000)
  if (like instanceof Uint8Array) return reader.byteString()
  const length = reader.openArray()
  const items = like.map((each) => readLike(reader, each))
  reader.closeArray(length, items.length)
  return items
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex.replaceAll(' ', ''))
  if (bytes === undefined) throw new Error(`not hex: ${hex}`)
  return bytes
}

/** What reading `hex` gives, or the code of its Fault. */
function reading<T>(hex: string, read: (reader: CborReader) => T): T | string {
  const result = decodeCbor(bytesOf(hex), read)
  return result.ok ? result.value : result.fault.code
}

const { item: anyItem } = fc.letrec<{ item: Item }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 4 },
    fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
    fc.bigInt({ min: 0n, max: 300n }),
    fc.boolean(),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('item'), { maxLength: 30 }),
  ),
}))

const uints = [
  [0n, '00'],
  [23n, '17'],
  [24n, '1818'],
  [255n, '18ff'],
  [256n, '190100'],
  [65_535n, '19ffff'],
  [65_536n, '1a00010000'],
  [0xffff_ffffn, '1affffffff'],
  [0x1_0000_0000n, '1b0000000100000000'],
  [0x1f_ffff_ffff_ffffn, '1b001fffffffffffff'],
  [0x20_0000_0000_0000n, '1b0020000000000000'],
  [0xffff_ffff_ffff_ffffn, '1bffffffffffffffff'],
] as const

test('integers are written as short as can be, at every boundary (RFC 9171 §4.1)', () => {
  for (const [value, hex] of uints) {
    expect(toHex(encoded(value))).toBe(hex)
    expect(reading(hex, (r) => r.uint())).toBe(value)
  }
})

test('a number is written like the bigint of the same value', () => {
  for (const [value, hex] of uints.filter(([value]) => value <= Number.MAX_SAFE_INTEGER)) {
    const writer = new CborWriter()
    writer.uint(Number(value))
    expect(toHex(writer.written())).toBe(hex)
  }
})

test('what is no unsigned 64-bit integer is a mistake of ours', () => {
  for (const value of [-1, -1n, Number.NaN, 0x1_0000_0000_0000_0000n]) {
    expect(() => new CborWriter().uint(value)).toThrow('assertion failed')
  }
})

test('an integer longer than need be is read all the same (RFC 9171 §4.1)', () => {
  for (const hex of ['1807', '190007', '1a00000007', '1b0000000000000007']) {
    expect(reading(hex, (r) => r.uint())).toBe(7n)
    expect(reading(hex, (r) => r.safeUint())).toBe(7)
  }
})

test('an integer beyond 2^53 is refused where a number is wanted', () => {
  expect(reading('1b001fffffffffffff', (r) => r.safeUint())).toBe(Number.MAX_SAFE_INTEGER)
  expect(reading('1b0020000000000000', (r) => r.safeUint())).toBe('cbor/too-large')
})

test('an array ends after its count or at its break', () => {
  const pair = (r: CborReader) => {
    const length = r.openArray()
    const pair = [r.safeUint(), r.safeUint()]
    const ended = r.isArrayAtEnd(length, 2)
    r.closeArray(length, 2)
    return [...pair, ended]
  }
  expect(reading('82 01 02', pair)).toEqual([1, 2, true])
  expect(reading('9f 01 02 ff', pair)).toEqual([1, 2, true])
  expect(reading('83 01 02 03', pair)).toBe('cbor/wrong-length')
  expect(reading('9f 01 02 03 ff', pair)).toBe('cbor/wrong-length')
  expect(reading('9f 01 02', pair)).toBe('cbor/truncated')
})

test('an indefinite array is written with its break', () => {
  const writer = new CborWriter()
  writer.indefiniteArray()
  writer.uint(1)
  writer.break()
  expect(toHex(writer.written())).toBe('9f01ff')
})

test('text may come in chunks, up to its bound', () => {
  const read = (r: CborReader) => r.textString(6)
  expect(reading('7f 62 6162 61 63 ff', read)).toBe('abc')
  expect(reading('66 616263646566', read)).toBe('abcdef')
  expect(reading('67 61626364656667', read)).toBe('cbor/too-large')
  expect(reading(`7f ${'60'.repeat(6)} ff`, read)).toBe('')
  expect(reading(`7f ${'60'.repeat(8)} ff`, read)).toBe('cbor/too-large')
  expect(reading('7f 41 61 ff', read)).toBe('cbor/unexpected-item')
})

test('text that is not UTF-8 is refused', () => {
  expect(reading('62 c328', (r) => r.textString(10))).toBe('cbor/malformed')
})

test('a byte string is read where it lies and must have a definite length', () => {
  const bytes = bytesOf('43 010203')
  const result = decodeCbor(bytes, (r) => r.byteString())
  expect(result.ok && result.value.buffer).toBe(bytes.buffer)
  expect(reading('5f 41 01 ff', (r) => r.byteString())).toBe('cbor/malformed')
})

test('lengths beyond the end are refused before anything is made of them', () => {
  expect(reading('5b 001fffffffffffff', (r) => r.byteString())).toBe('cbor/truncated')
  expect(reading('9b 001fffffffffffff', (r) => r.skipItem())).toBe('cbor/truncated')
})

test('bytes after the item are refused', () => {
  expect(reading('01 02', (r) => r.uint())).toBe('cbor/trailing-bytes')
})

test('a tag is skipped where it is the one expected, and only there', () => {
  const read = (r: CborReader) => {
    r.skipTag(55799)
    return r.uint()
  }
  expect(reading('d9d9f7 01', read)).toBe(1n)
  expect(reading('01', read)).toBe(1n)
  expect(reading('c1 01', read)).toBe('cbor/unexpected-item')
})

test('items of every kind are skipped whole', () => {
  for (const hex of [
    '20',
    '3b ffffffffffffffff',
    'a2 01 02 03 04',
    'bf 01 02 ff',
    '5f 41 01 42 0203 ff',
    '7f 61 61 ff',
    'c1 1a 00000001',
    'f6',
    'f8 ff',
    'f9 3c00',
    'fb 3ff0000000000000',
    '9f 82 01 02 ff',
  ]) {
    expect(reading(hex, (r) => r.skipItem())).toBeUndefined()
    expect(reading(hex.slice(0, -2), (r) => r.skipItem())).toMatch(/^cbor\//)
  }
})

test('what is not CBOR is not skipped', () => {
  for (const hex of ['ff', '1c', 'fc', '3f', 'df', 'bf 01 ff', '5f 61 61 ff']) {
    expect(reading(hex, (r) => r.skipItem())).toMatch(/^cbor\/(malformed|unexpected-item)$/)
  }
})

test('items nested beyond the bound are refused', () => {
  const nested = (depth: number) => `${'81'.repeat(depth)}00`
  expect(reading(nested(NESTING_MAX), (r) => r.skipItem())).toBeUndefined()
  expect(reading(nested(NESTING_MAX + 1), (r) => r.skipItem())).toBe('cbor/too-deep')
  expect(reading('9f'.repeat(100_000), (r) => r.skipItem())).toBe('cbor/too-deep')
  expect(reading('c1'.repeat(100_000), (r) => r.skipItem())).toBe('cbor/too-deep')
})

test('property: what is written is what cborg writes', () => {
  fc.assert(
    fc.property(anyItem, (item) => {
      expect(toHex(encoded(item))).toBe(toHex(oracleEncode(item)))
    }),
  )
})

test('property: what is written is read again, and skipped again', () => {
  fc.assert(
    fc.property(anyItem, (item) => {
      const bytes = encoded(item)
      expect(decodeCbor(bytes, (r) => readLike(r, item))).toEqual({ ok: true, value: item })
      expect(decodeCbor(bytes, (r) => r.skipItem()).ok).toBe(true)
    }),
  )
})

test('property: no bytes make the reader throw anything but a Fault', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), anyItem, (bytes, like) => {
      decodeCbor(bytes, (r) => r.skipItem())
      decodeCbor(bytes, (r) => readLike(r, like))
    }),
    { numRuns: 1000 },
  )
})
