import { describe, expect, test } from 'vitest'
import { HOST, mailStage } from '../../test/support/mail-stage.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { lookUpAddress } from './address-lookup.ts'

function at(localPart: string, domain = HOST): Mailbox {
  return { localPart, domain }
}

const { routes, local } = mailStage({
  aliases: [
    { address: `list@${HOST}`, members: [at('user'), at('other'), at('user', 'b.com')] },
    { address: `loop@${HOST}`, members: [at('pool')] },
    { address: `pool@${HOST}`, members: [at('loop')] },
    { address: `far@${HOST}`, members: [at('jürgen', 'b.com')] },
  ],
})

function look(verb: 'VRFY' | 'EXPN', argument: string): string {
  const { code, enhanced, lines } = lookUpAddress(verb, argument, { hostname: HOST, routes, local })
  return `${code} ${enhanced} ${lines.join(' ')}`
}

describe('VRFY', () => {
  test.each(['user', 'User', `user@${HOST}`, `<user@${HOST}>`, `user+tag@${HOST}`])(
    '%s is answered with the mailbox (RFC 5321 §3.5.1)',
    (argument) => {
      expect(look('VRFY', argument)).toMatch(/^250 2\.1\.5 <user(\+tag)?@mail-1\.a\.com>$/i)
    },
  )

  test('a list that mail is delivered to is an address like any other (RFC 5321 §3.5.1)', () => {
    expect(look('VRFY', 'list')).toBe(`250 2.1.5 <list@${HOST}>`)
  })

  test('who is not known here is not known, and of others nothing is (RFC 5321 §3.5.3)', () => {
    expect(look('VRFY', 'nobody')).toMatch(/^550 5\.1\.1 <nobody@mail-1\.a\.com>/)
    expect(look('VRFY', 'user@mail-2.a.com')).toMatch(/^252 2\.0\.0 /)
    expect(look('VRFY', 'user@elsewhere.org')).toMatch(/^252 2\.0\.0 /)
  })

  test.each(['', 'a b', '@', `<user@${HOST}`, `@a.com:user@${HOST}`])(
    '%j is no address',
    (text) => {
      expect(look('VRFY', text)).toMatch(/^501 5\.1\.3 /)
    },
  )
})

describe('EXPN', () => {
  test('each member has a line (RFC 5321 §3.5.1)', () => {
    expect(look('EXPN', 'list')).toBe(`250 2.1.5 <user@${HOST}> <other@${HOST}> <user@b.com>`)
  })

  test('a user stands for itself', () => {
    expect(look('EXPN', 'user SMTPUTF8')).toBe(`250 2.1.5 <user@${HOST}>`)
  })

  test('a list that leads back to itself is none', () => {
    expect(look('EXPN', 'loop')).toMatch(/^550 5\.1\.1 /)
  })

  test('no reply holds more than ASCII (RFC 6531 §3.7.4.2)', () => {
    expect(look('EXPN', 'far')).toMatch(/^252 2\.6\.8 /)
  })
})
