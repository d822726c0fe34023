/** Mail with octets beyond ASCII on its way to servers that take none. RFC 6152. */

import { expect, test } from 'vitest'
import { fromLatin1 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { labDns } from '../../src/lab/dns.ts'
import { labEntropy } from '../../src/lab/entropy.ts'
import { labHttps } from '../../src/lab/https.ts'
import { LabStore } from '../../src/lab/store.ts'
import { mailFault } from '../../src/mail/fault.ts'
import { parseNextHop } from '../../src/mail/next-hop.ts'
import { type ServerHop, SmtpTransport } from '../../src/mail/transport/smtp-transport.ts'
import { earthMoon, TestLab } from '../support/lab.ts'
import { friendly, SCRIPTED_PORT, type Seen, scripted } from '../support/scripted-server.ts'

async function sending(
  message: string,
  offers: readonly string[] = [],
): Promise<{ readonly lab: TestLab; readonly seen: Seen }> {
  const scenario = earthMoon()
  const route = `smtp:[172.22.0.3]:${SCRIPTED_PORT}`
  const hosts = scenario.hosts.map((host) => ({ ...host, transport: [{ domain: 'b.com', route }] }))
  const lab = await TestLab.start({ ...scenario, hosts })
  const seen = await scripted(lab, (line) => friendly(line, ['b.com', ...offers]))
  await lab.submitted(lab.mail1, message, ['user@b.com'])
  return { lab, seen }
}

function mail(body: string, ...fields: readonly string[]): string {
  return ['From: <user@mail-1.a.com>', ...fields, '', body, ''].join('\r\n')
}

const TEXT = ['MIME-Version: 1.0', 'Content-Type: text/plain; charset=iso-8859-1']

test('text arrives in quoted-printable, of the size that it is said to have', async () => {
  const { lab, seen } = await sending(mail('caf\xe9', ...TEXT), ['SIZE 1000000'])
  await lab.until('mail-removed')
  const lines = seen.lines.map((line) => line.slice(2))
  expect(lines).toContain('caf=E9')
  expect(lines).toContain('Content-Transfer-Encoding: quoted-printable')
  const sent = lines.slice(lines.indexOf('DATA') + 1, lines.indexOf('.'))
  const [, size] = / SIZE=(\d+)/.exec(lines.find((line) => line.startsWith('MAIL')) ?? '') ?? []
  expect(Number(size)).toBe(sent.reduce((sum, line) => sum + line.length + 2, 0))
  await lab.lab.stop()
})

test('a long one goes through in pieces', async () => {
  const { lab, seen } = await sending(mail('caf\xe9 '.repeat(50_000), ...TEXT))
  await lab.until('mail-removed')
  const body = seen.lines.map((line) => line.slice(2)).join('\n')
  expect(body.replaceAll('=\n', '')).toContain('caf=E9 '.repeat(49_999))
  await lab.lab.stop()
})

test('where the server has 8BITMIME nothing is changed', async () => {
  const { lab, seen } = await sending(mail('caf\xe9', ...TEXT), ['8BITMIME'])
  await lab.until('mail-removed')
  expect(seen.lines).toContain('1 caf\xe9')
  await lab.lab.stop()
})

test('what cannot be converted comes back, and the connection serves the next', async () => {
  const { lab, seen } = await sending(mail('hello', 'Subject: caf\xe9'))
  expect((await lab.until('mail-failed')).event).toMatchObject({
    dsn: '5.6.3',
    reason: expect.stringContaining('cannot be converted'),
  })
  await lab.submitted(lab.mail1, mail('hello'), ['user@b.com'])
  await lab.until('mail-delivered', 2)
  expect(seen.count).toBe(1)
  expect(seen.lines.filter((line) => line.startsWith('1 MAIL'))).toHaveLength(1)
  await lab.lab.stop()
})

test('where the message cannot be read, nothing is sent, and the connection serves the next', async () => {
  const lab = await TestLab.start(earthMoon())
  const seen = await scripted(lab, (line) => friendly(line, ['b.com']))
  const transport = new SmtpTransport(
    { hostname: 'mail-1.a.com', tls: 'offered', oneWayDelayMs: 0 },
    {
      network: lab.mail1.machine.network,
      clock: lab.mail1.machine.clock,
      dns: labDns(new Map()),
      entropy: labEntropy(seededRandom(1)),
      https: labHttps(new Map()),
      store: new LabStore({}),
      tls: {},
    },
  )
  const hop = parseNextHop(`smtp:[172.22.0.3]:${SCRIPTED_PORT}`) as ServerHop
  const send = async (read: () => Iterable<Uint8Array>) => {
    const delivery = await transport.target(hop).start({
      queueId: 'Q',
      from: { reversePath: { localPart: 'user', domain: 'a.com' }, parameters: {} },
      read,
    })
    await delivery.addRecipient({ localPart: 'user', domain: 'b.com' })
    await delivery.write(fromLatin1(mail('hello')))
    return delivery.commit()
  }
  const damage = () => {
    throw mailFault('mail/spool-damaged', 'a chunk is missing', { temporary: true })
  }
  expect(await lab.lab.perform(send(damage))).toMatchObject([
    { type: 'refused', fault: { code: 'mail/spool-damaged' } },
  ])
  expect(seen.lines.filter((line) => line.startsWith('1 MAIL'))).toEqual([])
  expect(await lab.lab.perform(send(() => [fromLatin1(mail('hello'))]))).toMatchObject([
    { type: 'delivered' },
  ])
  expect(seen.count).toBe(1)
  await transport.stop()
  await lab.lab.stop()
})
