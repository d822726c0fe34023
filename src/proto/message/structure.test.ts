import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import type { Envelope, MessagePart } from './envelope.ts'
import { FIELD_BYTES_MAX, PART_DEPTH_MAX, PARTS_MAX } from './limits.ts'
import { envelopeOf } from './part-fields.ts'
import { type MessageStructure, StructureReader } from './structure.ts'

function read(
  text: string | Uint8Array,
  chunk = Number.POSITIVE_INFINITY,
): MessageStructure & { readonly envelope: Envelope } {
  const bytes = typeof text === 'string' ? fromLatin1(text) : text
  const reader = new StructureReader()
  for (let at = 0; at < bytes.length; at += chunk) reader.push(bytes.subarray(at, at + chunk))
  const structure = reader.end()
  return { ...structure, envelope: envelopeOf(structure.fields) }
}

const lines = (...all: string[]): string => all.join('\r\n')
const shape = (part: MessagePart): unknown =>
  part.parts !== undefined
    ? [part.subtype, ...part.parts.map(shape)]
    : part.message !== undefined
      ? { message: shape(part.message.part) }
      : `${part.type}/${part.subtype}`

const NESTED = lines(
  'From: a@b.c',
  'Content-Type: multipart/mixed; boundary="out er"',
  '',
  'preamble',
  '--out er',
  '',
  'plain',
  '--out er  ',
  'Content-Type: multipart/alternative; boundary=in',
  '',
  '--in',
  'Content-Type: text/html; charset="utf-8"',
  'Content-ID: <x@y>',
  '',
  '<p>',
  '</p>',
  '',
  '--in--',
  'epilogue of the inner one',
  '--out er',
  'Content-Type: message/rfc822',
  '',
  'Subject: inner',
  'From: "In, Ner" <i@n.er>',
  '',
  'inner body',
  '--out er--',
  'epilogue',
)

describe('the structure of a message', () => {
  it('finds the parts and where they are (RFC 2046 §5.1.1)', () => {
    const { part } = read(NESTED)
    expect(shape(part)).toEqual([
      'mixed',
      'text/plain',
      ['alternative', 'text/html'],
      { message: 'text/plain' },
    ])
    const [plain, alternative, message] = part.parts ?? []
    const body = (one: MessagePart | undefined) => NESTED.slice(one?.bodyStart, one?.end)
    expect(body(plain)).toBe('plain')
    expect(body(alternative?.parts?.[0])).toBe('<p>\r\n</p>\r\n')
    expect(alternative?.parts?.[0]).toMatchObject({ lines: 2, id: '<x@y>' })
    expect(body(message?.message?.part)).toBe('inner body')
    expect(body(message)).toBe('Subject: inner\r\nFrom: "In, Ner" <i@n.er>\r\n\r\ninner body')
    expect(message?.message?.envelope).toMatchObject({
      subject: 'inner',
      from: [{ name: 'In, Ner', mailbox: 'i', host: 'n.er' }],
      sender: [{ name: 'In, Ner', mailbox: 'i', host: 'n.er' }],
    })
    expect(NESTED.slice(plain?.headerStart, plain?.bodyStart)).toBe('\r\n')
    expect(part.end).toBe(NESTED.length)
  })

  it('takes the parts of a digest for messages (RFC 2046 §5.1.5)', () => {
    const text = lines(
      'Content-Type: multipart/digest; boundary=d',
      '',
      '--d',
      '',
      'Subject: one',
      '',
      'body',
      '--d--',
    )
    expect(read(text).part.parts?.[0]?.message?.envelope.subject).toBe('one')
  })

  it('joins lists of addresses, and of other fields takes the first', () => {
    const { envelope } = read(lines('To: a@b', 'to: c@d', 'Subject: 1', ' 2', 'Subject: 3', '', ''))
    expect(envelope.to?.map((one) => one.host)).toEqual(['b', 'd'])
    expect(envelope.subject).toBe('1 2')
  })

  it.each([
    ['nothing', '', 'text/plain'],
    ['no end of its header', 'Subject: x', 'text/plain'],
    [
      'an open multipart',
      lines('Content-Type: multipart/mixed; boundary=b', '', '--b'),
      ['mixed', 'text/plain'],
    ],
    [
      'a multipart without boundary',
      lines('Content-Type: multipart/mixed', '', '--b'),
      'text/plain',
    ],
    [
      'a multipart without parts',
      lines('Content-Type: multipart/mixed; boundary=b', '', 'x'),
      'text/plain',
    ],
    ['no type', lines('Content-Type: nonsense', '', 'x'), 'text/plain'],
    [
      'an encoded message',
      lines('Content-Type: message/rfc822', 'Content-Transfer-Encoding: BASE64', '', 'x'),
      'application/octet-stream',
    ],
  ])('makes something of %s', (_, text, expected) => {
    expect(shape(read(text).part)).toEqual(expected)
  })

  it('ends parts within parts at PART_DEPTH_MAX', () => {
    let text = ''
    for (let i = 0; i < 10_000; i++) {
      text += `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`
    }
    let depth = 0
    for (let part: MessagePart | undefined = read(text).part; part; part = part.parts?.[0]) depth++
    expect(depth).toBe(PART_DEPTH_MAX)
  })

  it('counts no more than PARTS_MAX parts', () => {
    const text = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\n'.repeat(2 * PARTS_MAX)}`
    expect(read(text).part.parts).toHaveLength(PARTS_MAX - 1)
  })

  it('keeps no more than FIELD_BYTES_MAX of a field of 10 MB, in bounded time', () => {
    const long = `Subject: ${'x'.repeat(10_000_000)}\r\nTo: ${'<('.repeat(5_000_000)}\r\n\r\nbody`
    const { envelope, part } = read(long, 65_536)
    expect(envelope.subject?.length).toBeLessThanOrEqual(FIELD_BYTES_MAX)
    expect(long.slice(part.bodyStart)).toBe('body')
  })

  const pieces = fc.array(
    fc.constantFrom(
      '\r\n',
      '--b',
      '--',
      'c',
      '--c--',
      '--b--',
      'Content-Type: multipart/x; boundary=b\r\n',
      'Content-Type: multipart/x; boundary=c\r\n',
      'content-type: message/rfc822\r\n',
      ' fold',
      'From: a <b@c>, ',
      'x',
      '\r',
      '\n',
      ':',
    ),
    { maxLength: 60 },
  )

  it('property: cut the bytes anywhere, same structure', () => {
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 9 }), (parts, chunk) => {
        expect(read(parts.join(''), chunk)).toEqual(read(parts.join('')))
      }),
    )
  })

  it('property: no bytes make it throw, and every part lies within the one that holds it', () => {
    const inside = (part: MessagePart): void => {
      expect(part.headerStart).toBeLessThanOrEqual(part.bodyStart)
      expect(part.bodyStart).toBeLessThanOrEqual(part.end)
      for (const inner of [...(part.parts ?? []), ...(part.message ? [part.message.part] : [])]) {
        expect(inner.headerStart).toBeGreaterThanOrEqual(part.bodyStart)
        expect(inner.end).toBeLessThanOrEqual(part.end)
        inside(inner)
      }
    }
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      pieces.map((parts) => fromLatin1(parts.join(''))),
    )
    fc.assert(
      fc.property(anything, (bytes) => {
        const { part } = read(bytes)
        expect(part.end).toBe(bytes.length)
        inside(part)
      }),
    )
  })

  it('property: what was put into a multipart is found in it', () => {
    const body = fc
      .uint8Array({ maxLength: 50 })
      .map((bytes) => toLatin1(bytes).replaceAll('-', '+'))
    fc.assert(
      fc.property(fc.array(body, { minLength: 1, maxLength: 5 }), (bodies) => {
        const head = 'Content-Type: multipart/mixed; boundary=--x\r\n\r\n'
        const text = `${head}${bodies.map((one) => `----x\r\n\r\n${one}\r\n`).join('')}----x--\r\n`
        const bytes = concat(fromLatin1(text))
        const found = read(bytes).part.parts?.map((one) =>
          toLatin1(bytes.slice(one.bodyStart, one.end)),
        )
        expect(found).toEqual(bodies)
      }),
    )
  })
})
