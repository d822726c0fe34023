import { expect, test } from 'vitest'
import { parseCredentials } from './mail-outgoing.ts'
import { parseNodeConfig } from './node-config.ts'

const HOST = 'host: m.a.com\ndirectory: d\nnode: ipn:2\nusers: []\n'

function read(outgoing: string): ReturnType<typeof parseNodeConfig> {
  return parseNodeConfig(`${HOST}outgoing: ${outgoing}\n`, 'node.yaml')
}

test('a route may differ in all, and may have credentials or the file with them', () => {
  const parsed = read(
    '{ tls: required, routes: { "smtp:[x]:587": { oneWayDelay: 10min, credentials: x.secret }, "lmtp:h:24": { tls: never, pipelining: no }, "smtp:b.com": { credentials: { user: u, password: "p:q" } } } }',
  )
  if (!parsed.ok) throw parsed.fault
  expect(parsed.value.outgoing).toEqual({
    tls: 'required',
    oneWayDelayMs: 0,
    mtaSts: true,
    pipelining: true,
    routes: [
      { route: 'smtp:[x]:587', oneWayDelayMs: 600_000 },
      { route: 'lmtp:h:24', tls: 'never', pipelining: false },
      { route: 'smtp:b.com', credentials: { user: 'u', password: 'p:q' } },
    ],
  })
  expect([...parsed.value.credentialFiles]).toEqual([['smtp:[x]:587', 'x.secret']])
})

test.each([
  ['{ routes: { "smtp:": {} } }', 'a route such as smtp:[host]:587'],
  ['{ routes: { "bp:ipn:3.1": {} } }', 'a route such as smtp:[host]:587'],
  ['{ mtaSts: maybe }', 'yes or no'],
  [
    '{ routes: { "smtp:b.com": { credentials: f } } }',
    'node.yaml:5:52: credentials while tls is offered, so that they could go to anybody: tls: required would be right',
  ],
])('%s is refused', (text, message) => {
  const parsed = read(text)
  expect(parsed.ok ? '' : parsed.fault.message).toContain(message)
})

test.each([
  ['user:pass:word\n', { user: 'user', password: 'pass:word' }],
  ['u:p', { user: 'u', password: 'p' }],
  ['user\n', undefined],
  [':p\n', undefined],
  ['u:p\nv:q\n', undefined],
])('a file with %j has %j', (text, credentials) => {
  expect(parseCredentials(text)).toEqual(credentials)
})

test('programs have a user and a time', () => {
  const parsed = parseNodeConfig(`${HOST}pipe: { user: nobody, timeLimit: 5min }\n`, 'node.yaml')
  expect(parsed.ok && parsed.value.pipe).toEqual({ user: 'nobody', timeLimitMs: 300_000 })
  const wrong = parseNodeConfig(`${HOST}pipe: { user: "a b" }\n`, 'node.yaml')
  expect(wrong.ok ? '' : wrong.fault.message).toContain('the name of a user such as nobody')
})
