import { describe, expect, it } from 'vitest'
import { HOST, mailbox, mailStage } from '../../../test/support/mail-stage.ts'
import { bench, FAR, LOGIN } from '../../../test/support/smtp-bench.ts'
import { Aliases } from '../aliases.ts'
import type { PolicySession } from './policy.ts'
import { SenderOwners, SenderPolicy } from './sender-policy.ts'

const SESSION: PolicySession = {
  id: '1',
  service: 'submission',
  peer: '172.21.0.4',
  helo: 'c',
  user: 'user',
}

function owners(allowed: readonly (readonly [string, readonly string[]])[] = []): SenderOwners {
  const { accounts } = mailStage()
  const aliases = new Aliases(
    [
      { address: `info@${HOST}`, members: [mailbox(`other@${HOST}`), mailbox(`user@${HOST}`)] },
      { address: `desk@${HOST}`, members: [mailbox(`info@${HOST}`)] },
      { address: `far@${HOST}`, members: [mailbox(FAR)] },
      { address: `a@${HOST}`, members: [mailbox(`b@${HOST}`)] },
      { address: `b@${HOST}`, members: [mailbox(`a@${HOST}`)] },
    ],
    (one) => accounts.find(one) !== undefined,
  )
  const ports = { accounts, aliases, localDomains: [HOST], superusers: ['root'] }
  return new SenderOwners(new Map(allowed), ports)
}

function owned(
  session: Partial<PolicySession>,
  ...addresses: readonly string[]
): readonly string[] {
  const all = owners([['user', ['sales@c.com', '*@d.com']]])
  return addresses.filter((one) => all.owns({ ...SESSION, ...session }, mailbox(one)))
}

describe('whose an address is', () => {
  it('a user has his own, whatever its case and extension, and those of aliases that lead to him', () => {
    const own = [`user@${HOST}`, `USER+tag@${HOST}`, `info@${HOST}`, `Desk@${HOST}`]
    expect(owned({}, ...own)).toEqual(own)
  })

  it('a user has no other: of another, of nobody, of another host, or of aliases that lead elsewhere or in circles', () => {
    const others = [`other@${HOST}`, `nobody@${HOST}`, FAR, `far@${HOST}`, `a@${HOST}`]
    expect(owned({}, ...others)).toEqual([])
    expect(owned({ user: undefined }, `user@${HOST}`)).toEqual([])
  })

  it('a user has the listed ones, of a whole domain as well, and nothing that looks like it', () => {
    const listed = ['sales@c.com', 'Sales@C.com', 'x@d.com', 'ann@c.com', 'x@e.d.com', 'x@xd.com']
    expect(owned({}, ...listed)).toEqual(listed.slice(0, 3))
    expect(owned({ user: 'other' }, ...listed)).toEqual([])
    const any = owners([['user', ['*']]])
    expect(any.owns(SESSION, mailbox('who@where.org'))).toBe(true)
  })

  it('a user of the machine has the address of his name here, and its superuser has all', () => {
    const local = (user: string): Partial<PolicySession> => ({ service: 'pickup', user })
    const addresses = [`www-data@${HOST}`, `user@${HOST}`, 'www-data@b.com']
    expect(owned(local('www-data'), ...addresses)).toEqual([`www-data@${HOST}`])
    expect(owned(local('root'), ...addresses)).toEqual(addresses)
    // Who logs in by that name is somebody else.
    expect(owned({ user: 'root' }, ...addresses)).toEqual([])
  })
})

describe('the check of senders', () => {
  const checked = { check: true, localCheck: false }
  const policyOf = (options = checked): SenderPolicy => new SenderPolicy(options, owners())

  it('refuses who logs in and sends as another (553 5.7.1), and goes on with him', async () => {
    const { connect, say } = await bench('submission', {}, {}, () => [policyOf()])
    const stream = connect()
    await say(stream, 'EHLO c', LOGIN)
    expect(await say(stream, `MAIL FROM:<other@${HOST}>`)).toBe(
      `553 5.7.1 <other@${HOST}>: Sender address rejected: not owned by user user\r\n`,
    )
    expect(await say(stream, `MAIL FROM:<user@${HOST}>`)).toMatch(/^250 2\.1\.0 /)
    expect(await say(stream, 'RSET', 'MAIL FROM:<>')).toMatch(/250 2\.1\.0 Ok\r\n$/)
  })

  it('asks nobody who has not logged in, nor anybody where it is off', async () => {
    const mail = { queueId: 'Q', recipients: [] }
    const from = { reversePath: mailbox(`other@${HOST}`), parameters: {} }
    const ask = (policy: SenderPolicy, session: Partial<PolicySession>): unknown =>
      policy.mail({ ...SESSION, ...session }, { ...mail, from })
    expect(ask(policyOf(), { service: 'smtp', user: undefined })).toBeUndefined()
    expect(ask(policyOf({ check: false, localCheck: false }), {})).toBeUndefined()
    expect(ask(policyOf(), { service: 'pickup' })).toBeUndefined()
    expect(
      await ask(policyOf({ check: false, localCheck: true }), {
        service: 'pickup',
        user: undefined,
      }),
    ).toMatchObject({ type: 'reject', reply: { lines: [expect.stringMatching(/not logged in$/)] } })
  })
})
