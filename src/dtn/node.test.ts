import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { seededRandom } from '../base/random.ts'
import { gathered } from '../base/scattered.ts'
import { monoMs, type WallMs, wallMs } from '../base/time.ts'
import { LabNetwork } from '../lab/network.ts'
import { LabStore } from '../lab/store.ts'
import { World } from '../lab/world.ts'
import type { HostEvent } from '../ports/events.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import { BLOCK_FLAGS, type Bundle, findBlock } from '../proto/bpv7/bundle.ts'
import { decodeBundle, encodeBundle } from '../proto/bpv7/codec.ts'
import { ipnEndpoint, NULL_ENDPOINT } from '../proto/bpv7/endpoint-id.ts'
import { decodeBundleAge } from '../proto/bpv7/extension/bundle-age.ts'
import { decodeHopCount } from '../proto/bpv7/extension/hop-count.ts'
import { assemble } from './assemble.ts'
import type { ConvergenceLayer, Receive } from './convergence-layer.ts'
import { PROMPT_MS_MAX, REPEAT_PIECES_MAX, RETRY_FIRST_MS, UDP_REPEAT_BYTES_MAX } from './limits.ts'
import { BundleNode, type BundleNodeOptions, type PayloadCrc, type ReceivedAdu } from './node.ts'
import { udpConvergenceLayer } from './udp.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const SERVICE = 2525n

/** Carries out `action` while virtual time goes on. */
async function run<T>(world: World, action: Promise<T>): Promise<T> {
  let done = false
  const finished = action.finally(() => {
    done = true
  })
  finished.catch(() => {})
  await world.run(() => done)
  return finished
}

/** A node alone, whose only layer keeps what it is given and answers as it is told. */
async function alone(
  options: Partial<BundleNodeOptions> & {
    readonly store?: Store
    /** What a commit takes. */
    readonly latencyMs?: number
    readonly wall?: () => WallMs
    readonly bundleBytesMax?: number
    readonly repeatBytesMax?: number
  } = {},
) {
  const world = new World({ settle })
  const events: HostEvent[] = []
  const sent: Bundle[] = []
  const outcome: { fault: Fault | undefined; peerBytesMax?: number } = { fault: undefined }
  let receive: Receive = () => {}
  const layer: ConvergenceLayer = {
    protocol: 'udp',
    bundleBytesMax: options.bundleBytesMax ?? 64_000,
    ...(options.repeatBytesMax !== undefined && { repeatBytesMax: options.repeatBytesMax }),
    start: async (onBundle) => {
      receive = onBundle
    },
    transmit: (scattered, _duct, done) => {
      const bytes = gathered(scattered)
      const decoded = decodeBundle(bytes)
      if (!decoded.ok) throw decoded.fault
      const detail = { bundleBytesMax: outcome.peerBytesMax ?? Number.POSITIVE_INFINITY }
      const fault =
        bytes.length > detail.bundleBytesMax
          ? new Fault('tcpcl/too-large', 'too large', { temporary: true, detail })
          : outcome.fault
      if (fault === undefined) sent.push(decoded.value)
      done(fault)
    },
    stop: async () => {},
  }
  const { wall } = options
  const clock =
    wall === undefined
      ? world
      : { now: () => world.now(), wall, at: world.at.bind(world) as World['at'] }
  const latency = { clock: world, durationMs: options.latencyMs ?? 0 }
  const slow = options.latencyMs === undefined ? {} : { latency }
  const store = options.store ?? new LabStore(slow)
  const ports = {
    store,
    clock,
    events: (event: HostEvent) => void events.push(event),
    layers: [layer],
  }
  const plans = [{ node: 3n, protocol: 'udp', duct: 'x' }]
  const node = new BundleNode({ node: 2n, plans, ...options }, ports)
  const types = (): string[] => events.map(({ type }) => type)
  return {
    world,
    events,
    types,
    sent,
    outcome,
    node,
    receive: (b: Uint8Array, answer?: (fault: Fault | undefined) => void) =>
      receive(b, 'peer', answer),
  }
}

function request(
  text: string,
  more: { readonly hold?: string; readonly lifetimeMs?: number } = {},
) {
  const { lifetimeMs = 3_600_000 } = more
  const destination = ipnEndpoint(3n, SERVICE)
  return { sourceService: SERVICE, destination, payload: fromUtf8(text), ...more, lifetimeMs }
}

function incoming(
  text: string,
  more: Partial<Bundle['primary']> = {},
  blocks: Bundle['blocks'] = [],
) {
  return encodeBundle({
    primary: {
      flags: 0n,
      crcType: 2,
      destination: ipnEndpoint(2n, SERVICE),
      source: ipnEndpoint(9n, 1n),
      reportTo: NULL_ENDPOINT,
      creationTimestamp: { time: 848_736_000_000n, sequence: 0n },
      lifetimeMs: 3_600_000n,
      ...more,
    },
    blocks,
    payload: { type: 1, number: 1, flags: 0n, crcType: 2, data: fromUtf8(text) },
  })
}

/** mail-1 (node 2) and mail-2 (node 3), each with its store, across a link. */
async function pair(quality: { readonly lossShare: number; readonly bundleBytesMax?: number }) {
  const world = new World({ settle })
  const lab = new LabNetwork({ world, random: seededRandom(7) })
  lab.addLink(['earth', 'moon'], { oneWayDelayMs: 500, lossShare: quality.lossShare })
  const hosts = [
    lab.addHost('mail-1', 'earth', '172.21.0.3'),
    lab.addHost('mail-2', 'moon', '172.22.0.3'),
  ]
  const events: HostEvent[] = []
  const start = async (index: 0 | 1, store: Store): Promise<BundleNode> => {
    const host = hosts[index] as (typeof hosts)[number]
    const port = [2113, 3113][index] as number
    const layer = udpConvergenceLayer(
      {
        listen: { host: host.address, port },
        ...(quality.bundleBytesMax && { bundleBytesMax: quality.bundleBytesMax }),
      },
      host.network,
      host.clock,
    )
    const plan = [
      { node: 3n, protocol: 'udp', duct: '172.22.0.3:3113' },
      { node: 2n, protocol: 'udp', duct: '172.21.0.3:2113' },
    ][index]
    const node = new BundleNode(
      { node: BigInt(2 + index), plans: plan === undefined ? [] : [plan] },
      { store, clock: host.clock, events: (event) => void events.push(event), layers: [layer] },
    )
    await node.start()
    return node
  }
  return { world, hosts, events, start }
}

test('payloads bear a CRC unless it is said that they shall not, primary blocks always (RFC 9171 §4.2.1)', async () => {
  const crcTypes = async (options: { readonly payloadCrc?: PayloadCrc }) => {
    const one = await alone(options)
    await one.node.start()
    void one.node.send(request('x'))
    await one.world.run(() => one.sent.length === 1)
    return one.sent.map(({ primary, payload }) => [primary.crcType, payload.crcType])
  }
  expect(await crcTypes({})).toEqual([[2, 2]])
  expect(await crcTypes({ payloadCrc: 'none' })).toEqual([[2, 0]])
})

test('send resolves once the bundle is durable, and it is forwarded with its blocks in order', async () => {
  const { world, node, sent, types } = await alone()
  await node.start()
  const id = await run(world, node.send(request('hello')))
  await world.run()
  expect(id).toMatch(/^ipn:2\.2525\/\d+-0$/)
  expect(sent).toHaveLength(1)
  const [bundle] = sent as [Bundle]
  expect(bundle.primary).toMatchObject({ flags: 0n, crcType: 2, lifetimeMs: 3_600_000n })
  expect(bundle.payload.crcType).toBe(2)
  expect(findBlock(bundle, 6)).toBeDefined()
  expect(decodeHopCount(findBlock(bundle, 10)?.data ?? new Uint8Array())).toMatchObject({
    value: { limit: 32, count: 1 },
  })
  expect(types()).toEqual(['bundle-created', 'bundle-sent'])
})

test('nothing is sent that was not flushed, and a bundle that was is sent after a restart', async () => {
  const store = new LabStore()
  const first = await alone({ store })
  first.outcome.fault = new Fault('network/unreachable', 'down', { temporary: true })
  await first.node.start()
  const id = await run(first.world, first.node.send(request('kept')))
  const unflushed = first.node.send(request('lost'))
  unflushed.catch(() => {})
  const second = await alone({ store: new LabStore({}, store.crash()) })
  await second.node.start()
  await second.world.run()
  expect(second.sent.map(({ payload }) => toUtf8(payload.data))).toEqual(['kept'])
  expect(second.events).toMatchObject([{ type: 'bundle-sent', bundle: id }])
})

test('creation timestamps are not repeated after a restart, nor when the clock is set back', async () => {
  const store = new LabStore()
  const ids = new Set<string>()
  for (const wall of [1000, 1000, 0, 1000, 2000]) {
    const { world, node } = await alone({ store, wall: () => wallMs(1_795_420_800_000 + wall) })
    await node.start()
    for (const text of ['a', 'b']) ids.add(await run(world, node.send(request(text))))
    await run(world, node.stop())
  }
  expect(ids.size).toBe(10)
})

test('a node whose clock was never set sends bundles with an age instead (RFC 9171 §4.4.2)', async () => {
  const { world, node, sent, outcome } = await alone({ wall: () => wallMs(world.now()) })
  outcome.fault = new Fault('network/unreachable', 'down', { temporary: true })
  await node.start()
  expect(await run(world, node.send(request('a')))).toBe('ipn:2.2525/0-1')
  expect(await run(world, node.send(request('b')))).toBe('ipn:2.2525/0-2')
  outcome.fault = undefined
  await world.run(() => sent.length === 2)
  expect(world.now()).toBe(RETRY_FIRST_MS)
  for (const bundle of sent) {
    expect(bundle.primary.creationTimestamp.time).toBe(0n)
    expect(decodeBundleAge(findBlock(bundle, 7)?.data ?? new Uint8Array())).toEqual({
      ok: true,
      value: BigInt(RETRY_FIRST_MS),
    })
  }
})

test('lifetimes go on through a restart', async () => {
  const store = new LabStore()
  const image = await (async () => {
    const { world, node } = await alone({ store, plans: [] })
    await node.start()
    await run(world, node.send(request('x', { lifetimeMs: 10_000 })))
    return store.crash()
  })()
  const { world, node, events } = await alone({ store: new LabStore({}, image), plans: [] })
  await node.start()
  await world.run(monoMs(9_999))
  expect(events).toEqual([])
  await world.run(monoMs(10_000))
  expect(events).toMatchObject([{ type: 'bundle-deleted', reason: 'lifetime expired' }])
})

test('a held bundle survives a restart and can be resent and released', async () => {
  const store = new LabStore()
  const first = await alone({ store })
  await first.node.start()
  await run(first.world, first.node.send(request('held', { hold: 'h' })))
  await first.world.run(() => first.sent.length === 1)
  const second = await alone({ store: new LabStore({}, store.crash()) })
  const forwarded: string[] = []
  second.node.onForwarded = (hold) => forwarded.push(hold)
  await second.node.start()
  await second.world.run(() => forwarded.length === 1)
  expect(second.node.resend('h')).toBe(true)
  await second.world.run(() => forwarded.length === 2)
  expect(forwarded).toEqual(['h', 'h'])
  await run(second.world, second.node.release('h'))
  expect(second.node.resend('h')).toBe(false)
})

test('a full store refuses for now, and sends again when a release has made room', async () => {
  const { world, node } = await alone({ limits: { storeCountMax: 1 } })
  await node.start()
  await run(world, node.send(request('one', { hold: 'h' })))
  await expect(run(world, node.send(request('two')))).rejects.toMatchObject({
    code: 'dtn/store-full',
    temporary: true,
  })
  await run(world, node.release('h'))
  await run(world, node.send(request('two')))
})

test('a received bundle that finds the store full is refused with an event', async () => {
  const { world, node, receive, events } = await alone({ limits: { storeCountMax: 0 } })
  await node.start()
  receive(incoming('x'))
  await world.run(monoMs(1))
  expect(events).toMatchObject([
    { type: 'bundle-received' },
    { type: 'bundle-refused', from: 'peer' },
  ])
})

test('too large an ADU, and a node that does not run, are refused', async () => {
  const { node } = await alone({ limits: { aduBytesMax: 3 } })
  await expect(node.send(request('x'))).rejects.toMatchObject({ code: 'dtn/stopped' })
  await node.start()
  await expect(node.send(request('long'))).rejects.toMatchObject({
    code: 'dtn/adu-too-large',
    temporary: false,
  })
})

test('a plan for a convergence layer that is not there is refused at once', async () => {
  const plans = [{ node: 3n, protocol: 'ltp', duct: '3' }]
  await expect(alone({ plans })).rejects.toMatchObject({ code: 'dtn/unknown-protocol' })
})

test('an ADU stays in the store until the application has taken it (RFC 9171 §5.7)', async () => {
  const { world, node, receive, types } = await alone()
  await node.start()
  const outcomes = [
    new Fault('mail/queue-full', 'later', { temporary: true }),
    new Fault('mail/queue-full', 'later', { temporary: true }),
    undefined,
  ]
  const tries: { readonly at: number; readonly adu: ReceivedAdu }[] = []
  node.register(SERVICE, async (adu) => {
    tries.push({ at: world.now(), adu })
    const fault = outcomes.shift()
    if (fault !== undefined) throw fault
  })
  receive(incoming('text'))
  await world.run(monoMs(60_000))
  expect(tries.map(({ at }) => at)).toEqual([0, RETRY_FIRST_MS, 3 * RETRY_FIRST_MS])
  expect(toUtf8(tries[0]?.adu.payload ?? new Uint8Array())).toBe('text')
  expect(tries[0]?.adu).toMatchObject({
    bundle: 'ipn:9.1/848736000000-0',
    expiresAt: 1_795_420_800_000 + 3_600_000,
  })
  expect(types()).toEqual(['bundle-received', 'trouble', 'trouble', 'bundle-delivered'])
})

test('what the application refuses for good is discarded with an event', async () => {
  const { world, node, receive, events } = await alone()
  await node.start()
  node.register(SERVICE, async () => {
    throw new Fault('bridge/not-a-batch', 'not a batch', { temporary: false })
  })
  receive(incoming('text'))
  await world.run(monoMs(1))
  expect(events.at(-1)).toMatchObject({ type: 'bundle-deleted', reason: 'not a batch' })
})

test.each([
  [false, 1],
  [true, 2],
])(
  'what comes again after its delivery: taken (%s), delivered %i times',
  async (takesRepeats, times) => {
    const { world, node, receive } = await alone()
    await node.start()
    let count = 0
    const deliver = async (): Promise<void> => {
      count++
    }
    node.register(SERVICE, deliver, { takesRepeats })
    for (let i = 0; i < 2; i++) {
      receive(incoming('text'))
      await world.run(monoMs(i + 1))
    }
    expect(count).toBe(times)
  },
)

test('what was delivered is not delivered again after a crash, and its application noted it once', async () => {
  const store = new LabStore()
  const first = await alone({ store })
  await first.node.start()
  first.node.register(SERVICE, async ({ bundle }, alongside) => {
    alongside([{ table: 'taken', key: bundle, value: fromUtf8('x') }])
  })
  first.receive(incoming('text'))
  await first.world.run(monoMs(1))
  const after = new LabStore({}, store.crash())
  expect([...after.keys('taken', {})]).toHaveLength(1)
  expect([...after.keys('bundles', {})]).toEqual([])
  const second = await alone({ store: after })
  await second.node.start()
  let count = 0
  second.node.register(SERVICE, async () => {
    count++
  })
  second.receive(incoming('text'))
  await second.world.run(monoMs(2))
  expect(count).toBe(0)
  expect(second.node.status().refused).toEqual({ 'dtn/duplicate': 1 })
})

test('a bundle for a prompt application is on the disk, and accepted, when that has taken long', async () => {
  const store = new LabStore()
  const { world, node, receive } = await alone({ store })
  await node.start()
  let take = (): void => {}
  node.register(SERVICE, () => new Promise<void>((resolve) => (take = resolve)), { isPrompt: true })
  const answer = vi.fn()
  const stored = (): number => [...store.keys('bundles', {})].length
  receive(incoming('first'), answer)
  await world.run(monoMs(PROMPT_MS_MAX - 1))
  expect([stored(), answer.mock.calls]).toEqual([0, []])
  await world.run(monoMs(PROMPT_MS_MAX + 1))
  expect([stored(), answer.mock.calls]).toEqual([1, [[undefined]]])
  take()
  await world.run(monoMs(PROMPT_MS_MAX + 2))
  expect(stored()).toBe(0)
  const other = vi.fn()
  receive(
    incoming('second', { creationTimestamp: { time: 848_736_000_000n, sequence: 1n } }),
    other,
  )
  await settle()
  take()
  await world.run(monoMs(PROMPT_MS_MAX + 3))
  expect([stored(), other.mock.calls]).toEqual([0, [[undefined]]])
})

test('what a prompt application refuses for now goes to the disk at once', async () => {
  const store = new LabStore()
  const { world, node, receive } = await alone({ store })
  await node.start()
  const refuse = async (): Promise<void> => {
    throw new Fault('bridge/not-now', 'not now', { temporary: true })
  }
  node.register(SERVICE, refuse, { isPrompt: true })
  const answer = vi.fn()
  receive(incoming('text'), answer)
  await world.run(monoMs(1))
  expect([[...store.keys('bundles', {})].length, answer.mock.calls]).toEqual([1, [[undefined]]])
})

/** A disk that is full for so many commits. */
class FillingStore extends LabStore {
  failures = 0

  override commit(changes: readonly StoreChange[]): Promise<void> {
    if (this.failures === 0) return super.commit(changes)
    this.failures--
    return Promise.reject(new Fault('store/full', 'no room', { temporary: true }))
  }
}

test.each([
  ['takes it', ['store/full', undefined], ['text']],
  ['fails', ['store/full', undefined], ['text', 'text']],
])(
  'what is refused while its application looks at it is not given to it again before it %s',
  async (outcome, answered, given) => {
    const store = new FillingStore()
    const { world, node, receive } = await alone({ store })
    await node.start()
    const deliveries: string[] = []
    let settleFirst = (_: Promise<void>): void => {}
    const first = new Promise<void>((resolve) => (settleFirst = resolve))
    node.register(SERVICE, ({ payload }) => {
      deliveries.push(toUtf8(payload))
      return deliveries.length === 1 ? first : Promise.resolve()
    })
    const answers: (string | undefined)[] = []
    const arrive = () => receive(incoming('text'), (fault) => answers.push(fault?.code))
    store.failures = 1
    arrive()
    await world.run(monoMs(1))
    arrive()
    await world.run(monoMs(2))
    expect([answers, deliveries]).toEqual([answered, ['text']])
    const failure = new Fault('dtn/stopped', 'not now', { temporary: true })
    settleFirst(outcome === 'takes it' ? Promise.resolve() : Promise.reject(failure))
    await world.run(monoMs(3 + RETRY_FIRST_MS))
    expect(deliveries).toEqual(given)
    expect(node.status().store.bundles).toBe(0)
  },
)

test('a bundle for an open endpoint that finds the store full is no failure of its delivery', async () => {
  const { world, node, receive } = await alone({ limits: { storeCountMax: 0 } })
  await node.start()
  node.register(SERVICE, async () => {})
  const answers: (string | undefined)[] = []
  receive(incoming('text'), (fault) => answers.push(fault?.code))
  await world.run(monoMs(1))
  expect(answers).toEqual(['dtn/store-full'])
  expect(node.status().endpoints.map(({ refused }) => refused)).toEqual([0, 0])
})

test('an application that leaves with the first of what waits leaves the rest for the next', async () => {
  const { world, node, receive } = await alone()
  await node.start()
  const given: string[] = []
  receive(incoming('a'))
  receive(incoming('b', { creationTimestamp: { time: 848_736_000_000n, sequence: 1n } }))
  await world.run(monoMs(1))
  const leaving = node.register(
    SERVICE,
    async ({ payload }) => {
      given.push(toUtf8(payload))
      leaving.unregister()
    },
    { isActive: false },
  )
  leaving.setActive(true)
  await world.run(monoMs(2))
  node.register(SERVICE, async ({ payload }) => void given.push(toUtf8(payload)))
  await world.run(monoMs(RETRY_FIRST_MS + 2))
  expect(given).toEqual(['a', 'b'])
})

test('what comes again while the first is being written is acknowledged with the first', async () => {
  const { world, node, receive } = await alone({ latencyMs: 100 })
  await node.start()
  const answers: string[] = []
  receive(incoming('text'), () => answers.push('first'))
  receive(incoming('text'), (fault) => answers.push(fault?.code ?? 'second'))
  await settle()
  expect(answers).toEqual([])
  await world.run(monoMs(200))
  expect(answers).toEqual(['first', 'second'])
})

test('a bundle that is too large for the peer is cut again, once the peer has said so (RFC 9174 §4.6)', async () => {
  const { node, sent, outcome, world } = await alone()
  await node.start()
  outcome.peerBytesMax = 300
  await run(world, node.send(request('x'.repeat(1000))))
  await world.run()
  expect(sent.length).toBeGreaterThan(3)
  expect(assemble(sent)).toMatchObject({ ok: true })
  expect(node.status().store.bundles).toBe(0)
})

test('bundles for other nodes are relayed by plan, aged and with our Previous Node Block', async () => {
  const { world, node, receive, sent, outcome } = await alone()
  outcome.fault = new Fault('network/unreachable', 'down', { temporary: true })
  await node.start()
  const age = { type: 7, number: 5, flags: 0n, crcType: 0 as const, data: Uint8Array.of(0) }
  receive(incoming('x', { destination: ipnEndpoint(3n, 1n) }, [age]))
  await world.run(monoMs(500))
  outcome.fault = undefined
  await world.run(() => sent.length > 0)
  const [bundle] = sent as [Bundle]
  expect(findBlock(bundle, 7)?.data).toEqual(Uint8Array.of(0x19, 0x03, 0xe8))
  expect(findBlock(bundle, 6)).toBeDefined()
})

test('a record or a bundle that was damaged in the store is told of, and the others go on', async () => {
  const store = new LabStore()
  const first = await alone({ store, plans: [] })
  await first.node.start()
  for (const text of ['a', 'b', 'c']) await run(first.world, first.node.send(request(text)))
  const [one, two] = [...store.keys('bundles', {})] as [string, string]
  await store.commit([
    { table: 'bundles', key: one, value: fromUtf8('?') },
    { table: 'bundles', key: two, value: fromUtf8('?'.repeat(99)) },
  ])
  const second = await alone({ store: new LabStore({}, store.crash()) })
  await second.node.start()
  await second.world.run()
  expect(second.sent.map(({ payload }) => toUtf8(payload.data))).toEqual(['c'])
  expect(second.types()).toEqual(['trouble', 'trouble', 'bundle-sent'])
})

test('stop waits for a delivery under way, and what it has taken is not delivered again', async () => {
  const store = new LabStore()
  const first = await alone({ store })
  await first.node.start()
  let finish = (): void => {}
  first.node.register(
    SERVICE,
    () =>
      new Promise((resolve) => {
        finish = resolve
      }),
  )
  first.receive(incoming('x'))
  await settle()
  const stopped = first.node.stop()
  finish()
  await stopped
  expect([...store.keys('bundles', {})]).toEqual([])
  first.receive(incoming('y'))
  expect(first.types()).toEqual(['bundle-received', 'bundle-delivered'])
})

test('a plan with a rate is paced, and stopping does not wait for it', async () => {
  const plans = [{ node: 3n, protocol: 'udp', duct: 'x', rateBytesPerSec: 100 }]
  const { world, node, sent } = await alone({ plans })
  await node.start()
  for (let i = 0; i < 9; i++) await node.send(request('x'.repeat(100)))
  await world.run(() => sent.length === 3)
  expect(world.now()).toBeGreaterThan(2000)
  expect(world.now()).toBeLessThan(6000)
  const before = world.now()
  await node.stop()
  expect(world.now()).toBe(before)
})

test('what waits for its turn ages until it goes, also in fragments (RFC 9171 §4.4.2)', async () => {
  const plans = [{ node: 3n, protocol: 'udp', duct: 'x', rateBytesPerSec: 100 }]
  const { world, node, sent, receive } = await alone({ plans, bundleBytesMax: 200 })
  await node.start()
  const age = { type: 7, number: 5, flags: 0n, crcType: 0 as const, data: Uint8Array.of(0) }
  receive(incoming('x'.repeat(600), { destination: ipnEndpoint(3n, 1n) }, [age]))
  const ages: number[] = []
  while (ages.length < 6) {
    await world.run(() => sent.length > ages.length)
    const bundle = sent.at(-1) as Bundle
    const read = decodeBundleAge(findBlock(bundle, 7)?.data ?? new Uint8Array())
    ages.push(world.now())
    expect(read).toEqual({ ok: true, value: BigInt(Math.ceil(world.now())) })
    expect(encodeBundle(bundle).length).toBeLessThanOrEqual(200)
  }
  expect(ages.at(-1)).toBeGreaterThan(5000)
})

test('a bundle with a security block is not cut, whatever it covers', async () => {
  for (const type of [11, 12]) {
    const { world, node, sent, events, receive } = await alone({ bundleBytesMax: 200 })
    await node.start()
    const security = { type, number: 5, flags: 0n, crcType: 0 as const, data: new Uint8Array(9) }
    receive(incoming('x'.repeat(600), { destination: ipnEndpoint(3n, 1n) }, [security]))
    await world.run(monoMs(1))
    expect(sent).toEqual([])
    expect(events.at(-1)).toMatchObject({
      type: 'bundle-deleted',
      reason: expect.stringContaining('security blocks') as string,
    })
  }
})

test('across a link that loses 30 %, held bundles that are resent all get through', async () => {
  const { world, start } = await pair({ lossShare: 0.3 })
  const [sender, receiver] = [await start(0, new LabStore()), await start(1, new LabStore())]
  const arrived = new Set<string>()
  receiver.register(SERVICE, async ({ payload, source }) => {
    arrived.add(toUtf8(payload))
    await receiver.send({ ...request(toUtf8(payload)), destination: source })
  })
  const open = new Set<string>()
  sender.register(SERVICE, async ({ payload }) => {
    if (open.delete(toUtf8(payload))) await sender.release(toUtf8(payload))
  })
  sender.onForwarded = (hold) => {
    world.at(monoMs(world.now() + 1500), () => void sender.resend(hold))
  }
  for (let i = 0; i < 20; i++) {
    open.add(`mail ${i}`)
    await run(world, sender.send(request(`mail ${i}`, { hold: `mail ${i}` })))
  }
  await world.run(() => open.size === 0)
  expect(arrived.size).toBe(20)
})

test('a large ADU goes in fragments, which gather at the receiver through losses and its restart', async () => {
  const { world, hosts, start, events } = await pair({ lossShare: 0.3, bundleBytesMax: 1000 })
  const sender = await start(0, new LabStore())
  const stores = [new LabStore()]
  await start(1, stores[0] as LabStore)
  const large = 'lightlag '.repeat(2000)
  sender.onForwarded = (hold) => {
    world.at(monoMs(world.now() + 2000), () => void sender.resend(hold))
  }
  await run(world, sender.send(request(large, { hold: 'h', lifetimeMs: 36_000_000 })))
  await world.run(monoMs(1000))
  const before = [...(stores[0] as LabStore).keys('bundles', {})].length
  expect(before).toBeGreaterThan(3)
  hosts[1]?.crash()
  hosts[1]?.restart()
  const again = await start(1, new LabStore({}, (stores[0] as LabStore).crash()))
  const arrived: ReceivedAdu[] = []
  again.register(SERVICE, async (adu) => void arrived.push(adu))
  await world.run(() => arrived.length > 0)
  expect(toUtf8(arrived[0]?.payload ?? new Uint8Array())).toBe(large)
  expect(arrived[0]?.bundle).toMatch(/^ipn:2\.2525\/\d+-\d+$/)
  const sends = events.filter((event) => event.type === 'bundle-sent')
  expect(sends[0]).toMatchObject({ fragments: expect.any(Number) as number })
  expect(sends.length).toBeLessThan(6)
})

test('what goes again by UDP goes in pieces that IP does not cut, of which each gets lost by itself', async () => {
  const { world, start, events } = await pair({ lossShare: 0.2 })
  const [sender, receiver] = [await start(0, new LabStore()), await start(1, new LabStore())]
  const large = 'lightlag '.repeat(30_000)
  sender.onForwarded = (hold) => {
    world.at(monoMs(world.now() + 2000), () => void sender.resend(hold))
  }
  const arrived: ReceivedAdu[] = []
  receiver.register(SERVICE, async (adu) => void arrived.push(adu))
  await run(world, sender.send(request(large, { hold: 'h', lifetimeMs: 36_000_000 })))
  await world.run(() => arrived.length > 0)
  expect(toUtf8(arrived[0]?.payload ?? new Uint8Array())).toBe(large)
  const sent = events.filter((event) => event.type === 'bundle-sent')
  const pieces = sent.map(({ fragments, wireBytes }) => Math.ceil(wireBytes / fragments))
  expect(pieces[0]).toBeGreaterThan(50_000)
  for (const bytes of pieces.slice(1)) expect(bytes).toBeLessThanOrEqual(UDP_REPEAT_BYTES_MAX)
  expect(sent.length).toBeLessThan(10)
})

test.each([
  ['in pieces', 100_000, false, 83],
  ['in no more pieces than the far side keeps', 8_000_000, false, REPEAT_PIECES_MAX + 100],
  ['whole where it must not be cut', 20_000, true, 1],
])('a repeat goes %s', async (_, length, mustNotFragment, fragments) => {
  const { node, world, sent } = await alone({ bundleBytesMax: 8_400_000, repeatBytesMax: 1300 })
  await node.start()
  const payload = new Uint8Array(length)
  await run(world, node.send({ ...request('', { hold: 'h' }), payload, mustNotFragment }))
  await world.run(monoMs(100))
  expect(sent.splice(0)).toHaveLength(1)
  node.resend('h')
  await world.run(monoMs(200))
  expect(sent.length).toBeLessThanOrEqual(fragments)
  expect(sent.length).toBeGreaterThan(0.9 * fragments)
})

test('where its blocks leave too little of small pieces, or they were too many, a bundle goes in larger ones', async () => {
  const { node, world, sent, types } = await alone({ repeatBytesMax: UDP_REPEAT_BYTES_MAX })
  await node.start()
  const to = { scheme: 'dtn', ssp: `//${'a'.repeat(1000)}/` } as const
  const reports = { kinds: ['deleted'], to } as const
  const payload = new Uint8Array(1_000_000)
  await run(world, node.send({ ...request('', { hold: 'h' }), payload, reports }))
  await world.run(monoMs(100))
  const first = sent.splice(0).length
  node.resend('h')
  await world.run(monoMs(200))
  expect(sent.splice(0)).toHaveLength(first)
  // A contact that carries two kilobytes.
  const times = { from: wallMs(0), until: wallMs(world.wall() + 500) }
  const contact = { source: 2n, destination: 3n, ...times, rateBytesPerSec: 1, confidence: 1 }
  node.setContactPlan({ contacts: [contact], ranges: [] })
  node.resend('h')
  await world.run(monoMs(300))
  expect(types()).not.toContain('bundle-deleted')
})

test('property: no bytes from a neighbour make a node fail, not even bundles cut small for the next', async () => {
  const { world, node, receive } = await alone({ bundleBytesMax: 150 })
  await node.start()
  node.register(SERVICE, async () => {})
  const block = fc.record({
    type: fc.constantFrom(6, 7, 10, 11, 12, 200),
    flags: fc.constantFrom(0n, 1n, BLOCK_FLAGS.discardIfUnprocessable),
    data: fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.constantFrom(Uint8Array.of(0x82, 1, 0), Uint8Array.of(0)),
    ),
  })
  const shaped = fc
    .record({
      blocks: fc.array(block, { maxLength: 4 }),
      size: fc.nat(400),
      node: fc.constantFrom(2n, 3n, 4n),
      flip: fc.option(fc.nat()),
    })
    .map(({ blocks, size, node: to, flip }) => {
      try {
        const numbered = blocks.map((b, i) => ({ ...b, number: i + 2, crcType: 0 as const }))
        const bytes = incoming(
          'x'.repeat(size),
          { destination: ipnEndpoint(to, SERVICE) },
          numbered,
        )
        if (flip !== null) bytes[flip % bytes.length] = flip & 0xff
        return bytes
      } catch {
        return new Uint8Array()
      }
    })
  await fc.assert(
    fc.asyncProperty(fc.oneof(shaped, fc.uint8Array({ maxLength: 300 })), async (bytes) => {
      receive(bytes)
      await world.run(monoMs(world.now() + 1))
    }),
    { numRuns: 300 },
  )
})
