import { expect, test } from 'vitest'
import type { MailHostOptions } from '../../src/bridge/mail-host-options.ts'
import { nearHost } from '../support/cheap-lab.ts'
import { mailOf, TestLab } from '../support/lab.ts'

const USERS = ['user', 'ann'].map((name) => ({ name, password: '123456' }))
const ANN = { localPart: 'ann', domain: 'mail-1.a.com' }

/** Sends one mail on the near host, and resolves with what crossed and how often it was delivered here. */
async function sent(
  to: readonly string[],
  more: Partial<MailHostOptions> = {},
): Promise<{ readonly crossed: number; readonly here: number }> {
  const lab = await TestLab.start(nearHost({ users: USERS, ...more }))
  await lab.submitted(lab.mail1, mailOf('Hello'), to)
  await lab.runFor(3_600_000)
  const here = lab.events('mail-delivered').filter(({ route }) => route === 'local').length
  const direct = lab.events('mail-accepted').filter(({ via }) => via === 'submission').length
  expect(direct).toBe(1)
  return { crossed: lab.events('object-sent').length, here }
}

test.each([
  ['to a user here', ['ann@mail-1.a.com']],
  ['however the address is written', ['Ann+news@MAIL-1.A.COM', 'USER@mail-1.a.com']],
  ['to the postmaster', ['postmaster@mail-1.a.com']],
])('mail between users of one host never crosses: %s', async (_, to) => {
  expect(await sent(to)).toEqual({ crossed: 0, here: to.length })
})

test.each([
  ['an alias', 'all@mail-1.a.com', [ANN]],
  ['a catch-all', '@mail-1.a.com', [ANN]],
  ['an alias in the domain of the far side', 'all@mail-2.a.com', [ANN]],
  ['a catch-all in the domain of the far side', '@mail-2.a.com', [ANN]],
])('mail between users of one host never crosses by %s', async (_, address, members) => {
  const to = address.replace(/^@/, 'someone@')
  expect(await sent([to], { aliases: [{ address, members }] })).toEqual({ crossed: 0, here: 1 })
})

test('an alias of an alias of the far side that leads back here never crosses', async () => {
  const aliases = [
    { address: 'one@mail-1.a.com', members: [{ localPart: 'two', domain: 'mail-2.a.com' }] },
    { address: 'two@mail-2.a.com', members: [ANN] },
  ]
  expect(await sent(['one@mail-1.a.com'], { aliases })).toEqual({ crossed: 0, here: 1 })
})

test('of a domain that both sides have, who is here is reached here', async () => {
  const more = {
    domains: ['mail-1.a.com', 'both.a.com'],
    transport: [
      { domain: 'mail-2.a.com', route: 'bp:ipn:3.2525' },
      { domain: 'bob@both.a.com', route: 'bp:ipn:3.2525' },
    ],
  }
  expect((await sent(['ann@both.a.com'], more)).crossed).toBe(0)
  // And who is there is not.
  expect((await sent(['bob@both.a.com'], more)).crossed).toBeGreaterThan(0)
})

test('of a mail to both sides only the far side’s recipient crosses', async () => {
  const lab = await TestLab.start(nearHost({ users: USERS }))
  await lab.submitted(lab.mail1, mailOf('Hello'), ['ann@mail-1.a.com', 'user@mail-2.a.com'])
  await lab.runFor(10_000)
  expect(lab.events('object-sent')).toHaveLength(1)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
  const delivered = lab.events('mail-delivered').map(({ route, recipient }) => [route, recipient])
  expect(delivered).toContainEqual(['local', 'ann@mail-1.a.com'])
  expect(delivered).toContainEqual(['bp', 'user@mail-2.a.com'])
})
