import { describe, expect, it } from 'vitest'
import { Routes } from './route.ts'

const FAR = { transport: 'bp', nextHop: 'ipn:3.2525' } as const
const BELOW = { transport: 'bp', nextHop: 'ipn:4.2525' } as const
const OTHER = { transport: 'bp', nextHop: 'ipn:9.2525' } as const
const routes = new Routes(
  ['mail-1.a.com'],
  [
    { domain: 'Mail-2.a.com', nextHop: FAR },
    { domain: '.mars', nextHop: BELOW },
    { domain: 'b.org', nextHop: { transport: 'local' } },
  ],
)

function hopOf(domain: string): unknown {
  return routes.of({ localPart: 'user', domain })
}

describe('Routes', () => {
  it('prefers the whole domain, then the nearest name above, then all', () => {
    expect(hopOf('mail-1.a.com')).toEqual({ transport: 'local' })
    expect(hopOf('MAIL-2.A.COM')).toEqual(FAR)
    expect(hopOf('base.olympus.mars')).toEqual(BELOW)
    expect(hopOf('mars')).toBeUndefined()
    expect(hopOf('nowhere.org')).toBeUndefined()
    const all = new Routes([], [{ domain: '*', nextHop: OTHER }])
    expect(all.of({ localPart: 'x', domain: 'nowhere.org' })).toEqual(OTHER)
  })

  it('gives mail by SMTP to the domain of the recipient where the rule names no host', () => {
    const all = new Routes([], [{ domain: '*', nextHop: { transport: 'smtp' } }])
    expect(all.of({ localPart: 'x', domain: 'B.org' })).toEqual({
      transport: 'smtp',
      host: 'b.org',
    })
  })

  it('an address of its own comes before its domain, with or without an extension', () => {
    const some = new Routes(
      ['a.com'],
      [
        { domain: 'bot@a.com', nextHop: { transport: 'discard' } },
        { domain: 'a.com', nextHop: { transport: 'local' } },
      ],
    )
    const of = (localPart: string): unknown => some.of({ localPart, domain: 'a.com' })?.transport
    expect([of('bot'), of('Bot+x'), of('user')]).toEqual(['discard', 'discard', 'local'])
    expect(some.localDomains).toEqual(['a.com'])
  })

  it('takes other rules while mail goes on, and keeps its own domains', () => {
    const some = new Routes(['a.com'], [{ domain: 'b.com', nextHop: FAR }])
    some.replace([{ domain: 'c.com', nextHop: FAR }])
    expect(some.of({ localPart: 'x', domain: 'a.com' })).toEqual({ transport: 'local' })
    expect(some.of({ localPart: 'x', domain: 'b.com' })).toBeUndefined()
    expect(some.of({ localPart: 'x', domain: 'c.com' })).toEqual(FAR)
  })

  it('a domain that a rule makes local is one of ours', () => {
    expect(routes.localDomains).toEqual(['mail-1.a.com', 'b.org'])
  })
})
