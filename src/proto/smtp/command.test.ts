import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Command, commandSyntax, formatCommand, parseCommand, verbOf } from './command.ts'

function parsed(line: string): Command | string {
  const result = parseCommand(line)
  return result.ok ? result.value : result.fault.code
}

test('verbs and keywords are read in any case (RFC 5321 §2.4)', () => {
  expect(parsed('mAiL fRoM:<a@a.com> size=7 body=8bitmime')).toEqual({
    verb: 'MAIL',
    from: {
      reversePath: { localPart: 'a', domain: 'a.com' },
      parameters: { sizeBytes: 7, body: '8BITMIME' },
    },
  })
})

test('spaces at the end and after the colon are tolerated (RFC 5321 §4.1.1)', () => {
  expect(parsed('RCPT TO: <a@a.com>  ')).toEqual(parsed('RCPT TO:<a@a.com>'))
  expect(parsed('DATA ')).toEqual({ verb: 'DATA' })
})

test('what follows the name of the client is ignored (RFC 5321 §4.1.1.1)', () => {
  expect(parsed('EHLO [127.0.0.1] my computer')).toEqual({ verb: 'EHLO', domain: '[127.0.0.1]' })
  expect(parsed('EHLO my_computer')).toEqual({ verb: 'EHLO', domain: 'my_computer' })
})

test('a name that could disturb a trace field is refused', () => {
  expect(parsed('EHLO a(b')).toBe('smtp/bad-arguments')
  expect(parsed(`EHLO ${'a'.repeat(256)}`)).toBe('smtp/bad-arguments')
})

test.each([
  ['MAIL FROM:<a@a.com>SIZE=1', 'smtp/bad-arguments'],
  ['MAIL FROM:<a@a.com> SIZE=', 'smtp/bad-arguments'],
  ['MAIL FROM:<a@a.com> SIZE=1x', 'smtp/bad-arguments'],
  ['MAIL FROM:<a@a.com> SIZE=1 SIZE=2', 'smtp/bad-arguments'],
  ['MAIL FROM:<a@a.com> BODY=BINARY', 'smtp/bad-arguments'],
  ['MAIL FROM:<a@a.com> AUTH=a+3', 'smtp/bad-arguments'],
  ['MAIL FROM:<a@a.com> FOO', 'smtp/unknown-parameter'],
  ['MAIL TO:<a@a.com>', 'smtp/bad-arguments'],
  ['MAIL', 'smtp/bad-arguments'],
  ['VRFY', 'smtp/bad-arguments'],
  ['AUTH', 'smtp/bad-arguments'],
  ['NOOP \t', 'smtp/bad-arguments'],
  ['NOOP é', 'smtp/bad-arguments'],
  ['MAILFROM:<a@a.com>', 'smtp/unknown-command'],
  [' NOOP', 'smtp/unknown-command'],
  ['constructor', 'smtp/unknown-command'],
])('%j is %s', (line, code) => {
  expect(parsed(line)).toBe(code)
})

test('AUTH in MAIL is read and forgotten (RFC 2554 §5)', () => {
  for (const value of ['<>', 'e+3Dmc2@example.com']) {
    expect(parsed(`MAIL FROM:<a@a.com> AUTH=${value}`)).toMatchObject({
      from: { parameters: {} },
    })
  }
})

test('HELP knows every verb', () => {
  for (const syntax of commandSyntax(() => true)) expect(verbOf(syntax)).toBe(syntax.split(' ')[0])
})

const domain = fc.constantFrom('a.com', 'mail-2.a.com', '[127.0.0.1]')
const mailbox = fc.record({
  localPart: fc.string({ unit: 'grapheme-ascii', maxLength: 20 }),
  domain,
})
const text = fc.constantFrom('', 'user', 'a b c')
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ verb: fc.constantFrom('EHLO' as const, 'HELO' as const), domain }),
  fc.record({
    verb: fc.constant('MAIL' as const),
    from: fc.record({
      reversePath: fc.option(mailbox, { nil: undefined }),
      parameters: fc.record(
        { sizeBytes: fc.nat(), body: fc.constantFrom('7BIT' as const, '8BITMIME' as const) },
        { requiredKeys: [] },
      ),
    }),
  }),
  fc.record({
    verb: fc.constant('RCPT' as const),
    recipient: fc.oneof(mailbox, fc.constant({ localPart: 'Postmaster', domain: '' })),
  }),
  fc.record({ verb: fc.constantFrom('DATA' as const, 'RSET' as const, 'QUIT' as const) }),
  fc.record({ verb: fc.constantFrom('NOOP' as const, 'HELP' as const), argument: text }),
  fc.record({
    verb: fc.constantFrom('VRFY' as const, 'EXPN' as const),
    argument: text.filter((argument) => argument !== ''),
  }),
  fc.record({
    verb: fc.constant('AUTH' as const),
    mechanism: fc.constantFrom('PLAIN', 'LOGIN', 'SCRAM-SHA-256'),
    initialResponse: fc.constantFrom(undefined, '=', 'AHVzZXIAMTIzNDU2'),
  }),
)

test('property: parsing gives back what was formatted', () => {
  fc.assert(
    fc.property(command, (given) => {
      expect(parseCommand(formatCommand(given))).toEqual({ ok: true, value: given })
    }),
  )
})

test('property: no line makes it throw', () => {
  const almost = fc
    .tuple(
      fc.constantFrom('MAIL FROM:', 'RCPT TO:', 'EHLO ', 'AUTH ', 'NOOP', ''),
      fc.string({ unit: fc.constantFrom(...'<>@.=+ aSIZE1:"\\é\0'), maxLength: 60 }),
    )
    .map((parts) => parts.join(''))
  fc.assert(fc.property(almost, (line) => void parseCommand(line)))
})
