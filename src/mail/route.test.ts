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

  it('a domain that a rule makes local is one of ours', () => {
    expect(routes.localDomains).toEqual(['mail-1.a.com', 'b.org'])
  })
})
