import { describe, expect, it, test } from 'vitest'
import { parseIpPrefix } from '../base/ip-address.ts'
import { parseNodeConfig } from './node-config.ts'

const HOST = 'host: m.a.com\ndirectory: d\nnode: ipn:2\nusers: []\n'

function read(text: string): ReturnType<typeof parseNodeConfig> {
  return parseNodeConfig(`${HOST}${text}`, 'node.yaml')
}

function problem(text: string): string {
  const parsed = read(text)
  return parsed.ok ? '' : parsed.fault.message
}

describe('transport', () => {
  it.each([
    'smtp:',
    'smtp:b.com',
    'smtp:b.com:2525',
    'smtp:[b.com]',
    'smtp:[127.0.0.1]:2525',
    'smtp:[::1]:25',
    'lmtp:unix:/run/lmtp',
    'lmtp:127.0.0.1:24',
    'lmtp:inet:[::1]:24',
    'pipe:/bin/cat -u',
    'discard',
    'discard:',
    'error:',
    'error:5.1.2 gone',
    'error:gone',
  ])('%s is a route', (route) => {
    expect(problem(`transport: { b.com: "${route}" }\n`)).toBe('')
  })

  it.each([
    'smtp:b.com:0',
    'smtp:b.com:65536',
    'smtp:b com',
    'lmtp:',
    'lmtp:host',
    'lmtp:unix:run',
    'pipe:cat',
    'discard:x',
    'local:x',
    'uucp:x',
    'smtps',
    'bp:ipn:3',
    'bp:ipn:0.1',
    'bp:dtn://far/',
  ])('%s is none', (route) => {
    expect(problem(`transport: { b.com: "${route}" }\n`)).toContain('would be right')
  })

  it('is given by address, domain, names below it, or for all', () => {
    const text =
      'transport: { Bot@a.com: discard, b.com: "smtp:", .c.com: "smtp:", "*": "smtp:x" }\n'
    const parsed = read(text)
    expect(parsed.ok && parsed.value.transport.map(({ domain }) => domain)).toEqual([
      'bot@a.com',
      'b.com',
      '.c.com',
      '*',
    ])
    expect(problem('transport: { "a b": "smtp:" }\n')).toContain('a domain such as')
  })
})

test('aliases are addresses, or all others of a domain', () => {
  const parsed = read(
    'aliases: { Info@m.a.com: [user@m.a.com, x@b.com], "@m.a.com": [user@m.a.com] }\n',
  )
  const user = { localPart: 'user', domain: 'm.a.com' }
  expect(parsed.ok && parsed.value.aliases).toEqual([
    { address: 'info@m.a.com', members: [user, { localPart: 'x', domain: 'b.com' }] },
    { address: '@m.a.com', members: [user] },
  ])
  expect(problem('aliases: { info: [user@m.a.com] }\n')).toContain('an address such as info@a.com')
  expect(problem('aliases: { i@m.a.com: [user] }\n')).toContain('an address such as user@a.com')
})

test('whom mail is relayed for is domains and networks', () => {
  const text = 'relay: { domains: [B.com, .c.com], networks: [192.0.2.0/24] }\n'
  const parsed = read(text)
  expect(parsed.ok && parsed.value.relay).toEqual({
    domains: ['b.com', '.c.com'],
    networks: [parseIpPrefix('192.0.2.0/24')],
  })
  const none = read('')
  expect(none.ok && none.value.relay).toBeUndefined()
  expect(problem('relay: { domains: ["*"] }\n')).toContain('a domain such as b.com')
  expect(problem('relay: { networks: [all] }\n')).toContain('a network such as 192.0.2.0/24')
})

test('the addresses in domains that are relayed to are a list, or a file', () => {
  const text = 'relay: { domains: [b.com, .c.com], recipients: [Ann@b.com, "@x.c.com"] }\n'
  const parsed = read(text)
  expect(parsed.ok && parsed.value.relay?.recipients).toEqual(['ann@b.com', '@x.c.com'])
  const named = read('relay: { domains: [b.com], recipients: recipients }\n')
  expect(named.ok && [named.value.relay?.recipients, named.value.recipientsFile]).toEqual([
    [],
    'recipients',
  ])
  expect(problem('relay: { domains: [b.com], recipients: [ann] }\n')).toContain(
    'an address such as ann@b.com, or @b.com for all there may be',
  )
  expect(problem('relay: { domains: [b.com], recipients: [ann@c.com] }\n')).toContain(
    'ann@c.com is in none of relay.domains: one of b.com would be right',
  )
})

test('a route may be tried for longer than others', () => {
  const text = 'retry: { warnAfter: 4h, routes: { "bp:ipn:3.2525": { giveUpAfter: 40d } } }\n'
  const parsed = read(text)
  expect(parsed.ok && parsed.value.retry).toEqual({
    giveUpAfterMs: 432_000_000,
    warnAfterMs: 14_400_000,
    routes: [{ route: 'bp:ipn:3.2525', giveUpAfterMs: 3_456_000_000 }],
  })
})

test('what travels together in a bundle may be bounded, and a mail told to wait for others', () => {
  const parsed = read('batch: { wait: 10m, mails: 50, size: 64KiB }\n')
  expect(parsed.ok && parsed.value.batch).toEqual({
    waitMs: 600_000,
    mailsMax: 50,
    bytesMax: 65_536,
  })
})
