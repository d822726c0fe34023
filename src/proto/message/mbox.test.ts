import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromLatin1, NO_BYTES, toLatin1 } from '../../base/bytes.ts'
import { wallMs } from '../../base/time.ts'
import { MBOX_SEPARATOR_BYTES_MAX } from './limits.ts'
import {
  formatSeparator,
  MboxReader,
  type MboxSeparator,
  MboxWriter,
  parseSeparator,
} from './mbox.ts'
import { formatStatus, readStatus } from './mbox-status.ts'

interface Message {
  readonly separator: MboxSeparator
  readonly text: string
}

const at = wallMs(1_793_692_800_000)
const separator = { sender: 'ann@a.com', at }
const FIRST = 'From ann@a.com Tue Nov  3 08:00:00 2026\n'

function written(messages: readonly Message[], cut = 1e9): string {
  const writer = new MboxWriter()
  return messages
    .map(({ separator, text }) =>
      toLatin1(
        concat(
          NO_BYTES,
          writer.begin(separator),
          ...pieces(text, cut).map((piece) => writer.push(fromLatin1(piece))),
          writer.end(),
        ),
      ),
    )
    .join('')
}

function read(file: string, cut = 1e9): readonly Message[] | string {
  const reader = new MboxReader()
  const messages: Message[] = []
  for (const piece of [...pieces(file, cut), undefined]) {
    const result = piece === undefined ? reader.end() : reader.push(fromLatin1(piece))
    if (!result.ok) return result.fault.message
    for (const part of result.value) {
      const last = messages.at(-1) as Message
      if (part.type === 'begin') messages.push({ separator: part.separator, text: '' })
      if (part.type === 'content') {
        messages[messages.length - 1] = { ...last, text: last.text + toLatin1(part.bytes) }
      }
    }
  }
  return messages
}

function pieces(text: string, size: number): readonly string[] {
  const result: string[] = []
  for (let i = 0; i < text.length; i += size) result.push(text.slice(i, i + size))
  return result
}

const line = fc.stringMatching(/^(>{0,3}(From |Fro|From|>)?)?[a-z >F]{0,8}$/)
const message = fc.record({
  separator: fc.record({
    sender: fc.constantFrom('ann@a.com', '-', 'MAILER-DAEMON', 'a"b c"@d'.replace(' ', '_')),
    at: fc.integer({ min: 0, max: 4_000_000_000 }).map((second) => wallMs(second * 1000)),
  }),
  text: fc.array(line, { maxLength: 8 }).map((lines) => lines.map((l) => `${l}\r\n`).join('')),
})

test('lines that look like separators are quoted, quoted ones once more, and an empty line ends each message', () => {
  const text = 'From: a\r\n\r\nFrom here\r\n>From\r\n>>From there\r\n\r\nFrom'
  expect(written([{ separator, text }])).toBe(
    `${FIRST}From: a\n\n>From here\n>From\n>>>From there\n\nFrom\n\n`,
  )
})

test('what was written is read as it was, cut anywhere', () => {
  const cut = fc.integer({ min: 1, max: 60 })
  fc.assert(
    fc.property(fc.array(message, { maxLength: 4 }), cut, cut, (messages, a, b) => {
      const file = written(messages, a)
      expect(file).toBe(written(messages))
      expect(read(file, b)).toEqual(messages)
      expect(read(file.replaceAll('\n', '\r\n'), b)).toEqual(messages)
    }),
  )
})

test('no octets make it throw, and cut anywhere they mean the same', () => {
  const noise = fc.array(
    fc.constantFrom('From ', FIRST, '\n', '\r', '>', 'Fro', 'x', '\r\n', '\xff'),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(noise, fc.integer({ min: 1, max: 9 }), (parts, cut) => {
      const file = parts.join('')
      expect(read(file, cut)).toEqual(read(file))
      expect(read(FIRST + file, cut)).toEqual(read(FIRST + file))
    }),
  )
})

test('a separator is taken with a zone, without seconds, without an address; and nothing else is one', () => {
  const good = [
    'From ann@a.com Tue Nov  3 08:00:00 2026',
    'From ann@a.com Tue Nov 3 08:00 2026',
    'From ann@a.com Tue Nov  3 09:00:00 +0100 2026',
    'From ann@a.com Tue Nov  3 03:00:00 2026 -0500',
    'From ann@a.com Tue Nov  3 08:00:00 UTC 2026',
  ]
  for (const one of good) expect(parseSeparator(one)).toEqual(separator)
  expect(parseSeparator('From - Tue Nov  3 08:00:00 2026')).toEqual({ sender: '-', at })
  expect(formatSeparator({ sender: '', at })).toBe('From MAILER-DAEMON Tue Nov  3 08:00:00 2026\n')
  const bad = [
    'From here on',
    'From ann@a.com',
    'From ann@a.com Tue Nov 33 08:00:00 2026',
    'From ann@a.com Tue Nov  3 28:00:00 2026',
    '>From ann@a.com Tue Nov  3 08:00:00 2026',
  ]
  for (const one of bad) expect(parseSeparator(one)).toBeUndefined()
})

test('a line that begins with From and separates nothing is refused, with its number', () => {
  expect(read('hello\n')).toMatch(/^line 1: the file does not begin with "From "/)
  expect(read(`${FIRST}A: b\n\nFrom here\n`)).toMatch(/^line 4: .* is no separator/)
  expect(read(`${FIRST}A: b\n${FIRST}`)).toMatch(/^line 3: .* no empty line is before it/)
  const long = `From ${'a'.repeat(MBOX_SEPARATOR_BYTES_MAX)}`
  expect(read(long)).toBe('line 1: is too long for a separator of messages')
  expect(read(long.slice(0, MBOX_SEPARATOR_BYTES_MAX - 1))).toMatch(/is no separator/)
})

test('a message of very many lines is one as any other', () => {
  const text = '\r\n>\r\n'.repeat(200_000)
  expect(read(written([{ separator, text }]))).toEqual([{ separator, text }])
})

test('flags go above the message and are told from fields of its own', () => {
  const own = formatStatus({ letters: 'RF', keywords: ['$Label1', 'work'] })
  const text = 'Status: O\r\nSubject: a\r\n\r\n'
  const head = concat(own, fromLatin1(text))
  expect(readStatus(head)).toEqual({
    letters: 'RF',
    keywords: ['$Label1', 'work'],
    ownBytes: own.length,
  })
  expect(readStatus(fromLatin1('Subject: a\r\nStatus: RO\r\nX-Status: A\r\n\r\n'))).toEqual({
    letters: 'ROA',
    keywords: [],
    ownBytes: 0,
  })
})
