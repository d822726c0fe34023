import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { dkimBody } from 'mailauth/lib/dkim/body/index.js'
import { describe, expect, test } from 'vitest'
import { BodyHash } from './dkim-body.ts'

const bodyHash = (canonicalization: 'simple' | 'relaxed', ...parts: readonly string[]): string => {
  const hash = new BodyHash(canonicalization, 'sha256')
  for (const part of parts) hash.update(Buffer.from(part, 'latin1'))
  return hash.digest()
}
const sha256 = (text: string): string =>
  createHash('sha256').update(text, 'latin1').digest('base64')

describe('the hash of a body', () => {
  // The examples of RFC 6376.
  const EXAMPLE = ' C \r\nD \t E\r\n\r\n\r\n'

  test('relaxed: white space is one space, none at the end of a line, and no empty lines at the end', () => {
    expect(bodyHash('relaxed', EXAMPLE)).toBe(sha256(' C\r\nD E\r\n'))
  })

  test('simple: only the empty lines at the end are one', () => {
    expect(bodyHash('simple', EXAMPLE)).toBe(sha256(' C \r\nD \t E\r\n'))
  })

  test.each([
    ['', '\r\n', ''],
    ['\r\n\r\n', '\r\n', ''],
    ['a', 'a\r\n', 'a\r\n'],
    [' \r\n \r\n', ' \r\n \r\n', ''],
    ['a\nb\n', 'a\r\nb\r\n', 'a\r\nb\r\n'],
    ['a\rb \r c\r', 'a\rb \r c\r\r\n', 'a\rb \r c\r\r\n'],
  ])('%j is %j in simple and %j in relaxed form', (body, simple, relaxed) => {
    expect(bodyHash('simple', body)).toBe(sha256(simple))
    expect(bodyHash('relaxed', body)).toBe(sha256(relaxed))
  })

  test('property: cut the bytes anywhere, the same hash; and that of an independent implementation', () => {
    const text = fc.array(fc.constantFrom('a', 'b', ' ', '\t', '\r\n'), { maxLength: 60 })
    fc.assert(
      fc.property(
        text,
        fc.array(fc.nat(60)),
        fc.constantFrom('simple', 'relaxed'),
        (parts, cuts, c) => {
          // Of a last line without its end the library keeps the white space.
          const body = parts.length === 0 ? '' : `${parts.join('')}\r\n`
          const canonicalization = c as 'simple' | 'relaxed'
          const whole = bodyHash(canonicalization, body)
          const at = [0, ...cuts.map((cut) => Math.min(cut, body.length)), body.length].sort(
            (a, b) => a - b,
          )
          const pieces = at.slice(1).map((end, i) => body.slice(at[i], end))
          expect(bodyHash(canonicalization, ...pieces)).toBe(whole)
          const theirs = dkimBody(canonicalization, 'sha256')
          theirs.update(Buffer.from(body))
          expect(whole).toBe(theirs.digest('base64'))
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('property: no bytes make it throw', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (chunks) => {
        const hash = new BodyHash('relaxed', 'sha1')
        for (const chunk of chunks) hash.update(chunk)
        expect(hash.digest()).toHaveLength(28)
      }),
    )
  })
})
