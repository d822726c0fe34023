import { expect, test } from 'vitest'
import type { Fault } from '../base/fault.ts'
import { seededRandom } from '../base/random.ts'
import { monoMs } from '../base/time.ts'
import { LabNetwork } from '../lab/network.ts'
import { World } from '../lab/world.ts'
import { formatAddress, type Network } from '../ports/network.ts'
import { DATAGRAMS_PER_TURN_MAX, DATAGRAMS_WAITING_MAX, PACING_CREDIT_MS } from './limits.ts'
import { udpConvergenceLayer } from './udp.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function pair(options: { readonly rateBytesPerSec?: number } = {}) {
  const world = new World({ settle })
  const lab = new LabNetwork({ world, random: seededRandom(1) })
  lab.addLink(['earth', 'moon'], { oneWayDelayMs: 500, lossShare: 0 })
  const [a, b] = [lab.addHost('a', 'earth', '172.21.0.3'), lab.addHost('b', 'moon', '172.22.0.3')]
  const received: { readonly bytes: Uint8Array; readonly from: string; readonly at: number }[] = []
  const layer = (host: typeof a, port: number) =>
    udpConvergenceLayer(
      { listen: { host: host.address, port }, ...options },
      host.network,
      host.clock,
    )
  const [sender, receiver] = [layer(a, 2113), layer(b, 3113)]
  await sender.start(() => {})
  await receiver.start((bytes, from) =>
    received.push({ bytes: bytes.slice(), from, at: world.now() }),
  )
  return { world, lab, a, sender, receiver, received, duct: '172.22.0.3:3113' }
}

function bundle(length = 3): Uint8Array {
  return new Uint8Array(length).fill(0x9f)
}

test('one bundle travels in each datagram (RFC 7122)', async () => {
  const { world, sender, received, duct } = await pair()
  const outcomes: (Fault | undefined)[] = []
  sender.transmit(bundle(64_000), duct, (fault) => outcomes.push(fault))
  await world.run()
  expect(received).toEqual([{ bytes: bundle(64_000), from: '172.21.0.3:2113', at: 500 }])
  expect(outcomes).toEqual([undefined])
})

test('keepalives are ignored; what is no bundle is for the node to refuse (RFC 7122)', async () => {
  const { world, a, received, duct } = await pair()
  const socket = await a.network.bind({ host: a.address, port: 0 })
  const to = { host: '172.22.0.3', port: 3113 }
  expect(formatAddress(to)).toBe(duct)
  for (const first of [[0, 0, 0, 0], [0x06], []]) {
    socket.send(Uint8Array.from(first), to, () => {})
  }
  socket.send(bundle(), to, () => {})
  await world.run()
  expect(received.map(({ bytes }) => bytes)).toEqual([Uint8Array.of(6), new Uint8Array(), bundle()])
})

test('an address that is none, a layer that is not running: refused for now', async () => {
  const { sender, duct } = await pair()
  const faults: (Fault | undefined)[] = []
  sender.transmit(bundle(), 'moon', (fault) => faults.push(fault))
  await sender.stop()
  sender.transmit(bundle(), duct, (fault) => faults.push(fault))
  expect(faults).toMatchObject([
    { code: 'dtn/bad-duct', temporary: true },
    { code: 'dtn/stopped', temporary: true },
  ])
})

test('paced, the datagrams leave at the rate', async () => {
  const { world, sender, received, duct } = await pair({ rateBytesPerSec: 1000 })
  for (let i = 0; i < 5; i++) sender.transmit(bundle(100), duct, () => {})
  await world.run()
  const apart = received.map(({ at }) => at - 500)
  expect(apart).toEqual([0, 1, 2, 3, 4].map((i) => Math.max(0, i * 100 - PACING_CREDIT_MS)))
})

test('at the bound of waiting datagrams it refuses for now, and takes again later', async () => {
  const { world, sender, duct } = await pair({ rateBytesPerSec: 1000 })
  const faults: (Fault | undefined)[] = []
  for (let i = 0; i < DATAGRAMS_WAITING_MAX + 2; i++) {
    sender.transmit(bundle(100), duct, (fault) => {
      if (fault !== undefined) faults.push(fault)
    })
  }
  expect(faults).toMatchObject([{ code: 'dtn/duct-busy', temporary: true }])
  await world.run(monoMs(1000))
  sender.transmit(bundle(), duct, (fault) => {
    if (fault !== undefined) faults.push(fault)
  })
  expect(faults).toHaveLength(1)
})

test('those for whom much waits keep nobody else waiting', async () => {
  const { world, sender } = await pair({ rateBytesPerSec: 1000 })
  const left: number[] = []
  const faults: Fault[] = []
  const transmit = (port: number): void =>
    sender.transmit(bundle(100), `172.22.0.3:${port}`, (fault) => {
      if (fault === undefined) left.push(port)
      else faults.push(fault)
    })
  for (let i = 0; i <= DATAGRAMS_WAITING_MAX; i++) transmit(1)
  for (const port of [2, 2, 3, 3]) transmit(port)
  await world.run(monoMs(750))
  expect(faults).toEqual([])
  expect(left).toEqual([1, 1, 2, 3, 1, 2, 3, 1])
})

test('stopping answers for what still waits', async () => {
  const { sender, duct } = await pair({ rateBytesPerSec: 1 })
  const outcomes: (Fault | undefined)[] = []
  for (let i = 0; i < 3; i++) sender.transmit(bundle(100), duct, (fault) => outcomes.push(fault))
  await sender.stop()
  expect(outcomes.filter((fault) => fault?.code === 'dtn/stopped')).toHaveLength(2)
})

test('one turn of the event loop sends a bounded number, the next ones the rest', async () => {
  const sent: number[] = []
  const wakes: (() => void)[] = []
  const network: Network = {
    listen: () => Promise.reject(new Error('not used')),
    connect: () => Promise.reject(new Error('not used')),
    bind: async (address) => ({
      address,
      send: (bytes, _to, done) => {
        sent.push(bytes.length)
        done(undefined)
      },
      close: async () => {},
      onDatagram: () => {},
    }),
  }
  const clock = {
    now: () => monoMs(0),
    wall: () => {
      throw new Error('not used')
    },
    at: (_at: number, callback: () => void) => {
      wakes.push(callback)
      return () => {}
    },
  }
  const layer = udpConvergenceLayer({ listen: { host: '127.0.0.1', port: 0 } }, network, clock)
  await layer.start(() => {})
  // The next is handed over as soon as the last has been taken, as the agent does.
  let left = 100
  const next = (): void => {
    if (left-- > 0) layer.transmit(bundle(), '127.0.0.1:1', next)
  }
  next()
  expect(sent).toHaveLength(DATAGRAMS_PER_TURN_MAX)
  while (wakes.length > 0) {
    const before = sent.length
    wakes.shift()?.()
    expect(sent.length - before).toBeLessThanOrEqual(DATAGRAMS_PER_TURN_MAX)
  }
  expect(sent).toHaveLength(100)
})
