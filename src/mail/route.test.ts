import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatNextHop, parseNextHop, Routes } from './route.ts'

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
  it('reads a transport map as Postfix writes it', () => {
    expect(parseNextHop('bp:ipn:3.2525')).toEqual(FAR)
    expect(parseNextHop('local')).toEqual({ transport: 'local' })
    for (const wrong of ['', 'bp:', 'bp: x', 'smtp:host', 'Local']) {
      expect(parseNextHop(wrong), wrong).toBeUndefined()
    }
  })

  it('property: a next hop is read back as it was', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[!-~]{1,40}$/), (nextHop) => {
        const hop = { transport: 'bp', nextHop } as const
        expect(parseNextHop(formatNextHop(hop))).toEqual(hop)
      }),
    )
    expect(formatNextHop({ transport: 'local' })).toBe('local')
  })

  it('prefers the whole domain, then the nearest name above, then all', () => {
    expect(hopOf('mail-1.a.com')).toEqual({ transport: 'local' })
    expect(hopOf('MAIL-2.A.COM')).toEqual(FAR)
    expect(hopOf('base.olympus.mars')).toEqual(BELOW)
    expect(hopOf('mars')).toBeUndefined()
    expect(hopOf('nowhere.org')).toBeUndefined()
    const all = new Routes([], [{ domain: '*', nextHop: OTHER }])
    expect(all.of({ localPart: 'x', domain: 'nowhere.org' })).toEqual(OTHER)
  })

  it('a domain that a rule makes local is one of ours', () => {
    expect(routes.localDomains).toEqual(['mail-1.a.com', 'b.org'])
  })
})
