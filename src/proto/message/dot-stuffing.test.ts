import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { DotStuffer, DotUnstuffer } from './dot-stuffing.ts'

function stuff(...pieces: readonly string[]): string {
  const stuffer = new DotStuffer()
  return toLatin1(concat(...pieces.map((p) => stuffer.push(fromLatin1(p))), stuffer.end()))
}

function unstuff(...pieces: readonly string[]): { body: string; rest: string; ended: boolean } {
  const unstuffer = new DotUnstuffer()
  const got = { body: '', rest: '', ended: false }
  for (const piece of pieces) {
    if (got.ended) {
      got.rest += piece
      continue
    }
    const { bytes, consumed, ended } = unstuffer.push(fromLatin1(piece))
    got.body += toLatin1(bytes)
    got.rest += piece.slice(consumed)
    got.ended = ended
  }
  return got
}

test('a dot that begins a line is doubled, any other is not (RFC 5321 §4.5.2)', () => {
  expect(stuff('.a.\r\nb.\r\n..\r\n')).toBe('..a.\r\nb.\r\n...\r\n.\r\n')
  expect(stuff('a\r', '\n', '.b\r\n')).toBe('a\r\n..b\r\n.\r\n')
})

test('a dot after a bare CR or LF does not begin a line (RFC 5321 §2.3.8)', () => {
  expect(stuff('a\n.\r.\r\n')).toBe('a\n.\r.\r\n.\r\n')
})

test('a message that ends without CRLF is given one; an empty one is not', () => {
  expect(stuff('a')).toBe('a\r\n.\r\n')
  expect(stuff('a\n')).toBe('a\n\r\n.\r\n')
  expect(stuff('')).toBe('.\r\n')
})

test('what needs no doubling is passed on without a copy', () => {
  const bytes = fromLatin1('plain. text.\r\n')
  expect(new DotStuffer().push(bytes)).toBe(bytes)
})

test('only CRLF.CRLF ends a message, and what follows is left (RFC 5321 §4.1.1.4)', () => {
  expect(unstuff('a\r\n.\r\nQUIT\r\n')).toEqual({ body: 'a\r\n', rest: 'QUIT\r\n', ended: true })
  expect(unstuff('.\r\nQUIT')).toEqual({ body: '', rest: 'QUIT', ended: true })
  for (const smuggled of ['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r\n.\r\r\n']) {
    expect(unstuff(`a${smuggled}QUIT\r\n`).ended).toBe(false)
  }
})

test('the first dot of a line goes, whatever follows it (RFC 5321 §4.5.2)', () => {
  expect(unstuff('..\r\n.a\r\n.\rb\r\n.\r\n').body).toBe('.\r\na\r\n\rb\r\n')
})

const message = fc
  .array(fc.constantFrom('.', '..', 'a', '\r', '\n', '\r\n', '\r\n.', '\r\n.\r\n', '\x00\xff'))
  .map((words) => words.join(''))

/** `text` in pieces, for a property that cuts it anywhere. */
function cut(text: string, at: readonly number[]): readonly string[] {
  const places = [...new Set(at.map((a) => a % (text.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((from, i) => text.slice(from, [...places, text.length][i]))
}

test('property: how the bytes are cut into chunks changes nothing', () => {
  fc.assert(
    fc.property(message, fc.array(fc.nat(60), { maxLength: 8 }), (text, at) => {
      expect(stuff(...cut(text, at))).toBe(stuff(text))
      expect(unstuff(...cut(text, at))).toEqual(unstuff(text))
    }),
  )
})

test('property: no bytes make either throw', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (chunks) => {
      const stuffer = new DotStuffer()
      const unstuffer = new DotUnstuffer()
      for (const chunk of chunks) {
        stuffer.push(chunk)
        unstuffer.push(chunk)
      }
      stuffer.end()
    }),
  )
})

test('property: unstuffing gives back what was stuffed, its last line ended', () => {
  fc.assert(
    fc.property(message, (text) => {
      const ended = text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`
      expect(unstuff(`${stuff(text)}next`)).toEqual({ body: ended, rest: 'next', ended: true })
    }),
  )
})
