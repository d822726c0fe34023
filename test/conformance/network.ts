import { describe, expect, it } from 'vitest'
import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import type { Fault } from '../../src/base/fault.ts'
import type {
  ByteStream,
  DatagramSocket,
  Listener,
  Network,
  SocketAddress,
} from '../../src/ports/network.ts'
import { signal, type World, within } from './world.ts'

export interface NetworkWorld extends World {
  /** Two hosts that reach each other without loss; they may be one and the same. */
  readonly here: NetworkHost
  readonly there: NetworkHost
  /** An IP address that belongs to neither. */
  readonly foreignHost: string
  /** More bytes than both ends of a stream and the way between them hold. */
  readonly floodBytes: number
  /** Makes an address where an attempt to connect from `here` is never answered. */
  silentPeer(): Promise<{ readonly address: SocketAddress; close(): Promise<void> }>
}

export interface NetworkHost {
  readonly network: Network
  /** One of its IP addresses. */
  readonly host: string
}

/** The contract of `src/ports/network.ts`. */
export function describeNetwork(name: string, make: () => Promise<NetworkWorld>): void {
  const inWorld = (body: (world: NetworkWorld) => Promise<void>) => () => within(make, body)
  const overStream = (body: (link: Link) => Promise<void>) => () =>
    within(make, async (world) => {
      const link = await connected(world)
      await body(link)
      link.near.stream.abort()
      link.far.stream.abort()
      await link.listener.close()
    })

  describe(`the network contract, streams: ${name}`, () => {
    it(
      'carries bytes both ways, in order',
      overStream(async ({ near, far }) => {
        near.stream.send(fromLatin1('EHLO '))
        near.stream.send(fromLatin1('mars\r\n'))
        await far.until(() => far.text === 'EHLO mars\r\n')
        far.stream.send(fromLatin1('250 ok\r\n'))
        await near.until(() => near.text === '250 ok\r\n')
      }),
    )

    it(
      'carries megabytes unharmed',
      overStream(async ({ near, far }) => {
        const bytes = Uint8Array.from({ length: 2_000_000 }, (_, i) => (i * 7919) >> 4)
        for (let at = 0; at < bytes.length; at += 9_999) {
          near.stream.send(bytes.slice(at, at + 9_999))
        }
        await far.until(() => far.byteCount === bytes.length)
        expect(far.bytes.every((byte, i) => byte === bytes[i])).toBe(true)
      }),
    )

    it(
      'names both ends alike on both sides',
      overStream(async ({ near, far, listener, world }) => {
        expect(listener.address.host).toBe(world.there.host)
        expect(listener.address.port).toBeGreaterThan(0)
        expect(near.stream.remote).toEqual(listener.address)
        expect(far.stream.local).toEqual(listener.address)
        expect(far.stream.remote).toEqual(near.stream.local)
        expect(near.stream.local.host).toBe(world.here.host)
      }),
    )

    it(
      'loses nothing that the listening side says first',
      inWorld(async ({ here, there }) => {
        const listener = await there.network.listen({ host: there.host, port: 0 }, (stream) => {
          stream.send(fromLatin1('220 ready\r\n'))
          stream.close()
        })
        const near = listenTo(await here.network.connect(listener.address, TIMEOUT_MS))
        await near.until(() => near.ends.length > 0)
        expect(near.text).toBe('220 ready\r\n')
        await listener.close()
      }),
    )

    it(
      'keeps several streams of one listener apart',
      inWorld(async (world) => {
        const first = await connected(world)
        const second = listenTo(
          await world.here.network.connect(first.listener.address, TIMEOUT_MS),
        )
        second.stream.send(fromLatin1('second'))
        first.near.stream.send(fromLatin1('first'))
        await first.far.until(() => first.far.text === 'first')
        expect(second.stream.local.port).not.toBe(first.near.stream.local.port)
        first.near.stream.abort()
        second.stream.abort()
        await first.listener.close()
      }),
    )

    it(
      'refuses to listen where someone listens already',
      overStream(async ({ listener, world }) => {
        await expect(world.there.network.listen(listener.address, () => {})).rejects.toMatchObject({
          name: 'Fault',
          code: 'network/address-in-use',
          temporary: false,
        })
      }),
    )

    it(
      'refuses to listen at an address that is not its own',
      inWorld(async ({ there, foreignHost }) => {
        await expect(
          there.network.listen({ host: foreignHost, port: 0 }, () => {}),
        ).rejects.toMatchObject({
          name: 'Fault',
          code: 'network/address-unavailable',
          temporary: false,
        })
      }),
    )

    it(
      'is refused where nobody listens, also after the listener has closed',
      inWorld(async (world) => {
        const link = await connected(world)
        await link.listener.close()
        await expect(
          world.here.network.connect(link.listener.address, TIMEOUT_MS),
        ).rejects.toMatchObject({ name: 'Fault', code: 'network/refused', temporary: true })
        link.near.stream.send(fromLatin1('still here'))
        await link.far.until(() => link.far.text === 'still here')
        link.near.stream.abort()
        link.far.stream.abort()
      }),
    )

    it(
      'is refused at port 0, where nobody can listen',
      inWorld(async ({ here, there }) => {
        await expect(
          here.network.connect({ host: there.host, port: 0 }, TIMEOUT_MS),
        ).rejects.toMatchObject({ name: 'Fault', code: 'network/refused', temporary: true })
      }),
    )

    it(
      'gives up an attempt to connect that nobody answers',
      inWorld(async ({ here, silentPeer }) => {
        const silent = await silentPeer()
        await expect(here.network.connect(silent.address, 50)).rejects.toMatchObject({
          name: 'Fault',
          code: 'network/timed-out',
          temporary: true,
        })
        await silent.close()
      }),
    )

    it(
      'frees the port of a listener that has closed',
      inWorld(async ({ there }) => {
        const listener = await there.network.listen({ host: there.host, port: 0 }, () => {})
        await listener.close()
        await listener.close()
        const again = await there.network.listen(listener.address, () => {})
        expect(again.address).toEqual(listener.address)
        await again.close()
      }),
    )

    it(
      'delivers everything sent before a close, and ends both sides once',
      overStream(async ({ near, far, world }) => {
        near.stream.send(new Uint8Array(1_500_000).fill(1))
        near.stream.send(fromLatin1('QUIT\r\n'))
        near.stream.close()
        near.stream.close()
        near.stream.send(fromLatin1('too late'))
        await far.until(() => far.ends.length > 0)
        await near.until(() => near.ends.length > 0)
        expect(far.byteCount).toBe(1_500_006)
        expect(toLatin1(far.bytes.subarray(-6))).toBe('QUIT\r\n')
        near.stream.abort()
        far.stream.close()
        far.stream.send(fromLatin1('anyone?'))
        await roundTrips(world, 3)
        expect(near.ends).toEqual([undefined])
        expect(far.ends).toEqual([undefined])
      }),
    )

    it(
      'delivers what the other side still had to send when one side closes',
      overStream(async ({ near, far }) => {
        far.onBytes = () => {
          far.stream.send(fromLatin1('221 bye\r\n'))
          far.stream.close()
        }
        near.stream.send(fromLatin1('QUIT\r\n'))
        await near.until(() => near.ends.length > 0)
        expect(near.text).toBe('221 bye\r\n')
      }),
    )

    it(
      'lets the side that listened answer after the end of its peer, and ends once it closes',
      overStream(async ({ near, far, world }) => {
        near.stream.send(fromLatin1('QUIT\r\n'))
        near.stream.close()
        await far.until(() => far.text === 'QUIT\r\n')
        await roundTrips(world, 2)
        expect(far.ends).toEqual([])
        far.stream.send(fromLatin1('221 bye\r\n'))
        await far.until(() => far.drains === 1)
        expect(far.ends).toEqual([])
        far.stream.close()
        await far.until(() => far.ends.length > 0)
        await near.until(() => near.ends.length > 0)
        expect(far.ends).toEqual([undefined])
      }),
    )

    it(
      'ends the side that listened once it has been silent after the end of its peer',
      overStream(async ({ near, far }) => {
        near.stream.close()
        await far.until(() => far.ends.length > 0)
        await near.until(() => near.ends.length > 0)
        expect(far.ends).toEqual([undefined])
        expect(near.ends).toEqual([undefined])
      }),
    )

    it(
      'ends both sides once when both close at the same time',
      overStream(async ({ near, far, world }) => {
        near.stream.close()
        far.stream.close()
        await near.until(() => near.ends.length > 0)
        await far.until(() => far.ends.length > 0)
        await roundTrips(world, 3)
        expect(near.ends).toEqual([undefined])
        expect(far.ends).toEqual([undefined])
      }),
    )

    it(
      'hands over no more bytes once closed',
      overStream(async ({ near, far }) => {
        near.stream.close()
        far.stream.send(fromLatin1('unheard'))
        await near.until(() => near.ends.length > 0)
        expect(near.text).toBe('')
      }),
    )

    it(
      'aborts at once: ends here without a fault, ends there once, forgets what is unsent',
      overStream(async ({ near, far, world }) => {
        far.stream.pause()
        for (let i = 0; i < world.floodBytes; i += PIECE.length) near.stream.send(PIECE)
        near.stream.abort()
        near.stream.abort()
        near.stream.send(fromLatin1('too late'))
        expect(near.stream.unsentBytes).toBe(0)
        await near.until(() => near.ends.length > 0)
        far.stream.resume()
        await far.until(() => far.ends.length > 0)
        await roundTrips(world, 3)
        expect(near.ends).toEqual([undefined])
        expect(far.ends).toHaveLength(1)
        expect(far.byteCount).toBeLessThan(world.floodBytes)
      }),
    )

    it(
      'aborts what is closing',
      overStream(async ({ near, far, world }) => {
        far.stream.pause()
        for (let i = 0; i < world.floodBytes; i += PIECE.length) near.stream.send(PIECE)
        near.stream.close()
        await roundTrips(world, 3)
        expect(near.ends).toEqual([])
        near.stream.abort()
        await near.until(() => near.ends.length > 0)
        expect(near.ends).toEqual([undefined])
      }),
    )

    it(
      'never calls a handler from inside send, close or abort',
      overStream(async ({ near, far }) => {
        let inside = false
        const check = (): void => expect(inside).toBe(false)
        const guarded = (action: () => void): void => {
          inside = true
          action()
          inside = false
        }
        near.onAny = check
        far.onAny = check
        guarded(() => near.stream.send(fromLatin1('x')))
        await near.until(() => near.drains > 0)
        guarded(() => near.stream.send(new Uint8Array(100_000)))
        guarded(() => near.stream.pause())
        guarded(() => near.stream.resume())
        guarded(() => near.stream.close())
        await near.until(() => near.ends.length > 0)
        guarded(() => far.stream.abort())
        await far.until(() => far.ends.length > 0)
      }),
    )

    it(
      'tells that it is drained after every send, when nothing is unsent',
      overStream(async ({ near, far }) => {
        const unsentAtDrain: number[] = []
        near.onDrained = () => unsentAtDrain.push(near.stream.unsentBytes)
        for (let round = 1; round <= 3; round++) {
          near.stream.send(fromLatin1('small'))
          near.stream.send(new Uint8Array(300_000))
          expect(near.stream.unsentBytes).toBeGreaterThan(0)
          await near.until(() => near.drains === round)
        }
        expect(unsentAtDrain).toEqual([0, 0, 0])
        await far.until(() => far.byteCount === 3 * 300_005)
      }),
    )

    it(
      'may be sent to and closed from inside every handler',
      overStream(async ({ near, far }) => {
        let answered = 0
        far.onBytes = () => {
          far.stream.send(new Uint8Array(far.byteCount - answered))
          answered = far.byteCount
        }
        near.onDrained = () => {
          if (near.drains < 3) near.stream.send(fromLatin1('again'))
        }
        near.onBytes = () => {
          if (near.byteCount === 15) near.stream.close()
        }
        far.onEnd = () => far.stream.close()
        near.onEnd = () => near.stream.send(fromLatin1('too late'))
        near.stream.send(fromLatin1('first'))
        await near.until(() => near.ends.length > 0)
        await far.until(() => far.ends.length > 0)
      }),
    )

    it(
      'hands over nothing while paused, slows the sender down, and everything after resume',
      overStream(async ({ near, far, world }) => {
        far.stream.pause()
        for (let i = 0; i < world.floodBytes; i += PIECE.length) near.stream.send(PIECE)
        await roundTrips(world, 10)
        expect(far.byteCount).toBe(0)
        expect(near.drains).toBe(0)
        expect(near.stream.unsentBytes).toBeGreaterThan(0)
        far.stream.resume()
        await far.until(() => far.byteCount === world.floodBytes)
        await near.until(() => near.drains === 1)
      }),
    )

    it(
      'keeps the end behind the bytes that wait while paused',
      overStream(async ({ near, far, world }) => {
        far.stream.pause()
        near.stream.send(fromLatin1('last words'))
        near.stream.close()
        await roundTrips(world, 3)
        expect(far.text).toBe('')
        expect(far.ends).toEqual([])
        far.stream.resume()
        await far.until(() => far.ends.length > 0)
        expect(far.text).toBe('last words')
      }),
    )

    it(
      'may be paused from inside onBytes',
      overStream(async ({ near, far, world }) => {
        let paused = false
        far.onBytes = () => {
          expect(paused).toBe(false)
          paused = true
          far.stream.pause()
        }
        for (let i = 0; i < 20; i++) {
          const before = far.byteCount
          near.stream.send(new Uint8Array(200_000))
          await far.until(() => far.byteCount > before)
          await roundTrips(world, 2)
          paused = false
          far.stream.resume()
        }
        far.onBytes = () => {}
        await far.until(() => far.byteCount === 4_000_000)
      }),
    )
  })

  describe(`the network contract, datagrams: ${name}`, () => {
    it(
      'carries datagrams whole, with the address of their sender',
      inWorld(async (world) => {
        const { near, far } = await bound(world)
        expect(far.socket.address.port).toBeGreaterThan(0)
        expect(far.socket.address.host).toBe(world.there.host)
        expect(await send(near.socket, fromLatin1('one'), far.socket.address)).toBeUndefined()
        const large = Uint8Array.from({ length: 20_000 }, (_, i) => i)
        expect(await send(near.socket, large, far.socket.address)).toBeUndefined()
        await far.until(2)
        expect(far.received.map(({ from }) => from)).toEqual([
          near.socket.address,
          near.socket.address,
        ])
        const sizes = far.received.map(({ bytes }) => bytes.length)
        expect(sizes.sort((a, b) => a - b)).toEqual([3, 20_000])
        await far.close()
        await near.close()
      }),
    )

    it(
      'answers from the socket that was spoken to',
      inWorld(async (world) => {
        const { near, far } = await bound(world)
        await send(near.socket, fromLatin1('ping'), far.socket.address)
        await far.until(1)
        const from = far.received[0]?.from as SocketAddress
        await send(far.socket, fromLatin1('pong'), from)
        await near.until(1)
        expect(near.received[0]?.from).toEqual(far.socket.address)
        await far.close()
        await near.close()
      }),
    )

    it(
      'tells about each datagram sent once, and never from inside send',
      inWorld(async (world) => {
        const { near, far } = await bound(world)
        let inside = false
        const outcomes: (Fault | undefined)[] = []
        const { promise, fire } = signal()
        for (let i = 0; i < 10; i++) {
          inside = true
          near.socket.send(fromLatin1('x'), far.socket.address, (fault) => {
            expect(inside).toBe(false)
            outcomes.push(fault)
            if (outcomes.length === 10) fire()
          })
          inside = false
        }
        await promise
        await far.until(10)
        expect(outcomes).toEqual(Array(10).fill(undefined))
        await far.close()
        await near.close()
      }),
    )

    it(
      'refuses a datagram that no packet can carry, and works on',
      inWorld(async (world) => {
        const { near, far } = await bound(world)
        const largest = new Uint8Array(DATAGRAM_BYTES_MAX).fill(7)
        const tooLarge = new Uint8Array(65_536)
        expect(await send(near.socket, tooLarge, far.socket.address)).toMatchObject({
          name: 'Fault',
          code: 'network/datagram-too-large',
          temporary: false,
        })
        expect(await send(near.socket, largest, far.socket.address)).toBeUndefined()
        await far.until(1)
        expect(far.received[0]?.bytes.length).toBe(DATAGRAM_BYTES_MAX)
        await far.close()
        await near.close()
      }),
    )

    it(
      'takes a datagram for a port where nobody listens, and works on',
      inWorld(async (world) => {
        const { near, far } = await bound(world)
        const gone = await world.there.network.bind({ host: world.there.host, port: 0 })
        await gone.close()
        expect(await send(near.socket, fromLatin1('hello?'), gone.address)).toBeUndefined()
        expect(await send(near.socket, fromLatin1('hello'), far.socket.address)).toBeUndefined()
        await far.until(1)
        await far.close()
        await near.close()
      }),
    )

    it(
      'sends nothing to port 0, and works on',
      inWorld(async (world) => {
        const { near, far } = await bound(world)
        const nobody = { host: world.there.host, port: 0 }
        expect(await send(near.socket, fromLatin1('hello?'), nobody)).toMatchObject({
          name: 'Fault',
          code: 'network/unreachable',
          temporary: true,
        })
        expect(await send(near.socket, fromLatin1('hello'), far.socket.address)).toBeUndefined()
        await far.until(1)
        await far.close()
        await near.close()
      }),
    )

    it(
      'refuses to bind where another is bound, or where the address is not its own',
      inWorld(async (world) => {
        const { near, far } = await bound(world)
        await expect(world.there.network.bind(far.socket.address)).rejects.toMatchObject({
          name: 'Fault',
          code: 'network/address-in-use',
          temporary: false,
        })
        await expect(
          world.there.network.bind({ host: world.foreignHost, port: 0 }),
        ).rejects.toMatchObject({
          name: 'Fault',
          code: 'network/address-unavailable',
          temporary: false,
        })
        await far.close()
        await near.close()
      }),
    )

    it(
      'is silent once closed, frees its port, and answers a send with a Fault',
      inWorld(async (world) => {
        const { near, far } = await bound(world)
        await far.close()
        await far.close()
        const again = await world.there.network.bind(far.socket.address)
        const heard = collect(again)
        await send(near.socket, fromLatin1('for the new one'), again.address)
        await heard.until(1)
        expect(far.received).toEqual([])
        expect(await send(far.socket, fromLatin1('x'), near.socket.address)).toMatchObject({
          name: 'Fault',
          code: 'network/unreachable',
          temporary: true,
        })
        await again.close()
        await near.close()
      }),
    )
  })
}

/** One host and a path on it, for the part of the contract that is about local sockets. */
export interface LocalSocketWorld extends World {
  readonly network: Network
  readonly path: string
}

export function describeLocalSockets(name: string, make: () => Promise<LocalSocketWorld>): void {
  const inWorld = (body: (world: LocalSocketWorld) => Promise<void>) => () => within(make, body)

  describe(`the network contract, local sockets: ${name}`, () => {
    it(
      'carries several streams both ways, and tells that they ended',
      inWorld(async ({ network, path }) => {
        const at = { host: path, port: 0 }
        const accepted: StreamListener[] = []
        const listener = await network.listen(at, (stream) => {
          const far = listenTo(stream)
          accepted.push(far)
          far.onBytes = () => stream.send(fromLatin1(`heard ${far.text}`))
        })
        expect(listener.address).toEqual(at)
        const [one, two] = [
          listenTo(await network.connect(at, TIMEOUT_MS)),
          listenTo(await network.connect(at, TIMEOUT_MS)),
        ]
        expect(one.stream.remote).toEqual(at)
        two.stream.send(fromLatin1('two'))
        await two.until(() => two.text === 'heard two')
        one.stream.send(fromLatin1('one'))
        await one.until(() => one.text === 'heard one')
        one.stream.close()
        await one.until(() => one.ends.length > 0)
        expect(one.ends).toEqual([undefined])
        expect(accepted).toHaveLength(2)
        two.stream.abort()
        await listener.close()
      }),
    )

    it(
      'is refused where nobody listens, also after the listener has closed, whose path is free again',
      inWorld(async ({ network, path }) => {
        const at = { host: path, port: 0 }
        const refusal = { name: 'Fault', code: 'network/refused', temporary: true }
        await expect(network.connect(at, TIMEOUT_MS)).rejects.toMatchObject(refusal)
        const listener = await network.listen(at, () => {})
        await expect(network.listen(at, () => {})).rejects.toMatchObject({
          name: 'Fault',
          code: 'network/address-in-use',
        })
        await listener.close()
        await expect(network.connect(at, TIMEOUT_MS)).rejects.toMatchObject(refusal)
        await (await network.listen(at, () => {})).close()
      }),
    )
  })
}

/** In both worlds a connection comes sooner than this, or never. */
const TIMEOUT_MS = 20_000
const PIECE = new Uint8Array(1_048_576)
/** 65,535 less the headers of IPv4 and UDP. RFC 768, RFC 791 §3.1. */
const DATAGRAM_BYTES_MAX = 65_507

interface Link {
  readonly near: StreamListener
  readonly far: StreamListener
  readonly listener: Listener
  readonly world: NetworkWorld
}

async function connected(world: NetworkWorld): Promise<Link> {
  const accepted = signal<StreamListener>()
  const { here, there } = world
  const listener = await there.network.listen({ host: there.host, port: 0 }, (stream) =>
    accepted.fire(listenTo(stream)),
  )
  const near = listenTo(await here.network.connect(listener.address, TIMEOUT_MS))
  return { near, far: await accepted.promise, listener, world }
}

/** Lets time pass in which all that is on its way arrives: exchanges over a stream beside. */
async function roundTrips(world: NetworkWorld, count: number): Promise<void> {
  const { near, far, listener } = await connected(world)
  far.onBytes = () => far.stream.send(fromLatin1('.'))
  for (let i = 1; i <= count; i++) {
    near.stream.send(fromLatin1('.'))
    await near.until(() => near.byteCount === i)
  }
  near.stream.abort()
  far.stream.abort()
  await listener.close()
}

/** What one end of a stream has heard; its own handlers come after the bookkeeping. */
interface StreamListener {
  readonly stream: ByteStream
  readonly bytes: Uint8Array
  readonly byteCount: number
  readonly text: string
  readonly drains: number
  readonly ends: readonly (Fault | undefined)[]
  onBytes: () => void
  onDrained: () => void
  onEnd: () => void
  onAny: () => void
  /** Resolves once `condition` holds; looked at whenever something is heard. */
  until(condition: () => boolean): Promise<void>
}

function listenTo(stream: ByteStream): StreamListener {
  const parts: Uint8Array[] = []
  const ends: (Fault | undefined)[] = []
  const waiting: (() => boolean)[] = []
  let byteCount = 0
  let drains = 0
  const heard = (): void => {
    listener.onAny()
    for (const look of [...waiting]) if (look()) waiting.splice(waiting.indexOf(look), 1)
  }
  stream.onBytes = (bytes) => {
    // Only what is small is looked into; a flood is counted.
    if (byteCount <= KEPT_BYTES_MAX) parts.push(copyOf(bytes))
    byteCount += bytes.length
    listener.onBytes()
    heard()
  }
  stream.onDrained = () => {
    drains++
    listener.onDrained()
    heard()
  }
  stream.onEnd = (fault) => {
    ends.push(fault)
    listener.onEnd()
    heard()
  }
  const listener: StreamListener = {
    stream,
    ends,
    get bytes() {
      const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
      let at = 0
      for (const part of parts) {
        joined.set(part, at)
        at += part.length
      }
      return joined
    },
    get byteCount() {
      return byteCount
    },
    get text() {
      return toLatin1(listener.bytes)
    },
    get drains() {
      return drains
    },
    onBytes: () => {},
    onDrained: () => {},
    onEnd: () => {},
    onAny: () => {},
    until: (condition) =>
      new Promise((resolve) => {
        const look = (): boolean => {
          if (!condition()) return false
          resolve()
          return true
        }
        if (!look()) waiting.push(look)
      }),
  }
  return listener
}

/** Also makes sure that `slice` copies, as it does not on a Buffer. */
function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  expect(copy.buffer).not.toBe(bytes.buffer)
  return copy
}

const KEPT_BYTES_MAX = 4_000_000

interface DatagramListener {
  readonly socket: DatagramSocket
  readonly received: readonly { readonly bytes: Uint8Array; readonly from: SocketAddress }[]
  /** Resolves once `count` datagrams have come. */
  until(count: number): Promise<void>
  close(): Promise<void>
}

async function bound(
  world: NetworkWorld,
): Promise<{ near: DatagramListener; far: DatagramListener }> {
  const far = collect(await world.there.network.bind({ host: world.there.host, port: 0 }))
  const near = collect(await world.here.network.bind({ host: world.here.host, port: 0 }))
  return { near, far }
}

function collect(socket: DatagramSocket): DatagramListener {
  const received: { bytes: Uint8Array; from: SocketAddress }[] = []
  let look = (): void => {}
  socket.onDatagram = (bytes, from) => {
    received.push({ bytes: copyOf(bytes), from })
    look()
  }
  return {
    socket,
    received,
    until: (count) =>
      new Promise((resolve) => {
        look = () => {
          if (received.length >= count) resolve()
        }
        look()
      }),
    close: () => socket.close(),
  }
}

function send(
  socket: DatagramSocket,
  bytes: Uint8Array,
  to: SocketAddress,
): Promise<Fault | undefined> {
  return new Promise((resolve) => socket.send(bytes, to, resolve))
}
