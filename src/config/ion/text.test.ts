import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatToken, readLines, tokenize } from './text.ts'

function wordsOf(line: string): readonly string[] {
  return tokenize(line).map(({ text }) => text)
}

test('LF and CRLF end lines, and a lone end of line makes no further one', () => {
  expect(readLines('1\r\ns\n\nx')).toEqual([
    { number: 1, text: '1' },
    { number: 2, text: 's' },
    { number: 3, text: '' },
    { number: 4, text: 'x' },
  ])
  expect(readLines('')).toEqual([])
  expect(readLines('s\n')).toHaveLength(1)
})

test.each([
  ['a contact  +0 +600\t\t2 3   1', ['a', 'contact', '+0', '+600', '2', '3', '1']],
  ["r 'ipnadmin bench.ipnrc'", ['r', 'ipnadmin bench.ipnrc']],
  ["a outduct tcp x ''", ['a', 'outduct', 'tcp', 'x', '']],
  ['a {two words} three', ['a', 'two words', 'three']],
  ["{ended by the other'", ['ended by the other']],
  ["'ended by the other}", ['ended by the other']],
  [String.raw`'it\'s one' 2`, [String.raw`it\'s one`, '2']],
  ["don't", ["don't"]],
  ["'a''b'", ['a', 'b']],
  ["'a'b", ['a', 'b']],
  ['"two words"', ['"two', 'words"']],
  [' \v\f\r ', []],
])('%s is cut into %o', (line, words) => {
  expect(wordsOf(line)).toEqual(words)
})

test('a quote without an end takes the rest of the line and says so', () => {
  expect(tokenize("r 'ls -l")).toMatchObject([
    { text: 'r', isClosed: true },
    { text: 'ls -l', column: 3, isQuoted: true, isClosed: false },
  ])
  expect(tokenize(String.raw`'ls\'`)).toMatchObject([{ isClosed: false }])
})

test('property: every token stands where its column says, whatever the line', () => {
  const line = fc.string({ unit: fc.constantFrom(..." \t'{}\\ab#1é\u2028") })
  fc.assert(
    fc.property(fc.oneof(line, fc.string({ unit: 'binary' })), (text) => {
      let end = 0
      for (const token of tokenize(text)) {
        const begin = token.column - 1 + (token.isQuoted ? 1 : 0)
        expect(text.slice(begin, begin + token.text.length)).toBe(token.text)
        expect(token.column - 1).toBeGreaterThanOrEqual(end)
        end = begin + token.text.length
      }
    }),
  )
})

test('property: a token is written so that it is read again', () => {
  const line = fc.string({ unit: fc.constantFrom(..." \t'{}\\ab#1") })
  fc.assert(
    fc.property(line, fc.boolean(), (text, isCommand) => {
      const words = tokenize(text)
        .filter(({ isClosed }) => isClosed)
        .map((token) => token.text)
      const written = words.map((word) => formatToken(word, isCommand)).join(' ')
      expect(wordsOf(written)).toEqual(words)
    }),
  )
})
