import { expect, test } from 'vitest'
import { wallMs } from '../../base/time.ts'
import { ipnEndpoint } from '../../proto/bpv7/endpoint-id.ts'
import { ionPeerOf, type PeerView } from './peer.ts'

const config: PeerView = {
  node: 2n,
  mailService: 2525n,
  udp: { listen: { host: '172.21.0.3', port: 2113 }, rateBytesPerSec: 125_000 },
  plans: [{ node: 3n, protocol: 'udp', duct: '172.22.0.3:3113', oneWayDelayMs: 0 }],
}

function messageOf(view: PeerView, neighbor = 3n): string {
  const peer = ionPeerOf(view, neighbor)
  return peer.ok ? '' : peer.fault.message
}

test('the neighbour listens where we send to, and sends to where we listen', () => {
  const peer = ionPeerOf(config, 3n)
  expect(peer).toMatchObject({
    ok: true,
    value: {
      node: 3n,
      inducts: [{ protocol: 'udp', duct: '172.22.0.3:3113', daemon: 'udpcli' }],
      outducts: [{ protocol: 'udp', duct: '172.21.0.3:2113', daemon: 'udpclo' }],
      plans: [
        {
          endpoint: ipnEndpoint(2n, 0n),
          ducts: [{ protocol: 'udp', duct: '172.21.0.3:2113' }],
          rateBytesPerSec: 125_000,
        },
      ],
    },
  })
  expect(peer.ok && peer.value.endpoints.at(-1)).toEqual({
    endpoint: ipnEndpoint(3n, 2525n),
    rule: 'q',
  })
})

test.each([
  ['tcp', 'tcpcli', ''],
  ['stcp', 'stcpcli', 'stcpclo'],
] as const)('over %s its daemons are those of that protocol', (protocol, induct, outduct) => {
  const plans = config.plans.map((plan) => ({ ...plan, protocol }))
  const layer = { listen: { host: '172.21.0.3', port: 4556 }, versions: [3, 4] }
  const peer = ionPeerOf({ ...config, [protocol]: layer, plans }, 3n)
  expect(peer).toMatchObject({
    ok: true,
    value: {
      protocols: [{ name: protocol }],
      inducts: [{ protocol, duct: '172.22.0.3:3113', daemon: induct }],
      outducts: [{ protocol, duct: '172.21.0.3:4556', daemon: outduct }],
    },
  })
})

test('contacts by dates are those of ION too; from our start they mean nothing to it', () => {
  const contact = {
    source: 2n,
    destination: 3n,
    from: wallMs(1_795_420_800_000),
    until: wallMs(1_795_421_400_000),
    rateBytesPerSec: 125_000,
    confidence: 1,
  }
  const contactPlan = { isFromStart: false, contacts: [contact], ranges: [] }
  expect(ionPeerOf({ ...config, contactPlan }, 3n)).toMatchObject({
    value: { contactPlan: { contacts: [contact], ranges: [] } },
  })
  expect(messageOf({ ...config, contactPlan: { ...contactPlan, isFromStart: true } })).toMatch(
    /^contacts are told from the start of this node, .* would be right$/,
  )
})

test('a mail service that ION declares anyway is declared once', () => {
  const peer = ionPeerOf({ ...config, mailService: 64n }, 3n)
  const endpoints = peer.ok ? peer.value.endpoints : []
  expect(endpoints.filter(({ rule }) => rule === 'q')).toHaveLength(1)
  expect(endpoints).toHaveLength(5)
})

test('what ION could not be the other end of is told', () => {
  const listening = (host: string, port: number): PeerView => ({
    ...config,
    udp: { listen: { host, port } },
  })
  const { udp: _, ...deaf } = config
  expect(messageOf(config, 4n)).toMatch(/^there is no plan to ipn:4: /)
  expect(messageOf(deaf)).toMatch(/^udp does not listen: /)
  const over = (protocol: 'tcp' | 'mtcp'): PeerView => ({
    ...config,
    tcp: { listen: { host: '172.21.0.3', port: 4556 } },
    plans: config.plans.map((plan) => ({ ...plan, protocol })),
  })
  expect(messageOf(over('tcp'))).toMatch(/ versions: \[3, 4\] would be right$/)
  expect(messageOf(over('mtcp'))).toMatch(/which ION does not speak: udp or tcp or stcp /)
  expect(messageOf(listening('0.0.0.0', 2113))).toMatch(/^udp listens on 0.0.0.0:2113, /)
  expect(messageOf(listening('127.0.0.1', 0))).toMatch(/^udp listens on 127.0.0.1:0, /)
  expect(messageOf(listening('::1', 2113))).toMatch(/^::1:2113 is no address to ION: /)
  expect(messageOf(listening('127.0.0.1', 1023))).toMatch(/^127.0.0.1:1023 is no address to ION: /)
})
