/** How mail goes to other servers: far away, by whose word, and under which protection. */

import { describe, expect, test } from 'vitest'
import { CONNECTIONS_PER_DESTINATION_MAX } from '../../src/bridge/limits.ts'
import type { Scenario, ScenarioHost } from '../../src/config/scenario.ts'
import {
  CONNECTIONS_MAX,
  MAILS_PER_CONNECTION_MAX,
  SERVERS_TRIED_MAX,
} from '../../src/mail/transport/limits.ts'
import type { OutgoingRoute } from '../../src/mail/transport/outgoing-options.ts'
import { PATIENT_TCP } from '../support/gap.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'
import { friendly, SCRIPTED_PORT, scripted } from '../support/scripted-server.ts'
import { Typist } from '../support/typist.ts'

interface Change {
  readonly oneWayDelayMs?: number
  readonly route?: string
  readonly routes?: readonly OutgoingRoute[]
  readonly mail2?: Partial<ScenarioHost>
}

/** Mail to other domains goes by SMTP. */
function bySmtp({ oneWayDelayMs = 500, route = 'smtp:', routes = [], mail2 }: Change): Scenario {
  const scenario = earthMoon({ oneWayDelayMs })
  return {
    ...scenario,
    tcp: PATIENT_TCP,
    hosts: scenario.hosts.map((host) => ({
      ...host,
      transport: [{ domain: '*', route }],
      outgoing: { tls: 'offered', oneWayDelayMs: 0, mtaSts: true, routes },
      ...(host.host === 'mail-2.a.com' && mail2),
    })),
  }
}

const MINUTE = 60_000

describe('ten minutes away', () => {
  const listener = (oneWayDelayMs: number): Partial<ScenarioHost> => ({
    smtp: { listen: { host: '0.0.0.0', port: 25 }, oneWayDelayMs },
  })

  test('a mail goes by SMTP and TLS where route and listener say how far it is', async () => {
    const oneWayDelayMs = 10 * MINUTE
    const routes = [{ route: 'smtp:mail-2.a.com', oneWayDelayMs }] as const
    const lab = await TestLab.start(
      bySmtp({ oneWayDelayMs, routes, mail2: listener(oneWayDelayMs) }),
    )
    await lab.submitted(lab.mail1, mailOf('far '.repeat(10_000)))
    await lab.until('mail-removed')
    expect(lab.events('mail-deferred')).toEqual([])
    expect(await lab.mailbox(lab.mail2)).toEqual([expect.stringContaining('ESMTPS')])
    await lab.lab.stop()
  })

  test('a mail does not where they do not', async () => {
    const lab = await TestLab.start(
      bySmtp({ oneWayDelayMs: 10 * MINUTE, mail2: listener(10 * MINUTE) }),
    )
    await lab.submitted(lab.mail1, mailOf('there'))
    await lab.until('mail-deferred')
    expect(await lab.mailbox(lab.mail2)).toEqual([])
    await lab.lab.stop()
  })
})

describe('a smart host', () => {
  const route = 'smtp:[mail-2.a.com]:587'

  test.each([
    ['takes mail from whom it knows', '123456', 'mail-removed'],
    ['takes none with a wrong password, which may be mended', 'wrong', 'mail-failed'],
  ] as const)('%s', async (_, password, end) => {
    const credentials = { user: 'user', password }
    const lab = await TestLab.start(
      bySmtp({
        route,
        routes: [{ route, tls: 'required', credentials }],
        // It sends the mail of many.
        mail2: { senders: { allowed: [['user', ['*']]] } },
      }),
    )
    await lab.submitted(lab.mail1, mailOf('hello'))
    await lab.until(end)
    const isWelcome = end === 'mail-removed'
    expect(await lab.mailbox(lab.mail2)).toHaveLength(isWelcome ? 1 : 0)
    if (isWelcome) expect((await lab.mailbox(lab.mail2))[0]).toContain('ESMTPSA')
    await lab.lab.stop()
  })
})

test('a smart host that speaks TLS from the start knows us by it (RFC 8314)', async () => {
  const route = 'smtps:[mail-2.a.com]'
  const credentials = { user: 'user', password: '123456' }
  const submissions = { listen: { host: '0.0.0.0', port: 465 } }
  const lab = await TestLab.start(
    bySmtp({
      route,
      routes: [{ route, credentials }],
      mail2: { submissions, senders: { allowed: [['user', ['*']]] } },
    }),
  )
  await lab.submitted(lab.mail1, mailOf('hello'))
  await lab.until('mail-removed')
  expect((await lab.mailbox(lab.mail2))[0]).toContain('ESMTPSA')
  await lab.lab.stop()
})

test('one that does not gets no mail, and nothing unprotected', async () => {
  const lab = await TestLab.start(bySmtp({ route: `smtps:[172.22.0.3]:${SCRIPTED_PORT}` }))
  const seen = await scripted(lab, (line) => friendly(line))
  await lab.submitted(lab.mail1, mailOf('hello'), ['user@b.com'])
  await lab.until('mail-deferred')
  expect(seen.lines.filter((line) => / (?:EHLO|MAIL)/.test(line))).toEqual([])
  await lab.lab.stop()
})

describe('MTA-STS (RFC 8461)', () => {
  const PAGE = 'https://mta-sts.b.com/.well-known/mta-sts.txt'

  /** b.com has the server `mx`, which is mail-2, and publishes this. */
  async function publishing(
    policy: string,
    mx: string,
    mail2: Partial<ScenarioHost> = {},
  ): Promise<TestLab> {
    const lab = await TestLab.start(
      bySmtp({ mail2: { domains: ['mail-2.a.com', 'b.com'], ...mail2 } }),
    )
    const { names, pages } = lab.lab
    names.set('b.com', { mx: [{ preference: 10, exchange: mx }] })
    names.set('other.b.com', { a: ['172.22.0.3'] })
    names.set('_mta-sts.b.com', { txt: ['v=STSv1; id=1'] })
    pages.set(PAGE, `version: STSv1\nmax_age: 86400\n${policy}`)
    return lab
  }

  test('enforced, mail goes to a server of the policy under TLS', async () => {
    const lab = await publishing('mode: enforce\nmx: *.a.com\n', 'mail-2.a.com')
    await lab.submitted(lab.mail1, mailOf('hello'), ['user@b.com'])
    await lab.until('mail-removed')
    expect((await lab.mailbox(lab.mail2))[0]).toContain('ESMTPS')
    await lab.lab.stop()
  })

  test.each([
    ['another server', 'mode: enforce\nmx: mx.b.com\n', /not among the servers in the policy/],
    ['a server whose certificate is for another', 'mode: enforce\nmx: *.b.com\n', /certificate is/],
  ])('enforced, it waits rather than go to %s', async (_, policy, reason) => {
    const lab = await publishing(policy, 'other.b.com')
    await lab.submitted(lab.mail1, mailOf('hello'), ['user@b.com'])
    expect((await lab.until('mail-deferred')).event).toMatchObject({
      reason: expect.stringMatching(reason),
    })
    await lab.lab.stop()
  })

  test.each(['mode: testing\nmx: mx.b.com\n', 'mode: none\n', 'mode: unheard of\n'])(
    '%j keeps no mail back',
    async (policy) => {
      const lab = await publishing(policy, 'other.b.com')
      await lab.submitted(lab.mail1, mailOf('hello'), ['user@b.com'])
      await lab.until('mail-removed')
      expect(lab.events('mail-deferred')).toEqual([])
      await lab.lab.stop()
    },
  )

  test('who would rather have a mail arrive says so (RFC 8689 §4.2.2)', async () => {
    const lab = await publishing('mode: enforce\nmx: mx.b.com\n', 'other.b.com')
    await lab.submitted(lab.mail1, `TLS-Required: No\r\n${mailOf('hello')}`, ['user@b.com'])
    await lab.until('mail-removed')
    expect(lab.events('mail-deferred')).toEqual([])
    await lab.lab.stop()
  })

  test.each([
    ['goes where a policy vouches for the server', 'mail-2.a.com', 'mail-removed'],
    ['comes back where nothing does', 'other.b.com', 'mail-failed'],
  ] as const)('a mail with REQUIRETLS %s (RFC 8689 §4.2.1)', async (_, mx, end) => {
    const lab = await publishing('mode: testing\nmx: *.a.com\n', mx)
    const { submission } = lab.mail1.options
    if (submission === undefined) throw new Error('no submission service')
    const typist = await Typist.to(lab.lab, lab.mail1.machine.network, submission.listen)
    await typist.reply()
    await typist.say('EHLO c', 'STARTTLS')
    await typist.secure()
    await typist.say('EHLO c', 'AUTH PLAIN AHVzZXIAMTIzNDU2')
    await typist.say('MAIL FROM:<user@mail-1.a.com> REQUIRETLS', 'RCPT TO:<user@b.com>', 'DATA')
    await typist.say('Subject: x\r\n\r\nx\r\n.')
    const { event } = await lab.until(end)
    if (end === 'mail-failed') {
      expect(event).toMatchObject({ reason: expect.stringContaining('encryption required') })
    }
    await lab.lab.stop()
  })
})

test('a domain whose mailboxes another server has goes there by LMTP, and who is not there is refused at once', async () => {
  const scenario = bySmtp({ route: 'lmtp:[172.22.0.3]:24' })
  const relay = { domains: ['mail-2.a.com'], networks: [], recipients: ['user@mail-2.a.com'] }
  const [first, second] = scenario.hosts
  if (first === undefined || second === undefined) throw new Error('two hosts')
  const lmtp = { listen: { host: '0.0.0.0', port: 24 } }
  const smtp = { listen: { host: '0.0.0.0', port: 25 } }
  const lab = await TestLab.start({
    ...scenario,
    hosts: [
      { ...first, smtp, relay },
      { ...second, lmtp },
    ],
  })
  const server = { host: '172.21.0.3', port: 25 }
  const typist = await Typist.to(lab.lab, lab.mail1.machine.network, server)
  await typist.reply()
  await typist.say('EHLO c', 'MAIL FROM:<ann@b.com>')
  expect(await typist.say('RCPT TO:<nobody@mail-2.a.com>')).toEqual([
    expect.stringMatching(/^550 5\.1\.1 .*: User unknown in relay recipient table$/),
  ])
  await typist.say('RCPT TO:<user@mail-2.a.com>', 'DATA')
  await typist.say('Subject: x\r\n\r\nx\r\n.')
  await lab.until('mail-removed')
  expect((await lab.mailbox(lab.mail2))[0]).toContain('LMTPS')
  await lab.lab.stop()
})

describe('a server that has its own ways', () => {
  const route = `smtp:[172.22.0.3]:${SCRIPTED_PORT}`
  const to = ['user@b.com']

  test.each([
    ['offered', 'mail-removed'],
    ['required', 'mail-deferred'],
  ] as const)('whose TLS does not work gets mail without it, or none: %s', async (tls, end) => {
    const lab = await TestLab.start(bySmtp({ route, routes: [{ route, tls }] }))
    const seen = await scripted(lab, (line) =>
      line === 'STARTTLS' ? '220 go' : friendly(line, ['b.com', 'STARTTLS']),
    )
    await lab.submitted(lab.mail1, mailOf('hello'), to)
    await lab.until(end)
    expect(seen.lines.filter((line) => line.endsWith('STARTTLS'))).toHaveLength(1)
    expect(seen.lines.some((line) => line.endsWith('hello'))).toBe(end === 'mail-removed')
    await lab.lab.stop()
  })

  test('who says farewell with its greeting keeps no mail waiting and no place', async () => {
    const lab = await TestLab.start(bySmtp({ route }))
    const seen = await scripted(lab, (line) =>
      line.startsWith('EHLO') ? '250 b.com\r\n421 4.3.2 b.com is leaving' : friendly(line),
    )
    for (let i = 0; i <= CONNECTIONS_MAX; i++) {
      await lab.submitted(lab.mail1, mailOf('hello'), to)
      const { event } = await lab.until('mail-deferred', i + 1)
      if (i === 0) {
        expect(event).toMatchObject({ reason: expect.stringMatching(/421 4\.3\.2 b\.com is leav/) })
      }
    }
    expect(seen.count).toBeGreaterThan(CONNECTIONS_MAX)
    await lab.lab.stop()
  })

  test('a connection serves so many mails, and no more', async () => {
    const lab = await TestLab.start(bySmtp({ route }))
    const seen = await scripted(lab, (line) => friendly(line))
    for (let i = 0; i <= MAILS_PER_CONNECTION_MAX; i++) {
      await lab.submitted(lab.mail1, mailOf('hello'), to)
      await lab.until('mail-removed', i + 1)
    }
    const mails = (connection: number): number =>
      seen.lines.filter((line) => line.startsWith(`${connection} MAIL`)).length
    expect([mails(1), mails(2)]).toEqual([MAILS_PER_CONNECTION_MAX, 1])
    expect(seen.lines).toContain('1 QUIT')
    await lab.lab.stop()
  })

  const many = Array.from({ length: 7 }, (_, i) => `user${i}@b.com`)

  test.each([
    ['RCPTMAX=3', [3, 3, 1], 1],
    ['RCPTMAX=7', [7], 1],
    ['RCPTMAX=0', [7], 1],
    ['MAILMAX=1 RCPTMAX=5', [5, 2], 2],
  ] as const)(
    'that says LIMITS %s gets no more at a time (RFC 9422)',
    async (limits, groups, connections) => {
      const lab = await TestLab.start(bySmtp({ route }))
      const seen = await scripted(lab, (line) => friendly(line, ['b.com', `LIMITS ${limits}`]))
      await lab.submitted(lab.mail1, mailOf('hello'), many)
      await lab.until('mail-removed')
      const verbs = seen.lines.map((line) => /^\d (MAIL|RCPT|DATA)/.exec(line)?.[1] ?? '').join('')
      expect(verbs.match(/(?:RCPT)+/g)?.map((group) => group.length / 4)).toEqual(groups)
      expect(seen.count).toBe(connections)
      expect(seen.lines.filter((line) => line.endsWith('hello'))).toHaveLength(groups.length)
      expect(lab.events('mail-delivered')).toHaveLength(7)
      await lab.lab.stop()
    },
  )

  test('that leaves between two groups keeps what it has taken, and gets the rest later', async () => {
    const lab = await TestLab.start(bySmtp({ route }))
    const ends: string[] = []
    const seen = await scripted(lab, (line, connection) => {
      if (line === '.' && ends.push(line) === 1) return '250 2.0.0 ok\r\n421 4.3.2 leaving'
      return connection === 1 && ends.length > 0
        ? ''
        : friendly(line, ['b.com', 'LIMITS RCPTMAX=4'])
    })
    await lab.submitted(lab.mail1, mailOf('hello'), many)
    await lab.until('mail-removed')
    const asked = seen.lines.filter((line) => /^\d RCPT/.test(line))
    expect(asked.filter((line) => line.startsWith('2'))).toHaveLength(3)
    expect(lab.events('mail-delivered')).toHaveLength(7)
    await lab.lab.stop()
  })

  test('of the servers of one domain so many are tried at a time', async () => {
    const lab = await TestLab.start(bySmtp({ route: `smtp:b.com:${SCRIPTED_PORT}` }))
    const names = Array.from({ length: SERVERS_TRIED_MAX + 2 }, (_, i) => `m${i}.b.com`)
    lab.lab.names.set('b.com', {
      mx: names.map((exchange, preference) => ({ preference, exchange })),
    })
    for (const name of names) lab.lab.names.set(name, { a: ['172.22.0.3'] })
    const seen = await scripted(lab, (line) => (line === '(connected)' ? '450 not now' : '221 bye'))
    await lab.submitted(lab.mail1, mailOf('hello'), to)
    await lab.until('mail-deferred')
    expect(seen.count).toBe(SERVERS_TRIED_MAX)
    await lab.lab.stop()
  })

  test('one destination has so many connections, and all together have so many', async () => {
    const destinations = CONNECTIONS_MAX / CONNECTIONS_PER_DESTINATION_MAX + 1
    const ports = Array.from({ length: destinations }, (_, i) => SCRIPTED_PORT + i)
    const scenario = bySmtp({})
    const lab = await TestLab.start({
      ...scenario,
      hosts: scenario.hosts.map((host) => ({
        ...host,
        transport: ports.map((port) => ({
          domain: `b${port}.com`,
          route: `smtp:[172.22.0.3]:${port}`,
        })),
      })),
    })
    const seen = await scripted(lab, () => '', ports)
    const send = async (port: number): Promise<void> => {
      for (let i = 0; i <= CONNECTIONS_PER_DESTINATION_MAX; i++) {
        await lab.submitted(lab.mail1, mailOf('hello'), [`user@b${port}.com`])
      }
    }
    await send(SCRIPTED_PORT)
    await lab.runFor(5000)
    expect(seen.open).toBe(CONNECTIONS_PER_DESTINATION_MAX)
    for (const port of ports.slice(1)) await send(port)
    await lab.runFor(5000)
    expect(seen.open).toBe(CONNECTIONS_MAX)
    await lab.lab.stop()
  })
})

test('a mail that is too large for the server is not sent, whatever its sender said (RFC 1870 §6)', async () => {
  const small = { limits: { messageBytesMax: 10_000, storeBytesMax: 1e9 } }
  const lab = await TestLab.start(bySmtp({ mail2: small }))
  await lab.submitted(lab.mail1, mailOf('x'.repeat(20_000)))
  expect((await lab.until('mail-failed')).event).toMatchObject({
    reason: expect.stringContaining('5.3.4'),
  })
  await lab.lab.stop()
})
