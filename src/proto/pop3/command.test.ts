import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromLatin1, fromUtf8, toLatin1 } from '../../base/bytes.ts'
import { type Command, formatCommand, parseCommand } from './command.ts'
import { COMMAND_LENGTH_MAX } from './limits.ts'

function parse(line: string): Command | string {
  const parsed = parseCommand(fromUtf8(line))
  return parsed.ok ? parsed.value : parsed.fault.code
}

test('keywords are case-insensitive (RFC 1939 §3)', () => {
  expect(parse('sTaT\r')).toEqual({ verb: 'STAT' })
  expect(parse('retr 12\r')).toEqual({ verb: 'RETR', message: 12 })
})

test('a password keeps its spaces and its letters beyond ASCII (RFC 1939 §7)', () => {
  expect(parse('PASS  two  wörds \r')).toEqual({ verb: 'PASS', password: ' two  wörds ' })
})

test('LIST and UIDL may name a message; RETR, DELE and TOP must (RFC 1939 §9)', () => {
  expect(parse('LIST\r')).toEqual({ verb: 'LIST', message: undefined })
  expect(parse('UIDL 3 \r')).toEqual({ verb: 'UIDL', message: 3 })
  expect(parse('TOP 1 0\r')).toEqual({ verb: 'TOP', message: 1, lines: 0 })
  for (const line of ['RETR', 'DELE ', 'TOP 1', 'TOP 1 2 3', 'LIST 1 2', 'RETR x', 'RETR -1']) {
    expect(parse(line)).toBe('pop3/bad-syntax')
  }
  expect(parse('RETR 12345678901')).toBe('pop3/bad-syntax')
})

test('USER and PASS need an argument, STAT and the like take none', () => {
  for (const line of ['USER', 'PASS ', 'STAT 1', 'QUIT now', 'CAPA x']) {
    expect(parse(line)).toBe('pop3/bad-syntax')
  }
})

test('what is no command, or holds control characters, is refused', () => {
  expect(parse('APOP a b')).toBe('pop3/unknown-command')
  expect(parse('')).toBe('pop3/unknown-command')
  expect(parse('toString')).toBe('pop3/unknown-command')
  expect(parse('USER a\rb')).toBe('pop3/bad-syntax')
})

test('a command may be 255 octets with its CRLF, not one more (RFC 2449 §4)', () => {
  const longest = `PASS ${'x'.repeat(COMMAND_LENGTH_MAX - 'PASS \r\n'.length)}\r`
  expect(parse(longest)).toMatchObject({ verb: 'PASS' })
  expect(parse(`PASS x${longest.slice(5)}`)).toBe('pop3/line-too-long')
})

test('a client cannot be made to send a second command inside an argument', () => {
  const smuggled = formatCommand({ verb: 'USER', user: 'ada\r\nDELE 1' })
  expect(!smuggled.ok && smuggled.fault.code).toBe('pop3/bad-syntax')
  const long = formatCommand({ verb: 'PASS', password: 'x'.repeat(COMMAND_LENGTH_MAX) })
  expect(!long.ok && long.fault.code).toBe('pop3/line-too-long')
})

test('property: no bytes make the parser throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string().map(fromUtf8)), (line) => {
      parseCommand(line)
    }),
  )
})

const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((t) => /^\P{Cc}+$/u.test(t))
const number = fc.nat(4_000_000)
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ verb: fc.constant('USER' as const), user: text }),
  fc.record({ verb: fc.constant('PASS' as const), password: text }),
  fc.record({ verb: fc.constantFrom('STAT', 'NOOP', 'RSET', 'QUIT', 'CAPA') }),
  fc.record({
    verb: fc.constantFrom('LIST', 'UIDL'),
    message: fc.option(number, { nil: undefined }),
  }),
  fc.record({ verb: fc.constantFrom('RETR', 'DELE'), message: number }),
  fc.record({ verb: fc.constant('TOP' as const), message: number, lines: number }),
)

test('property: parsing gives back what was formatted', () => {
  fc.assert(
    fc.property(command, (given) => {
      const line = formatCommand(given)
      expect(line.ok).toBe(true)
      if (!line.ok) return
      expect(toLatin1(line.value.subarray(-2))).toBe('\r\n')
      expect(parseCommand(line.value.subarray(0, -1))).toEqual({ ok: true, value: given })
    }),
  )
})

test('a line may end with LF alone, which some clients send', () => {
  expect(parseCommand(fromLatin1('NOOP'))).toEqual({ ok: true, value: { verb: 'NOOP' } })
})
