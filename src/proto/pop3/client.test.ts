import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { monoMs } from '../../base/time.ts'
import { Pop3Client, type Pop3ClientEffect, type Pop3ClientEvent } from './client.ts'
import { MAILDROP_MESSAGES_MAX, RESPONSE_LENGTH_MAX, RESPONSE_TIMEOUT_MS } from './limits.ts'
import type { Pop3ServerEffect } from './responses.ts'
import { Pop3Server, type Pop3ServerEvent } from './server.ts'

const OPTIONS = { mechanisms: [], oneWayDelayMs: 0, loginDelaySec: 0 }

const t0 = monoMs(0)
const LOGIN = { user: 'ada', password: 'secret' }

function describe(effects: readonly Pop3ClientEffect[]): readonly string[] {
  return effects.map((e) => {
    if (e.type === 'send') return toLatin1(e.bytes)
    if (e.type === 'body') return `body ${e.number} ${toLatin1(e.bytes)}`
    if (e.type === 'failed') return `failed ${e.fault.code} ${e.fault.temporary}`
    if (e.type === 'maildrop') return `maildrop ${e.messages.map((m) => `${m.number}=${m.uid}`)}`
    return Object.values(e).join(' ')
  })
}

function hear(client: Pop3Client, text: string): readonly string[] {
  return describe(client.handle({ type: 'bytes', bytes: fromLatin1(text) }, t0))
}

function greeted(): Pop3Client {
  const client = new Pop3Client(LOGIN)
  client.handle({ type: 'connected' }, t0)
  expect(hear(client, '+OK hello\r\n')).toEqual(['CAPA\r\n'])
  return client
}

function atMaildrop(): Pop3Client {
  const client = greeted()
  hear(client, '+OK\r\nPIPELINING\r\n.\r\n')
  hear(client, '+OK\r\n+OK\r\n+OK 2 300\r\n+OK\r\n1 a\r\n2 b\r\n.\r\n')
  return client
}

test('with PIPELINING the login and the listing take one round trip (RFC 2449 §6.6)', () => {
  const client = greeted()
  expect(hear(client, '+OK\r\nTOP\r\npipelining\r\n.\r\n')).toEqual([
    'USER ada\r\nPASS secret\r\nSTAT\r\nUIDL\r\n',
  ])
  expect(hear(client, '+OK\r\n+OK\r\n+OK 2 300\r\n+OK\r\n1 a\r\n2 b\r\n.\r\n')).toEqual([
    'maildrop 1=a,2=b',
  ])
})

test('without CAPA one command goes at a time, without UIDL there are no unique-ids (RFC 2449 §5)', () => {
  const client = greeted()
  expect(hear(client, '-ERR what?\r\n')).toEqual(['USER ada\r\n'])
  expect(hear(client, '+OK\r\n')).toEqual(['PASS secret\r\n'])
  expect(hear(client, '+OK\r\n')).toEqual(['STAT\r\n'])
  expect(hear(client, '+OK 1 300\r\n')).toEqual(['UIDL\r\n'])
  expect(hear(client, '-ERR what?\r\n')).toEqual(['maildrop 1=undefined'])
})

test('what is wanted is retrieved, what is safe is deleted, and QUIT comes last (RFC 1939 §6)', () => {
  const client = atMaildrop()
  expect(describe(client.handle({ type: 'retrieve', numbers: [2, 1] }, t0))).toEqual([
    'RETR 2\r\nRETR 1\r\n',
  ])
  expect(hear(client, '+OK 9 octets\r\n..\r\nb\r\n.\r\n-ERR [SYS/TEMP] no\r\n')).toEqual([
    'body 2 .\r\nb\r\n',
    'message 2 6',
    'not-retrieved 1 [SYS/TEMP] no',
    'retrieved',
  ])
  expect(describe(client.handle({ type: 'finish', remove: [2] }, t0))).toEqual([
    'DELE 2\r\nQUIT\r\n',
  ])
  expect(hear(client, '+OK\r\n+OK bye\r\n')).toEqual(['finished true', 'close'])
  expect(client.deadline).toBeUndefined()
})

test('a message that the server would not mark for removal is not removed, whatever QUIT says', () => {
  const client = atMaildrop()
  client.handle({ type: 'retrieve', numbers: [] }, t0)
  client.handle({ type: 'finish', remove: [1, 2] }, t0)
  expect(hear(client, '+OK\r\n-ERR no\r\n+OK bye\r\n')).toEqual(['finished false', 'close'])
})

test('where nothing is wanted the owner is asked at once', () => {
  const client = atMaildrop()
  expect(describe(client.handle({ type: 'retrieve', numbers: [] }, t0))).toEqual(['retrieved'])
  expect(describe(client.handle({ type: 'finish', remove: [] }, t0))).toEqual(['QUIT\r\n'])
  expect(hear(client, '-ERR some deleted messages not removed\r\n')).toEqual([
    'finished false',
    'close',
  ])
})

test('a refused login says whether trying again may help (RFC 2449 §8)', () => {
  for (const [text, isTemporary] of [
    ['[AUTH] no', false],
    ['no', false],
    ['[IN-USE] later', true],
    ['[sys/temp] later', true],
    ['[LOGIN-DELAY] later', true],
  ] as const) {
    const client = greeted()
    hear(client, '-ERR\r\n')
    hear(client, '+OK\r\n')
    expect(hear(client, `-ERR ${text}\r\n`)).toEqual([
      `failed pop3/refused ${isTemporary}`,
      'close',
    ])
  }
})

test('a user name that cannot stand in a command never leaves', () => {
  const client = new Pop3Client({ user: 'ada\r\nDELE 1', password: 'x' })
  client.handle({ type: 'connected' }, t0)
  hear(client, '+OK\r\n')
  expect(hear(client, '-ERR\r\n')).toEqual(['failed pop3/bad-syntax false', 'close'])
})

test('a silent server is given up, a broken connection is told', () => {
  const client = greeted()
  expect(client.deadline).toBe(RESPONSE_TIMEOUT_MS)
  expect(describe(client.handle({ type: 'tick' }, monoMs(RESPONSE_TIMEOUT_MS - 1)))).toEqual([])
  expect(describe(client.handle({ type: 'tick' }, monoMs(RESPONSE_TIMEOUT_MS)))).toEqual([
    'failed pop3/timed-out true',
    'close',
  ])
  const broken = greeted()
  expect(describe(broken.handle({ type: 'ended' }, t0))).toEqual([
    'failed pop3/closed true',
    'close',
  ])
  expect(broken.deadline).toBeUndefined()
})

test('what is no POP3, or beyond a limit, ends the session (RFC 2449 §4)', () => {
  const bad = ['failed pop3/bad-response false', 'close']
  expect(hear(greeted(), '220 mail.a.com ESMTP\r\n')).toEqual(bad)
  expect(hear(greeted(), '+OKAY\r\n')).toEqual(bad)
  expect(hear(greeted(), `+OK ${'x'.repeat(RESPONSE_LENGTH_MAX)}`)).toEqual(bad)
  expect(hear(atMaildrop(), 'x'.repeat(RESPONSE_LENGTH_MAX + 1))).toEqual(bad)
  const listing = (stat: string, uidl: string): readonly string[] => {
    const client = greeted()
    hear(client, '+OK\r\nPIPELINING\r\n.\r\n')
    return hear(client, `+OK\r\n+OK\r\n${stat}\r\n+OK\r\n${uidl}\r\n.\r\n`)
  }
  expect(listing('+OK 1', '1 a')).toEqual(bad)
  expect(listing(`+OK ${MAILDROP_MESSAGES_MAX + 1} 1`, '1 a')).toEqual(bad)
  expect(listing('+OK 1 1', '2 a')).toEqual(bad)
  expect(listing('+OK 1 1', `1 ${'a'.repeat(71)}`)).toEqual(bad)
})

interface Exchange {
  /** By number. */
  readonly got: Map<number, string>
  readonly removed: readonly number[]
  readonly roundTrips: number
  readonly log: readonly string[]
}

/** Both machines face to face: the client wants all and removes what it got. */
function exchange(messages: readonly string[], cut: (text: string) => readonly string[]): Exchange {
  const got = new Map<number, string>()
  const log: string[] = []
  let removed: readonly number[] = []
  let toClient = ''
  let toServer = ''
  const server = new Pop3Server({ hostname: 'a', ...OPTIONS, plaintextAuth: 'allow' })
  const client = new Pop3Client(LOGIN)
  const onServer = (effect: Pop3ServerEffect): Pop3ServerEvent | undefined => {
    if (effect.type === 'send') toClient += toLatin1(effect.bytes)
    if (effect.type === 'send') return { type: 'drained' }
    if (effect.type === 'open') {
      const listed = messages.map((m, i) => ({ uid: `u${i}`, sizeBytes: m.length }))
      return { type: 'opened', messages: listed }
    }
    if (effect.type === 'read') {
      const text = messages[effect.number - 1] ?? ''
      const bytes = fromLatin1(text.slice(effect.offset, effect.offset + effect.lengthMax))
      return { type: 'chunk', bytes, isLast: effect.offset + bytes.length >= text.length }
    }
    if (effect.type === 'update') {
      removed = effect.remove
      return { type: 'updated', removedAll: true }
    }
    return undefined
  }
  const onClient = (effect: Pop3ClientEffect): Pop3ClientEvent | undefined => {
    if (effect.type === 'send') toServer += toLatin1(effect.bytes)
    else if (effect.type !== 'body') log.push(...describe([effect]))
    if (effect.type === 'maildrop') {
      return { type: 'retrieve', numbers: effect.messages.map((m) => m.number) }
    }
    if (effect.type === 'body') {
      got.set(effect.number, (got.get(effect.number) ?? '') + toLatin1(effect.bytes))
    }
    if (effect.type === 'retrieved') return { type: 'finish', remove: [...got.keys()] }
    return undefined
  }
  drive(server, { type: 'connected' }, onServer)
  drive(client, { type: 'connected' }, onClient)
  let roundTrips = 0
  while (toClient !== '' || toServer !== '') {
    roundTrips++
    const [forClient, forServer] = [cut(toClient), cut(toServer)]
    toClient = toServer = ''
    for (const text of forServer) drive(server, bytesOf(text), onServer)
    for (const text of forClient) drive(client, bytesOf(text), onClient)
  }
  return { got, removed, roundTrips, log }
}

function bytesOf(text: string): { type: 'bytes'; bytes: Uint8Array } {
  return { type: 'bytes', bytes: fromLatin1(text) }
}

function drive<Event, Effect>(
  machine: { handle(event: Event, now: typeof t0): readonly Effect[] },
  event: Event,
  perform: (effect: Effect) => Event | undefined,
): void {
  const inbox = [event]
  for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
    for (const effect of machine.handle(next, t0)) {
      const answer = perform(effect)
      if (answer !== undefined) inbox.push(answer)
    }
  }
}

test('fifty messages cost as many turns as one', () => {
  const messages = Array.from({ length: 50 }, (_, i) => `Subject: ${i}\r\n\r\n.${i}\r\n`)
  const { got, removed, roundTrips, log } = exchange(messages, (text) => [text])
  expect([...got.values()]).toEqual(messages)
  expect(removed).toHaveLength(50)
  expect(log.at(-2)).toBe('finished true')
  expect(roundTrips).toBe(exchange(messages.slice(0, 1), (text) => [text]).roundTrips)
})

const line = fc.constantFrom('.', '..', 'a', '', '.a', '+OK', '-ERR x', '\r')
const message = fc
  .array(line, { minLength: 1 })
  .map((lines) => lines.map((l) => `${l}\r\n`).join(''))

test('property: whatever the server holds arrives, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 5 }),
      fc.integer({ min: 1, max: 9 }),
      (all, size) => {
        const cut = (text: string): readonly string[] =>
          text.match(new RegExp(`.{1,${size}}`, 'gs')) ?? []
        const { got, log } = exchange(all, cut)
        expect([...got.values()]).toEqual(all)
        expect(log).toEqual(exchange(all, (text) => [text]).log)
      },
    ),
  )
})

test('property: how the bytes are cut into chunks changes nothing', () => {
  const said = fc.constantFrom(
    ...['+OK', '-ERR', '+OK 2 10', '1 a', '2 b', '.', '..', 'PIPELINING', 'x', 'x'.repeat(600)],
  )
  const told = (chunks: readonly string[]): string => {
    const client = new Pop3Client(LOGIN)
    const log = chunks.map((chunk) => {
      const effects = [...client.handle(bytesOf(chunk), t0)]
      return effects.map((e) => (e.type === 'body' ? toLatin1(e.bytes) : describe([e])[0])).join('')
    })
    return log.join('')
  }
  fc.assert(
    fc.property(fc.array(said), fc.array(fc.nat(200), { maxLength: 6 }), (lines, cuts) => {
      const text = ['+OK', '-ERR', '+OK', '+OK', ...lines, ''].join('\r\n')
      const at = [...new Set(cuts.filter((c) => c < text.length))].sort((a, b) => a - b)
      const pieces = [0, ...at].map((from, i) => text.slice(from, [...at, text.length][i]))
      expect(told(pieces)).toBe(told([text]))
    }),
  )
})

test('property: no bytes and no requests make the machine throw', () => {
  const event: fc.Arbitrary<Pop3ClientEvent> = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ type: 'bytes' as const, bytes })),
    fc.constantFrom('+OK\r\n', '-ERR\r\n', '+OK 3 9\r\n', '1 a\r\n', '.\r\n').map(bytesOf),
    fc.constantFrom(
      ...[{ type: 'tick' as const }, { type: 'drained' as const }],
      { type: 'retrieve' as const, numbers: [1, 2] },
      { type: 'finish' as const, remove: [1] },
    ),
  )
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const client = new Pop3Client(LOGIN)
      for (const [i, e] of events.entries()) client.handle(e, monoMs(i * 60_000))
    }),
  )
})
