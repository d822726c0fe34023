import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import type { MessagePart } from './envelope.ts'
import { type SevenBit, SevenBitConverter, sevenBit } from './seven-bit.ts'
import { StructureReader } from './structure.ts'
import { decodeTransfer } from './transfer-encoding.ts'

function lookThrough(read: () => Iterable<Uint8Array>): SevenBit {
  const steps = sevenBit(read)
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value
}

/** One character per octet; lines end in CRLF. */
function convert(message: string, cuts: readonly number[] = []): string {
  const found = lookThrough(() => pieces(message, []))
  if (found.type === 'impossible') throw new Error(found.why)
  if (found.type === 'as-it-is') return message
  const converter = new SevenBitConverter(found.changes)
  const changed = pieces(message, cuts).map((piece) => converter.push(piece).slice())
  const text = toLatin1(concat(...changed, converter.end()))
  expect(text).toHaveLength(found.sizeBytes)
  return text
}

function pieces(message: string, cuts: readonly number[]): readonly Uint8Array[] {
  const bytes = fromLatin1(message)
  const ends = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length].sort((a, b) => a - b)
  return ends.slice(1).map((end, i) => bytes.subarray(ends[i], end))
}

function message(...lines: readonly string[]): string {
  return lines.map((line) => `${line}\r\n`).join('')
}

test('a message of ASCII stays as it is, whatever it is said to be', () => {
  const text = message('Content-Transfer-Encoding: 8bit', '', 'hello')
  expect(lookThrough(() => [fromLatin1(text)])).toEqual({ type: 'as-it-is' })
})

test('a step looks at one piece of the message, however long the message is', () => {
  const text = message('', ...Array.from({ length: 50 }, () => 'Grüße'))
  const steps = sevenBit(() => pieces(text, [50, 100, 150]))
  let count = 0
  while (!steps.next().done) count++
  // The first piece is enough to see that there is something, and three looks go through all four.
  expect(count).toBe(3 * 4)
})

test('text becomes quoted-printable, and says so where it said otherwise', () => {
  const text = message(
    'MIME-Version: 1.0',
    'Content-Transfer-Encoding:',
    '  8bit',
    'Content-Type: text/plain; charset=iso-8859-1',
    '',
    'caf\xe9',
  )
  expect(convert(text)).toBe(
    message(
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=iso-8859-1',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'caf=E9',
    ),
  )
})

test('a message that knows nothing of MIME is made one whose charset nobody knows', () => {
  expect(convert(message('Subject: x', '', 'caf\xe9'))).toBe(
    message(
      'Subject: x',
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=unknown-8bit',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'caf=E9',
    ),
  )
})

test('of many parts only those that need it are encoded, text to be read and the rest in base64', () => {
  const text = message(
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
    'Content-Transfer-Encoding: 8bit',
    '',
    '--b',
    'Content-Transfer-Encoding: 8bit',
    '',
    'plain',
    '--b',
    'Content-Type: image/x-octets',
    '',
    '\xff\xfe',
    '--b',
    'Content-Type: message/rfc822',
    'Content-Transfer-Encoding: 8bit',
    '',
    'Subject: inner',
    'MIME-Version: 1.0',
    '',
    'caf\xe9',
    '',
    '--b--',
  )
  expect(convert(text)).toBe(
    message(
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      '',
      'plain',
      '--b',
      'Content-Type: image/x-octets',
      'Content-Transfer-Encoding: base64',
      '',
      '//4=',
      '--b',
      'Content-Type: message/rfc822',
      '',
      'Subject: inner',
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=unknown-8bit',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'caf=E9',
      '',
      '--b--',
    ),
  )
})

const SIGNED = message(
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=m',
  '',
  '--m',
  'Content-Type: multipart/signed; boundary=s',
  '',
  '--s',
  'Content-Transfer-Encoding: 8bit',
  '',
  'signed SIGNED',
  '--s',
  'Content-Type: application/pgp-signature',
  '',
  'signature',
  '--s--',
  '--m',
  '',
  'beside BESIDE',
  '--m--',
)

describe('what was signed (RFC 1847)', () => {
  test('stays as it is, to the last octet, where something beside it is converted', () => {
    const text = SIGNED.replace('BESIDE', '\xe9')
    const signed = (of: string): string => of.slice(of.indexOf('--s\r\n'), of.indexOf('--s--'))
    expect(convert(text)).toContain('beside =E9')
    expect(signed(convert(text))).toBe(signed(text))
  })

  test('keeps a message from being converted where it would have to change', () => {
    expect(() => convert(SIGNED.replace('SIGNED', '\xe9'))).toThrow('a signature is over octets')
  })
})

test.each([
  ['its header', message('Subject: caf\xe9', '', 'x')],
  ['the header of a part', SIGNED.replace('--m\r\n', '--m\r\nX: \xe9\r\n')],
  ['what stands before the first part', SIGNED.replace('--m\r\n', '\xe9\r\n--m\r\n')],
  ['what stands behind the last', `${SIGNED}\xe9\r\n`],
])('octets beyond ASCII in %s cannot be converted', (_, text) => {
  expect(() => convert(text)).toThrow('in its header, or between its parts')
})

test('nor can those of a part that is encoded already', () => {
  const text = message('Content-Transfer-Encoding: base64', '', 'caf\xe9')
  expect(() => convert(text)).toThrow('said to be base64')
})

/** Lines that make structures, often. */
const lines = fc.array(
  fc.oneof(
    fc.constantFrom(
      '',
      '--a',
      '--a--',
      '--b',
      '--b--',
      'caf\xe9',
      ' \xe9 ',
      'Content-Type: multipart/mixed; boundary=a',
      'Content-Type: multipart/signed; boundary=b',
      'Content-Type: message/rfc822',
      'Content-Type: image/png',
      'Content-Transfer-Encoding: 8bit',
      'Content-Transfer-Encoding: binary',
      '\tfolded',
    ),
    fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 120 }),
  ),
  { maxLength: 40 },
)

test('property: what is converted is ASCII, and decoded it is what it was', () => {
  let converted = 0
  fc.assert(
    fc.property(lines, (all) => {
      const before = message('Content-Type: multipart/mixed; boundary=a', ...all)
      const found = lookThrough(() => [fromLatin1(before)])
      if (found.type === 'impossible') return
      const after = convert(before)
      if (after !== before) converted++
      expect(after).toMatch(/^[\0-\x7f]*$/)
      expect(contents(after)).toEqual(contents(before))
    }),
    { numRuns: 500 },
  )
  expect(converted).toBeGreaterThan(0)
})

test('property: however the message is cut, the result is the same', () => {
  fc.assert(
    fc.property(lines, fc.array(fc.nat(600)), (all, cuts) => {
      const text = message('Content-Type: multipart/mixed; boundary=a', ...all)
      if (lookThrough(() => pieces(text, cuts)).type === 'impossible') return
      expect(convert(text, cuts)).toBe(convert(text))
    }),
  )
})

/** Of all parts that have no parts, decoded. */
function contents(text: string): readonly string[] {
  const reader = new StructureReader()
  const bytes = fromLatin1(text)
  reader.push(bytes)
  const leaves = (part: MessagePart): readonly MessagePart[] =>
    part.message === undefined ? (part.parts?.flatMap(leaves) ?? [part]) : leaves(part.message.part)
  return leaves(reader.end().part).map(({ bodyStart, end, encoding = '7bit' }) =>
    toLatin1(decodeTransfer(bytes.subarray(bodyStart, end), encoding)),
  )
}
