import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { hostPasswords } from './password.ts'

const passwords = hostPasswords()

describe('hostPasswords', () => {
  it('takes the right password and no other', async () => {
    const { argon2 } = await passwords.hash('geheim ä')
    expect(argon2).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(await passwords.verify('geheim ä', argon2)).toBe(true)
    expect(await passwords.verify('geheim a\u0308', argon2)).toBe(true)
    expect(await passwords.verify('geheim', argon2)).toBe(false)
  })

  it('hashes the same password differently each time', async () => {
    const [one, other] = [await passwords.hash('same'), await passwords.hash('same')]
    expect(one.argon2).not.toBe(other.argon2)
    expect(one.scram?.salt).not.toEqual(other.scram?.salt)
  })

  it('keeps what SCRAM needs, and it belongs to the password (RFC 5802 §3)', async () => {
    const { scram } = await passwords.hash('pencil')
    expect(scram?.iterations).toBeGreaterThanOrEqual(4096)
    const { pbkdf2Sync } = await import('node:crypto')
    const salted = pbkdf2Sync('pencil', scram?.salt ?? '', scram?.iterations ?? 1, 32, 'sha256')
    const serverKey = createHmac('sha256', salted).update('Server Key').digest()
    expect(Buffer.from(scram?.serverKey ?? [])).toEqual(serverKey)
  })

  it('refuses where there is no user, and works as hard for it', async () => {
    expect(await passwords.verify('', undefined)).toBe(false)
  })

  it('says that what is kept is not a hash', async () => {
    await expect(passwords.verify('x', 'plain:x')).rejects.toMatchObject({
      code: 'password/malformed',
    })
  })

  it('turns away more than may wait, and goes on with those that do', async () => {
    const narrow = hostPasswords({ atOnceMax: 1, waitingMax: 1 })
    const asked = [narrow.hash('a'), narrow.hash('b'), narrow.hash('c')]
    await expect(asked[2]).rejects.toMatchObject({ code: 'password/busy', temporary: true })
    expect((await Promise.all(asked.slice(0, 2))).length).toBe(2)
    expect(await narrow.hash('d')).toBeDefined()
  })
})
