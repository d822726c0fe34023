import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { monoMs } from '../../src/base/time.ts'
import { INBOX_COUNT_MAX, ITEM_BYTES_MAX, UNCLAIMED_COUNT_MAX } from '../../src/dtn/dtpc/limits.ts'
import { DtpcService, type ServiceProfile } from '../../src/dtn/dtpc/service.ts'
import { BundleNode } from '../../src/dtn/node.ts'
import { udpConvergenceLayer } from '../../src/dtn/udp.ts'
import { LabNetwork } from '../../src/lab/network.ts'
import { LabStore } from '../../src/lab/store.ts'
import { World } from '../../src/lab/world.ts'
import type { HostEvent } from '../../src/ports/events.ts'
import { ipnEndpoint } from '../../src/proto/bpv7/endpoint-id.ts'
import { encodeDtpc } from '../../src/proto/dtpc/codec.ts'

const PLAIN: ServiceProfile = {
  id: 2,
  retransmissionsMax: 0,
  aggregationBytes: 0,
  aggregationMs: 0,
  lifetimeMs: 600_000,
}
/** ION's `a profile 21 5 100 1 3600 0.1 dtn:none`. */
const ACKED: ServiceProfile = {
  id: 21,
  retransmissionsMax: 5,
  aggregationBytes: 100,
  aggregationMs: 1000,
  lifetimeMs: 3_600_000,
}
const PROFILES = [PLAIN, ACKED]

const ADDRESSES = { 2: { host: '172.21.0.3', port: 2113 }, 3: { host: '172.22.0.3', port: 3113 } }

/** Nodes 2 and 3, a second apart; each may be restarted from what its disk has. */
class DtpcLab {
  readonly world: World = new World({ settle: () => setImmediate() })
  readonly network: LabNetwork = new LabNetwork({ world: this.world, random: seededRandom(1) })
  readonly two: Machine
  readonly three: Machine

  constructor(lossShare = 0) {
    this.network.addLink(['earth', 'moon'], { oneWayDelayMs: 1000, lossShare })
    this.two = new Machine(this, 2, 'earth')
    this.three = new Machine(this, 3, 'moon')
  }

  static async start(lossShare = 0): Promise<DtpcLab> {
    const lab = new DtpcLab(lossShare)
    await lab.two.start()
    await lab.three.start()
    return lab
  }

  runFor(durationMs: number): Promise<void> {
    return this.world.run(monoMs(this.world.now() + durationMs))
  }
}

class Machine {
  readonly events: HostEvent[] = []
  readonly received: string[] = []
  readonly #lab: DtpcLab
  readonly #number: 2 | 3
  readonly #host: ReturnType<LabNetwork['addHost']>
  store: LabStore = new LabStore()
  node!: BundleNode
  dtpc!: DtpcService

  constructor(lab: DtpcLab, number: 2 | 3, side: string) {
    this.#lab = lab
    this.#number = number
    this.#host = lab.network.addHost(`node-${number}`, side, ADDRESSES[number].host)
  }

  async start(): Promise<void> {
    const { clock, network } = this.#host
    const other = this.#number === 2 ? 3 : 2
    const { host, port } = ADDRESSES[other]
    const events = (event: HostEvent): void => void this.events.push(event)
    this.node = new BundleNode(
      {
        node: BigInt(this.#number),
        plans: [{ node: BigInt(other), protocol: 'udp', duct: `${host}:${port}` }],
      },
      {
        store: this.store,
        clock,
        events,
        layers: [udpConvergenceLayer({ listen: ADDRESSES[this.#number] }, network, clock)],
      },
    )
    this.dtpc = new DtpcService(PROFILES, { store: this.store, clock, events, node: this.node })
    this.dtpc.register()
    await this.#lab.world.perform(this.node.start())
    this.dtpc.start()
  }

  async stop(): Promise<void> {
    await this.#lab.world.perform(this.dtpc.stop())
    await this.#lab.world.perform(this.node.stop())
  }

  send(text: string, profile: ServiceProfile, more: { topic?: number; name?: string } = {}) {
    const item = { destination: 'ipn:3.129', profile: profile.id, topic: 25, ...more }
    return this.#lab.world.perform(this.dtpc.send({ ...item, bytes: fromUtf8(text) }))
  }

  /** Takes what comes for a topic. */
  listen(topic = 25): { close(): void } {
    return this.dtpc.open(topic, (delivery) => {
      this.received.push(toUtf8(delivery.item.bytes))
      void delivery.take()
    })
  }
}

describe('items reach the topic of another node', () => {
  test.each([
    ['without the transport service', PLAIN],
    ['with it', ACKED],
  ])('%s, in order, and nothing is left behind', async (_, profile) => {
    const { two, three, runFor } = await open()
    three.listen()
    const texts = Array.from({ length: 20 }, (_, i) => `${i} ${'x'.repeat(i * 20)}`)
    for (const text of texts) await two.send(text, profile, { name: text.slice(0, 8) })
    const outcome = two.dtpc.whenSettled('3 xxxxxx')
    await runFor(10_000)
    expect(three.received).toEqual(texts)
    expect(await outcome).toBe(profile === PLAIN ? 'sent' : 'acknowledged')
    expect(two.dtpc.status.outgoing).toEqual({ count: 0, bytes: 0 })
    expect(three.dtpc.status.inbox).toEqual({ count: 0, bytes: 0 })
    expect([...two.store.keys('bundles', {}), ...three.store.keys('bundles', {})]).toEqual([])
    for (const table of ['dtpc-out-items', 'dtpc-out-adus']) {
      expect([...two.store.keys(table, {})]).toEqual([])
    }
    for (const table of ['dtpc-inbox', 'dtpc-held', 'dtpc-seen']) {
      expect([...three.store.keys(table, {})]).toEqual([])
    }
  })

  test('though a third of all datagrams is lost: once and in order', async () => {
    const lab = await DtpcLab.start(0.3)
    lab.three.listen()
    const texts = Array.from({ length: 30 }, (_, i) => String(i))
    for (const text of texts) await lab.two.send(text.padEnd(120), ACKED)
    await lab.runFor(4_300_000)
    expect(lab.three.received.map((text) => text.trim())).toEqual(texts)
  })

  test('records for several topics share an ADU and come apart again', async () => {
    const { two, three, runFor } = await open()
    three.listen(1)
    await two.send('one', ACKED, { topic: 1 })
    await two.send('two', ACKED, { topic: 2 })
    await runFor(5000)
    expect(three.received).toEqual(['one'])
    three.listen(2)
    await runFor(10)
    expect(three.received).toEqual(['one', 'two'])
  })
})

describe('nothing that was acknowledged is lost', () => {
  test('what comes while no application has the topic open waits for one, also over a restart', async () => {
    const { two, three, runFor } = await open()
    for (const text of ['one', 'two', 'three']) await two.send(text, ACKED, { name: text })
    await runFor(10_000)
    expect(await two.dtpc.whenSettled('two')).toBe('acknowledged')
    await three.stop()
    await three.start()
    const first = three.dtpc.open(25, (delivery) => {
      three.received.push(toUtf8(delivery.item.bytes))
      if (three.received.length === 1) void delivery.take()
    })
    await runFor(10)
    // One at a time, and what was not taken is for the next.
    expect(three.received).toEqual(['one', 'two'])
    first.close()
    three.listen()
    await runFor(10)
    expect(three.received).toEqual(['one', 'two', 'two', 'three'])
    expect(() => three.listen()).toThrow('topic 25 is open already')
  })

  test('what was taken from an application is sent by the next run, under the same number', async () => {
    const lab = new DtpcLab()
    const { two, three } = lab
    await two.start()
    await two.send('x'.repeat(200), ACKED, { name: 'large' })
    await two.send('waits for others', ACKED, { name: 'small' })
    await lab.runFor(500)
    await two.stop()
    await two.start()
    // The far side comes up only now; the datagrams of before are gone.
    await three.start()
    three.listen()
    await two.send('third', ACKED)
    expect(await lab.world.perform(Promise.resolve(two.dtpc.whenSettled('small')))).toBe(
      'acknowledged',
    )
    await lab.runFor(10_000)
    expect(three.received).toEqual(['x'.repeat(200), 'waits for others', 'third'])
    expect([...two.store.keys('dtpc-outcomes', {})]).toEqual(['large', 'small'])
    await lab.world.perform(two.store.commit(two.dtpc.forgetting('small')))
    expect(two.dtpc.whenSettled('small')).toBeUndefined()
    expect(await two.dtpc.whenSettled('large')).toBe('acknowledged')
  })

  test('an item of a name that is known is not sent again', async () => {
    const { two, three, runFor } = await open()
    three.listen()
    await two.send('x'.repeat(200), ACKED, { name: 'one' })
    await two.send('again', ACKED, { name: 'one' })
    await runFor(5000)
    await two.send('and again', ACKED, { name: 'one' })
    await runFor(5000)
    expect(three.received).toEqual(['x'.repeat(200)])
  })

  test('what nobody acknowledges expires an interval behind its profile’s lifetime', async () => {
    const lab = new DtpcLab()
    await lab.two.start()
    await lab.two.send('x'.repeat(200), ACKED, { name: 'one' })
    await lab.runFor(4_199_000)
    expect(lab.two.events.filter(({ type }) => type === 'bundle-created')).toHaveLength(6)
    expect(lab.two.dtpc.status.outgoing.count).toBe(1)
    await lab.runFor(2000)
    expect(await lab.two.dtpc.whenSettled('one')).toBe('expired')
  })
})

describe('bounds', () => {
  test('an item that is too large, and one of an unknown profile, are refused', async () => {
    const { two } = await open()
    const item = { destination: 'ipn:3.129', topic: 1 }
    const large = new Uint8Array(ITEM_BYTES_MAX + 1)
    await expect(two.dtpc.send({ ...item, profile: 2, bytes: large })).rejects.toMatchObject({
      code: 'dtpc/too-large',
      temporary: false,
    })
    const small = new Uint8Array(1)
    await expect(two.dtpc.send({ ...item, profile: 9, bytes: small })).rejects.toMatchObject({
      message: 'there is no profile 9',
    })
  })

  test('items of topics that nobody ever opened are let go beyond their bound, others are not', async () => {
    const { two, three, runFor } = await open()
    three.listen(1).close()
    const records = Array.from({ length: UNCLAIMED_COUNT_MAX + 5 }, (_, i) => fromUtf8(String(i)))
    const topics = [
      { topic: 9, records },
      { topic: 1, records },
    ]
    await sendPdu(two, encodeDtpc({ type: 'data', profile: 2, sequence: 0, topics }))
    await runFor(5000)
    expect(three.dtpc.status.inbox.count).toBe(2 * UNCLAIMED_COUNT_MAX + 5)
    expect(INBOX_COUNT_MAX).toBeGreaterThan(UNCLAIMED_COUNT_MAX)
  })

  test('what is no PDU is discarded, and the node goes on', async () => {
    const { two, three, runFor } = await open()
    three.listen()
    await sendPdu(two, fromUtf8('no PDU'))
    await sendPdu(two, Uint8Array.of(1, 21, 99))
    await two.send('after it', PLAIN)
    await runFor(5000)
    expect(three.received).toEqual(['after it'])
  })
})

test('an acknowledgement goes to service 129 of the node, from service 128 (ION 4.1.3)', async () => {
  const { two, three, runFor } = await open()
  const seen: string[] = []
  three.listen()
  const topics = [{ topic: 25, records: [fromUtf8('one')] }]
  await sendPdu(two, encodeDtpc({ type: 'data', profile: 77, sequence: 1, topics }))
  await runFor(5000)
  for (const event of three.events) {
    if (event.type === 'bundle-created')
      seen.push(`${event.bundle.split(' ')[0]} ${event.destination}`)
  }
  expect(seen).toHaveLength(1)
  expect(seen[0]).toMatch(/^ipn:3\.128.* ipn:2\.129$/)
  expect(three.received).toEqual(['one'])
})

function sendPdu(machine: Machine, payload: Uint8Array): Promise<unknown> {
  const destination = ipnEndpoint(3n, 129n)
  return machine.node.send({ sourceService: 128n, destination, payload, lifetimeMs: 60_000 })
}

async function open(): Promise<{
  two: Machine
  three: Machine
  runFor: (durationMs: number) => Promise<void>
}> {
  const lab = await DtpcLab.start()
  return { two: lab.two, three: lab.three, runFor: (durationMs) => lab.runFor(durationMs) }
}

test('an item that was postponed lets the others come, stays on the disk, and is offered again behind them', async () => {
  const { two, three, runFor } = await open()
  for (const text of ['first', 'second', 'third']) await two.send(text, ACKED)
  const again: (() => void)[] = []
  const listen = () =>
    three.dtpc.open(25, ({ item, take, postpone }) => {
      const text = toUtf8(item.bytes)
      if (text === 'first' && again.length < 2) again.push(postpone())
      else {
        three.received.push(text)
        void take()
      }
    })
  const topic = listen()
  await runFor(10_000)
  expect(three.received).toEqual(['second', 'third'])
  expect(three.dtpc.status.inbox.count).toBe(1)
  topic.close()
  // Whoever opens the topic next has it, and what the one before says counts no more.
  listen()
  expect(again).toHaveLength(2)
  again[0]?.()
  expect(three.received).toEqual(['second', 'third'])
  again[1]?.()
  await runFor(1000)
  expect(three.received).toEqual(['second', 'third', 'first'])
  expect(three.dtpc.status.inbox).toEqual({ count: 0, bytes: 0 })
})
