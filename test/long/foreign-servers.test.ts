/** Mail to servers and programs that others have written. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fromLatin1, fromUtf8 } from '../../src/base/bytes.ts'
import { issueCertificate, makeAuthority } from '../../src/host/certificates.ts'
import { hostClock } from '../../src/host/clock.ts'
import { hostDns } from '../../src/host/dns.ts'
import { hostEntropy } from '../../src/host/entropy.ts'
import { hostHttps } from '../../src/host/https.ts'
import { hostNetwork } from '../../src/host/network.ts'
import { hostProcesses } from '../../src/host/process.ts'
import { openLmdbStore } from '../../src/host/store.ts'
import { makeTrust } from '../../src/host/tls.ts'
import type { DeliveryTarget, Outcome } from '../../src/mail/delivery.ts'
import { parseNextHop } from '../../src/mail/next-hop.ts'
import type { OutgoingOptions } from '../../src/mail/transport/outgoing-options.ts'
import { PipeTransport } from '../../src/mail/transport/pipe-transport.ts'
import { type ServerHop, SmtpTransport } from '../../src/mail/transport/smtp-transport.ts'
import type { Store } from '../../src/ports/store.ts'
import type { MailParameters } from '../../src/proto/smtp/envelope.ts'
import { type ForeignServer, MAIL, startDovecot, startPostfix } from '../support/foreign-mail.ts'
import { needs, needsRoot } from '../support/programs.ts'

const day = 86_400_000
const validity = { fromMs: Date.now() - day, untilMs: Date.now() + day }
const authority = makeAuthority('Lightlag test', validity)
const identity = issueCertificate(authority, { dns: [], ip: ['127.0.0.1'], nodeIds: [] }, validity)

const servers: ForeignServer[] = []
let directory: string
let store: Store
let transport: SmtpTransport | undefined

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lightlag-sending-'))
  store = await openLmdbStore(join(directory, 'store'), { capacityBytes: 1e8 })
})

afterEach(async () => {
  await transport?.stop()
  for (const server of servers.splice(0)) await server.stop()
  await store.close()
  rmSync(directory, { recursive: true })
})

async function started(starting: Promise<ForeignServer>): Promise<ForeignServer> {
  const server = await starting
  servers.push(server)
  return server
}

function sending(options: Partial<OutgoingOptions> = {}): SmtpTransport {
  transport = new SmtpTransport(
    { hostname: 'mail-1.a.com', tls: 'offered', oneWayDelayMs: 0, ...options },
    {
      network: hostNetwork,
      clock: hostClock,
      dns: hostDns({ clock: hostClock, servers: [] }),
      entropy: hostEntropy,
      https: hostHttps(),
      store,
      tls: { trust: makeTrust(authority.certificate).handle },
    },
  )
  return transport
}

async function send(
  target: DeliveryTarget,
  recipients: readonly string[],
  message: Uint8Array,
  parameters: MailParameters = {},
): Promise<readonly Outcome[]> {
  const from = { reversePath: { localPart: 'ann', domain: 'a.com' }, parameters }
  const delivery = await target.start({ queueId: 'Q', from, sizeBytes: message.length })
  for (const name of recipients) {
    const [localPart = '', domain = ''] = name.split('@')
    await delivery.addRecipient({ localPart, domain })
  }
  await delivery.write(message)
  return delivery.commit()
}

const MESSAGE = 'From: ann@a.com\r\nSubject: test\r\n\r\n.dot\r\n..two\r\nend\r\n'

const hopOf = (route: string): ServerHop => parseNextHop(route) as ServerHop

describe('Postfix', () => {
  const without = needs('postfix') ?? needsRoot()

  test.skipIf(without).each(['TLSv1.2', 'TLSv1.3'] as const)(
    'takes mail after mail over one connection, under %s as its log says',
    async (tlsProtocol) => {
      const postfix = await started(startPostfix({ identity, tlsProtocol }))
      const target = sending({ tls: 'required' }).target(hopOf(`smtp:[127.0.0.1]:${postfix.port}`))
      for (const _ of [1, 2, 3]) {
        const outcomes = await send(target, ['mail@mail.example'], fromLatin1(MESSAGE), {
          body: '8BITMIME',
          ret: 'HDRS',
          envelopeId: 'x',
        })
        expect(outcomes).toMatchObject([{ type: 'delivered', reports: 'by-next-host' }])
      }
      for (const mail of await postfix.mailbox('mail', 3)) {
        expect(mail).toContain('\n.dot\n..two\nend\n')
        expect(mail).toContain(`(using ${tlsProtocol} with cipher`)
      }
      const { log } = postfix
      expect(log.match(/smtpd\[\d+\]: connect from/g)).toHaveLength(2)
      expect(log).toMatch(
        new RegExp(`TLS connection established from .*127\\.0\\.0\\.1.*: ${tlsProtocol} with`),
      )
    },
  )

  test.skipIf(without)('what it cannot take is returned, and not even sent', async () => {
    const postfix = await started(startPostfix({ identity, tlsProtocol: 'TLSv1.3' }))
    const target = sending().target(hopOf(`smtp:[127.0.0.1]:${postfix.port}`))
    const to = ['mail@mail.example']
    const binary = await send(target, to, fromLatin1('\r\n\0'), { body: 'BINARYMIME' })
    expect(binary).toMatchObject([{ fault: { detail: { status: '5.6.3' } } }])
    const large = await send(target, to, new Uint8Array(100_001).fill(0x61))
    expect(large).toMatchObject([{ fault: { detail: { status: '5.3.4' } } }])
    const required = await send(target, to, fromLatin1(MESSAGE), { requireTls: true })
    expect(required).toMatchObject([{ fault: { temporary: false, detail: { status: '5.7.30' } } }])
    const utf8 = await send(target, to, fromUtf8('Subject: grüße\r\n\r\nä\r\n'), { smtpUtf8: true })
    expect(utf8).toMatchObject([{ type: 'delivered' }])
    expect(await postfix.mailbox('mail', 1)).toHaveLength(1)
  })

  test.skipIf(without ?? needs('dovecot'))(
    'as a smart host lets us in by SCRAM-SHA-256, and not with a wrong password',
    async () => {
      const authentication = await started(startDovecot())
      const postfix = await started(
        startPostfix({ identity, tlsProtocol: 'TLSv1.3', authentication }),
      )
      const route = `smtp:[127.0.0.1]:${postfix.port}`
      const withPassword = async (password: string): Promise<readonly Outcome[]> => {
        const credentials = { user: 'user', password }
        const routes = [{ route, tls: 'required', credentials }] as const
        const target = sending({ routes }).target(hopOf(route))
        const outcomes = await send(target, ['mail@mail.example'], fromLatin1(MESSAGE))
        await transport?.stop()
        return outcomes
      }
      expect(await withPassword('secret')).toMatchObject([{ type: 'delivered' }])
      await postfix.logged(/sasl_method=SCRAM-SHA-256, sasl_username=user/)
      expect(await withPassword('wrong')).toMatchObject([{ type: 'refused' }])
    },
  )
})

describe('Dovecot', () => {
  const without = needs('dovecot') ?? needsRoot()

  test.skipIf(without)(
    'takes mail by LMTP, over TCP and a local socket, and answers for each recipient',
    async () => {
      const dovecot = await started(startDovecot())
      const target = sending().target(hopOf(`lmtp:127.0.0.1:${dovecot.port}`))
      const to = ['user@b.com', 'nobody@b.com', 'user@c.com']
      const outcomes = await send(target, to, fromLatin1(MESSAGE))
      expect(outcomes).toMatchObject([
        { type: 'delivered' },
        { type: 'refused', fault: { temporary: false, detail: { status: '5.1.1' } } },
        { type: 'delivered' },
      ])
      // It is in the mailbox: nothing is left to be reported.
      expect(outcomes[0]).not.toHaveProperty('reports')
      const socket = sending().target(hopOf(`lmtp:unix:${dovecot.directory}/run/lmtp`))
      expect(await send(socket, ['user@b.com'], fromLatin1(MESSAGE))).toMatchObject([
        { type: 'delivered', detail: expect.stringContaining('250 2.0.0') },
      ])
      for (const mail of await dovecot.mailbox('user', 3)) {
        expect(mail.replaceAll('\r', '')).toContain('\n.dot\n..two\nend\n')
      }
    },
  )

  test.skipIf(without)('has a program that a pipe: route gives mail to', async () => {
    const dovecot = await started(startDovecot())
    const conf = join(dovecot.directory, 'dovecot.conf')
    const pipes = new PipeTransport(
      { user: MAIL.name, timeLimitMs: 60_000 },
      { clock: hostClock, processes: hostProcesses },
    )
    const hop = parseNextHop(`pipe:/usr/lib/dovecot/dovecot-lda -c ${conf} -f $sender -d $user`)
    if (hop?.transport !== 'pipe') throw new Error('no pipe')
    const target = pipes.target(hop.argv)
    const message = fromLatin1(MESSAGE)
    expect(await send(target, ['user+tag@b.com'], message)).toMatchObject([
      { type: 'delivered', reports: 'by-nobody' },
    ])
    const [mail = ''] = await dovecot.mailbox('user', 1)
    expect(mail).toContain('Return-Path: <ann@a.com>\n')
    expect(mail).toContain('\n.dot\n..two\nend\n')
    const [refused] = await send(target, ['nobody@b.com'], message)
    expect(refused).toMatchObject({ fault: { temporary: false, detail: { status: '5.1.1' } } })
  })
})
