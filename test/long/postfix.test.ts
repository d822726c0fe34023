/**
 * Two Postfix as Debian has them, unmodified but for their transport map, and between them two
 * Lightlag nodes over TCPCL: every mail arrives once with its envelope, both ways.
 */

import { createTransport, type Transporter } from 'nodemailer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ForeignServer } from '../support/foreign-mail.ts'
import { freePort } from '../support/free-port.ts'
import { startMta, taken, USERS } from '../support/postfix-pair.ts'
import { needs, needsRoot } from '../support/programs.ts'
import { ServedPair } from '../support/served.ts'
import { SmtpSender } from '../support/smtp-sender.ts'

const without = needs('postfix') ?? needsRoot()

interface Side {
  readonly mta: ForeignServer
  readonly domain: string
  readonly client: Transporter
}

let pair: ServedPair
let one: Side
let two: Side

describe.skipIf(without)('two Postfix', () => {
  beforeAll(async () => {
    const [first, second] = [await freePort(), await freePort()]
    pair = await ServedPair.make((text) => {
      const isFirst = text.includes('node: ipn:2\n')
      const [own, other] = isFirst ? [1, 2] : [2, 1]
      const port = isFirst ? first : second
      return `${text
        .replace(/^transport:\n( .*\n?)+/m, '')
        .replace(/^udp:/m, 'tcp:')
        .replace('protocol: udp', 'protocol: tcp')
        .replace('oneWayDelay: 500ms', 'oneWayDelay: 1ms')}
domains: [gateway-${own}.a.com]
relay:
  domains: [mail-1.a.com, mail-2.a.com]
transport:
  mail-${other}.a.com: bp:ipn:${isFirst ? 3 : 2}.2525
  mail-${own}.a.com: smtp:[127.0.0.1]:${port}
`
    })
    await pair.start()
    one = await side('mail-1.a.com', first, {
      'mail-2.a.com': pair.hosts[0].ports.smtp,
      'direct.mail-2.a.com': second,
    })
    two = await side('mail-2.a.com', second, {
      'mail-1.a.com': pair.hosts[1].ports.smtp,
      'direct.mail-1.a.com': first,
    })
  })

  afterAll(async () => {
    for (const { mta, client } of [one, two]) {
      client.close()
      await mta.stop()
    }
    await pair.dispose()
  })

  test('twenty one after the other, each way, in turns with Postfix alone: how long each takes is told', async () => {
    for (const [from, to] of ways()) {
      const through: number[] = []
      const direct: number[] = []
      // One that waits for nothing between two commands: other clients add the time of a delayed ACK.
      const sender = await SmtpSender.open(from.mta.port, () => {})
      for (let i = 0; i < 20; i++) {
        for (const [domain, latencies] of [
          [to.domain, through],
          [`direct.${to.domain}`, direct],
        ] as const) {
          const start = performance.now()
          await sender.send(`mail@${domain}`, `single ${i}`)
          await taken(to.mta, 'mail', 1)
          latencies.push(performance.now() - start)
        }
      }
      sender.close()
      const [all, alone] = [medianOf(through), medianOf(direct)]
      const added = (all - alone).toFixed(1)
      const told = `${all.toFixed(1)} ms, Postfix alone ${alone.toFixed(1)}, the nodes ${added}`
      process.stderr.write(`${from.domain}, median: ${told}\n`)
      expect(all).toBeLessThan(1000)
    }
  })

  test('200 within half a second over twenty connections, both ways at once', async () => {
    await burst(200, ways())
  })

  test('a thousand at once', async () => {
    await burst(1000, [[one, two]])
  })

  test('one of 20 MB', async () => {
    const text = 'x'.repeat(75).concat('\n').repeat(263_000)
    await send(one, two, { subject: 'large', text })
    const [mail = ''] = await taken(two.mta, 'mail', 1)
    expect(mail).toContain(text)
  })

  test('the envelope comes across: a sender and recipients of whom the header says nothing', async () => {
    await one.client.sendMail({
      envelope: { from: 'news@mail-1.a.com', to: ['mail@mail-2.a.com', 'news@mail-2.a.com'] },
      raw: 'From: somebody@elsewhere.example\r\nTo: a list <list@elsewhere.example>\r\nSubject: envelope\r\n\r\nHello\r\n',
    })
    for (const user of ['mail', 'news'] as const) {
      const [mail = '', ...others] = await taken(two.mta, user, 1)
      expect(others).toEqual([])
      expect(mail).toMatch(/^Return-Path: <news@mail-1\.a\.com>/)
      expect(mail).toContain('To: a list <list@elsewhere.example>')
      expect(mail).not.toMatch(/^(Bcc|Resent)/im)
    }
  })

  test('what the far Postfix does not take comes back as a report', async () => {
    await one.client.sendMail({
      envelope: { from: 'mail@mail-1.a.com', to: ['nobody-here@mail-2.a.com'] },
      raw: 'From: mail@mail-1.a.com\r\nSubject: lost\r\n\r\nHello\r\n',
    })
    const [report = ''] = await taken(one.mta, 'mail', 1)
    expect(report).toContain('nobody-here@mail-2.a.com')
    expect(report).toMatch(/Action: failed/)
    // None came twice, behind all of it.
    for (const { mta } of [one, two]) {
      for (const user of USERS) expect(await mta.mailbox(user, 0)).toEqual([])
    }
  })
})

async function side(
  domain: string,
  port: number,
  ports: Readonly<Record<string, number>>,
): Promise<Side> {
  const routes = Object.entries(ports).map(([name, to]) => [name, `smtp:[127.0.0.1]:${to}`])
  const transport: Readonly<Record<string, string>> = Object.fromEntries(routes)
  const mta = await startMta({ domain, port, transport })
  const client = createTransport({
    host: '127.0.0.1',
    port,
    pool: true,
    maxConnections: 20,
    maxMessages: Number.POSITIVE_INFINITY,
    ignoreTLS: true,
  })
  return { mta, domain, client }
}

function medianOf(all: readonly number[]): number {
  const sorted = [...all].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

function ways(): readonly (readonly [Side, Side])[] {
  return [
    [one, two],
    [two, one],
  ]
}

async function send(
  from: Side,
  to: Side,
  { subject, text = 'Hello\n' }: { readonly subject: string; readonly text?: string },
): Promise<void> {
  await from.client.sendMail({
    from: `mail@${from.domain}`,
    to: `mail@${to.domain}`,
    subject,
    text,
    textEncoding: 'quoted-printable',
  })
}

async function burst(count: number, over: ReturnType<typeof ways>): Promise<void> {
  const subjects = Array.from({ length: count }, (_, i) => `burst ${count} ${i}`)
  await Promise.all(
    over.map(([from, to]) => Promise.all(subjects.map((subject) => send(from, to, { subject })))),
  )
  for (const [, to] of over) {
    const mails = await taken(to.mta, 'mail', count)
    const came = mails.map((mail) => /^Subject: (.*)$/m.exec(mail)?.[1])
    expect(came.sort()).toEqual(subjects.sort())
  }
}
