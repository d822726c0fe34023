/** Mail programs that are not ours send to a real host, by each of its ports, by TLS 1.2 and 1.3. */

import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createTransport, type SentMessageInfo } from 'nodemailer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { needs } from '../support/programs.ts'
import { ServedPair } from '../support/served.ts'

const run = promisify(execFile)
const NEAR = 'user@mail-1.a.com'
const HOST = 'mail-1.a.com'
const USER = { user: 'user', pass: '123456' }
const VERSIONS = ['1.2', '1.3'] as const

type Version = (typeof VERSIONS)[number]
/** How a client comes to be under TLS: by STARTTLS, or from the first octet. */
type Port = 'submission' | 'submissions'

const PORTS: readonly Port[] = ['submission', 'submissions']
const WAYS: readonly (readonly [Port, Version])[] = PORTS.flatMap((port) =>
  VERSIONS.map((version) => [port, version] as const),
)

let pair: ServedPair
let authority = ''
const ports = { smtp: 0, lmtp: 0, submission: 0, submissions: 0 }
const seen = new Set<string>()

beforeAll(async () => {
  ports.submissions = await freePort()
  ports.lmtp = await freePort()
  pair = await ServedPair.make((text) =>
    text.includes(`\nhost: ${HOST}`)
      ? `${text.replace(/(submission:\n.*\n {2}plaintextAuth:) allow/, '$1 refuse')}submissions: {listen: "127.0.0.1:${ports.submissions}"}\nlmtp: {listen: "127.0.0.1:${ports.lmtp}"}\n`
      : text,
  )
  const [host] = pair.hosts
  Object.assign(ports, { smtp: host.ports.smtp, submission: host.ports.submission })
  authority = join(pair.directory, 'mail-1/tls/authority.pem')
  await host.start()
})

afterAll(() => pair.dispose())

/** The mails that have come since this was asked last. */
function fresh(): readonly string[] {
  const mails = pair.hosts[0].mails().filter((mail) => !seen.has(mail))
  for (const mail of mails) seen.add(mail)
  return mails
}

function expectOne(protocol: string, text = 'Subject: '): void {
  const mails = fresh()
  expect(mails).toHaveLength(1)
  expect(/\) with\s+(\w+)\s+id\s/.exec(mails[0] ?? '')?.[1]).toBe(protocol)
  expect(mails[0]).toContain(text)
}

describe.skipIf(needs('swaks'))('swaks', () => {
  test.each(
    WAYS.flatMap(([port, version]) =>
      ['PLAIN', 'LOGIN'].map((mechanism) => [port, version, mechanism] as const),
    ),
  )('by %s with TLS %s and %s', async (port, version, mechanism) => {
    const { stdout } = await run('swaks', [
      ...['--server', `127.0.0.1:${ports[port]}`, port === 'submission' ? '-tls' : '-tlsc'],
      ...['--tls-protocol', `tlsv1_${version.slice(2)}`, '--tls-ca-path', authority],
      ...['--auth', mechanism, '--auth-user', USER.user, '--auth-password', USER.pass],
      ...['--from', NEAR, '--to', NEAR],
    ])
    expect(stdout).toMatch(/250 2\.0\.0 Ok: queued as/)
    expect(stdout).toContain(`TLS started with cipher TLSv${version}`)
    expectOne('ESMTPSA')
  })

  test.each([
    ['smtp', 'ESMTP', []],
    ['smtp', 'ESMTPS', ['-tls']],
    ['lmtp', 'LMTP', ['--protocol', 'LMTP']],
    ['lmtp', 'LMTPS', ['--protocol', 'LMTP', '-tls']],
  ] as const)('delivers by %s as %s', async (port, protocol, how) => {
    const { stdout } = await run('swaks', [
      ...['--server', `127.0.0.1:${ports[port]}`, '--from', 'a@b.com', '--to', NEAR, ...how],
    ])
    expect(stdout).toMatch(/250 2\.0\.0 Ok: queued as/)
    expectOne(protocol)
  })
})

describe.skipIf(needs('curl'))('curl', () => {
  test.each(
    WAYS.flatMap(([port, version]) =>
      ['PLAIN', 'LOGIN'].map((mechanism) => [port, version, mechanism] as const),
    ),
  )('by %s with TLS %s and %s', async (port, version, mechanism) => {
    const scheme = port === 'submission' ? 'smtp' : 'smtps'
    await run('curl', [
      ...['-sS', '--ssl-reqd', '--cacert', authority, '--login-options', `AUTH=${mechanism}`],
      ...[`--tlsv${version}`, '--tls-max', version, '-u', `${USER.user}:${USER.pass}`],
      ...['--resolve', `${HOST}:${ports[port]}:127.0.0.1`, `${scheme}://${HOST}:${ports[port]}`],
      ...['--mail-from', NEAR, '--mail-rcpt', NEAR, '-T', 'examples/hello.eml'],
    ])
    expectOne('ESMTPSA')
  })
})

describe.skipIf(needs('msmtp'))('msmtp', () => {
  /** Sends a mail, with more lines in its file. */
  async function send(port: keyof typeof ports, ...lines: readonly string[]): Promise<void> {
    const file = join(pair.directory, 'msmtprc')
    const common = ['account default', 'host 127.0.0.1', 'domain client.a.com', `from ${NEAR}`]
    const all = [...common, `port ${ports[port]}`, ...lines, '']
    writeFileSync(file, all.join('\n'), { mode: 0o600 })
    const mail = run('msmtp', ['-C', file, NEAR])
    mail.child.stdin?.end('Subject: by msmtp\n\n.\nHello\n')
    await mail
  }

  const tls = (port: Port, version: Version): readonly string[] => [
    ...['tls on', `tls_starttls ${port === 'submission' ? 'on' : 'off'}`],
    ...[`tls_trust_file ${authority}`, `tls_priorities NORMAL:-VERS-ALL:+VERS-TLS${version}`],
    `tls_host_override ${HOST}`,
  ]

  test.each(
    WAYS.flatMap(([port, version]) =>
      ['plain', 'login', 'scram-sha-256', 'on'].map(
        (mechanism) => [port, version, mechanism] as const,
      ),
    ),
  )('by %s with TLS %s and %s', async (port, version, mechanism) => {
    const login = [`auth ${mechanism}`, `user ${USER.user}`, `password ${USER.pass}`]
    await send(port, ...tls(port, version), ...login)
    expectOne('ESMTPSA', 'Subject: by msmtp')
  })

  test.each([
    ['smtp', 'ESMTP', []],
    ['lmtp', 'LMTP', ['protocol lmtp']],
  ] as const)('delivers by %s', async (port, protocol, lines) => {
    await send(port, 'auth off', 'tls off', ...lines)
    expectOne(protocol, '\r\n.\r\nHello\r\n')
  })
})

describe('nodemailer', () => {
  interface Way {
    readonly port: keyof typeof ports
    readonly version?: Version
    readonly authMethod?: string
    readonly more?: object
  }

  async function send(way: Way, ...mails: readonly object[]): Promise<readonly SentMessageInfo[]> {
    const { port, version, authMethod, more = {} } = way
    const transport = createTransport({
      host: '127.0.0.1',
      port: ports[port],
      name: 'client.a.com',
      secure: port === 'submissions',
      ...(port === 'submission' && { requireTLS: true }),
      ...(version === undefined && { ignoreTLS: true }),
      ...(authMethod !== undefined && { auth: USER, authMethod }),
      ...(version !== undefined && { tls: tlsOf(version) }),
      ...more,
    })
    try {
      return await Promise.all(mails.map((mail) => transport.sendMail({ ...MAIL, ...mail })))
    } finally {
      transport.close()
    }
  }

  const tlsOf = (version: Version): object => ({
    minVersion: `TLSv${version}`,
    maxVersion: `TLSv${version}`,
    servername: HOST,
    ca: readFileSync(authority, 'utf8'),
  })

  const MAIL = { from: NEAR, to: NEAR, subject: 'by nodemailer', text: '.\nHello\n' }

  test.each(
    WAYS.flatMap(([port, version]) =>
      ['PLAIN', 'LOGIN'].map((authMethod) => ({ port, version, authMethod })),
    ),
  )('by $port with TLS $version and $authMethod', async (way) => {
    const [sent] = await send(way, {})
    expect(sent?.response).toMatch(/^250 2\.0\.0 Ok: queued as /)
    expectOne('ESMTPSA', 'Subject: by nodemailer')
  })

  test('delivers by smtp and by lmtp', async () => {
    await send({ port: 'smtp' }, {})
    expectOne('ESMTP')
    await send({ port: 'lmtp', more: { lmtp: true } }, {})
    expectOne('LMTP')
  })

  test('ten mails over one connection, one of them of a megabyte, with all that a report may be asked for', async () => {
    const way: Way = {
      ...{ port: 'submissions', version: '1.3', authMethod: 'PLAIN' },
      more: { pool: true, maxConnections: 1 },
    }
    const attachments = [{ filename: 'large.bin', content: Buffer.alloc(1_000_000, 7) }]
    const dsn = { id: 'an id', return: 'headers', notify: ['failure', 'delay'], recipient: NEAR }
    const mails = Array.from({ length: 9 }, (_, i) => ({ subject: `mail ${i}`, dsn }))
    const sent = await send(way, { attachments }, ...mails)
    expect(sent.every(({ response }) => /^250 2\.0\.0 Ok: queued as /.test(response))).toBe(true)
    expect(fresh()).toHaveLength(10)
  })

  test('hears of a wrong password, a recipient that there is not, and no relay', async () => {
    const wrong = send(
      {
        port: 'submissions',
        version: '1.3',
        authMethod: 'PLAIN',
        more: { auth: { user: 'user', pass: 'x' } },
      },
      {},
    )
    await expect(wrong).rejects.toMatchObject({ responseCode: 535 })
    await expect(send({ port: 'smtp' }, { to: 'nobody@mail-1.a.com' })).rejects.toMatchObject({
      responseCode: 550,
    })
    await expect(send({ port: 'smtp' }, { to: 'a@elsewhere.org' })).rejects.toMatchObject({
      responseCode: 554,
    })
    await expect(send({ port: 'submission', version: '1.3' }, {})).rejects.toMatchObject({
      responseCode: 530,
    })
  })
})
