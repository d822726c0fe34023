import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatMailbox } from '../proto/smtp/path.ts'
import { parseAliasMap, parseRelayRecipients, parseTransportMap } from './map-file.ts'

const HOST = {
  node: 2n,
  domains: ['mail-1.a.com'],
  reaches: (node: bigint) => node === 3n,
  peers: [],
}

function transport(text: string): unknown {
  const parsed = parseTransportMap(text, 'transport', HOST)
  return parsed.ok ? parsed.value.map(({ domain, route }) => [domain, route]) : parsed.fault.message
}

function aliases(text: string): unknown {
  const parsed = parseAliasMap(text, 'virtual')
  return parsed.ok
    ? parsed.value.map(({ address, members }) => [address, ...members.map(formatMailbox)])
    : parsed.fault.message
}

function recipients(text: string): unknown {
  const parsed = parseRelayRecipients(text, 'recipients', ['b.com', '.b.com'])
  return parsed.ok ? parsed.value : parsed.fault.message
}

describe('a transport map', () => {
  it('is read as Postfix has it: comments, blank lines, and lines that go on', () => {
    const text = [
      '# the far side',
      'mail-2.a.com  bp:ipn:3.129',
      '',
      'Bot@b.org\tdiscard:',
      '.example.org',
      '# in between',
      '  smtp:[127.0.0.1]:2525\r',
      '*  error:5.1.2 not from here,',
      '   nor anywhere',
    ].join('\n')
    expect(transport(text)).toEqual([
      ['mail-2.a.com', 'bp:ipn:3.129'],
      ['bot@b.org', 'discard:'],
      ['.example.org', 'smtp:[127.0.0.1]:2525'],
      ['*', 'error:5.1.2 not from here, nor anywhere'],
    ])
    expect(transport('')).toEqual([])
  })

  it('tells each mistake at its place', () => {
    const text = [
      'a_b!  smtp:',
      'b.com',
      'c.com uucp:x',
      'c.com smtp:',
      'd.com bp:ipn:9.129',
      'mail-1.a.com smtp:',
      'e.com local',
    ].join('\n')
    expect(transport(text)).toBe(
      [
        'transport:1:1: "a_b!": a domain such as mail-2.a.com, .a.com, user@a.com or * would be right',
        'transport:2:6: nothing behind b.com: what it stands for would be right',
        'transport:3:7: "uucp:x": local, discard, or a route such as bp:ipn:3.2525, carry:mail-2.a.com, https:mail-2.a.com, smtp:[host]:port, lmtp:host:port would be right',
        'transport:4:1: c.com is in line 3 already: once would be right',
        'transport:5:7: d.com goes to bp:ipn:9.129, but there is no plan to ipn:9: a plan to it would be right',
        "transport:6:14: mail-1.a.com goes to smtp:, but is among this host's own domains: local would be right",
        'transport:7:7: e.com is local, but not among the domains: mail-1.a.com would be right',
      ].join('\n'),
    )
  })
})

describe('a map of aliases', () => {
  it('is read as Postfix has it', () => {
    const text = 'Info@a.com user@a.com,ann@b.com\n  bob@c.com\n@a.com user@a.com\n'
    expect(aliases(text)).toEqual([
      ['info@a.com', 'user@a.com', 'ann@b.com', 'bob@c.com'],
      ['@a.com', 'user@a.com'],
    ])
  })

  it('tells each mistake at its place', () => {
    expect(aliases('info user@a.com\ni@a.com user@a.com, ann,\n  bob\n')).toBe(
      [
        'virtual:1:1: "info": an address such as info@a.com, or @a.com for all others would be right',
        'virtual:2:21: "ann": an address such as user@a.com would be right',
      ].join('\n'),
    )
  })
})

describe('a list of the addresses that are relayed to', () => {
  it('is read as Postfix has it, whatever stands behind them', () => {
    expect(recipients('Ann@b.com OK\n@c.b.com x y\n')).toEqual(['ann@b.com', '@c.b.com'])
  })

  it('tells each mistake at its place', () => {
    expect(recipients('ann OK\n bob@b.com\nann@c.com OK\nbob@b.com\n')).toBe(
      [
        'recipients:1:1: "ann": an address such as ann@b.com, or @b.com for all there may be would be right',
        'recipients:3:1: ann@c.com is in none of relay.domains: one of b.com, .b.com would be right',
        'recipients:4:10: nothing behind bob@b.com: what it stands for would be right',
      ].join('\n'),
    )
  })
})

it('property: whatever is in a map, it is read or refused with a place', () => {
  const word = fc.constantFrom(
    'a.com',
    'u@a.com',
    '@a.com',
    '*',
    'smtp:',
    ' ',
    '\t',
    '\n',
    '#',
    ',',
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(word).map((words) => words.join(' ')),
  )
  fc.assert(
    fc.property(text, (text) => {
      for (const read of [transport, aliases, recipients]) {
        const result = read(text)
        if (typeof result === 'string') expect(result).toMatch(/^\w+:\d+:\d+: .* would be right/s)
      }
    }),
  )
})
