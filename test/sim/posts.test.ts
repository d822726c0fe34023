/** Objects posted by HTTPS: who may, what is answered, and what becomes of gateways of other makes. */

import { expect, test } from 'vitest'
import { fromLatin1, fromUtf8, NO_BYTES } from '../../src/base/bytes.ts'
import { wallMs } from '../../src/base/time.ts'
import { bearer } from '../../src/bridge/https-message.ts'
import { OBJECT_BYTES_MAX, POST_BOUND_MS } from '../../src/bridge/limits.ts'
import { runSession } from '../../src/drive/session.ts'
import { labIdentity } from '../../src/lab/certificate.ts'
import type { LabMachine } from '../../src/lab/machine.ts'
import { HttpClient, type HttpOutcome } from '../../src/proto/http/client.ts'
import { type HttpAnswer, type HttpQuestion, HttpServer } from '../../src/proto/http/server.ts'
import { mailOf, TestLab } from '../support/lab.ts'
import { bringIn, newStick, out, peers, SECRET, withHost } from '../support/stick.ts'

const BATCH_FIELDS = {
  'Content-Type': 'application/batch-SMTP',
  Authorization: bearer(SECRET),
}

const BATCH = [
  'EHLO other.example',
  'MAIL FROM:<ann@other.example>',
  'RCPT TO:<user@mail-2.a.com>',
  'DATA',
  'From: <ann@other.example>',
  '',
  'Hello',
  '.',
  'QUIT',
  '',
].join('\r\n')

/** As another program on mail-1 would post it to mail-2. */
async function post(
  lab: TestLab,
  fields: Readonly<Record<string, string>>,
  body: Uint8Array = fromLatin1(BATCH),
): Promise<string> {
  const { network, clock } = lab.mail1.machine
  const listen = lab.mail2.options.https?.listen
  if (listen === undefined) throw new Error('nobody listens')
  return lab.lab.perform(
    (async () => {
      const stream = await network.connect(listen, 60_000)
      const client = new HttpClient({
        ...{ authority: 'mail-2.a.com', path: '/mail', fields, body },
        ...{ bodyBytesMax: 100_000, timeoutMs: 600_000, tls: true },
      })
      const outcome = await new Promise<HttpOutcome>((resolve) => {
        const tls = {
          role: 'client',
          serverName: 'mail-2.a.com',
          peerCertificate: 'ignored',
        } as const
        runSession<never, HttpOutcome>(client, stream, clock, resolve, { tls })
      })
      return outcome.type === 'failed' ? outcome.fault.message : `${outcome.status}`
    })(),
  )
}

function withPeer(
  change: Partial<Required<LabMachine['options']>['peers'][number]>,
  at = 'mail-2.a.com',
): ReturnType<typeof peers> {
  return peers('https', ({ host, peers: [peer] = [] }) => {
    const name = host === 'mail-1.a.com' ? 'mail-2.a.com' : 'mail-1.a.com'
    if (host !== at) return {}
    return { peers: [{ ...peer, name, secret: SECRET, ...change }] }
  })
}

test('a batch of a gateway of another make is taken once, however often it is posted', async () => {
  const lab = await TestLab.start(peers('https'))
  expect(await post(lab, BATCH_FIELDS)).toBe('204')
  expect(await post(lab, BATCH_FIELDS)).toBe('204')
  const large = await post(lab, BATCH_FIELDS, fromLatin1(BATCH.replace('Hello', 'Hello again')))
  expect(large).toBe('204')
  expect(await lab.mailbox(lab.mail2)).toHaveLength(2)
  await lab.lab.stop()
})

test('the secret is taken with its scheme in any case, and without it not', async () => {
  const lab = await TestLab.start(peers('https'))
  expect(await post(lab, { ...BATCH_FIELDS, Authorization: `bearer ${SECRET}` })).toBe('204')
  expect(await post(lab, { ...BATCH_FIELDS, Authorization: SECRET })).toBe('401')
  expect(await post(lab, { ...BATCH_FIELDS, Authorization: `Basic ${SECRET}` })).toBe('401')
  await lab.lab.stop()
})

test('whoever is nobody, or asks for something else, is told so and nothing is taken', async () => {
  const lab = await TestLab.start(peers('https'))
  const said = async (
    fields: Readonly<Record<string, string>>,
    body?: Uint8Array,
  ): Promise<string> => post(lab, { ...BATCH_FIELDS, ...fields }, body)
  expect(await said({ Authorization: bearer('another secret') })).toBe('401')
  expect(await post(lab, { 'Content-Type': 'application/batch-SMTP' })).toBe('401')
  expect(await said({ 'Content-Type': 'text/plain' })).toBe('415')
  expect(await said({ 'lightlag-expires': '1000' })).toBe('410')
  expect(await said({ 'lightlag-expires': 'soon' })).toBe('400')
  expect(await said({}, fromUtf8('junk'))).toBe('422')
  expect(await said({}, NO_BYTES)).toBe('422')
  expect(await said({ 'Transfer-Encoding': 'chunked' })).toBe('400')
  expect(await lab.mailbox(lab.mail2)).toEqual([])
  await lab.lab.stop()
})

test('a body that is too large is refused before it is read', async () => {
  const lab = await TestLab.start(
    peers('https', () => ({ limits: { messageBytesMax: 1000, storeBytesMax: 100_000_000 } })),
  )
  expect(await post(lab, BATCH_FIELDS, new Uint8Array(2 * OBJECT_BYTES_MAX + 1_048_576))).toBe(
    '413',
  )
  await lab.lab.stop()
})

test('where a certificate is asked for, the secret alone is not enough, and the right one is', async () => {
  const lab = await TestLab.start(withPeer({ certificate: 'mail-1.a.com' }))
  expect(await post(lab, BATCH_FIELDS)).toBe('401')
  // mail-1 itself shows its own.
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.until('mail-removed', 2)
  expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
  await lab.lab.stop()
})

test('a certificate of another name is nobody', async () => {
  const lab = await TestLab.start(withPeer({ certificate: 'mail-9.a.com' }))
  await lab.submitted(lab.mail1, mailOf('Hello'))
  const trouble = await lab.until('trouble')
  expect(trouble.event).toMatchObject({
    where: 'https:mail-2.a.com',
    reason: 'the server answered 401',
  })
  await lab.runFor(3_600_000)
  // Tried again less and less often, and still in the queue.
  expect(lab.events('trouble').length).toBeLessThan(30)
  expect(await withHost(lab, lab.mail1, (host) => host.queue())).toHaveLength(1)
  expect(await lab.mailbox(lab.mail2)).toEqual([])
  await lab.lab.stop()
})

test('a peer without secret and certificate cannot post', async () => {
  const lab = await TestLab.start(
    peers('https', ({ host }) =>
      host === 'mail-2.a.com' ? { peers: [{ name: 'mail-1.a.com' }] } : {},
    ),
  )
  expect(await post(lab, BATCH_FIELDS)).toBe('401')
  expect(await post(lab, { 'Content-Type': 'application/batch-SMTP' })).toBe('401')
  await lab.lab.stop()
})

test('to a gateway of another make batch SMTP is posted, and what it says of it is what becomes of the mails', async () => {
  const lab = await TestLab.start(
    withPeer(
      { format: 'batch-smtp', url: { host: 'mail-2.a.com', port: 8443, path: '/' } },
      'mail-1.a.com',
    ),
  )
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.until('mail-removed', 2)
  expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
  expect(lab.events('transaction-acknowledged')).toHaveLength(1)
  await lab.lab.stop()
})

test('a mail that a gateway of another make refuses is returned', async () => {
  const url = { host: 'mail-2.a.com', port: 8443, path: '/' }
  const { hosts, ...scenario } = withPeer({ format: 'batch-smtp', url }, 'mail-1.a.com')
  const limits = { messageBytesMax: 1000, storeBytesMax: 100_000_000 }
  const lab = await TestLab.start({
    ...scenario,
    hosts: hosts.map((host) => (host.host === 'mail-2.a.com' ? { ...host, limits } : host)),
  })
  await lab.submitted(lab.mail1, mailOf('0123456789'.repeat(70).concat('\r\n').repeat(4)))
  const failed = await lab.until('mail-failed')
  expect(failed.event).toMatchObject({
    reason: expect.stringContaining('the server answered 422'),
    dsn: '5.0.0',
  })
  await lab.runFor(1000)
  expect(await lab.mailbox(lab.mail1)).toHaveLength(1)
  await lab.lab.stop()
})

/** A server of another make at mail-2, which is told how long each body is and says the status. */
async function serving(lab: TestLab, statusOf: (bytes: number) => number): Promise<number[]> {
  const { network, clock, address } = lab.mail2.machine
  const identity = labIdentity(
    'lab',
    { dns: ['mail-2.a.com'], ip: [], nodeIds: [] },
    { from: wallMs(0), until: wallMs(Number.MAX_SAFE_INTEGER) },
  )
  const posts: number[] = []
  await network.listen({ host: address, port: 9443 }, (stream) => {
    const server = new HttpServer({ bodyBytesMax: 10_000_000, tls: true, oneWayDelayMs: 500 })
    const answer = (question: HttpQuestion, say: (said: HttpAnswer) => void): void => {
      if (question.type === 'body') {
        posts.push(question.body.length)
        say({ type: 'respond', response: { status: statusOf(question.body.length) } })
      } else say({ type: 'go-on' })
    }
    const tls = { role: 'server', identity, peerCertificate: 'ignored' } as const
    runSession<HttpAnswer, HttpQuestion>(server, stream, clock, answer, { tls })
  })
  return posts
}

const ELSEWHERE = { host: 'mail-2.a.com', port: 9443, path: '/' }

test.each([
  ['objects', 422, '5.0.0'],
  ['batch-smtp', 422, '5.0.0'],
  ['objects', 413, '5.3.4'],
  ['batch-smtp', 413, '5.3.4'],
] as const)(
  'of %s that are answered %d the mail comes back, and is posted once (RFC 9110 §15.5)',
  async (format, status, dsn) => {
    const lab = await TestLab.start(withPeer({ format, url: ELSEWHERE }, 'mail-1.a.com'))
    const posts = await serving(lab, () => status)
    await lab.submitted(lab.mail1, mailOf('Hello'))
    const failed = await lab.until('mail-failed')
    expect(failed.event).toMatchObject({
      dsn,
      reason: expect.stringContaining(`answered ${status}`),
    })
    await lab.runFor(3_600_000)
    expect(posts).toHaveLength(1)
    await lab.lab.stop()
  },
)

test('mails that are too much for a server together are posted in fewer octets', async () => {
  const { hosts, ...scenario } = withPeer({ format: 'batch-smtp', url: ELSEWHERE }, 'mail-1.a.com')
  const lab = await TestLab.start({
    ...scenario,
    hosts: hosts.map((host) => ({ ...host, batch: { waitMs: 10_000 } })),
  })
  const posts = await serving(lab, (bytes) => (bytes > 3000 ? 413 : 204))
  const waits = Array.from({ length: 6 }, (_, i) =>
    lab.submit(lab.mail1, mailOf(`${i}${'x'.repeat(900)}`)),
  )
  await lab.lab.perform(Promise.all(waits))
  await lab.until('mail-removed', 6)
  expect(lab.events('mail-failed')).toEqual([])
  expect(posts[0]).toBeGreaterThan(6000)
  expect(posts.filter((bytes) => bytes > 3000).length).toBeLessThan(4)
  await lab.submitted(lab.mail1, mailOf('y'.repeat(900).concat('\r\n').repeat(5)))
  expect((await lab.until('mail-failed')).event).toMatchObject({ dsn: '5.3.4' })
  await lab.lab.stop()
})

test('what a server takes together is known over a crash, and tried again after a week', async () => {
  const { hosts, ...scenario } = withPeer({ format: 'batch-smtp', url: ELSEWHERE }, 'mail-1.a.com')
  const lab = await TestLab.start({
    ...scenario,
    hosts: hosts.map((host) => ({ ...host, batch: { waitMs: 10_000 } })),
  })
  const posts = await serving(lab, (bytes) => (bytes > 3000 ? 413 : 204))
  /** Whether any post of four mails was too large. */
  const isRefused = async (round: number): Promise<boolean> => {
    posts.length = 0
    const mails = Array.from({ length: 4 }, () => mailOf('x'.repeat(900)))
    await lab.lab.perform(Promise.all(mails.map((mail) => lab.submit(lab.mail1, mail))))
    await lab.until('mail-removed', 4 * round)
    return posts.some((bytes) => bytes > 3000)
  }
  expect(await isRefused(1)).toBe(true)
  await lab.lab.perform(lab.mail1.crash())
  expect(await isRefused(2)).toBe(false)
  await lab.runFor(POST_BOUND_MS)
  expect(await isRefused(3)).toBe(true)
  expect(lab.events('mail-failed')).toEqual([])
  await lab.lab.stop()
})

test('a stick takes along what waits for a server that is out of reach', async () => {
  const lab = await TestLab.start(peers('https'))
  const between = [lab.mail1.options.network, lab.mail2.options.network] as const
  lab.lab.network.setLink(between, { lossShare: 1 })
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.runFor(600_000)
  const stick = await newStick(lab)
  expect(await out(lab, lab.mail1, stick)).toMatchObject({ written: 1 })
  await bringIn(lab, lab.mail2, stick)
  await out(lab, lab.mail2, stick)
  await bringIn(lab, lab.mail1, stick)
  await lab.until('mail-removed', 2)
  expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
  lab.lab.network.setLink(between, { lossShare: 0 })
  await lab.runFor(3_600_000)
  expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
  await lab.lab.stop()
})
