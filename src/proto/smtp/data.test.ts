import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { DotStuffer } from '../message/dot-stuffing.ts'
import { DataReader } from './data.ts'

/** Reads `chunks` to the end of the data; what follows it is the rest. */
function readAll(chunks: readonly Uint8Array[], sizeBytesMax = 1_000_000) {
  const reader = new DataReader(sizeBytesMax)
  const body: Uint8Array[] = []
  let rest = ''
  let ended = false
  for (const chunk of chunks) {
    if (ended) {
      rest += toLatin1(chunk)
      continue
    }
    const read = reader.read(chunk)
    body.push(read.body)
    ended = read.ended
    rest += toLatin1(chunk.subarray(read.consumed))
  }
  const { problem, sizeBytes } = reader
  return { body: toLatin1(concat(...body)), ended, problem, rest, sizeBytes }
}

function stuff(chunks: readonly Uint8Array[]): Uint8Array {
  const stuffer = new DotStuffer()
  return concat(...chunks.map((chunk) => stuffer.push(chunk)), stuffer.end())
}

function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [...new Set(cuts.map((c) => c % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...at].map((from, i) => bytes.slice(from, [...at, bytes.length][i]))
}

test('the first dot of a line is taken away, whatever follows it (RFC 5321 §4.5.2)', () => {
  expect(readAll([fromLatin1('..\r\n.a\r\n...\r\n.\r\nrest')])).toEqual({
    body: '.\r\na\r\n..\r\n',
    ended: true,
    problem: undefined,
    rest: 'rest',
    sizeBytes: 10,
  })
})

test('data may be empty (RFC 5321 §4.1.1.4)', () => {
  expect(readAll([fromLatin1('.\r\n')])).toMatchObject({ body: '', ended: true, sizeBytes: 0 })
})

test.each([
  ['a\nb', 'bare-lf', 'a'],
  ['a\rb', 'bare-cr', 'a\r'],
  ['a\r\r\nb', 'bare-cr', 'a\r'],
  ['\nb', 'bare-lf', ''],
  ['\rb', 'bare-cr', '\r'],
  ['.\rb', 'bare-cr', ''],
  ['.\nb', 'bare-lf', ''],
] as const)('%j is a problem and the body stops there', (text, problem, body) => {
  expect(readAll([fromLatin1(`${text}\r\n.\r\nrest`)])).toMatchObject({
    problem,
    body,
    ended: true,
    rest: 'rest',
  })
})

test('bytes other than CR and LF pass as they are, NUL among them (RFC 5321 §4.5.2)', () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i).filter((b) => b !== 10 && b !== 13)
  expect(readAll([all, fromLatin1('\r\n.\r\n')]).body).toBe(`${toLatin1(all)}\r\n`)
})

test('a body beyond the limit is cut there, and the end is still found (RFC 1870 §6.3)', () => {
  expect(readAll([fromLatin1('abc\r\n.\r\nrest')], 4)).toEqual({
    body: 'abc\r',
    ended: true,
    problem: 'too-big',
    rest: 'rest',
    sizeBytes: 4,
  })
  expect(readAll([fromLatin1('abc\r\n.\r\n')], 5).problem).toBeUndefined()
})

test('the body is not the chunk itself, which was only borrowed', () => {
  const chunk = fromLatin1('abc')
  const { body } = new DataReader(10).read(chunk)
  chunk.fill(0)
  expect(toLatin1(body)).toBe('abc')
})

/** Bytes that stand close to every decision. */
const tricky = fc
  .array(fc.constantFrom('\r\n', '.', '\r', '\n', 'a', 'bcdef', '\r\n.', '\0', '\xff'))
  .map((parts) => fromLatin1(parts.join('')))
const cuts = fc.array(fc.nat())

/** The same, one line at a time, as the RFC tells it. */
function reference(text: string) {
  const end = /(?:^|\r\n)\.\r\n/.exec(text)
  const data = end === null ? text : text.slice(0, end.index + (end[0].length > 3 ? 2 : 0))
  const rest = end === null ? '' : text.slice(end.index + end[0].length)
  const problem = /\r(?!\n)|(?<!\r)\n/.test(data)
  return { body: data.replace(/(^|\r\n)\./g, '$1'), rest, problem, ended: end !== null }
}

test('property: it reads as a plain reading of RFC 5321 §4.5.2 does', () => {
  fc.assert(
    fc.property(tricky, cuts, (head, at) => {
      const text = `${toLatin1(head)}x\r\n.\r\nrest`
      const expected = reference(text)
      const read = readAll(cut(fromLatin1(text), at))
      expect(read.ended).toBe(expected.ended)
      expect(read.rest).toBe(expected.rest)
      expect(read.problem !== undefined).toBe(expected.problem)
      if (!expected.problem) expect(read.body).toBe(expected.body)
    }),
    { numRuns: 2000 },
  )
})

test('property: how data is cut into chunks changes nothing', () => {
  fc.assert(
    fc.property(tricky, cuts, fc.integer({ min: 0, max: 30 }), (bytes, at, max) => {
      expect(readAll(cut(bytes, at), max)).toEqual(readAll([bytes], max))
    }),
    { numRuns: 2000 },
  )
})

test('property: reading gives back what was written', () => {
  const line = fc.array(fc.constantFrom('.', 'a', ' ', '\0', '\xff')).map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.array(line), cuts, (lines, at) => {
      const message = lines.map((text) => `${text}\r\n`).join('')
      const stuffed = stuff(cut(fromLatin1(message), at))
      expect(readAll(cut(stuffed, at))).toEqual({
        body: message,
        ended: true,
        problem: undefined,
        rest: '',
        sizeBytes: message.length,
      })
    }),
  )
})

test('property: no bytes make the reader throw, and it uses each byte once', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const read = new DataReader(1000).read(bytes)
      expect(read.consumed).toBeLessThanOrEqual(bytes.length)
      if (!read.ended) expect(read.consumed).toBe(bytes.length)
    }),
  )
})

describe('repair', () => {
  const repaired = (text: string, cut: number): string => {
    const reader = new DataReader(1000, 'repair')
    let body = ''
    for (const piece of [text.slice(0, cut), text.slice(cut)]) {
      body += toLatin1(reader.read(fromLatin1(piece)).body)
    }
    expect(reader.problem).toBeUndefined()
    return body
  }

  test.each([
    ['a\nb\r\n', 'a\r\nb\r\n'],
    ['a\rb\r\n', 'a\r\nb\r\n'],
    ['a\n.\nb\r\n', 'a\r\n.\r\nb\r\n'],
    ['a\n.\r\nb\r\n', 'a\r\n.\r\nb\r\n'],
    ['a\r\n.\rb\r\n', 'a\r\n\r\nb\r\n'],
  ])('%j becomes %j, and only <CR><LF>.<CR><LF> ends it', (text, body) => {
    for (let cut = 0; cut <= text.length; cut++) expect(repaired(text, cut)).toBe(body)
  })
})
