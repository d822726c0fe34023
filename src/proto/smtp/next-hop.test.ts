import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  expandMacros,
  formatNextHop,
  hopForDomain,
  macrosIn,
  type NextHop,
  parseNextHop,
} from './next-hop.ts'

const NEXT_HOPS: readonly (readonly [string, NextHop])[] = [
  ['local', { transport: 'local' }],
  ['bp:ipn:3.2525', { transport: 'bp', nextHop: 'ipn:3.2525' }],
  ['smtp:', { transport: 'smtp' }],
  ['smtp:mx.a.com', { transport: 'smtp', host: 'mx.a.com' }],
  ['smtp:a.com:2525', { transport: 'smtp', host: 'a.com', port: 2525 }],
  ['smtp:[mx.a.com]', { transport: 'smtp', host: 'mx.a.com', isLiteral: true }],
  ['smtps:[mx.a.com]', { transport: 'smtp', host: 'mx.a.com', isLiteral: true, implicitTls: true }],
  ['smtps:a.com:25', { transport: 'smtp', host: 'a.com', implicitTls: true, port: 25 }],
  ['smtp:[::1]:2525', { transport: 'smtp', host: '::1', isLiteral: true, port: 2525 }],
  ['lmtp:unix:/run/lmtp', { transport: 'lmtp', server: { path: '/run/lmtp' } }],
  ['lmtp:inet:127.0.0.1:24', { transport: 'lmtp', server: { host: '127.0.0.1', port: 24 } }],
  ['lmtp:inet:[::1]:24', { transport: 'lmtp', server: { host: '::1', port: 24 } }],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as in a configuration file
  ['pipe:/bin/a -x ${recipient}', { transport: 'pipe', argv: ['/bin/a', '-x', '${recipient}'] }],
  ['discard:', { transport: 'discard' }],
  ['error:5.1.2 gone away', { transport: 'error', code: '5.1.2', text: 'gone away' }],
]

describe('next hops are written as in a transport map of Postfix', () => {
  test.each(NEXT_HOPS)('%s', (text, hop) => {
    expect(parseNextHop(text)).toEqual(hop)
    expect(formatNextHop(hop)).toBe(text)
  })

  test('what says the same is the same next hop', () => {
    expect(parseNextHop('smtp')).toEqual(parseNextHop('smtp:'))
    expect(parseNextHop('smtp:[MX.a.com]:25')).toEqual(parseNextHop('smtp:[mx.a.com]'))
    expect(parseNextHop('lmtp:[127.0.0.1]:24')).toEqual(parseNextHop('lmtp:inet:127.0.0.1:24'))
    expect(parseNextHop('error:no such place')).toMatchObject({ code: '5.0.0' })
    expect(parseNextHop('error:')).toMatchObject({ text: 'mail to this destination is not taken' })
  })

  test.each([
    '',
    'local:x',
    'bp:',
    'bp: x',
    'Local',
    'smtp:[a.com',
    'smtp:[]',
    'smtps:',
    'smtp:a.com:0',
    'smtp:a.com:65536',
    'smtp:a b',
    'smtp:::1',
    'lmtp:',
    'lmtp:unix:relative',
    'lmtp:a.com',
    'pipe:',
    'pipe:relative x',
    'pipe:/bin/$user',
    'pipe:/bin/a $nobody',
    'pipe:/bin/a $',
    'pipe:/bin/a ${sender',
    'discard:x',
    'error:5.1.2 \u0000',
    'uucp:host',
  ])('%j is none', (text) => {
    expect(parseNextHop(text)).toBeUndefined()
  })

  test('property: what is read is written as what reads the same', () => {
    const prefix = fc.constantFrom(
      '',
      'bp:',
      'smtp:',
      'smtp:[',
      'smtps:',
      'lmtp:',
      'pipe:/',
      'error:',
    )
    fc.assert(
      fc.property(prefix, fc.string(), (before, text) => {
        const hop = parseNextHop(before + text)
        if (hop !== undefined) expect(parseNextHop(formatNextHop(hop))).toEqual(hop)
      }),
    )
  })
})

describe('smtp without a host goes to the domain of the recipient', () => {
  test('by its name', () => {
    expect(hopForDomain({ transport: 'smtp', port: 26 }, 'B.com')).toEqual({
      transport: 'smtp',
      host: 'b.com',
      port: 26,
    })
    const named = { transport: 'smtp', host: 'relay.a.com' } as const
    expect(hopForDomain(named, 'b.com')).toBe(named)
  })

  test('to an address literal, without asking for an MX (RFC 5321 §2.3.4)', () => {
    const hop = { transport: 'smtp' } as const
    const literal = { transport: 'smtp', isLiteral: true } as const
    expect(hopForDomain(hop, '[127.0.0.1]')).toEqual({ ...literal, host: '127.0.0.1' })
    expect(hopForDomain(hop, '[IPv6:::1]')).toEqual({ ...literal, host: '::1' })
  })
})

test('an argument of a program stands for what it names, in each of three ways', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as in a configuration file
  const argument = '-f${sender},$user$(extension)$$x'
  expect(macrosIn(argument)).toEqual(['sender', 'user', 'extension'])
  expect(expandMacros(argument, (macro) => `<${macro}$user>`)).toBe(
    '-f<sender$user>,<user$user><extension$user>$x',
  )
})
