import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromLatin1, fromUtf8 } from '../../base/bytes.ts'
import { formatField, HeaderReader } from './header.ts'
import { HEADER_BYTES_MAX } from './limits.ts'

function read(text: string): HeaderReader {
  const reader = new HeaderReader()
  reader.push(fromUtf8(text))
  return reader
}

describe('HeaderReader', () => {
  it('reads names in lower case and values without surrounding space (RFC 5322 §2.2)', () => {
    const reader = read('Subject:  Hello \r\nFrom: a@b\r\n\r\nTo: body\r\n')
    expect(reader.state).toBe('complete')
    expect(reader.fields).toEqual([
      { name: 'subject', value: 'Hello' },
      { name: 'from', value: 'a@b' },
    ])
  })

  it('unfolds a value that goes on in the next line (RFC 5322 §2.2.3)', () => {
    expect(read('Subject: one\r\n\ttwo\r\n three\r\n\r\n').fields).toEqual([
      { name: 'subject', value: 'one two three' },
    ])
  })

  it('takes lines that end with a bare LF', () => {
    const reader = read('A: 1\nB: 2\n\nbody')
    expect(reader.fields.map((field) => field.name)).toEqual(['a', 'b'])
    expect(reader.state).toBe('complete')
  })

  it('counts the fields of one name (RFC 5321 §6.3)', () => {
    expect(read('Received: a\r\nRECEIVED: b\r\nreceived : c\r\n\r\n').count('received')).toBe(3)
  })

  it('ends the header at a line that is no field', () => {
    const reader = read('A: 1\r\nnot a field\r\nB: 2\r\n\r\n')
    expect(reader.state).toBe('complete')
    expect(reader.fields).toHaveLength(1)
  })

  it('knows a message that has no header', () => {
    expect(read('Hello there\r\n').state).toBe('absent')
    expect(read('\r\nHello there\r\n').state).toBe('complete')
  })

  it('knows a header that only the end of the message ends', () => {
    const reader = read('A: 1\r\nB: 2')
    expect(reader.state).toBe('reading')
    reader.end()
    expect(reader.state).toBe('complete')
    expect(reader.fields.at(-1)).toEqual({ name: 'b', value: '2' })
  })

  it('stops at its bound and keeps what it read until there', () => {
    const reader = read(`A: 1\r\nB: ${'x'.repeat(HEADER_BYTES_MAX)}`)
    expect(reader.state).toBe('cut')
    expect(reader.fields).toEqual([{ name: 'a', value: '1' }])
    reader.push(fromUtf8('\r\nC: 3\r\n'))
    expect(reader.fields).toHaveLength(1)
  })

  const headerLike = fc
    .array(fc.constantFrom('A', ': ', '\r', '\n', '\r\n', ' ', '\t', 'word', ':', '\xff'), {
      maxLength: 60,
    })
    .map((parts) => fromLatin1(parts.join('')))

  it('property: the same bytes in any pieces give the same fields', () => {
    fc.assert(
      fc.property(headerLike, fc.array(fc.nat(9)), (bytes, sizes) => {
        const whole = new HeaderReader()
        whole.push(bytes)
        whole.end()
        const pieces = new HeaderReader()
        let at = 0
        for (const size of sizes) {
          pieces.push(bytes.subarray(at, at + size))
          at += size
        }
        pieces.push(bytes.subarray(at))
        pieces.end()
        expect(pieces.fields).toEqual(whole.fields)
        expect(pieces.state).toBe(whole.state)
      }),
    )
  })

  it('property: no bytes make it throw', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (parts) => {
        const reader = new HeaderReader()
        for (const part of parts) reader.push(part)
        reader.end()
        expect(reader.state).not.toBe('reading')
      }),
    )
  })

  const word = fc.stringMatching(/^[!-~]{1,30}$/)

  it('property: a formatted field is read back, and its lines are short', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z-]{1,20}$/),
        fc.array(word, { minLength: 1 }),
        (name, words) => {
          const text = formatField(name, words)
          expect(read(`${text}\r\n`).fields).toEqual([
            { name: name.toLowerCase(), value: words.join(' ') },
          ])
          for (const line of text.split('\r\n')) expect(line.length).toBeLessThanOrEqual(78)
        },
      ),
    )
  })

  it('keeps line ends out of a field', () => {
    expect(formatField('A', ['x\r\nBcc: y'])).toBe('A: x??Bcc: y\r\n')
  })
})
