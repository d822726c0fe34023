import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromLatin1 } from '../../base/bytes.ts'
import { attachmentsAbove, nameOf } from './attachments.ts'
import type { MessagePart } from './envelope.ts'
import { HEADER_BYTES_MAX } from './limits.ts'
import { StructureReader } from './structure.ts'

function read(bytes: Uint8Array): MessagePart {
  const reader = new StructureReader()
  reader.push(bytes)
  return reader.end().part
}

const BODY = 'x'.repeat(100)

/** A multipart of parts that are header fields, or multiparts themselves. */
function multipart(subtype: string, ...parts: readonly string[]): string {
  const boundary = `${subtype}${parts.join('').length}`
  const inner = parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')
  return `Content-Type: multipart/${subtype}; boundary=${boundary}\r\n\r\n${inner}--${boundary}--\r\n`
}

const part = (type: string, ...fields: readonly string[]): string =>
  [`Content-Type: ${type}`, ...fields, '', BODY].join('\r\n')

function held(message: string, above = 50): readonly string[] {
  return attachmentsAbove(read(fromLatin1(message)), above).map(
    ({ type, subtype }) => `${type}/${subtype}`,
  )
}

test('attachments are what may be taken out: not the text, not what is smaller', () => {
  const message = multipart(
    'mixed',
    multipart('alternative', part('text/plain'), part('text/html')),
    part('image/jpeg'),
    part('text/plain; name=log.txt'),
    part('text/csv', 'Content-Disposition: attachment'),
    'Content-Type: image/png\r\n\r\nsmall',
    'Content-Type: message/rfc822\r\n\r\n'.concat(part('application/pdf')),
  )
  expect(held(message)).toEqual(['image/jpeg', 'text/plain', 'text/csv', 'message/rfc822'])
  expect(held(message, 1000)).toEqual([])
})

test('pictures of a text are taken out, one of several forms of it is not', () => {
  const related = multipart('related', part('text/html'), part('image/png'))
  const message = multipart('alternative', part('text/plain'), related, part('text/calendar'))
  expect(held(message)).toEqual(['image/png'])
  expect(held(multipart('alternative', part('text/plain'), part('application/x')))).toEqual([])
})

test('nothing is taken out of what is signed, encrypted or a report, however deep (RFC 1847 §2)', () => {
  for (const subtype of ['signed', 'encrypted', 'report', 'digest', 'form-data']) {
    const sealed = multipart(subtype, multipart('mixed', part('image/png')), part('image/gif'))
    expect(held(sealed), subtype).toEqual([])
    expect(held(multipart('mixed', sealed, part('image/jpeg'))), subtype).toEqual(['image/jpeg'])
  }
  for (const type of ['pkcs7-mime', 'x-pkcs7-signature', 'pgp-encrypted', 'pgp-keys']) {
    expect(held(multipart('mixed', part(`application/${type}; name=x`)))).toEqual([])
  }
})

test('a message that is all one part is taken out whole, but no text, and nothing sealed', () => {
  for (const type of ['image/jpeg', 'application/pdf', 'text/csv; name=a.csv']) {
    expect(held(part(type))).toHaveLength(1)
  }
  for (const type of ['text/plain', 'text/html', 'application/pkcs7-mime', 'message/rfc822']) {
    expect(held(part(type)), type).toEqual([])
  }
})

test('a part with a header beyond all measure is left where it is', () => {
  const long = part('image/png', `X: ${'y'.repeat(HEADER_BYTES_MAX)}`)
  expect(held(multipart('mixed', long, part('image/jpeg')))).toEqual(['image/jpeg'])
})

test('its name is that of its disposition, or of its type (RFC 2183 §2.3)', () => {
  const names = (fields: string): string | undefined =>
    nameOf(read(fromLatin1(`${fields}\r\n\r\n`)))
  expect(names('Content-Disposition: attachment; filename="a b.txt"')).toBe('a b.txt')
  expect(names('Content-Type: image/png; name=c.png')).toBe('c.png')
  expect(names("Content-Disposition: attachment; filename*=UTF-8''d.txt")).toBe("UTF-8''d.txt")
  expect(names('Content-Type: image/png')).toBeUndefined()
})

test('property: no bytes make it throw, and what it finds lies apart, in order, within the message', () => {
  const pieces = fc.constantFrom(
    ...['Content-Type: multipart/mixed; boundary=b\r\n', '--b\r\n', '--b--\r\n', '\r\n', '--b'],
    'Content-Type: image/png\r\n',
  )
  const texts = fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 })
  fc.assert(
    fc.property(texts, (all) => {
      const bytes = fromLatin1(all.join('').replace(/[^\0-\xff]/g, '?'))
      let behind = 0
      for (const { headerStart, bodyStart, end } of attachmentsAbove(read(bytes), 0)) {
        expect(headerStart).toBeGreaterThanOrEqual(behind)
        expect(bodyStart).toBeGreaterThanOrEqual(headerStart)
        expect(end).toBeGreaterThanOrEqual(bodyStart)
        behind = end
      }
      expect(behind).toBeLessThanOrEqual(bytes.length)
    }),
  )
})
