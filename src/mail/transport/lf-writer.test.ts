import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { LfWriter } from './lf-writer.ts'

test('property: however it is cut, each CRLF becomes LF and nothing else changes', () => {
  const text = fc.array(fc.constantFrom('\r', '\n', '\r\n', 'a', '\0'), { maxLength: 30 })
  fc.assert(
    fc.property(text, fc.array(fc.nat(60)), (parts, cuts) => {
      const whole = parts.join('')
      const writer = new LfWriter()
      const ends = [0, ...cuts.map((cut) => Math.min(cut, whole.length)), whole.length]
      ends.sort((a, b) => a - b)
      const written = ends.slice(1).map((end, i) => {
        const piece = fromLatin1(whole.slice(ends[i], end))
        const out = writer.push(piece)
        const copy = out.slice()
        piece.fill(0)
        return copy
      })
      expect(toLatin1(concat(...written, writer.end()))).toBe(whole.replaceAll('\r\n', '\n'))
    }),
  )
})
