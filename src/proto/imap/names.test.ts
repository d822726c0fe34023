import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { wallMs } from '../../base/time.ts'
import { Cursor } from './cursor.ts'
import { formatDateTime, parseDateTime } from './date.ts'
import { decodeName, encodeName, matchesPattern, objectionToName } from './mailbox-name.ts'
import { formatRanges, hasNumber, parseSequenceSet, rangesOf, toRanges } from './sequence-set.ts'
import { decodeUtf7, encodeUtf7 } from './utf7.ts'

describe('modified UTF-7 (RFC 3501 §5.1.3)', () => {
  test('the example', () => {
    const name = '~peter/mail/台北/日本語'
    expect(encodeUtf7(name)).toBe('~peter/mail/&U,BTFw-/&ZeVnLIqe-')
    expect(decodeUtf7('~peter/mail/&U,BTFw-/&ZeVnLIqe-')).toBe(name)
  })

  test.each(['&', '&AGE-', '&U,BTFw', '&Jjo!', '&U,BTFw-&ZeVnLIqe-', 'ü', '&/w-', '&A-'])(
    '%j is not the one form of a name',
    (text) => {
      expect(decodeUtf7(text)).toBeUndefined()
    },
  )

  test('property: a name comes back as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        expect(decodeUtf7(encodeUtf7(name))).toBe(name)
        expect(decodeName(encodeName(`x${name}`, false), false)).toBe(`x${name}`)
      }),
    )
  })

  test('property: no octets make it throw, and one that is read is written the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
        const name = decodeUtf7(text)
        if (name !== undefined) expect(encodeUtf7(name)).toBe(text)
      }),
    )
  })
})

describe('patterns (RFC 9051 §6.3.9)', () => {
  test.each([
    ['a/b/c', '*', true],
    ['a/b/c', '%', false],
    ['a', '%', true],
    ['a/b/c', 'a/%', false],
    ['a/b', 'a/%', true],
    ['a/b/c', 'a/*c', true],
    ['a/b/c', '%/%/%', true],
    ['a/b/c', 'a*b', false],
    ['INBOX', 'inbox', true],
    ['INBOX', 'iN%', true],
    ['Inboxes', 'INBOX*', false],
    ['日本/語', '日%/%', true],
    ['a', '', false],
    ['', '', true],
  ])('%j and %j: %j', (name, pattern, matches) => {
    expect(matchesPattern(name, pattern)).toBe(matches)
  })

  test('the longest pattern takes no time to speak of', () => {
    const name = 'a'.repeat(200)
    expect(matchesPattern(name, `${'%a*'.repeat(80_000)}b`)).toBe(false)
    expect(matchesPattern(name, `${'*%a'.repeat(199)}b`)).toBe(false)
  })
})

test('what no mailbox can be called', () => {
  for (const name of ['', 'a//b', '/a', 'a/', 'a/../b', 'a\0', 'a*', 'x'.repeat(201)]) {
    expect(objectionToName(name)).toBeDefined()
  }
  for (const name of ['INBOX', 'a/b c', 'Entwürfe', '~a.b'])
    expect(objectionToName(name)).toBeUndefined()
})

describe('sequence sets', () => {
  const ranges = (text: string, greatest: number) =>
    toRanges(parseSequenceSet(new Cursor(text)), greatest)

  test('either end may be the greater, and ranges that touch are one', () => {
    expect(ranges('5:3,1,4:9,2', 100)).toEqual([[1, 9]])
    expect(ranges('*:4,7', 5)).toEqual([
      [4, 5],
      [7, 7],
    ])
    expect(ranges('99:*', 7)).toEqual([[7, 99]])
  })

  test('a set of all numbers is one range', () => {
    expect(ranges('1:4294967295', 3)).toEqual([[1, 4_294_967_295]])
  })

  test('property: a set has the numbers that are in it, written either way', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (numbers) => {
        const text = numbers.join(',')
        const set = ranges(text, 60)
        for (let n = 0; n <= 61; n++) expect(hasNumber(set, n)).toBe(numbers.includes(n))
        const sorted = [...new Set(numbers)].sort((a, b) => a - b)
        expect(rangesOf(sorted)).toEqual(set)
        expect(ranges(formatRanges(set), 60)).toEqual(set)
      }),
    )
  })
})

test('a date is the same in every zone, and comes back as it was (RFC 9051 §9, date-time)', () => {
  const at = parseDateTime(new Cursor('" 1-Feb-1994 21:52:25 -0800"'))
  expect(formatDateTime(at)).toBe('" 2-Feb-1994 05:52:25 +0000"')
  expect(parseDateTime(new Cursor('"02-feb-1994 05:52:25 +0000"'))).toBe(at)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e9 }), (seconds) => {
      const wall = wallMs(seconds * 1000)
      expect(parseDateTime(new Cursor(formatDateTime(wall)))).toBe(wall)
    }),
  )
})
