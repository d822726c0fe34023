/** Each claim of docs/virtual-network.md about TCP, against the figure of the textbook. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Gap, gap, losing, pattern, transfer } from '../../test/support/gap.ts'
import { type MonoMs, monoMs } from '../base/time.ts'
import type { ByteStream } from '../ports/network.ts'
import type { CapturedPacket } from './capture.ts'
import type { SegmentPacket } from './packet.ts'
import { TCP_FLAGS } from './tcp-header.ts'

/** What one segment carries on Ethernet. */
const SEGMENT_BYTES = 1448
const WINDOW_BYTES = 1_048_576

const MATHIS_SEEDS = 4

const ignore = (): void => {}

/** Those that earth sent. */
function sent({ network }: Gap, segment?: CapturedPacket['segment']): readonly CapturedPacket[] {
  const isWanted = (packet: CapturedPacket): boolean =>
    packet.from === 'mail-1' && (segment === undefined || packet.segment === segment)
  return network.capture.packets.filter(isWanted)
}

/** Both ends of a stream from earth to the moon, some time after it opened. */
async function opened(between: Gap): Promise<{ near: ByteStream; far: ByteStream }> {
  let far: ByteStream | undefined
  let near: ByteStream | undefined
  const { earth, moon, world } = between
  await moon.network.listen({ host: moon.address, port: 25 }, (stream) => {
    far = stream
  })
  const connecting = earth.network.connect({ host: moon.address, port: 25 }, 3_600_000)
  void connecting.then((stream) => {
    near = stream
  })
  await world.run(() => near !== undefined && far !== undefined)
  await world.run(monoMs(world.now() + 100))
  if (near === undefined || far === undefined) throw new Error('not open')
  return { near, far }
}

describe('a handshake', () => {
  /** How an attempt to connect over such a round trip ends, and when. */
  async function attempt(roundTripMs: number): Promise<readonly [string, MonoMs]> {
    const between = gap({ oneWayDelayMs: roundTripMs / 2 })
    const { earth, moon, world } = between
    let told: readonly [string, MonoMs] = ['nothing', monoMs(0)]
    const tell = (what: string): void => {
      told = [what, world.now()]
    }
    await moon.network.listen({ host: moon.address, port: 25 }, (stream) => {
      stream.send(pattern(1))
    })
    const connecting = earth.network.connect({ host: moon.address, port: 25 }, 3_600_000).then(
      (stream) => {
        stream.onBytes = () => tell('open')
        stream.onEnd = (fault) => tell(fault?.code ?? 'ended')
      },
      (fault) => tell(fault.code),
    )
    await world.run(monoMs(600_000))
    await connecting
    return told
  }

  it('goes on for as long as Linux tries: the answer 63 s, the SYN 127 s', async () => {
    expect(await attempt(62_000)).toEqual(['open', 2 * 62_000])
    // The server has forgotten what the client answers to.
    expect(await attempt(80_000)).toEqual(['network/reset', 2 * 80_000])
    expect(await attempt(128_000)).toEqual(['network/timed-out', 127_000])
  })

  it('sends a SYN again after 1, 3, 7, 15, 31 and 63 s', async () => {
    const between = gap({ oneWayDelayMs: 1, lossShare: 1 })
    const connecting = between.earth.network
      .connect({ host: between.moon.address, port: 25 }, 3_600_000)
      .catch(ignore)
    await between.world.run()
    await connecting
    const seconds = sent(between, 'syn').map(({ sentAt }) => sentAt / 1000)
    expect(seconds).toEqual([0, 1, 3, 7, 15, 31, 63])
  })

  it('offers what each segment takes, SACK, timestamps and a window in units of 128', async () => {
    const between = gap({})
    await opened(between)
    const [syn, synAck, ack] = between.network.capture.packets
    expect([syn?.tcp?.options.mss, synAck?.tcp?.options.mss]).toEqual([1460, 1460])
    expect([syn?.tcp?.window, ack?.tcp?.window]).toEqual([0xffff, WINDOW_BYTES / 128])
    expect(synAck?.tcp?.acknowledgement).toBe(((syn?.tcp?.sequence ?? 0) + 1) >>> 0)
    expect(ack?.tcp?.acknowledgement).toBe(((synAck?.tcp?.sequence ?? 0) + 1) >>> 0)
  })

  it('that lost a segment begins with one segment in place of ten; one that was only slow does not', async () => {
    const flight = async (between: Gap): Promise<number> => {
      await transfer(between, pattern(20 * SEGMENT_BYTES))
      const data = sent(between, 'data')
      return data.filter(({ sentAt }) => sentAt === data[0]?.sentAt).length
    }
    const quality = { oneWayDelayMs: 100, lossShare: 0.5 }
    expect(await flight(gap(quality, 1, { random: losing() }))).toBe(10)
    expect(await flight(gap(quality, 1, { random: losing(0) }))).toBe(1)
    expect(await flight(gap({ oneWayDelayMs: 2000 }))).toBe(10)
  })
})

describe('without loss', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'slow start takes %i flights for 10 × (2^n − 1) segments (RFC 5681, RFC 6928)',
    async (flights) => {
      const oneWayDelayMs = 1000
      const segments = 10 * (2 ** flights - 1)
      const took = async (count: number): Promise<number> => {
        const result = await transfer(gap({ oneWayDelayMs }), pattern(count * SEGMENT_BYTES))
        return result.lastByteAt - result.connectedAt
      }
      expect(await took(segments)).toBe((flights - 1) * 2 * oneWayDelayMs + oneWayDelayMs)
      expect(await took(segments + 1)).toBeGreaterThan(flights * 2 * oneWayDelayMs)
    },
  )

  it('a rate is used to the full, headers counted', async () => {
    const { lastByteAt, receivedBytes } = await transfer(
      gap({ oneWayDelayMs: 10, rateBytesPerSec: 1_000_000 }),
      pattern(1_000_000),
    )
    const expectedMs = 1000 * (1500 / SEGMENT_BYTES) + 30
    expect(receivedBytes).toBe(1_000_000)
    expect(lastByteAt / expectedMs).toBeGreaterThan(0.99)
    expect(lastByteAt / expectedMs).toBeLessThan(1.03)
  })

  it('no more than a window goes in a round trip', async () => {
    const roundTripMs = 2000
    const between = gap({ oneWayDelayMs: roundTripMs / 2 })
    const { near, far } = await opened(between)
    const times: MonoMs[] = []
    let count = 0
    far.onBytes = (bytes) => {
      const windows = Math.floor(count / WINDOW_BYTES)
      count += bytes.length
      if (Math.floor(count / WINDOW_BYTES) > windows) times.push(between.world.now())
    }
    near.send(new Uint8Array(6 * WINDOW_BYTES))
    await between.world.run()
    // From when slow start has filled the window: a window each round trip.
    const [from = 0, to = 0] = [times[2], times[5]]
    expect((to - from) / (3 * roundTripMs)).toBeGreaterThan(0.98)
    expect((to - from) / (3 * roundTripMs)).toBeLessThan(1.02)
  })

  it('a segment is acknowledged after 40 ms, the second at once (RFC 9293 §3.8.6.3)', async () => {
    const between = gap({ oneWayDelayMs: 0 })
    const { near } = await opened(between)
    const acknowledged = async (bytes: number): Promise<number> => {
      const { capture } = between.network
      const [before, from] = [capture.count, between.world.now()]
      near.send(new Uint8Array(bytes))
      await between.world.run()
      const ack = capture.packets.slice(before).find(({ segment }) => segment === 'ack')
      return (ack?.sentAt ?? 0) - from
    }
    expect(await acknowledged(100)).toBe(40)
    expect(await acknowledged(2 * SEGMENT_BYTES)).toBe(0)
  })

  it('a silence longer than the time-out begins again with ten segments (RFC 5681 §4.1)', async () => {
    const between = gap({ oneWayDelayMs: 100 })
    const { near } = await opened(between)
    near.send(new Uint8Array(100 * SEGMENT_BYTES))
    await between.world.run(monoMs(10_000))
    const before = sent(between, 'data').length
    near.send(new Uint8Array(100 * SEGMENT_BYTES))
    await between.world.run(monoMs(10_050))
    expect(sent(between, 'data').length - before).toBe(10)
  })
})

describe('with loss', () => {
  it('one lost segment of ten costs a round trip, not a time-out (RFC 6675)', async () => {
    // SYN, its answer, the acknowledgement; then the first of ten.
    const between = gap({ oneWayDelayMs: 400, lossShare: 0.5 }, 1, { random: losing(3) })
    const result = await transfer(between, pattern(10 * SEGMENT_BYTES))
    expect(result).toMatchObject({ intact: true, lastByteAt: 800 + 800 + 400 })
    expect(sent(between).filter(({ retransmitted }) => retransmitted)).toHaveLength(1)
  })

  it('several lost of one window cost one round trip together, each sent again once', async () => {
    const between = gap({ oneWayDelayMs: 400, lossShare: 0.5 }, 1, { random: losing(3, 5, 7, 9) })
    const result = await transfer(between, pattern(10 * SEGMENT_BYTES))
    expect(result).toMatchObject({ intact: true, lastByteAt: 800 + 800 + 400 })
    expect(sent(between).filter(({ retransmitted }) => retransmitted)).toHaveLength(4)
  })

  it('what is lost at the end costs a time-out: the round trip and four deviations (RFC 6298)', async () => {
    const between = gap({ oneWayDelayMs: 400, lossShare: 0.5 }, 1, { random: losing(3) })
    const { near } = await opened(between)
    const at = between.world.now()
    near.send(new Uint8Array(1))
    await between.world.run()
    // One measurement: 0.8 s, and half of it as the deviation.
    const [first, again] = sent(between, 'data').map(({ sentAt }) => sentAt)
    expect([first, again]).toEqual([at, at + 800 + 4 * 400])
  })

  it('what was sent again and is lost again costs a time-out, which doubles', async () => {
    const random = losing(3, 4, 5)
    const between = gap({ oneWayDelayMs: 100, lossShare: 0.5 }, 1, { random })
    const { near } = await opened(between)
    near.send(new Uint8Array(1))
    await between.world.run()
    const times = sent(between, 'data').map(({ sentAt }) => sentAt)
    expect(times.map((time) => time - (times[0] ?? 0))).toEqual([0, 1000, 3000, 7000])
  })

  it.each([0.01, 0.02, 0.04])(
    'the throughput at a loss of %f is that of Mathis, MSS / RTT × √(3 / 2p), within a quarter',
    async (lossShare) => {
      const roundTripMs = 200
      // What slow start had overshot is forgotten after twenty losses.
      const countedBytes = (20 / lossShare) * SEGMENT_BYTES
      const skippedBytes = countedBytes
      let ms = 0
      for (let seed = 1; seed <= MATHIS_SEEDS; seed++) {
        const between = gap({ oneWayDelayMs: roundTripMs / 2 }, seed)
        const { world } = between
        const { near, far } = await opened(between)
        let count = 0
        far.onBytes = (bytes) => {
          const before = count
          count += bytes.length
          if (before < skippedBytes && count >= skippedBytes) ms -= world.now()
        }
        between.network.link('earth', 'moon').change({ lossShare })
        near.send(new Uint8Array(skippedBytes + countedBytes))
        await world.run(() => count === skippedBytes + countedBytes)
        ms += world.now()
      }
      const measured = (MATHIS_SEEDS * countedBytes) / ms
      const expected = (SEGMENT_BYTES / roundTripMs) * Math.sqrt(3 / (2 * lossShare))
      expect(measured / expected).toBeGreaterThan(0.75)
      expect(measured / expected).toBeLessThan(1.25)
    },
  )
})

describe('a closed window', () => {
  it('is asked about, and a lost word that it has opened does no harm', async () => {
    const between = gap({ oneWayDelayMs: 10 })
    const { near, far } = await opened(between)
    let count = 0
    far.onBytes = (bytes) => {
      count += bytes.length
    }
    far.pause()
    near.send(new Uint8Array(2 * WINDOW_BYTES))
    await between.world.run(monoMs(60_000))
    expect(sent(between, 'ack').length).toBeGreaterThan(3)
    between.network.setLink(['earth', 'moon'], { isDown: true })
    far.resume()
    await between.world.run(monoMs(60_001))
    between.network.setLink(['earth', 'moon'], { isDown: false })
    await between.world.run()
    expect(count).toBe(2 * WINDOW_BYTES)
  })

  it('whose owner never answers is given up after fifteen questions', async () => {
    const between = gap({ oneWayDelayMs: 10 })
    const { near, far } = await opened(between)
    far.pause()
    near.send(new Uint8Array(2 * WINDOW_BYTES))
    const ends: unknown[] = []
    near.onEnd = (fault) => ends.push(fault)
    await between.world.run(monoMs(5000))
    between.moon.crash()
    await between.world.run()
    expect(ends).toMatchObject([{ code: 'network/timed-out' }])
  })
})

describe('the end of a stream', () => {
  it('is acknowledged again by whoever closed first, for 60 s (TIME-WAIT)', async () => {
    const between = gap({ oneWayDelayMs: 10, lossShare: 0 })
    const { near, far } = await opened(between)
    near.close()
    await between.world.run(monoMs(between.world.now() + 20))
    far.close()
    // Its answer to the second FIN is lost.
    await between.world.run(monoMs(between.world.now() + 5))
    const { network } = between
    network.link('earth', 'moon').change({ isDown: true })
    await between.world.run(monoMs(between.world.now() + 20))
    network.link('earth', 'moon').change({ isDown: false })
    await between.world.run()
    const fins = network.capture.packets.filter(({ segment, from }) => {
      return segment === 'fin' && from === 'mail-2'
    })
    expect(fins.map(({ retransmitted }) => retransmitted)).toEqual([false, true])
    expect(network.capture.packets.some(({ segment }) => segment === 'reset')).toBe(false)
    expect(between.world.now() - (fins[1]?.sentAt ?? 0)).toBe(10 + 60_000)
  })

  it('of one direction leaves the other open', async () => {
    const between = gap({ oneWayDelayMs: 10 })
    const { near, far } = await opened(between)
    let told = 0
    far.onEnd = () => told++
    near.close()
    await between.world.run(monoMs(between.world.now() + 100))
    far.send(new Uint8Array(10))
    far.close()
    await between.world.run(monoMs(between.world.now() + 100))
    const fromMoon = between.network.capture.packets.filter(({ from }) => from === 'mail-2')
    expect(fromMoon.map(({ segment }) => segment).slice(-2)).toEqual(['data', 'fin'])
    expect(told).toBe(1)
  })

  it('by abort is one reset, with the number that the peer expects', async () => {
    const between = gap({ oneWayDelayMs: 10 })
    const { near, far } = await opened(between)
    const ends: unknown[] = []
    far.onEnd = (fault) => ends.push(fault)
    near.send(new Uint8Array(10))
    await between.world.run(monoMs(between.world.now() + 100))
    near.abort()
    await between.world.run()
    expect(ends).toMatchObject([{ code: 'network/reset' }])
    expect(sent(between, 'reset')).toHaveLength(1)
  })

  it('by abort with bytes on their way that get lost is told by a second reset (RFC 5961 §3.2)', async () => {
    const between = gap({ oneWayDelayMs: 10 })
    const { near, far } = await opened(between)
    const ends: unknown[] = []
    far.onEnd = (fault) => ends.push(fault)
    between.network.link('earth', 'moon').change({ isDown: true })
    near.send(new Uint8Array(10))
    await between.world.run(monoMs(between.world.now() + 1))
    between.network.link('earth', 'moon').change({ isDown: false })
    near.abort()
    await between.world.run()
    expect(ends).toMatchObject([{ code: 'network/reset' }])
    expect(sent(between, 'reset')).toHaveLength(2)
  })
})

it('numbers go on over 2^32, as the header shows them', async () => {
  const probe = gap({ oneWayDelayMs: 1 })
  await opened(probe)
  const first = sent(probe, 'syn')[0]?.tcp?.sequence ?? 0
  const between = gap({ oneWayDelayMs: 1 })
  // 250 a millisecond: it begins just below.
  await between.world.run(monoMs(Math.floor((2 ** 32 - first) / 250) - 20))
  const { near, far } = await opened(between)
  let text = ''
  far.onBytes = (bytes) => {
    text += String.fromCharCode(...bytes)
  }
  near.send(new Uint8Array(100_000).map((_, i) => 97 + (i % 26)))
  await between.world.run()
  expect(text).toBe('abcdefghijklmnopqrstuvwxyz'.repeat(4000).slice(0, 100_000))
  const numbers = sent(between, 'data').map(({ tcp }) => tcp?.sequence ?? 0)
  expect(Math.max(...numbers)).toBeGreaterThan(2 ** 32 - 10_000)
  expect(Math.min(...numbers)).toBeLessThan(100_000)
  expect(sent(between).every(({ tcp }) => ((tcp?.flags ?? 0) & TCP_FLAGS.rst) === 0)).toBe(true)
})

describe('a host', () => {
  it('property: is not thrown by any segment, whatever its header says, and its streams go on or end', async () => {
    const number = fc.oneof(fc.integer({ min: -3000, max: 3000 }), fc.integer())
    const segment = fc.record({
      forServer: fc.boolean(),
      flags: fc.nat(31),
      sequence: number,
      acknowledgement: number,
      window: fc.nat(0xffff),
      echo: fc.integer(),
      sack: fc.array(fc.record({ left: number, right: number }), { maxLength: 3 }),
      payload: fc.uint8Array({ maxLength: 20 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(segment, { maxLength: 20 }),
        fc.boolean(),
        async (segments, isOpen) => {
          const between = gap({ oneWayDelayMs: 10 })
          const { earth, moon, world } = between
          let far: ByteStream | undefined
          await moon.network.listen({ host: moon.address, port: 25 }, (stream) => {
            far = stream
          })
          const connecting = earth.network
            .connect({ host: moon.address, port: 25 }, 60_000)
            .then((stream) => stream.send(pattern(5000)), ignore)
          if (isOpen) await world.run(monoMs(25))
          far?.send(pattern(5000))
          const numbers = (host: string): number =>
            between.network.capture.packets.findLast(({ from }) => from === host)?.tcp?.sequence ??
            0
          const client = { host: earth.address, port: 49_152 }
          const server = { host: moon.address, port: 25 }
          for (const { forServer, payload, flags, window, ...header } of segments) {
            const [here, there] = forServer ? ['mail-2', 'mail-1'] : ['mail-1', 'mail-2']
            const near = (offset: number, to: number): number => (to + offset) >>> 0
            const own = numbers(here)
            const packet: SegmentPacket = {
              protocol: 'tcp',
              source: forServer ? client : server,
              target: forServer ? server : client,
              payload,
              header: {
                sequence: near(header.sequence, numbers(there)),
                acknowledgement: near(header.acknowledgement, own),
                flags,
                window,
                options: {
                  mss: undefined,
                  timestamp: { value: 0, echo: header.echo >>> 0 },
                  sack: header.sack.map(({ left, right }) => ({
                    left: near(left, own),
                    right: near(right, own),
                  })),
                },
              },
              retransmitted: false,
            }
            ;(forServer ? moon : earth).receive(packet)
            await world.run(monoMs(world.now() + 7))
          }
          await world.run(monoMs(world.now() + 3_600_000))
          await connecting
        },
      ),
      { numRuns: 60 },
    )
  })
})
