import { expect, test } from 'vitest'
import type { Scenario } from '../../src/config/scenario.ts'
import { PATIENT_TCP } from '../support/gap.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

/** Mail to other domains goes by SMTP to the servers of each. */
function bySmtp(oneWayDelayMs: number, route = 'smtp:'): Scenario {
  const scenario = earthMoon({ oneWayDelayMs })
  return {
    ...scenario,
    tcp: PATIENT_TCP,
    hosts: scenario.hosts.map((host) => ({
      ...host,
      transport: [{ domain: '*', route }],
      outgoing: { tls: 'offered', oneWayDelayMs },
    })),
  }
}

test('mail crosses by SMTP where each reply takes longer than RFC 5321 §4.5.3.2 waits for it', async () => {
  const lab = await TestLab.start(bySmtp(70_000))
  await lab.submitted(lab.mail1, mailOf('there'))
  await lab.until('mail-removed')
  expect(await lab.maildrop(lab.mail2)).toEqual([expect.stringContaining(mailOf('there'))])
  expect(lab.events('mail-deferred')).toEqual([])
  expect(lab.events('mail-delivered')[1]).toMatchObject({
    route: 'smtp',
    relay: 'mail-2.a.com[172.22.0.3]:25',
    detail: expect.stringMatching(/^250 2\.0\.0 Ok/),
  })
  await lab.lab.stop()
})

test('a connection serves the mails that follow soon, and is closed when none does', async () => {
  const lab = await TestLab.start(bySmtp(500))
  for (const body of ['first', 'second']) {
    await lab.submitted(lab.mail1, mailOf(body))
    await lab.until('mail-removed', body === 'first' ? 1 : 2)
  }
  const opened = lab.events('session-opened').filter(({ service }) => service === 'smtp')
  expect(opened).toHaveLength(1)
  await lab.runFor(10_000)
  expect(lab.events('session-closed').filter(({ service }) => service === 'smtp')).toHaveLength(1)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(2)
  await lab.lab.stop()
})

test('a server that is down leaves its mail to the next, by their preference (RFC 5321 §5.1)', async () => {
  const lab = await TestLab.start(bySmtp(500))
  lab.lab.names.set('mail-2.a.com', {
    mx: [
      { preference: 20, exchange: 'good.a.com' },
      { preference: 10, exchange: 'down.a.com' },
      { preference: 5, exchange: 'nowhere.a.com' },
    ],
  })
  lab.lab.names.set('good.a.com', { a: ['172.22.0.3'] })
  // Nothing listens there.
  lab.lab.names.set('down.a.com', { a: ['172.22.0.99'] })
  await lab.submitted(lab.mail1, mailOf('there'))
  await lab.until('mail-removed')
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
  expect(lab.events('mail-deferred')).toEqual([])
  await lab.lab.stop()
})

test.each([
  ['a null MX (RFC 7505)', { mx: [{ preference: 0, exchange: '' }] }, /takes no mail/],
  ['an MX that is this host', { mx: [{ preference: 5, exchange: 'MAIL-1.a.com' }] }, /loops back/],
  ['a name that nobody knows', {}, /no address/],
] as const)('%s sends mail back at once', async (_, name, reason) => {
  const lab = await TestLab.start(bySmtp(500))
  lab.lab.names.set('b.com', name)
  await lab.submitted(lab.mail1, mailOf('there'), ['x@b.com'])
  expect((await lab.until('mail-failed')).event).toMatchObject({
    recipient: 'x@b.com',
    reason: expect.stringMatching(reason),
  })
  await lab.lab.stop()
})

test('a resolver that does not answer defers the mail, which goes when it does', async () => {
  const lab = await TestLab.start(bySmtp(500))
  const known = lab.lab.names.get('mail-2.a.com')
  lab.lab.names.set('mail-2.a.com', { fault: 'dns/timed-out' })
  await lab.submitted(lab.mail1, mailOf('there'))
  await lab.until('mail-deferred')
  lab.lab.names.set('mail-2.a.com', known ?? {})
  await lab.until('mail-removed')
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
  await lab.lab.stop()
})

test.each([
  ['discard:', 'mail-delivered', { route: 'discard', detail: 'discarded' }],
  ['error:5.1.2 moved away', 'mail-failed', { reason: 'moved away' }],
] as const)('%s needs no other host', async (route, type, event) => {
  const scenario = bySmtp(500, route)
  // For an alias, since what is for such a route itself is refused in the session.
  const members = [{ localPart: 'user', domain: 'mail-2.a.com' }]
  const aliases = [{ address: 'away@mail-1.a.com', members }]
  const hosts = scenario.hosts.map((host) => ({ ...host, aliases }))
  const lab = await TestLab.start({ ...scenario, hosts })
  await lab.submitted(lab.mail1, mailOf('there'), ['away@mail-1.a.com'])
  expect((await lab.until(type)).event).toMatchObject(event)
  await lab.lab.stop()
})
