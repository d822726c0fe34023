import { describe, expect, it } from 'vitest'
import { Accounts, onlyFirst } from './accounts.ts'

const USER = { name: 'user', password: '123456' }
const accounts = new Accounts(
  [USER, { name: 'Ann', password: 'geheim ä' }],
  ['mail-1.a.com', 'A.org'],
)

describe('Accounts', () => {
  it('knows a user by name and by address', async () => {
    expect(await accounts.verify('user', '123456')).toBe(USER)
    expect(await accounts.verify('USER@MAIL-1.a.com', '123456')).toBe(USER)
    expect((await accounts.verify('ann@a.org', 'geheim ä'))?.name).toBe('Ann')
  })

  it('refuses a wrong password, a beginning of the right one, and an unknown user', async () => {
    expect(await accounts.verify('user', '123457')).toBeUndefined()
    expect(await accounts.verify('user', '12345')).toBeUndefined()
    expect(await accounts.verify('user', '123456123456')).toBeUndefined()
    expect(await accounts.verify('user', '')).toBeUndefined()
    expect(await accounts.verify('nobody', '')).toBeUndefined()
    expect(await accounts.verify('user@elsewhere.org', '123456')).toBeUndefined()
  })

  it('finds mailboxes of its own domains only', () => {
    expect(accounts.find({ localPart: 'User', domain: 'mail-1.a.com' })).toBe(USER)
    expect(accounts.find({ localPart: 'user', domain: 'mail-2.a.com' })).toBeUndefined()
    expect(accounts.find({ localPart: 'nobody', domain: 'mail-1.a.com' })).toBeUndefined()
  })

  it('every domain has a postmaster (RFC 5321 §4.5.1)', () => {
    expect(accounts.find({ localPart: 'Postmaster', domain: 'a.org' })).toBe(USER)
    const own = { name: 'postmaster', password: 'x' }
    expect(
      new Accounts([USER, own], ['a.org']).find({ localPart: 'postmaster', domain: 'a.org' }),
    ).toBe(own)
  })
})

describe('onlyFirst', () => {
  const kept = (...names: readonly string[]): readonly string[] =>
    names
      .map((name) => {
        const [localPart = '', domain = ''] = name.split('@')
        return { localPart, domain }
      })
      .filter(onlyFirst(accounts))
      .map(({ localPart, domain }) => `${localPart}@${domain}`)

  it('keeps one mailbox of each account here, under its first name', () => {
    expect(
      kept('User@a.org', 'user@mail-1.a.com', 'postmaster@a.org', 'ann@a.org', 'ANN@A.org'),
    ).toEqual(['User@a.org', 'ann@a.org'])
  })

  it('compares other mailboxes as they are: only their hosts know more (RFC 5321 §2.4)', () => {
    expect(kept('a@b.com', 'A@b.com', 'a@c.com', 'a@b.com')).toEqual([
      'a@b.com',
      'A@b.com',
      'a@c.com',
    ])
  })
})
