import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromLatin1 } from '../../base/bytes.ts'
import { REPLY_LINE_ACCEPTED_MAX, REPLY_LINES_MAX } from './limits.ts'
import { queued, type Reply, SENDER_OK } from './reply.ts'
import { encodeReply, formatReply, ReplyReader } from './reply-codec.ts'

/** All replies in `text`; the message of the fault where there is one. */
function read(...chunks: readonly string[]): (Reply | string)[] {
  const reader = new ReplyReader()
  const found: (Reply | string)[] = []
  for (const chunk of chunks) {
    reader.append(fromLatin1(chunk))
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      found.push(next.ok ? next.value : next.fault.message)
      if (!next.ok) return found
    }
  }
  return found
}

test('a reply is its code, its enhanced code and its words (RFC 2034 §4)', () => {
  expect(formatReply(SENDER_OK)).toBe('250 2.1.0 Ok\r\n')
  expect(formatReply(queued('4Rt'))).toBe('250 2.0.0 Ok: queued as 4Rt\r\n')
})

test('every line of a reply bears both codes (RFC 2034 §4)', () => {
  expect(formatReply({ code: 550, enhanced: '5.1.1', lines: ['a', 'b'] })).toBe(
    '550-5.1.1 a\r\n550 5.1.1 b\r\n',
  )
})

test('no words of a reply can make another reply or too long a line (RFC 5321 §4.5.3.1.5)', () => {
  expect(formatReply({ code: 550, lines: ['a\r\n250 b\0é'] })).toBe('550 a??250 b??\r\n')
  const lines = formatReply({ code: 550, enhanced: '5.1.1', lines: ['x'.repeat(1000)] })
    .split('\r\n')
    .slice(0, -1)
  expect(lines).toHaveLength(3)
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(510)
})

test('a reply without words is read, with and without its space (RFC 5321 §4.2)', () => {
  expect(read('250\r\n250 \r\n')).toEqual([
    { code: 250, lines: [''] },
    { code: 250, lines: [''] },
  ])
})

test('an enhanced code that contradicts the code is only words (RFC 2034 §4)', () => {
  expect(read('250 5.1.1 hm\r\n')).toEqual([{ code: 250, lines: ['5.1.1 hm'] }])
})

test.each(['hello\r\n', '25 x\r\n', '650 x\r\n', '250-a\r\n251 b\r\n', '250x\r\n'])(
  '%j is no reply (RFC 5321 §4.2)',
  (text) => {
    expect(read(text)).toEqual([expect.stringContaining('not a reply')])
  },
)

test('a reply has bounds', () => {
  expect(read(`250 ${'x'.repeat(REPLY_LINE_ACCEPTED_MAX)}`)).toEqual(['reply too long'])
  expect(read(`250 ${'x'.repeat(REPLY_LINE_ACCEPTED_MAX)}\r\n`)).toEqual(['reply too long'])
  expect(read('250-x\r\n'.repeat(REPLY_LINES_MAX))).toEqual(['reply too long'])
})

const words = fc.string({ unit: fc.constantFrom(...' -.25abcXYZ~'), maxLength: 30 })
const reply: fc.Arbitrary<Reply> = fc
  .tuple(
    fc.integer({ min: 2, max: 5 }),
    fc.nat(59),
    fc.option(fc.tuple(fc.nat(999), fc.nat(999)), { nil: undefined }),
    fc.array(
      words.map((text) => `w${text}`),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([severity, rest, detail, lines]) => {
    const code = severity * 100 + rest
    if (detail === undefined || severity === 3) return { code, lines }
    return { code, enhanced: `${severity}.${detail[0]}.${detail[1]}`, lines }
  })

test('property: reading gives back what was written, however it is cut', () => {
  fc.assert(
    fc.property(fc.array(reply), fc.integer({ min: 1, max: 20 }), (replies, size) => {
      const text = replies.map(formatReply).join('')
      const chunks = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []
      expect(read(...chunks)).toEqual(replies)
    }),
  )
})

test('property: no bytes make the reader throw', () => {
  const almost = fc.stringMatching(/^(?:[2-6]\d\d[ -][ -~]{0,9}\r?\n?){0,4}$/)
  fc.assert(
    fc.property(fc.array(fc.oneof(almost, fc.string({ unit: 'binary-ascii' }))), (chunks) => {
      read(...chunks)
    }),
  )
})

test('property: any words make a reply of printable lines', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 1200 })), (lines) => {
      const text = String.fromCharCode(...encodeReply({ code: 250, lines }))
      expect(text).toMatch(/^(?:250[ -][\t -~]{0,506}\r\n)+$/)
    }),
  )
})
