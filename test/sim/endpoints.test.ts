import { expect, test } from 'vitest'
import { fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { Fault } from '../../src/base/fault.ts'
import { ECHO_SERVICE, registerEcho } from '../../src/dtn/echo.ts'
import { RETRY_FIRST_MS } from '../../src/dtn/limits.ts'
import type { ReceivedAdu } from '../../src/dtn/node.ts'
import { LabStore } from '../../src/lab/store.ts'
import { BLOCK_TYPES, findBlock } from '../../src/proto/bpv7/bundle.ts'
import {
  type EndpointId,
  ipnEndpoint,
  NULL_ENDPOINT,
  parseEndpointId,
} from '../../src/proto/bpv7/endpoint-id.ts'
import { decodeBundleAge } from '../../src/proto/bpv7/extension/bundle-age.ts'
import { encodePreviousNode } from '../../src/proto/bpv7/extension/previous-node.ts'
import { BundleLab, bundleFor } from '../support/bundle-lab.ts'

const HERE = ipnEndpoint(2n, 7n)
const DUCT = '172.22.0.3:3113'

function eid(text: string): EndpointId {
  const parsed = parseEndpointId(text)
  if (parsed === undefined) throw new Error(`not an endpoint: ${text}`)
  return parsed
}

/** The `sequence`-th of several bundles. */
function numbered(destination: EndpointId, sequence: number): Uint8Array {
  const creationTimestamp = { time: 848_736_000_000n, sequence: BigInt(sequence) }
  return bundleFor(destination, { primary: { creationTimestamp }, data: fromUtf8(`${sequence}`) })
}

function collector(): {
  readonly texts: string[]
  readonly take: (adu: ReceivedAdu) => Promise<void>
} {
  const texts: string[] = []
  return { texts, take: async ({ payload }) => void texts.push(toUtf8(payload)) }
}

function codeOf(action: () => unknown): string {
  try {
    action()
    return 'ok'
  } catch (error) {
    if (error instanceof Fault) return error.code
    throw error
  }
}

test('a passive registration gets its bundles one by one, oldest first, when it polls (RFC 9171 §5.7)', async () => {
  const lab = await BundleLab.start()
  const { texts, take } = collector()
  const registration = lab.node.register(7n, take, { isActive: false })
  expect(registration.poll()).toBe(false)
  await lab.exchange(numbered(HERE, 1), numbered(HERE, 2), numbered(HERE, 3))
  expect(texts).toEqual([])
  expect(registration.poll()).toBe(true)
  await lab.runFor(1)
  expect(texts).toEqual(['1'])
  registration.setActive(true)
  await lab.runFor(1)
  expect(texts).toEqual(['1', '2', '3'])
  registration.setActive(false)
  await lab.exchange(numbered(HERE, 4))
  expect(texts).toEqual(['1', '2', '3'])
})

test('a polled bundle that is not taken for now can be polled again after a pause', async () => {
  const lab = await BundleLab.start()
  let tries = 0
  const registration = lab.node.register(
    7n,
    async () => {
      tries++
      throw new Fault('test/busy', 'later', { temporary: true })
    },
    { isActive: false },
  )
  await lab.exchange(numbered(HERE, 1))
  expect(registration.poll()).toBe(true)
  await lab.runFor(10 * RETRY_FIRST_MS)
  expect(tries).toBe(1)
  registration.setActive(true)
  await lab.runFor(1)
  expect(tries).toBe(2)
})

test('an endpoint that is closed keeps what comes for whoever opens it next', async () => {
  const lab = await BundleLab.start()
  const [first, second] = [collector(), collector()]
  const registration = lab.node.register(7n, first.take)
  registration.unregister()
  await lab.exchange(numbered(HERE, 1))
  expect(registration.poll()).toBe(false)
  registration.setActive(true)
  lab.node.register(7n, second.take)
  await lab.runFor(1)
  expect([first.texts, second.texts]).toEqual([[], ['1']])
  registration.unregister()
  await lab.exchange(numbered(HERE, 2))
  expect(second.texts).toEqual(['1', '2'])
})

test('an endpoint is opened once, and only one that is of this node', async () => {
  const { node } = await BundleLab.start({ dtnName: 'earth' })
  const { take } = collector()
  node.register(7n, take)
  for (const taken of [7n, 0n, eid('ipn:2.7'), eid('ipn:!.7'), eid('dtn://earth/')]) {
    expect(codeOf(() => node.register(taken, take))).toBe('dtn/occupied')
  }
  for (const foreign of ['ipn:3.7', 'dtn://moon/x', 'dtn:none', 'ipn:0.7']) {
    expect(codeOf(() => node.register(eid(foreign), take))).toBe('dtn/not-ours')
    expect(codeOf(() => node.declare(eid(foreign), 'defer'))).toBe('dtn/not-ours')
  }
})

test('a declared endpoint that abandons deletes what comes while nobody has it open (RFC 9171 §5.7)', async () => {
  const lab = await BundleLab.start()
  const { texts, take } = collector()
  lab.node.declare(7n, 'abandon')
  await lab.exchange(numbered(HERE, 1))
  expect(lab.reasons('bundle-deleted')).toEqual(['destination endpoint unavailable'])
  const registration = lab.node.register(7n, take)
  await lab.exchange(numbered(HERE, 2))
  registration.unregister()
  lab.node.withdraw(7n)
  await lab.exchange(numbered(HERE, 3))
  expect(texts).toEqual(['2'])
  expect(lab.node.status().store.bundles).toBe(1)
})

test('a node has endpoints of both schemes (RFC 9171 §4.2.5)', async () => {
  const lab = await BundleLab.start({
    dtnName: 'earth',
    plans: [{ node: 3n, protocol: 'udp', duct: DUCT, dtnNames: ['moon', 'mars'] }],
  })
  const { texts, take } = collector()
  lab.node.register(eid('dtn://earth/mail'), take)
  await lab.exchange(numbered(eid('dtn://earth/mail'), 1), numbered(eid('dtn://mars/mail'), 2))
  expect(texts).toEqual(['1'])
  expect(lab.bundles.map(({ payload }) => toUtf8(payload.data))).toEqual(['2'])
  const source = eid('dtn://earth/mail')
  const request = {
    source,
    destination: eid('dtn://moon/x'),
    payload: fromUtf8('3'),
    lifetimeMs: 1e5,
  }
  expect(await lab.perform(lab.node.send(request))).toMatch(/^dtn:\/\/earth\/mail\/\d+-0$/)
  await lab.runFor(20)
  expect(lab.bundles.at(-1)?.primary.source).toEqual(source)
  expect(lab.node.status().nodeIds).toEqual(['ipn:2.0', 'dtn://earth/'])
})

test('a bundle for a group is delivered here and forwarded to its other members (RFC 9171 §5.3)', async () => {
  const group = eid('dtn://news/~all')
  const plans = [{ node: 3n, protocol: 'udp', duct: DUCT, dtnNames: ['news'] }]
  const lab = await BundleLab.start({ plans })
  const { texts, take } = collector()
  await lab.exchange(numbered(group, 1))
  const registration = lab.node.register(group, take)
  await lab.exchange(numbered(group, 2))
  registration.unregister()
  await lab.exchange(numbered(group, 3))
  expect(texts).toEqual(['2'])
  expect(lab.bundles.map(({ payload }) => toUtf8(payload.data))).toEqual(['1', '2', '3'])
  expect(lab.node.status().store.bundles).toBe(0)
})

test('a bundle for a group does not go back to where it came from', async () => {
  const group = eid('dtn://news/~all')
  const plans = [{ node: 3n, protocol: 'udp', duct: DUCT, dtnNames: ['news'] }]
  const lab = await BundleLab.start({ plans })
  const { texts, take } = collector()
  lab.node.register(group, take)
  const data = encodePreviousNode(ipnEndpoint(3n, 0n))
  const previous = {
    type: BLOCK_TYPES.previousNode,
    number: 2,
    flags: 0n,
    crcType: 0,
    data,
  } as const
  await lab.exchange(bundleFor(group, { blocks: [previous], data: fromUtf8('once') }))
  expect(texts).toEqual(['once'])
  expect(lab.datagrams).toEqual([])
  expect(lab.node.status().store.bundles).toBe(0)
})

test('who leaves a group leaves what waits there; a declared group is joined without an application', async () => {
  const group = eid('dtn://news/~all')
  const lab = await BundleLab.start()
  const { texts, take } = collector()
  lab.node.declare(group, 'defer')
  await lab.exchange(numbered(group, 1))
  const registration = lab.node.register(group, take, { isActive: false })
  await lab.exchange(numbered(group, 2))
  registration.setActive(true)
  await lab.runFor(1)
  expect(texts).toEqual(['1', '2'])
  registration.setActive(false)
  await lab.exchange(numbered(group, 3))
  lab.node.withdraw(group)
  expect(lab.node.status().store.bundles).toBe(1)
  registration.unregister()
  await lab.runFor(1)
  expect(lab.node.status().store.bundles).toBe(0)
})

test('the fragments of a bundle for a group are put together here and go on as they are', async () => {
  const group = eid('dtn://news/~all')
  const plans = [{ node: 3n, protocol: 'udp', duct: DUCT, dtnNames: ['news'] }]
  const lab = await BundleLab.start({ plans })
  const { texts, take } = collector()
  lab.node.register(group, take)
  for (const offset of [3, 0]) {
    const fragment = { offset: BigInt(offset), totalAduLength: 6n }
    const data = fromUtf8('abcdef'.slice(offset, offset + 3))
    await lab.exchange(bundleFor(group, { primary: { flags: 1n, fragment }, data }))
  }
  expect(texts).toEqual(['abcdef'])
  expect(lab.bundles.map(({ payload }) => toUtf8(payload.data))).toEqual(['def', 'abc'])
  expect(lab.node.status().store.bundles).toBe(0)
})

test('where a bundle for a group was forwarded is known after a restart', async () => {
  const group = eid('dtn://news/~all')
  const plans = [{ node: 3n, protocol: 'udp', duct: DUCT, dtnNames: ['news'] }]
  const first = await BundleLab.start({ plans })
  first.node.declare(group, 'defer')
  const data = encodePreviousNode(ipnEndpoint(3n, 0n))
  const previous = {
    type: BLOCK_TYPES.previousNode,
    number: 2,
    flags: 0n,
    crcType: 0,
    data,
  } as const
  await first.exchange(bundleFor(group, { blocks: [previous], data: fromUtf8('kept') }))
  const lab = await BundleLab.start({ plans, store: new LabStore({}, first.store.crash()) })
  await lab.runFor(20)
  expect([...first.datagrams, ...lab.datagrams]).toEqual([])
})

test('ipn:! is this node for what is sent here, and leaves as its number (RFC 9758)', async () => {
  const lab = await BundleLab.start()
  const { texts, take } = collector()
  lab.node.register(eid('ipn:!.7'), take)
  const request = { source: eid('ipn:!.1'), payload: fromUtf8('me'), lifetimeMs: 1000 }
  const id = await lab.perform(lab.node.send({ ...request, destination: eid('ipn:!.7') }))
  await lab.perform(lab.node.send({ ...request, destination: ipnEndpoint(3n, 1n) }))
  await lab.runFor(20)
  expect(id).toMatch(/^ipn:2\.1\//)
  expect(texts).toEqual(['me'])
  expect(lab.bundles[0]?.primary.source).toEqual(ipnEndpoint(2n, 1n))
})

test('the source of a bundle is an endpoint of this node or none (RFC 9171 §5.2 step 1)', async () => {
  const lab = await BundleLab.start()
  const request = { destination: ipnEndpoint(3n, 1n), payload: fromUtf8('x'), lifetimeMs: 1000 }
  for (const source of ['ipn:3.1', 'dtn://earth/x', 'dtn://news/~all']) {
    const sending = lab.perform(lab.node.send({ ...request, source: eid(source) }))
    await expect(sending).rejects.toMatchObject({ code: 'dtn/unacceptable' })
  }
  const reports = { kinds: ['received'] } as const
  const anonymous = { ...request, source: NULL_ENDPOINT }
  await expect(lab.perform(lab.node.send({ ...anonymous, reports }))).rejects.toMatchObject({
    code: 'dtn/unacceptable',
  })
  await lab.perform(lab.node.send(anonymous))
  await lab.perform(lab.node.send({ ...request, sourceService: 1n, mustNotFragment: true }))
  await lab.runFor(20)
  expect(lab.bundles.map(({ primary }) => [primary.source, primary.flags])).toEqual([
    [NULL_ENDPOINT, 4n],
    [ipnEndpoint(2n, 1n), 4n],
  ])
})

test('the echo service sends back what comes, and never to another echo service', async () => {
  const lab = await BundleLab.start()
  registerEcho(lab.node, lab.world)
  const from = (source: EndpointId) => bundleFor(HERE, { primary: { source }, data: fromUtf8('?') })
  await lab.exchange(from(ipnEndpoint(3n, 5n)))
  expect(
    lab.bundles.map(({ primary, payload }) => [primary.destination, toUtf8(payload.data)]),
  ).toEqual([[ipnEndpoint(3n, 5n), '?']])
  expect(lab.bundles[0]?.primary.source).toEqual(ipnEndpoint(2n, ECHO_SERVICE))
  await lab.exchange(from(ipnEndpoint(3n, ECHO_SERVICE)))
  await lab.exchange(bundleFor(HERE, { primary: { source: NULL_ENDPOINT, flags: 4n } }))
  expect(lab.datagrams.length).toBe(1)
})

test('a node without a clock sends the age instead of the time, and reads that of others (RFC 9171 §5.5)', async () => {
  const lab = await BundleLab.start({ isClockless: true })
  const { texts, take } = collector()
  lab.node.register(7n, take)
  const request = { sourceService: 1n, payload: fromUtf8('x'), lifetimeMs: 1000 }
  for (let i = 0; i < 2; i++) {
    await lab.perform(lab.node.send({ ...request, destination: ipnEndpoint(3n, 1n) }))
  }
  await lab.runFor(20)
  expect(lab.bundles.map(({ primary }) => primary.creationTimestamp.time)).toEqual([0n, 0n])
  expect(new Set(lab.bundles.map(({ primary }) => primary.creationTimestamp.sequence)).size).toBe(2)
  const ages = lab.bundles.map((b) => decodeBundleAge(findBlock(b, 7)?.data ?? new Uint8Array()))
  expect(ages).toMatchObject([{ ok: true }, { ok: true }])
  const creationTimestamp = { time: 1n, sequence: 0n }
  await lab.exchange(bundleFor(HERE, { primary: { creationTimestamp }, data: fromUtf8('old') }))
  expect(texts).toEqual(['old'])
})
