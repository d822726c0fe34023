import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { type MonoMs, monoMs } from '../../base/time.ts'
import {
  COMMAND_LENGTH_MAX,
  INACTIVITY_MS,
  LOGIN_FAILURES_MAX,
  MAILDROP_MESSAGES_MAX,
  MISTAKES_MAX,
  PIPELINED_BYTES_MAX,
  READ_BYTES_MAX,
  SEND_WINDOW_BYTES,
} from './limits.ts'
import type { Pop3Answer } from './question.ts'
import { Pop3Server, type Pop3ServerEvent } from './server.ts'

const OPTIONS = { mechanisms: [], oneWayDelayMs: 0, loginDelaySec: 0 }

const MESSAGES = ['Subject: one\r\n\r\nfirst\r\n.dot\r\nlast\r\n', 'Subject: two\n\nbare\n.\nend']

interface Host {
  readonly server: Pop3Server
  /** All that was sent, with other effects in angle brackets. */
  text: string
  now: MonoMs
  /** Whether everything sent leaves at once. */
  drains: boolean
  messages: readonly string[]
}

function host(overrides: Partial<Host> = {}): Host {
  const server = new Pop3Server({ hostname: 'mail.a.com', ...OPTIONS, plaintextAuth: 'allow' })
  return { server, text: '', now: monoMs(0), drains: true, messages: MESSAGES, ...overrides }
}

function answerTo(h: Host, effect: { readonly type: string }): Pop3Answer | undefined {
  const asked = effect as ReturnType<Pop3Server['handle']>[number]
  switch (asked.type) {
    case 'open': {
      if (asked.password === 'busy') return { type: 'not-opened', reason: 'in-use' }
      if (asked.password === 'broken') return { type: 'not-opened', reason: 'trouble' }
      if (asked.password !== 'secret') return { type: 'not-opened', reason: 'credentials' }
      const sizes = h.messages.map((m) => m.replace(/(?<!\r)\n|(?<!\n)$/g, '\r\n').length)
      const messages = sizes.map((sizeBytes, i) => ({ uid: `uid-${i + 1}`, sizeBytes }))
      return { type: 'opened', messages }
    }
    case 'read': {
      const message = h.messages[asked.number - 1] ?? ''
      const end = asked.offset + asked.lengthMax
      const bytes = fromLatin1(message.slice(asked.offset, end))
      return { type: 'chunk', bytes, isLast: end >= message.length }
    }
    case 'update':
      return { type: 'updated', removedAll: true }
    default:
      return undefined
  }
}

/** Feeds one event and, as a driver does, every answer that follows from it. */
function feed(h: Host, event: Pop3ServerEvent): void {
  const inbox: Pop3ServerEvent[] = [event]
  for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
    let hasSent = false
    for (const effect of h.server.handle(next, h.now)) {
      if (effect.type === 'send') {
        h.text += toLatin1(effect.bytes)
        hasSent = true
      } else if (effect.type === 'retrieved') h.text += `<retrieved ${effect.number}>`
      else if (effect.type === 'update') h.text += `<remove ${effect.remove.join()}>`
      else if (effect.type === 'refused') h.text += `<refused ${effect.command}>`
      else if (effect.type === 'close') h.text += '<close>'
      const answer = answerTo(h, effect)
      if (answer !== undefined) inbox.push(answer)
    }
    if (hasSent && h.drains) inbox.push({ type: 'drained' })
  }
}

function say(h: Host, text: string): string {
  h.text = ''
  feed(h, { type: 'bytes', bytes: fromLatin1(text) })
  return h.text
}

function loggedIn(overrides: Partial<Host> = {}): Host {
  const h = host(overrides)
  feed(h, { type: 'connected' })
  say(h, 'USER ada\r\nPASS secret\r\n')
  return h
}

test('the greeting offers no APOP (RFC 1939 §7)', () => {
  const h = host()
  feed(h, { type: 'connected' })
  expect(h.text).toBe('+OK mail.a.com POP3 server ready\r\n')
})

test('only USER, PASS, CAPA and QUIT work before the login (RFC 1939 §4)', () => {
  const h = host()
  expect(say(h, 'STAT\r\nRETR 1\r\nNOOP\r\n')).toBe('-ERR log in first\r\n'.repeat(3))
  expect(say(h, 'PASS secret\r\n')).toBe('-ERR USER comes first\r\n')
  expect(say(h, 'QUIT\r\n')).toBe('+OK bye\r\n<close>')
  expect(say(h, 'NOOP\r\n')).toBe('')
})

test('commands pipelined behind PASS wait for the maildrop (RFC 2449 §6.6)', () => {
  const h = host()
  expect(say(h, 'USER ada\r\nPASS secret\r\nSTAT\r\nUSER ada\r\n')).toBe(
    '+OK send PASS\r\n+OK 2 messages (65 octets)\r\n+OK 2 65\r\n-ERR already logged in\r\n',
  )
})

test('CAPA lists the same before and after the login (RFC 2449 §5)', () => {
  const h = host()
  const before = say(h, 'CAPA\r\n')
  expect(before).toBe(
    '+OK capability list follows\r\nUSER\r\nTOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\n' +
      'AUTH-RESP-CODE\r\nEXPIRE NEVER\r\nUTF8 USER\r\nIMPLEMENTATION Lightlag\r\nLOGIN-DELAY 0\r\n.\r\n',
  )
  expect(say(loggedIn(), 'CAPA\r\n')).toBe(before)
})

test('where passwords may not cross in the clear USER is refused and not listed (RFC 2595 §2.3)', () => {
  const server = new Pop3Server({ hostname: 'mail.a.com', ...OPTIONS, plaintextAuth: 'refuse' })
  const h = host({ server })
  expect(say(h, 'USER ada\r\nPASS secret\r\n')).toBe(
    '-ERR passwords are not taken on an unencrypted connection\r\n-ERR USER comes first\r\n',
  )
  expect(say(h, 'CAPA\r\n')).not.toMatch(/^USER/m)
})

test('a maildrop in use or out of order is said to be so at once (RFC 2449 §8.1.2)', () => {
  const h = host()
  expect(say(h, 'USER ada\r\nPASS busy\r\n')).toContain('-ERR [IN-USE] ')
  expect(say(h, 'USER ada\r\nPASS broken\r\n')).toContain('-ERR [SYS/TEMP] ')
  expect(say(h, 'PASS secret\r\n')).toBe('-ERR USER comes first\r\n')
  expect(say(h, 'USER ada\r\nPASS secret\r\nNOOP\r\n')).toMatch(/octets\)\r\n\+OK\r\n$/)
})

test('a bad login is said to be one, and after the last the session ends', () => {
  const h = host()
  for (let failure = 1; failure <= LOGIN_FAILURES_MAX; failure++) {
    expect(say(h, 'USER ada\r\nPASS wrong\r\nNOOP\r\n')).toBe(
      `+OK send PASS\r\n-ERR [AUTH] wrong user name or password\r\n${failure < LOGIN_FAILURES_MAX ? '-ERR log in first\r\n' : '<close>'}`,
    )
  }
  expect(h.server.deadline).toBeUndefined()
})

test('LIST and UIDL answer for all or for one, in octets as sent (RFC 1939 §5, §7, §11)', () => {
  const h = loggedIn()
  expect(say(h, 'LIST\r\n')).toBe('+OK 2 messages (65 octets)\r\n1 35\r\n2 30\r\n.\r\n')
  expect(say(h, 'UIDL\r\n')).toBe('+OK 2 messages (65 octets)\r\n1 uid-1\r\n2 uid-2\r\n.\r\n')
  expect(say(h, 'LIST 2\r\nUIDL 1\r\n')).toBe('+OK 2 30\r\n+OK 1 uid-1\r\n')
  expect(say(h, 'LIST 3\r\nUIDL 0\r\n')).toBe('-ERR no such message\r\n'.repeat(2))
})

test('an empty maildrop has an empty list (RFC 1939 §5)', () => {
  const h = loggedIn({ messages: [] })
  expect(say(h, 'STAT\r\nLIST\r\n')).toBe('+OK 0 0\r\n+OK 0 messages (0 octets)\r\n.\r\n')
})

test('RETR sends the message with its dots stuffed and its lines ended by CRLF (RFC 1939 §3, §11)', () => {
  const h = loggedIn()
  expect(say(h, 'RETR 1\r\n')).toBe(
    '+OK 35 octets\r\nSubject: one\r\n\r\nfirst\r\n..dot\r\nlast\r\n.\r\n<retrieved 1>',
  )
  expect(say(h, 'RETR 2\r\n')).toBe(
    '+OK 30 octets\r\nSubject: two\r\n\r\nbare\r\n..\r\nend\r\n.\r\n<retrieved 2>',
  )
  expect(say(h, 'RETR 3\r\n')).toBe('-ERR no such message\r\n')
})

test('TOP sends the header, the blank line and so many lines (RFC 1939 §7)', () => {
  const h = loggedIn()
  expect(say(h, 'TOP 1 0\r\n')).toBe('+OK top follows\r\nSubject: one\r\n\r\n.\r\n')
  expect(say(h, 'TOP 1 2\r\n')).toBe(
    '+OK top follows\r\nSubject: one\r\n\r\nfirst\r\n..dot\r\n.\r\n',
  )
  expect(say(h, 'TOP 2 9\r\n')).toContain('\r\nend\r\n.\r\n')
  expect(say(h, 'TOP 3 1\r\n')).toBe('-ERR no such message\r\n')
})

test('a deleted message answers no more until RSET (RFC 1939 §5)', () => {
  const h = loggedIn()
  expect(say(h, 'DELE 1\r\nDELE 1\r\nRETR 1\r\nSTAT\r\nLIST\r\n')).toBe(
    '+OK message 1 deleted\r\n-ERR no such message\r\n-ERR no such message\r\n+OK 1 30\r\n' +
      '+OK 1 messages (30 octets)\r\n2 30\r\n.\r\n',
  )
  expect(say(h, 'RSET\r\nSTAT\r\n')).toBe('+OK 2 messages (65 octets)\r\n+OK 2 65\r\n')
})

test('deletions are carried out at QUIT and nowhere else (RFC 1939 §6)', () => {
  const h = loggedIn()
  say(h, 'DELE 2\r\n')
  expect(say(h, 'QUIT\r\nNOOP\r\n')).toBe('<remove 2>+OK bye\r\n<close>')
  const lost = loggedIn()
  say(lost, 'DELE 2\r\n')
  feed(lost, { type: 'ended' })
  expect(lost.text).not.toContain('remove')
  expect(lost.server.deadline).toBeUndefined()
})

test('what could not be removed is admitted (RFC 1939 §6)', () => {
  const { server } = loggedIn()
  const now = monoMs(0)
  server.handle({ type: 'bytes', bytes: fromLatin1('DELE 1\r\nQUIT\r\n') }, now)
  const effects = server.handle({ type: 'updated', removedAll: false }, now)
  expect(effects).toEqual([
    { type: 'send', bytes: fromLatin1('-ERR some deleted messages not removed\r\n') },
    { type: 'close' },
  ])
})

test('ten idle minutes end the session without a response or an update (RFC 1939 §3)', () => {
  const h = loggedIn()
  h.now = monoMs(1000)
  say(h, 'DELE 1\r\n')
  // Half a line is no command, so it does not count as activity.
  h.now = monoMs(2000)
  h.text = ''
  expect(say(h, 'NO')).toBe('')
  h.now = monoMs(1000 + INACTIVITY_MS - 1)
  feed(h, { type: 'tick' })
  expect(h.text).toBe('')
  h.now = monoMs(1000 + INACTIVITY_MS)
  feed(h, { type: 'tick' })
  expect(h.text).toBe('<close>')
})

test('a message is pulled in pieces, and only as the stream drains', () => {
  const body = 'x'.repeat(10 * SEND_WINDOW_BYTES)
  const h = loggedIn({ drains: false, messages: [`\r\n${body}\r\n`] })
  say(h, 'RETR 1\r\n')
  let got = h.text
  let rounds = 1
  while (!got.includes('<retrieved')) {
    expect(h.text.length).toBeLessThan(SEND_WINDOW_BYTES + 2 * READ_BYTES_MAX)
    h.text = ''
    feed(h, { type: 'drained' })
    got += h.text
    rounds++
  }
  expect(rounds).toBeGreaterThan(5)
  expect(got).toContain(`\r\n\r\n${body}\r\n.\r\n`)
})

test('a peer that sends commands and never reads makes the server hold no more than a window', () => {
  const messages = new Array(10_000).fill('\r\n')
  const h = loggedIn({ drains: false, messages })
  say(h, 'LIST\r\n'.repeat(1000))
  expect(h.text.length).toBeLessThan(3 * SEND_WINDOW_BYTES)
})

test('more commands than can be kept end the session', () => {
  const h = loggedIn({ drains: false, messages: ['x'.repeat(2 * SEND_WINDOW_BYTES)] })
  say(h, 'RETR 1\r\n')
  const noops = 'NOOP\r\n'.repeat(10_000)
  expect(say(h, noops)).toBe('')
  expect(say(h, noops)).toBe('')
  expect(say(h, 'x'.repeat(PIPELINED_BYTES_MAX))).toBe(
    '-ERR [SYS/TEMP] too many commands at once\r\n<close>',
  )
})

test('a message that cannot be read is refused; one that breaks off ends the session', () => {
  const { server } = loggedIn()
  const now = monoMs(0)
  const retr = { type: 'bytes', bytes: fromLatin1('RETR 1\r\n') } as const
  server.handle(retr, now)
  expect(server.handle({ type: 'unreadable' }, now)).toEqual([
    { type: 'send', bytes: fromLatin1('-ERR [SYS/TEMP] cannot read this message\r\n') },
  ])
  server.handle(retr, now)
  server.handle({ type: 'chunk', bytes: fromLatin1('Subj'), isLast: false }, now)
  expect(server.handle({ type: 'unreadable' }, now)).toEqual([{ type: 'close' }])
})

test('a line beyond the limit is refused as one, however long it is (RFC 2449 §4)', () => {
  const h = host()
  expect(say(h, `${'x'.repeat(COMMAND_LENGTH_MAX)}`)).toBe('')
  expect(say(h, 'x'.repeat(100_000))).toBe('')
  expect(say(h, '\r\nQUIT\r\n')).toBe('-ERR line too long\r\n<refused ?>+OK bye\r\n<close>')
})

test('who only makes mistakes is shown out; the log hears keywords and no arguments', () => {
  const h = host()
  const replies = say(h, 'RETR secret\r\n'.repeat(MISTAKES_MAX + 1))
  expect(replies).toBe(`${'-ERR syntax error\r\n<refused RETR>'.repeat(MISTAKES_MAX)}<close>`)
  expect(say(host(), 'APOP ada c4c9\r\nnonsense\r\n')).toBe(
    '-ERR unknown command\r\n<refused APOP>-ERR unknown command\r\n<refused ?>',
  )
})

test('of a maildrop beyond the limit the first messages are shown', () => {
  const { server } = host()
  const now = monoMs(0)
  server.handle({ type: 'bytes', bytes: fromLatin1('USER ada\r\nPASS secret\r\n') }, now)
  const message = { uid: 'u', sizeBytes: 1 }
  const messages = new Array(MAILDROP_MESSAGES_MAX + 1).fill(message)
  expect(server.handle({ type: 'opened', messages }, now)).toEqual([
    { type: 'send', bytes: fromLatin1('+OK 100000 messages (100000 octets)\r\n') },
  ])
})

const word = fc.constantFrom(
  ...['USER ada', 'PASS secret', 'PASS busy', 'STAT', 'LIST', 'UIDL 1', 'RETR 1', 'RETR 2'],
  ...['TOP 1 1', 'DELE 1', 'RSET', 'NOOP', 'CAPA', 'QUIT', 'NOPE', '', 'x'.repeat(400), 'USER'],
)
const script = fc
  .array(word, { maxLength: 20 })
  .map((lines) => ['USER ada', 'PASS secret', ...lines, ''].join('\r\n'))

test('property: how the bytes are cut into chunks changes nothing', () => {
  fc.assert(
    fc.property(script, fc.array(fc.nat(400), { maxLength: 8 }), (text, cuts) => {
      const at = [...new Set(cuts.filter((c) => c < text.length))].sort((a, b) => a - b)
      const pieces = [0, ...at].map((from, i) => text.slice(from, [...at, text.length][i]))
      const h = host()
      expect(pieces.map((piece) => say(h, piece)).join('')).toBe(say(host(), text))
    }),
  )
})

test('property: no bytes and no answers make the machine throw', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.array(word).map((lines) => concat(...lines.map((line) => fromLatin1(`${line}\r\n`)))),
  )
  const event: fc.Arbitrary<Pop3ServerEvent> = fc.oneof(
    bytes.map((b) => ({ type: 'bytes' as const, bytes: b })),
    bytes.map((b) => ({ type: 'chunk' as const, bytes: b, isLast: b.length % 2 === 0 })),
    fc.constantFrom(
      ...[{ type: 'drained' as const }, { type: 'tick' as const }],
      { type: 'unreadable' as const },
      { type: 'updated' as const, removedAll: true },
      { type: 'not-opened' as const, reason: 'credentials' as const },
      { type: 'opened' as const, messages: [{ uid: 'a', sizeBytes: 3 }] },
    ),
  )
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const server = new Pop3Server({ hostname: 'a', ...OPTIONS, plaintextAuth: 'allow' })
      for (const [i, e] of events.entries()) server.handle(e, monoMs(i * 60_000))
    }),
  )
})
