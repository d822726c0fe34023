import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../base/bytes.ts'
import { SendmailText } from './sendmail-text.ts'

function read(endsAtDot: boolean, ...pieces: readonly string[]): string {
  const text = new SendmailText(endsAtDot)
  const parts = pieces.map((piece) => text.push(fromLatin1(piece)))
  return toLatin1(concat(...parts, text.end()))
}

/** The whole at once, as it is easily understood. */
function model(endsAtDot: boolean, whole: string): string {
  const end = endsAtDot ? /^\.\r?$(?![^\n])/m.exec(whole)?.index : undefined
  return whole.slice(0, end).replace(/\r?\n/g, '\r\n')
}

describe('the text of sendmail', () => {
  it('has its lines end in CRLF, however they ended (RFC 5321 §2.3.8)', () => {
    expect(read(false, 'a\nb\r\n.\nc')).toBe('a\r\nb\r\n.\r\nc')
  })

  it('ends at a line of one dot where it is to, also at once and without a line end', () => {
    expect(read(true, 'a\n.\nb\n')).toBe('a\r\n')
    expect(read(true, '.\nb\n')).toBe('')
    expect(read(true, '.\r', '\nb\n')).toBe('')
    expect(read(true, 'a\n.')).toBe('a\r\n')
    expect(read(true, 'a\n..\na.\n.b\n')).toBe('a\r\n..\r\na.\r\n.b\r\n')
  })

  it('is the same wherever it is cut', () => {
    const piece = fc.string({ unit: fc.constantFrom('\r', '\n', '.', 'x'), maxLength: 8 })
    fc.assert(
      fc.property(fc.array(piece), fc.boolean(), (pieces, endsAtDot) => {
        expect(read(endsAtDot, ...pieces)).toBe(read(endsAtDot, pieces.join('')))
      }),
    )
  })

  it('says when it is over, and takes no more', () => {
    const text = new SendmailText(true)
    text.push(fromLatin1('a\n.\n'))
    expect([text.isOver, toLatin1(text.push(fromLatin1('b\n')))]).toEqual([true, ''])
  })

  it('never throws, and agrees with the whole where there is no bare CR', () => {
    const word = fc.constantFrom('\r\n', '\n', '.', 'x', 'é')
    fc.assert(
      fc.property(fc.array(word), fc.boolean(), (words, endsAtDot) => {
        const whole = words.join('')
        expect(read(endsAtDot, ...words)).toBe(model(endsAtDot, whole))
      }),
    )
  })
})
