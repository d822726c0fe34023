import { describe, expect, it } from 'vitest'
import { labAccount, labPasswords } from '../lab/password.ts'
import { type Account, Accounts, onlyFirst } from './accounts.ts'

const PHONE = { ...labAccount('', 'ab2c-other'), label: 'phone', id: 'ab2c' }
const USER: Account = { ...labAccount('user', '123456'), appPasswords: [PHONE] }
const accounts = new Accounts(['mail-1.a.com', 'A.org'], labPasswords)
accounts.replace([USER, labAccount('Ann', 'geheim ä')])

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

  it('takes an app password as well, by what it begins with', async () => {
    expect(await accounts.verify('user', 'ab2c-other')).toBe(USER)
    expect(await accounts.verify('user', 'ab2c-others')).toBeUndefined()
    expect(await accounts.verify('ann', 'ab2c-other')).toBeUndefined()
  })

  it('compares one hash for every attempt, whoever it names', async () => {
    const asked: (string | undefined)[] = []
    const counted = new Accounts(['a.org'], {
      ...labPasswords,
      verify: async (_password, argon2) => {
        asked.push(argon2)
        return false
      },
    })
    counted.replace([USER])
    await counted.verify('user', 'wrong')
    await counted.verify('user', 'ab2c-wrong')
    await counted.verify('nobody', 'wrong')
    expect(asked).toEqual([USER.argon2, PHONE.argon2, undefined])
  })

  it('goes by the latest list: who is gone is unknown, who is new can log in', async () => {
    const changing = new Accounts(['a.org'], labPasswords)
    expect(await changing.verify('user', '123456')).toBeUndefined()
    changing.replace([USER])
    expect(await changing.verify('user', '123456')).toBe(USER)
    changing.replace([labAccount('ann', 'x')])
    expect(await changing.verify('user', '123456')).toBeUndefined()
  })

  it('gives the keys for SCRAM out where there are any', async () => {
    const scram = {
      salt: Uint8Array.of(1),
      iterations: 4096,
      storedKey: Uint8Array.of(2),
      serverKey: Uint8Array.of(3),
    }
    const one = new Accounts(['a.org'], labPasswords)
    const ann = { ...labAccount('ann', 'x'), scram }
    one.replace([USER, ann])
    expect(one.scramKeysOf('ann@a.org')).toEqual({ account: ann, keys: scram })
    expect(one.scramKeysOf('user')).toBeUndefined()
    expect(one.scramKeysOf('nobody')).toBeUndefined()
  })

  it('every domain has a postmaster (RFC 5321 §4.5.1)', () => {
    expect(accounts.find({ localPart: 'Postmaster', domain: 'a.org' })).toBe(USER)
    const own = labAccount('postmaster', 'x')
    const others = new Accounts(['a.org'], labPasswords)
    others.replace([USER, own])
    expect(others.find({ localPart: 'postmaster', domain: 'a.org' })).toBe(own)
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
