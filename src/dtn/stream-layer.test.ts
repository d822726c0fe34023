import { expect, test } from 'vitest'
import { concat } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { seededRandom } from '../base/random.ts'
import type { Piece } from '../base/slab.ts'
import { addMs } from '../base/time.ts'
import { LabNetwork } from '../lab/network.ts'
import { World } from '../lab/world.ts'
import type { HostEvent } from '../ports/events.ts'
import type { ByteStream } from '../ports/network.ts'
import type {
  BundleSession,
  BundleSessionEffect,
  BundleSessionEvent,
} from '../proto/bundle-session/session.ts'
import { encodeContactHeader } from '../proto/tcpcl/contact-header.ts'
import { encodeMessage3 } from '../proto/tcpcl/version3.ts'
import type { Receive } from './convergence-layer.ts'
import {
  OFFER_AGAIN_MS,
  RECEIVING_BYTES_MAX,
  SESSION_SILENCE_MS,
  SESSIONS_MAX,
  SESSIONS_PER_ADDRESS_MAX,
  STOPPING_MS,
  STREAM_BUNDLES_MAX,
} from './limits.ts'
import { stcpConvergenceLayer } from './stcp.ts'
import { StreamLayer } from './stream-layer.ts'
import { tcpclConvergenceLayer } from './tcpcl.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const three = Uint8Array.of(0x9f, 1, 0xff)

function build() {
  const world = new World({ settle })
  const lab = new LabNetwork({ world, random: seededRandom(1) })
  lab.addLink(['near', 'far'], { oneWayDelayMs: 10, lossShare: 0 })
  const [here, there] = [
    lab.addHost('here', 'near', '172.21.0.3'),
    lab.addHost('there', 'far', '172.21.0.4'),
  ]
  const events: HostEvent[] = []
  const ports = {
    network: there.network,
    clock: there.clock,
    events: (event: HostEvent) => void events.push(event),
  }
  const listen = { host: there.address, port: 4556 }
  const others = Array.from({ length: SESSIONS_MAX }, (_, i) =>
    lab.addHost(`other-${i}`, 'near', `172.21.1.${i + 1}`),
  )
  /** From one host, or from another of its link. */
  const connect = async (other?: number): Promise<ByteStream> => {
    let stream: ByteStream | undefined
    const from = other === undefined ? here : others[other]
    from?.network.connect(listen, 10_000).then(
      (opened) => {
        stream = opened
      },
      () => {},
    )
    await world.run(() => stream !== undefined)
    return stream as ByteStream
  }
  const runFor = (durationMs: number) => world.run(addMs(world.now(), durationMs))
  return { world, here, there, ports, listen, connect, runFor, events }
}

/** Holds what it is told to hold, and notes what is wanted of it. */
class StubSession implements BundleSession {
  readonly deadline = undefined
  readonly heard: BundleSessionEvent['type'][] = []
  heldBytes = 0

  handle(event: BundleSessionEvent): readonly BundleSessionEffect[] {
    this.heard.push(event.type)
    return event.type === 'terminate' || event.type === 'ended'
      ? [{ type: 'close' }, { type: 'over', fault: undefined }]
      : []
  }
}

function stubbed(world: ReturnType<typeof build>) {
  const sessions: StubSession[] = []
  const layer = new StreamLayer(
    {
      protocol: 'stub',
      listen: world.listen,
      bundleBytesMax: 1000,
      session: () => {
        const session = new StubSession()
        sessions.push(session)
        return session
      },
    },
    world.ports,
  )
  return { layer, sessions }
}

test('the sessions of a layer use the memory again that bundles of the others have left', async () => {
  const world = build()
  const layer = stcpConvergenceLayer({ framing: 'stcp', listen: world.listen }, world.ports)
  const pieces: Piece[] = []
  await layer.start((_bundle, _from, answer, piece) => {
    if (piece !== undefined) pieces.push(piece)
    piece?.release()
    answer?.(undefined)
  })
  for (const stream of [await world.connect(), await world.connect()]) {
    stream.send(concat(Uint8Array.of(0, 0, 0, 3), three))
    await world.runFor(100)
  }
  expect(pieces).toHaveLength(2)
  expect(pieces[1]?.bytes.buffer).toBe(pieces[0]?.bytes.buffer)
})

test('when too much is being received, the largest session is ended, and it is told', async () => {
  const world = build()
  const { layer, sessions } = stubbed(world)
  await layer.start(() => {})
  const streams = [await world.connect(), await world.connect()]
  await world.runFor(100)
  const [small, large] = sessions as [StubSession, StubSession]
  small.heldBytes = RECEIVING_BYTES_MAX / 2 - 1
  large.heldBytes = RECEIVING_BYTES_MAX / 2 + 1
  streams[0]?.send(three)
  await world.runFor(100)
  expect(large.heard).not.toContain('terminate')
  small.heldBytes++
  streams[0]?.send(three)
  await world.runFor(100)
  expect(large.heard).toContain('terminate')
  expect(small.heard).not.toContain('terminate')
  expect(world.events).toMatchObject([{ type: 'bundle-refused', from: expect.any(String) }])
})

test('beyond the sessions that it serves one more is closed, until one has been silent', async () => {
  const world = build()
  const { layer, sessions } = stubbed(world)
  await layer.start(() => {})
  for (let i = 0; i < SESSIONS_MAX; i++) await world.connect(i)
  await world.connect()
  await world.runFor(100)
  expect(sessions).toHaveLength(SESSIONS_MAX)
  expect(world.events).toMatchObject([
    { type: 'bundle-refused', reason: 'stub: too many sessions' },
  ])
  await world.runFor(SESSION_SILENCE_MS)
  await world.connect()
  await world.runFor(100)
  expect(sessions).toHaveLength(SESSIONS_MAX + 1)
  expect(sessions[0]?.heard).toContain('ended')
})

test('of one address the session that has been silent longest gives way to one too many', async () => {
  const world = build()
  const { layer, sessions } = stubbed(world)
  await layer.start(() => {})
  for (let i = 0; i < SESSIONS_PER_ADDRESS_MAX; i++) await world.connect()
  await world.connect(0)
  await world.runFor(100)
  expect(world.events).toEqual([])
  await world.connect()
  await world.runFor(100)
  expect(world.events).toMatchObject([
    { type: 'bundle-refused', reason: 'stub: too many sessions from its address' },
  ])
  expect(sessions.map(({ heard }) => heard.includes('ended')).indexOf(true)).toBe(0)
  expect(sessions).toHaveLength(SESSIONS_PER_ADDRESS_MAX + 2)
})

test('at the bound of waiting bundles it refuses for now', async () => {
  const world = build()
  const { layer } = stubbed(world)
  await layer.start(() => {})
  const faults: (Fault | undefined)[] = []
  for (let i = 0; i <= STREAM_BUNDLES_MAX; i++) {
    layer.transmit(three, '172.21.0.3:1', (fault) => faults.push(fault))
  }
  expect(faults).toMatchObject([{ code: 'dtn/duct-busy', temporary: true }])
  // What waits for one neighbour is not in the way of what is for another.
  layer.transmit(three, '172.21.0.3:2', (fault) => faults.push(fault))
  expect(faults).toHaveLength(1)
  await world.runFor(1000)
  expect(faults).toHaveLength(STREAM_BUNDLES_MAX + 2)
  layer.transmit(three, '172.21.0.3:1', (fault) => faults.push(fault))
  expect(faults).toHaveLength(STREAM_BUNDLES_MAX + 2)
})

test('stopping waits for what is in transfer, but not for ever', async () => {
  const world = build()
  const receiver = tcpclConvergenceLayer({ nodeId: '', listen: world.listen }, world.ports)
  await receiver.start(() => {})
  const { network, clock } = world.here
  const sender = tcpclConvergenceLayer({ nodeId: '' }, { ...world.ports, network, clock })
  await sender.start(() => {})
  const outcomes: (Fault | undefined)[] = []
  sender.transmit(three, '172.21.0.4:4556', (fault) => outcomes.push(fault))
  await world.runFor(1000)
  const stoppedAt = world.world.now()
  let isStopped = false
  const stopping = sender.stop().then(() => {
    isStopped = true
  })
  await world.world.run(() => isStopped)
  await stopping
  expect(world.world.now() - stoppedAt).toBe(STOPPING_MS)
  expect(outcomes).toMatchObject([{ temporary: true }])
})

test('a connection that comes when the layer has been stopped is not kept', async () => {
  const world = build()
  const { layer, sessions } = stubbed(world)
  await layer.start(() => {})
  const there = { ...world.ports, network: world.here.network, clock: world.here.clock }
  const target = stcpConvergenceLayer(
    { framing: 'stcp', listen: { host: '172.21.0.3', port: 1 } },
    there,
  )
  await target.start(() => {})
  const outcomes: (Fault | undefined)[] = []
  layer.transmit(three, '172.21.0.3:1', (fault) => outcomes.push(fault))
  await layer.stop()
  expect(outcomes).toMatchObject([{ code: 'dtn/stopped', temporary: true }])
  await world.runFor(1000)
  expect(sessions.map(({ heard }) => heard.at(-1))).toEqual(['ended'])
})

/** Says that there is no room until it is told otherwise. */
function fullNode() {
  const node = { hasRoom: false, offers: 0, taken: 0 }
  const receive: Receive = (_bundle, _from, answer) => {
    node.offers++
    if (node.hasRoom) node.taken++
    const full = new Fault('dtn/store-full', 'no room', { temporary: true })
    answer?.(node.hasRoom ? undefined : full)
  }
  return { node, receive }
}

test('what STCP has delivered is kept until there is room, even when its sender has gone', async () => {
  const world = build()
  const { node, receive } = fullNode()
  const layer = stcpConvergenceLayer({ framing: 'stcp', listen: world.listen }, world.ports)
  await layer.start(receive)
  const stream = await world.connect()
  const frame = concat(Uint8Array.of(0, 0, 0, 3), three)
  stream.send(concat(frame, frame, frame))
  stream.close()
  await world.runFor(10 * OFFER_AGAIN_MS)
  // Only the first is offered again and again.
  expect(node.offers).toBeLessThanOrEqual(3 + 10)
  expect(node.taken).toBe(0)
  node.hasRoom = true
  await world.runFor(OFFER_AGAIN_MS)
  expect(node.taken).toBe(3)
})

test('when there is room again STCP is as fast as before: what was held back shares flushes', async () => {
  const world = build()
  const { clock } = world.there
  const flushMs = 20
  let hasRoom = false
  let taken = 0
  const receive: Receive = (_bundle, _from, answer) => {
    if (hasRoom) clock.at(addMs(clock.now(), flushMs), () => answer?.(void taken++))
    else answer?.(new Fault('dtn/store-full', 'no room', { temporary: true }))
  }
  const layer = stcpConvergenceLayer({ framing: 'stcp', listen: world.listen }, world.ports)
  await layer.start(receive)
  const stream = await world.connect()
  const frame = concat(Uint8Array.of(0, 0, 0, 3), three)
  const count = 1000
  stream.send(concat(...Array.from({ length: count }, () => frame)))
  await world.runFor(OFFER_AGAIN_MS)
  hasRoom = true
  // One after the other would take 20 s.
  await world.runFor(2 * OFFER_AGAIN_MS)
  expect(taken).toBe(count)
})

test('ION, which cannot be told no, is acknowledged when there is room (RFC 7242)', async () => {
  const world = build()
  const { node, receive } = fullNode()
  const layer = tcpclConvergenceLayer({ nodeId: 'ipn:3.0', listen: world.listen }, world.ports)
  await layer.start(receive)
  const stream = await world.connect()
  const heard: number[] = []
  stream.onBytes = (bytes) => heard.push(...bytes)
  const ion = { version: 3, flags: 1, keepaliveSec: 15, nodeId: 'ipn:2.0' } as const
  const head = encodeMessage3({ type: 'data-segment', flags: 3, dataLength: 3n })
  stream.send(concat(encodeContactHeader(ion), head, three))
  await world.runFor(5000)
  const before = heard.length
  expect(node.taken).toBe(0)
  node.hasRoom = true
  await world.runFor(OFFER_AGAIN_MS + 100)
  expect(heard.slice(before)).toEqual([0x20, 3])
})

test('one port serves both versions of TCPCL at once', async () => {
  const world = build()
  const { node, receive } = fullNode()
  node.hasRoom = true
  const layer = tcpclConvergenceLayer({ nodeId: 'ipn:3.0', listen: world.listen }, world.ports)
  await layer.start(receive)
  const { network, clock } = world.here
  const outcomes: (Fault | undefined)[] = []
  for (const version of [3, 4] as const) {
    const sender = tcpclConvergenceLayer(
      { nodeId: 'ipn:2.0', versions: [version] },
      { network, clock, events: () => {} },
    )
    await sender.start(() => {})
    sender.transmit(three, '172.21.0.4:4556', (fault) => outcomes.push(fault))
  }
  await world.runFor(1000)
  expect(outcomes).toEqual([undefined, undefined])
  expect(node.taken).toBe(2)
})

test('a session carries bundles both ways', async () => {
  const world = build()
  const { node, receive } = fullNode()
  node.hasRoom = true
  const { network, clock } = world.here
  let stream: ByteStream | undefined
  await world.there.network.listen(world.listen, (opened) => {
    stream = opened
    // An ION that has something for us, and says so at once.
    const ion = { version: 3, flags: 1, keepaliveSec: 15, nodeId: 'ipn:3.0' } as const
    const head = encodeMessage3({ type: 'data-segment', flags: 3, dataLength: 3n })
    opened.send(concat(encodeContactHeader(ion), head, three))
  })
  const old = tcpclConvergenceLayer(
    { nodeId: '', versions: [3] },
    { network, clock, events: () => {} },
  )
  await old.start(receive)
  old.transmit(three, '172.21.0.4:4556', () => {})
  await world.runFor(1000)
  expect(stream).toBeDefined()
  expect(node.taken).toBe(1)
})
