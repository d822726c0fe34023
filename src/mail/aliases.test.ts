import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mailbox } from '../../test/support/mail-stage.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import { Aliases } from './aliases.ts'
import { ALIAS_MEMBERS_MAX } from './limits.ts'

const USERS = ['user@a.com', 'ann@a.com']

function aliases(map: Readonly<Record<string, readonly string[]>>): Aliases {
  const entries = Object.entries(map).map(([address, members]) => ({
    address,
    members: members.map(mailbox),
  }))
  return new Aliases(entries, (one) => USERS.includes(formatMailbox(one)))
}

function expanded(map: Readonly<Record<string, readonly string[]>>, name: string): unknown {
  return aliases(map).expand(mailbox(name)).map(formatMailbox)
}

describe('Aliases', () => {
  it('one stands for many, over several steps, each once', () => {
    const map = { 'info@a.com': ['user@a.com', 'all@a.com'], 'all@a.com': USERS }
    expect(expanded(map, 'Info@a.com')).toEqual(USERS)
    expect(expanded(map, 'ann@a.com')).toEqual(['ann@a.com'])
  })

  it('one that keeps a copy is among its own members', () => {
    const map = { 'user@a.com': ['user@a.com', 'user@far.org'] }
    expect(expanded(map, 'user@a.com')).toEqual(['user@a.com', 'user@far.org'])
  })

  it('a catch-all is for whoever has no mailbox and no alias', () => {
    const map = { '@a.com': ['ann@a.com'], 'info@a.com': ['user@a.com'] }
    expect(expanded(map, 'nobody@a.com')).toEqual(['ann@a.com'])
    expect(expanded(map, 'user@a.com')).toEqual(['user@a.com'])
    expect(expanded(map, 'info@a.com')).toEqual(['user@a.com'])
    expect(aliases(map).has(mailbox('x@b.com'))).toBe(false)
  })

  it('an extension is no name of its own', () => {
    expect(expanded({ 'info@a.com': ['user@a.com'] }, 'info+tag@a.com')).toEqual(['user@a.com'])
  })

  it('circles and crowds are refused', () => {
    const circle = { 'a@a.com': ['b@a.com'], 'b@a.com': ['a@a.com'] }
    expect(() => expanded(circle, 'a@a.com')).toThrow('leads back to itself')
    const crowd = Array.from({ length: ALIAS_MEMBERS_MAX + 1 }, (_, i) => `u${i}@b.com`)
    expect(() => expanded({ 'a@a.com': crowd }, 'a@a.com')).toThrow('too many')
  })

  it('property: whatever stands for what, it ends', () => {
    const name = fc.constantFrom('a@a.com', 'b@a.com', 'c@a.com', 'user@a.com', 'x@far.org')
    fc.assert(
      fc.property(fc.dictionary(name, fc.array(name, { maxLength: 4 })), name, (map, start) => {
        try {
          aliases(map).expand(mailbox(start))
        } catch (error) {
          expect(error).toMatchObject({ code: 'mail/alias-loop' })
        }
      }),
    )
  })
})
