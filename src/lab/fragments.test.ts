import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gap, losing, pattern } from '../../test/support/gap.ts'
import { equalBytes, NO_BYTES } from '../base/bytes.ts'
import { monoMs } from '../base/time.ts'
import { fragmented, Reassembly } from './fragments.ts'
import { REASSEMBLY_BYTES_MAX, REASSEMBLY_MS } from './limits.ts'
import { type DatagramPacket, type Fragment, wireBytes } from './packet.ts'

const START = monoMs(0)

function datagram(sizeBytes: number, host = '172.22.0.3'): DatagramPacket {
  return {
    protocol: 'udp',
    source: { host: host.includes(':') ? 'fd00::1' : '172.21.0.3', port: 1 },
    target: { host, port: 2 },
    payload: pattern(sizeBytes),
    fragment: undefined,
  }
}

function inFragments(sizeBytes: number, identification = 7): readonly DatagramPacket[] {
  return fragmented(datagram(sizeBytes), 1500, () => identification)
}

describe('a datagram', () => {
  it('of 1472 octets is one packet, of one more it is two (RFC 791 §3.2)', () => {
    expect(inFragments(1472).map(wireBytes)).toEqual([1500])
    expect(inFragments(1473).map(wireBytes)).toEqual([1500, 21])
    expect(inFragments(1473).map(({ fragment }) => fragment)).toMatchObject([
      { identification: 7, offset: 0, isLast: false },
      { identification: 7, offset: 1480, isLast: true },
    ])
  })

  it('of 1452 octets is one packet of IPv6, of one more it is two (RFC 8200 §4.5)', () => {
    const of = (size: number): readonly number[] =>
      fragmented(datagram(size, 'fd00::2'), 1500, () => 7).map(wireBytes)
    expect(of(1452)).toEqual([1500])
    expect(of(1453)).toEqual([1496, 48 + 13])
  })

  it('is lost with one of its fragments, and arrives with its last', async () => {
    for (const lost of [[], [2]]) {
      const quality = { oneWayDelayMs: 10, rateBytesPerSec: 1_500_000, lossShare: 0.5 }
      const { world, earth, moon } = gap(quality, 1, { random: losing(...lost) })
      const far = await moon.network.bind({ host: moon.address, port: 0 })
      const arrivedAt: number[] = []
      far.onDatagram = (bytes) => {
        expect(bytes).toEqual(pattern(4000))
        arrivedAt.push(world.now())
      }
      const near = await earth.network.bind({ host: earth.address, port: 0 })
      near.send(pattern(4000), far.address, () => {})
      await world.run()
      const wire = 4000 + 8 + 3 * 20
      expect(arrivedAt).toEqual(lost.length > 0 ? [] : [10 + wire / 1500])
    }
  })

  it('property: comes back whole, in whichever order its fragments come and however often', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1473, max: 20_000 }),
        fc.array(fc.nat(), { maxLength: 60 }),
        (sizeBytes, order) => {
          const fragments = inFragments(sizeBytes)
          const reassembly = new Reassembly()
          const repeated = order.map((at) => fragments[at % fragments.length] as DatagramPacket)
          const whole = [...repeated, ...fragments]
            .map((packet) => reassembly.add(packet, packet.fragment as Fragment, START))
            .find((packet) => packet !== undefined)
          expect(whole?.fragment).toBeUndefined()
          expect(equalBytes(whole?.payload ?? NO_BYTES, pattern(sizeBytes))).toBe(true)
        },
      ),
    )
  })
})

describe('fragments that wait', () => {
  const add = (reassembly: Reassembly, packet: DatagramPacket | undefined, at = 0): unknown =>
    packet && reassembly.add(packet, packet.fragment as Fragment, monoMs(at))

  it('are let go after half a minute', () => {
    const reassembly = new Reassembly()
    const [first, second] = inFragments(2000)
    add(reassembly, first)
    expect(add(reassembly, second, REASSEMBLY_MS)).toBeUndefined()
    expect(reassembly.bytes).toBe(2008 - 1480)
    expect(add(reassembly, first, REASSEMBLY_MS + 1)).toBeDefined()
    expect(reassembly.bytes).toBe(0)
  })

  it('take no more than the bound: what comes beyond it is lost', () => {
    const reassembly = new Reassembly()
    const full = Math.floor(REASSEMBLY_BYTES_MAX / 1480)
    for (let id = 0; id < full; id++) add(reassembly, inFragments(2000, id)[0])
    const [first, second] = inFragments(2000, full)
    add(reassembly, first)
    expect(reassembly.bytes).toBe(full * 1480)
    expect(add(reassembly, second)).toBeUndefined()
    // The room of one that is whole is free again.
    expect(add(reassembly, inFragments(2000, 0)[1])).toBeDefined()
  })
})
