/** What says that it is from a gateway, where the operator asks who handed it over. */

import { describe, expect, test } from 'vitest'
import { fromLatin1 } from '../../src/base/bytes.ts'
import { wallMs } from '../../src/base/time.ts'
import { encodeAcknowledgement, encodeMails } from '../../src/bridge/adu.ts'
import type { MailHostOptions } from '../../src/bridge/mail-host-options.ts'
import { PACKINGS } from '../../src/bridge/object-packing.ts'
import { type TcpclTlsOptions, tcpclConvergenceLayer } from '../../src/dtn/tcpcl.ts'
import { labIdentity, labTrust } from '../../src/lab/certificate.ts'
import type { Bundle } from '../../src/proto/bpv7/bundle.ts'
import { encodeBundle } from '../../src/proto/bpv7/codec.ts'
import { ipnEndpoint, NULL_ENDPOINT } from '../../src/proto/bpv7/endpoint-id.ts'
import { fragmentBundle } from '../../src/proto/bpv7/fragmentation.ts'
import { writeBatch } from '../../src/proto/smtp/batch.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

const EARTH = ipnEndpoint(2n, 2525n)
const PORT = 3113
const MOON = { host: '172.22.0.3', port: PORT }
const EVE = '172.22.0.66'
const ALWAYS = { from: wallMs(0), until: wallMs(Number.MAX_SAFE_INTEGER) }

type TcpTls = Required<Required<MailHostOptions>['tcp']>['tls']
const REQUIRED: TcpTls = { policy: 'require', authentication: 'node-id' }

/** The hosts speak TCPCL; that on the Moon has UDP as well, where anybody can send. */
function start(tls: TcpTls = REQUIRED): Promise<TestLab> {
  const scenario = earthMoon({ protocol: 'tcp' })
  return TestLab.start({
    ...scenario,
    hosts: scenario.hosts.map((host) => ({
      ...host,
      tcp: { ...host.tcp, tls },
      ...(host.node === 3n && {
        udp: { listen: MOON },
        gateways: [{ from: EARTH, senders: ['*'], neighbours: [2n] }],
      }),
    })),
  })
}

type Send = (bundle: Bundle) => Promise<void>

/** Somebody beside the host on the Moon, who sends without a certificate. */
async function byUdp(lab: TestLab): Promise<Send> {
  const eve = lab.lab.network.addHost('eve', 'moon', EVE)
  const socket = await eve.network.bind({ host: EVE, port: 4000 })
  return async (bundle) => {
    socket.send(encodeBundle(bundle), MOON, () => {})
    await lab.runFor(50)
  }
}

/** A neighbour at 172.22.0.`number` that says it is `nodeId`, with a certificate for it or another. */
async function byTcp(
  lab: TestLab,
  number: number,
  nodeId: string,
  certified: { readonly nodeId?: string; readonly by?: string } | undefined = {},
): Promise<Send> {
  const host = `172.22.0.${number}`
  const { network, clock } = lab.lab.network.addHost(`neighbour-${number}`, 'moon', host)
  const { by = 'lab' } = certified
  const names = { dns: [], ip: [], nodeIds: [certified.nodeId ?? nodeId] }
  const tls: TcpclTlsOptions = {
    policy: 'offer',
    authentication: 'none',
    identity: labIdentity(by, names, ALWAYS),
    trust: labTrust('lab'),
  }
  const layer = tcpclConvergenceLayer({ nodeId, tls }, { network, clock, events: () => {} })
  await layer.start(() => {})
  return async (bundle) => {
    layer.transmit(encodeBundle(bundle), `${MOON.host}:${PORT}`, () => {})
    await lab.runFor(2000)
  }
}

let sequence = 0n

/** From the gateway, so it says. */
function forged(lab: TestLab, data: Uint8Array, service = 2525n): Bundle {
  return {
    primary: {
      flags: 0n,
      crcType: 2,
      destination: ipnEndpoint(3n, 2525n),
      source: ipnEndpoint(2n, service),
      reportTo: NULL_ENDPOINT,
      creationTimestamp: {
        time: BigInt(lab.lab.world.wall() - 946_684_800_000),
        sequence: ++sequence,
      },
      lifetimeMs: 3_600_000n,
    },
    blocks: [],
    payload: { type: 1, number: 1, flags: 0n, crcType: 2, data },
  }
}

const SENDER = { reversePath: { localPart: 'user', domain: 'mail-1.a.com' }, parameters: {} }
const RECIPIENT = { localPart: 'user', domain: 'mail-2.a.com' }
const message = fromLatin1(mailOf('handed over'))
const packed = writeBatch('mail-1.a.com', SENDER, [{ recipient: RECIPIENT }], message)
const TRANSACTION = '001122334455.7'
const OBJECT = encodeMails({ packing: PACKINGS.plain, names: [TRANSACTION], sizes: [], packed })

/** Two, of which neither has all. */
function halves(bundle: Bundle): readonly [Bundle, Bundle] {
  const cut = fragmentBundle(bundle, Math.ceil(0.75 * encodeBundle(bundle).length))
  if (!cut.ok) throw cut.fault
  const [first, second, ...others] = cut.value
  if (first === undefined || second === undefined || others.length > 0) throw new Error('not two')
  return [first, second]
}

async function expectTaken(lab: TestLab): Promise<void> {
  expect(lab.events('transaction-taken')).toHaveLength(1)
  expect(await lab.mailbox(lab.mail2)).toEqual([expect.stringContaining('handed over')])
  expect(lab.events('bundle-created')).toHaveLength(1)
}

async function expectDropped(lab: TestLab): Promise<void> {
  await lab.runFor(60_000)
  const [deleted] = lab.events('bundle-deleted')
  expect(deleted?.reason).toMatch(/not proven to come by way of ipn:2$/)
  expect(lab.events('transaction-taken')).toEqual([])
  expect(await lab.mailbox(lab.mail2)).toEqual([])
  // No acknowledgement, and no report.
  expect(lab.events('bundle-created')).toEqual([])
}

test('mail of a gateway that proves itself crosses, and is acknowledged', async () => {
  const lab = await start()
  await lab.submitted(lab.mail1, mailOf('there'))
  await lab.until('mail-removed', 2)
  await lab.submitted(lab.mail2, mailOf('and back'))
  await lab.until('mail-removed', 4)
  expect(await lab.maildrop(lab.mail2)).toEqual([expect.stringContaining('there')])
  expect(await lab.maildrop(lab.mail1)).toEqual([expect.stringContaining('and back')])
})

describe('its name over UDP', () => {
  const bare = fromLatin1(
    'EHLO x\r\nMAIL FROM:<user@mail-1.a.com>\r\nRCPT TO:<nobody@mail-2.a.com>\r\nDATA\r\n\r\nHi\r\n.\r\n',
  )
  const payloads = { 'an object': OBJECT, 'a bare object': bare, nothing: new Uint8Array(0) }
  for (const [what, payload] of Object.entries(payloads)) {
    test(`is not believed of ${what}, and nobody is answered`, async () => {
      const lab = await start()
      await (await byUdp(lab))(forged(lab, payload))
      await expectDropped(lab)
    })
  }

  test('is not believed of an acknowledgement: the mail waits for that of the gateway', async () => {
    const lab = await start()
    const send = await byUdp(lab)
    await lab.submitted(lab.mail2, mailOf('Hello'))
    await lab.until('transaction-sent')
    const [{ transaction = '' } = {}] = lab.events('transaction-sent')
    await send(
      forged(
        lab,
        encodeAcknowledgement({ packings: [], answers: [{ transaction, refusals: [] }] }),
      ),
    )
    expect(lab.events('bundle-deleted')).toMatchObject([{ reason: /not proven/ }])
    expect(lab.events('transaction-acknowledged')).toEqual([])
    await lab.until('transaction-acknowledged')
    expect(lab.events('transaction-taken')).toHaveLength(1)
  })

  test("keeps mail that is really the gateway's neither out nor from being acknowledged", async () => {
    const lab = await start()
    const send = await byUdp(lab)
    await lab.submitted(lab.mail1, mailOf('mine'))
    await send(forged(lab, OBJECT))
    await lab.until('mail-removed', 2)
    expect(await lab.mailbox(lab.mail2)).toEqual([expect.stringContaining('mine')])
  })
})

describe('its name over TCPCL', () => {
  const LENIENT: TcpTls = { policy: 'offer', authentication: 'none' }

  test('is believed of a neighbour with its certificate, asked for or not', async () => {
    for (const tls of [REQUIRED, LENIENT]) {
      const lab = await start(tls)
      await (await byTcp(lab, 70, 'ipn:2.0'))(forged(lab, OBJECT))
      await expectTaken(lab)
    }
  })

  test('is not believed of another neighbour, however well that proves itself', async () => {
    const lab = await start()
    await (await byTcp(lab, 70, 'ipn:4.0'))(forged(lab, OBJECT))
    await expectDropped(lab)
  })

  const frauds = [
    { what: 'the certificate of another', says: 'ipn:2.0', certified: { nodeId: 'ipn:4.0' } },
    { what: 'the certificate of a service of it', says: 'ipn:2.7', certified: {} },
    { what: 'a certificate of nobody known', says: 'ipn:2.0', certified: { by: 'eve' } },
  ]
  for (const { what, says, certified } of frauds) {
    test(`is not believed of who shows ${what} where none is asked for`, async () => {
      const lab = await start(LENIENT)
      await (await byTcp(lab, 70, says, certified))(forged(lab, OBJECT))
      await expectDropped(lab)
    })
  }

  test('is no way in for another service of its node', async () => {
    const lab = await start()
    await (await byUdp(lab))(forged(lab, OBJECT, 7n))
    await expectDropped(lab)
  })
})

describe('fragments', () => {
  for (const isRestarted of [false, true]) {
    const over = isRestarted ? ', over a restart' : ''
    const between = async (lab: TestLab): Promise<void> => {
      if (isRestarted) await lab.lab.perform(lab.mail2.crash())
    }

    test(`of which each comes from a proven neighbour are taken${over}`, async () => {
      const lab = await start()
      const [first, second] = halves(forged(lab, OBJECT))
      await (await byTcp(lab, 70, 'ipn:2.0'))(first)
      expect(lab.events('transaction-taken')).toEqual([])
      await between(lab)
      await (await byTcp(lab, 71, 'ipn:2.0'))(second)
      await expectTaken(lab)
    })

    for (const stranger of [0, 1] as const) {
      test(`of which ${stranger === 0 ? 'the first' : 'the last'} comes from a stranger are let go${over}`, async () => {
        const lab = await start()
        const parts = halves(forged(lab, OBJECT))
        const senders = [await byTcp(lab, 70, 'ipn:2.0'), await byUdp(lab)] as const
        const [before, after] = stranger === 0 ? [senders[1], senders[0]] : senders
        await before(parts[0])
        await between(lab)
        await after(parts[1])
        await expectDropped(lab)
      })
    }
  }
})

test('items of DTPC and their acknowledgements are believed no more than objects', async () => {
  const id = 21
  const lifetimeMs = 3_600_000
  const profile = { id, lifetimeMs, retransmissionsMax: 1, aggregationBytes: 1, aggregationMs: 1 }
  for (const protocol of ['tcp', 'udp'] as const) {
    const scenario = earthMoon(protocol === 'tcp' ? { protocol } : {})
    const lab = await TestLab.start({
      ...scenario,
      hosts: scenario.hosts.map((host) => {
        const other = host.node === 2n ? 3n : 2n
        const [destination, from] = [ipnEndpoint(other, 129n), ipnEndpoint(other, 128n)]
        return {
          ...host,
          ...(host.tcp && { tcp: { ...host.tcp, tls: REQUIRED } }),
          dtpc: [profile],
          bpmail: [{ destination, profile: id, sendTopic: 1, receiveTopic: 1 }],
          transport: [{ domain: '*', route: `bp:ipn:${other}.129` }],
          gateways: [{ from, senders: ['*'], neighbours: [other] }],
        }
      }),
    })
    await lab.submitted(lab.mail1, mailOf('Hello'))
    await lab.runFor(60_000)
    const isProven = protocol === 'tcp'
    expect(await lab.mailbox(lab.mail2)).toHaveLength(isProven ? 1 : 0)
    expect(lab.events('mail-removed')).toHaveLength(isProven ? 2 : 0)
    const reasons = lab.events('bundle-deleted').map(({ reason }) => reason)
    if (isProven) expect(reasons).toEqual([])
    else expect(reasons[0]).toMatch(/^ipn:2\.128, not proven to come by way of ipn:2$/)
  }
})
