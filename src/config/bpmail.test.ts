import { expect, test } from 'vitest'
import { parseNodeConfig } from './node-config.ts'

const HOST = `directory: var/mail-1
host: mail-1.a.com
node: ipn:2
`
const PROFILE = `dtpc:
  profiles:
    - id: 21
      retransmissions: 5
      aggregationSize: 100B
      aggregationTime: 1s
      lifetime: 1h
`

function read(text: string) {
  return parseNodeConfig(HOST + text, 'mail-1.yaml')
}

test('profiles and next hops of bpmail', () => {
  const parsed = read(`${PROFILE}bpmail:
  - to: ipn:3.129
    profile: 21
    sendTopic: 1
    receiveTopic: 2
`)
  expect(parsed).toMatchObject({
    ok: true,
    value: {
      dtpc: [
        {
          id: 21,
          retransmissionsMax: 5,
          aggregationBytes: 100,
          aggregationMs: 1000,
          lifetimeMs: 3_600_000,
        },
      ],
      bpmail: [{ profile: 21, sendTopic: 1, receiveTopic: 2 }],
    },
  })
})

test.each([
  [
    `${PROFILE}bpmail:\n  - to: ipn:3.129\n    profile: 9\n    sendTopic: 1\n`,
    'there is no profile 9: 21 would be right',
  ],
  [
    `${PROFILE}bpmail:\n  - to: ipn:3.129\n    profile: 21\n    sendTopic: 1\n    receiveTopic: 1\n`,
    'topic 1 in both directions: one for each would be right',
  ],
  [
    `${PROFILE}bpmail:\n  - to: dtn://moon/mail\n    profile: 21\n    sendTopic: 1\n`,
    'the endpoint of its DTPC such as ipn:3.129',
  ],
])('what cannot be is refused, with its place: %s', (text, message) => {
  const parsed = read(text)
  expect(parsed.ok ? '' : parsed.fault.message).toContain(message)
  expect(parsed.ok ? '' : parsed.fault.message).toMatch(/^mail-1\.yaml:\d+:\d+: /)
})

test('the socket of other users has a whole path', () => {
  const withSocket = (path: string) => read(PROFILE.replace('dtpc:', `dtpc:\n  socket: ${path}`))
  expect(withSocket('/run/x/items.sock')).toMatchObject({
    ok: true,
    value: { dtpcSocket: '/run/x/items.sock' },
  })
  for (const path of ['items.sock', '/run/x/']) {
    expect(withSocket(path)).toMatchObject({ ok: false, fault: { code: 'config/bad-value' } })
  }
})
