import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { Base64Encoder, QuotedPrintableEncoder, type TransferEncoder } from './transfer-encoder.ts'
import { decodeTransfer } from './transfer-encoding.ts'

const ENCODERS = [
  ['quoted-printable', () => new QuotedPrintableEncoder()],
  ['base64', () => new Base64Encoder()],
] as const

function encoded(encoder: TransferEncoder, pieces: readonly Uint8Array[]): Uint8Array {
  return concat(...pieces.map((piece) => encoder.push(piece)), encoder.end())
}

/** Of octets that tell something. */
const octets = fc
  .array(
    fc.oneof(
      fc.constantFrom(0x20, 0x09, 0x0d, 0x0a, 0x3d, 0xe9, 0x00, 0x7f),
      fc.nat(255),
      fc.constant(0x61),
    ),
    { maxLength: 400 },
  )
  .map((bytes) => Uint8Array.from(bytes))

describe.each(ENCODERS)('%s', (name, make) => {
  test('property: what is encoded is decoded to the same, in lines of 76 characters of ASCII', () => {
    fc.assert(
      fc.property(octets, (bytes) => {
        const text = encoded(make(), [bytes])
        expect(decodeTransfer(text, name)).toEqual(bytes)
        expect(toLatin1(text)).toMatch(/^[\r\n\t -~]*$/)
        for (const line of toLatin1(text).split('\r\n')) expect(line).toMatch(/^.{0,76}(?<![ \t])$/)
      }),
    )
  })

  test('property: however the octets are cut, the text is the same', () => {
    fc.assert(
      fc.property(octets, fc.array(fc.nat(400)), (bytes, cuts) => {
        const ends = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length].sort(
          (a, b) => a - b,
        )
        const pieces = ends.slice(1).map((end, i) => bytes.subarray(ends[i], end))
        expect(encoded(make(), pieces)).toEqual(encoded(make(), [bytes]))
      }),
    )
  })
})

test('text in quoted-printable keeps its lines, and no blank ends one', () => {
  const text = 'caf\xe9 = 1 \r\n\ttwo\t\r\n\r\nend '
  const encoder = new QuotedPrintableEncoder()
  expect(toLatin1(encoded(encoder, [fromLatin1(text)]))).toBe(
    'caf=E9 =3D 1=20\r\n\ttwo=09\r\n\r\nend=20',
  )
})

test('no line break of quoted-printable makes a boundary of dashes', () => {
  const text = toLatin1(encoded(new QuotedPrintableEncoder(), [fromLatin1('-'.repeat(300))]))
  for (const line of text.split('\r\n').slice(1)) expect(line).toMatch(/^=2D/)
})
