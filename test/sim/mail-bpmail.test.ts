/** Mail between two hosts in the format of bpmail, over DTPC. */

import { deflateSync, inflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Scenario } from '../../src/config/scenario.ts'
import { formatNodeStatus } from '../../src/dtn/control/format-status.ts'
import { connectNode } from '../../src/dtn/control/node-client.ts'
import { decodeBundle } from '../../src/proto/bpv7/codec.ts'
import { formatEndpointId, ipnEndpoint, NULL_ENDPOINT } from '../../src/proto/bpv7/endpoint-id.ts'
import { decodeDtpc } from '../../src/proto/dtpc/codec.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

/** ION's `a profile 21 5 100 1 3600 0.1 dtn:none`. */
const PROFILE = {
  id: 21,
  retransmissionsMax: 5,
  aggregationBytes: 100,
  aggregationMs: 1000,
  lifetimeMs: 3_600_000,
}

/** Both ways at once, with a topic each. */
function overBpmail(change: Parameters<typeof earthMoon>[0] = {}): Scenario {
  const scenario = earthMoon(change)
  return {
    ...scenario,
    hosts: scenario.hosts.map((host) => {
      const other = host.node === 2n ? 3n : 2n
      return {
        ...host,
        dtpc: [PROFILE],
        bpmail: [
          {
            destination: ipnEndpoint(other, 129n),
            profile: 21,
            sendTopic: Number(host.node),
            receiveTopic: Number(other),
          },
        ],
        transport: host.transport.map(({ domain }) => ({ domain, route: `bp:ipn:${other}.129` })),
      }
    }),
  }
}

test('a mail arrives with its envelope, and its sender’s queue keeps it until it is acknowledged', async () => {
  const lab = await TestLab.start(overBpmail())
  await lab.submitted(lab.mail1, mailOf('Hello'))
  const delivered = await lab.until('mail-delivered')
  expect(delivered.event).toMatchObject({ route: 'local', recipient: 'user@mail-2.a.com' })
  await lab.until('mail-removed', 2)
  const [mail = ''] = await lab.maildrop(lab.mail2)
  expect(mail).toContain(mailOf('Hello'))
  expect(mail).toMatch(/^Return-Path: <user@mail-1\.a\.com>\r\n/)
  expect(mail.match(/^Return-Path/gim)).toHaveLength(1)
  expect(mail).not.toMatch(/Resent/)
})

test('what crosses is what bpmailsend sends: from 128 to 129, one topic, zlib of the message', async () => {
  const lab = await TestLab.start(overBpmail())
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.until('mail-removed', 2)
  const seen = lab.lab.network.capture.packets.flatMap((packet) => {
    if (packet.protocol !== 'udp') return []
    const bundle = decodeBundle(packet.payload)
    const pdu = bundle.ok ? decodeDtpc(bundle.value.payload.data) : bundle
    if (!bundle.ok || !pdu.ok) return []
    const { source, destination } = bundle.value.primary
    const way = `${formatEndpointId(source)} ${formatEndpointId(destination)}`
    if (pdu.value.type !== 'data') return [`${way} acknowledgement`]
    const [{ topic, records } = { topic: 0, records: [] }] = pdu.value.topics
    const [text = ''] = records.map((record) => inflateSync(record).toString())
    expect(text).toContain(mailOf('Hello').replaceAll('\r\n', '\n'))
    return [`${way} topic ${topic}`]
  })
  expect(seen).toEqual(['ipn:2.128 ipn:3.129 topic 2', 'ipn:3.128 ipn:2.129 acknowledgement'])
})

test('whatever the link loses and whenever either host loses power, each arrives once', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = seededRandom(seed)
    const lab = await TestLab.start(overBpmail({ seed, loss: 0.2 }))
    const answered: string[] = []
    for (let i = 0; i < 6; i++) {
      const body = `mail ${i} of seed ${seed}`
      const [from, to] = i % 3 === 2 ? [lab.mail2, lab.mail1] : [lab.mail1, lab.mail2]
      void lab.submit(from, mailOf(body), [`user@${to.options.host}`]).then(
        () => answered.push(body),
        () => {},
      )
      await lab.runFor(random.next() * (i % 2 === 0 ? 8 : 2500))
      await lab.lab.perform((random.next() < 0.5 ? lab.mail1 : lab.mail2).crash())
    }
    await lab.runFor(3 * 3_600_000)
    const counts = new Map(answered.map((body) => [body, 0]))
    for (const mail of [...(await lab.maildrop(lab.mail1)), ...(await lab.maildrop(lab.mail2))]) {
      const body = mail.slice(mail.indexOf('\r\n\r\n')).trim()
      counts.set(body, (counts.get(body) ?? 0) + 1)
    }
    for (const [body, count] of counts) expect(count, body).toBe(1)
    await lab.lab.stop()
  }
})

describe('what does not come through', () => {
  test('a recipient that is not there is reported to the sender', async () => {
    const lab = await TestLab.start(overBpmail())
    await lab.submitted(lab.mail1, mailOf('Hello'), ['nobody@mail-2.a.com', 'user@mail-2.a.com'])
    await lab.runFor(60_000)
    expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
    const [report = ''] = await lab.maildrop(lab.mail1)
    expect(report).toContain('Final-Recipient: rfc822; nobody@mail-2.a.com')
    expect(report).toContain('Action: failed')
    expect(report).toMatch(/^Status: 5\.1\.1\r$/m)
  })

  describe('of a batch in an item', () => {
    /** What came in a batch of the near host with these `commands` behind MAIL, and the lab. */
    async function cameOf(commands: readonly string[]): Promise<TestLab> {
      const dtpcSocket = '/run/items/items.sock'
      const scenario = overBpmail()
      const hosts = scenario.hosts.map((host) => ({ ...host, dtpcSocket }))
      const lab = await TestLab.start({ ...scenario, hosts })
      const near = connectNode({ host: dtpcSocket, port: 0 }, lab.mail1.machine)
      const lines = ['HELO mail-1.a.com', 'MAIL FROM:<user@mail-1.a.com>', ...commands, '']
      const item = { destination: ipnEndpoint(3n, 129n), profile: 21, topic: 2 }
      const bytes = deflateSync(lines.join('\r\n'), { level: 0 })
      await lab.lab.perform(near.then((node) => node.sendItem({ ...item, bytes })))
      await lab.runFor(60_000)
      return lab
    }

    test('is one recipient whom nobody can read: the mail is for the others', async () => {
      const rest = ['RCPT TO:<user@mail-2.a.com>', 'DATA', mailOf('Hello').trimEnd(), '.']
      const lab = await cameOf(['RCPT TO:<us er@>', ...rest])
      expect(await lab.maildrop(lab.mail2)).toEqual([expect.stringContaining('Hello')])
      const told = lab.events('trouble').map(({ reason }) => reason)
      expect(told).toEqual([expect.stringMatching(/^1 recipients passed over: /)])
    })

    test('is a message with a bare LF: its sender hears of it', async () => {
      const lab = await cameOf(['RCPT TO:<user@mail-2.a.com>', 'DATA', 'Subject: a\nb', '.'])
      expect(await lab.maildrop(lab.mail2)).toEqual([])
      const [report = ''] = await lab.maildrop(lab.mail1)
      expect(report).toContain('Final-Recipient: rfc822; user@mail-2.a.com')
    })
  })

  test('a mail whose lifetime ends while its item is under way is not reported and delivered', async () => {
    const lab = await TestLab.start(overBpmail({ loss: 1, giveUpAfterMs: 1_800_000 }))
    await lab.submitted(lab.mail1, mailOf('Hello'))
    await lab.runFor(2_000_000)
    lab.lab.network.setLink(['earth', 'moon'], { lossShare: 0 })
    await lab.runFor(86_400_000)
    expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
    expect(await lab.maildrop(lab.mail1)).toEqual([])
  })

  test('a mail that nobody acknowledges in its lifetime comes back', async () => {
    const lab = await TestLab.start(overBpmail({ loss: 1 }))
    await lab.submitted(lab.mail1, mailOf('Hello'))
    const failed = await lab.until('mail-failed')
    expect(failed.at).toBeGreaterThan(4_200_000)
    expect(failed.event).toMatchObject({ reason: expect.stringContaining('in its lifetime') })
  })
})

describe('a mail that is put off', () => {
  /** The Moon asks which nodes are those of a domain, and nobody answers for b.com. */
  async function withDoubts(giveUpAfterMs?: number): Promise<TestLab> {
    const scenario = overBpmail(giveUpAfterMs === undefined ? {} : { giveUpAfterMs })
    const hosts = scenario.hosts.map((host) =>
      host.node === 3n ? { ...host, ipn: 'reject' as const } : host,
    )
    const lab = await TestLab.start({ ...scenario, hosts })
    lab.lab.names.set('mail-1.a.com', { ...lab.lab.names.get('mail-1.a.com'), ipn: [2n] })
    lab.lab.names.set('b.com', { fault: 'dns/timed-out' })
    await lab.submitted(
      lab.mail1,
      `From: ceo@b.com\r\n${mailOf('first').replace(/^From:.*\r\n/m, '')}`,
    )
    await lab.submitted(lab.mail1, mailOf('second'))
    return lab
  }

  test('holds up none behind it, and is taken when its time has come', async () => {
    const lab = await withDoubts()
    await lab.runFor(60_000)
    expect(await lab.maildrop(lab.mail2)).toEqual([expect.stringContaining('second')])
    await lab.lab.perform(lab.mail2.crash())
    await lab.runFor(3_600_000)
    expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
    lab.lab.names.set('b.com', { ipn: [2n] })
    await lab.runFor(600_000)
    expect(await lab.maildrop(lab.mail2)).toEqual([
      expect.stringContaining('second'),
      expect.stringContaining('first'),
    ])
  })

  test('is tried less and less often, and comes back when the queue would have given up', async () => {
    const lab = await withDoubts(86_400_000)
    await lab.runFor(86_400_000)
    const tries = lab
      .events('trouble')
      .filter(({ where }) => where.startsWith('bpmail of ipn:2.128'))
    expect(tries.length).toBeGreaterThan(10)
    expect(tries.length).toBeLessThan(86_400_000 / 600_000 + 10)
    await lab.runFor(3_600_000)
    const [report = ''] = await lab.maildrop(lab.mail1)
    expect(report).toMatch(/^Status: 5\.4\.7\r$/m)
    expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
  })
})

test('at the socket of other users items are sent and received, and nothing else is done', async () => {
  const scenario = overBpmail()
  const dtpcSocket = '/run/items/items.sock'
  const hosts = scenario.hosts.map((host) => ({ ...host, dtpcSocket }))
  const lab = await TestLab.start({ ...scenario, hosts })
  const [near, far] = await lab.lab.perform(
    Promise.all(
      [lab.mail1, lab.mail2].map(({ machine }) =>
        connectNode({ host: dtpcSocket, port: 0 }, machine),
      ),
    ),
  )
  if (near === undefined || far === undefined) throw new Error('nobody answers')
  const came: string[] = []
  await lab.lab.perform(
    far.openTopic(77, ({ item, take }) => {
      came.push(toLatin1(item.bytes))
      take()
    }),
  )
  const item = { destination: ipnEndpoint(3n, 129n), profile: 21, topic: 77 }
  await lab.lab.perform(near.sendItem({ ...item, bytes: fromLatin1('Hello') }))
  await lab.runFor(10_000)
  expect(came).toEqual(['Hello'])
  const adu = { source: NULL_ENDPOINT, destination: ipnEndpoint(3n, 1n), reports: [] }
  const refused: readonly (() => Promise<unknown>)[] = [
    () => near.status(),
    () => near.bundles(undefined),
    () => near.call('queue', fromLatin1('')),
    () => near.admin({ program: 'ionadmin', file: 'x', number: 1, text: 'v' }),
    () => near.open(ipnEndpoint(2n, 5n), () => {}),
    () => near.send({ ...adu, payload: fromLatin1('x'), lifetimeMs: 1000 }),
  ]
  for (const ask of refused) {
    await expect(lab.lab.perform(ask())).rejects.toThrow('and nothing else')
  }
})

test('the status of a node says what DTPC has sent, received, and what waits', async () => {
  const scenario = overBpmail({ loss: 0.2 })
  const control = { host: '/run/lightlag/control.sock', port: 0 }
  const lab = await TestLab.start(scenario)
  for (const body of ['one', 'two', 'three']) await lab.submitted(lab.mail1, mailOf(body))
  await lab.until('mail-removed', 6)
  const told = async ({ machine }: typeof lab.mail1) => {
    const client = await lab.lab.perform(connectNode(control, machine))
    return lab.lab.perform(client.status())
  }
  const [near, far] = [await told(lab.mail1), await told(lab.mail2)]
  const nothing = { count: 0, bytes: 0 }
  expect(near.dtpc).toMatchObject({ outgoing: { items: 3, waiting: nothing } })
  const { bundles = 0, over = {} } = near.dtpc?.outgoing ?? {}
  expect(over.acknowledged).toBeGreaterThan(0)
  expect(bundles).toBeGreaterThanOrEqual(over.acknowledged ?? 0)
  expect(far.dtpc?.inbox).toEqual({ received: 3, taken: 3, letGo: 0, waiting: nothing })
  expect(formatNodeStatus(far)).toContain(
    'dtpc receiving: items 3, taken 3, let go 0, waiting 0 (0 bytes)\n',
  )
})
