import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../base/random.ts'
import type { LinkQuality } from '../config/link-quality.ts'
import type { LabHost } from './host.ts'
import { LabNetwork } from './network.ts'
import { World } from './world.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const ignore = (): void => {}

/** Earth, a relay's network without hosts, and Mars. */
class Chain {
  readonly world = new World({ settle })
  readonly network: LabNetwork
  readonly earth: LabHost
  readonly mars: LabHost

  constructor(quality: Partial<LinkQuality>, seed = 1) {
    this.network = new LabNetwork({ world: this.world, random: seededRandom(seed) })
    this.earth = this.network.addHost('mail-1', 'earth', '172.21.0.3')
    this.mars = this.network.addHost('mail-2', 'mars', '172.22.0.3')
    const all = { oneWayDelayMs: 100, lossShare: 0, ...quality }
    this.network.addLink(['earth', 'relay'], all)
    this.network.addLink(['relay', 'mars'], all, { oneWayDelayMs: 300 })
  }

  /** What arrives of datagrams that are sent at once. */
  async datagrams(payloads: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const arrived: Uint8Array[] = []
    const near = await this.earth.network.bind({ host: this.earth.address, port: 0 })
    const far = await this.mars.network.bind({ host: this.mars.address, port: 0 })
    far.onDatagram = (bytes) => arrived.push(bytes.slice())
    for (const payload of payloads) near.send(payload, far.address, ignore)
    await this.world.run()
    return arrived
  }

  /** What the far side reads of a stream. */
  async carried(bytes: Uint8Array): Promise<Uint8Array> {
    const read: number[] = []
    await this.mars.network.listen({ host: this.mars.address, port: 25 }, (stream) => {
      stream.onBytes = (chunk) => read.push(...chunk)
    })
    const connecting = this.earth.network
      .connect({ host: this.mars.address, port: 25 }, 3_600_000)
      .then((stream) => {
        stream.send(bytes)
        stream.close()
      })
    await this.world.run()
    await connecting
    return Uint8Array.from(read)
  }
}

describe('a packet over several links', () => {
  it('takes the delay of each, and each direction has its own', async () => {
    const chain = new Chain({})
    await chain.datagrams([new Uint8Array(10)])
    expect(chain.world.now()).toBe(200)
    const back = await chain.mars.network.bind({ host: chain.mars.address, port: 0 })
    back.send(new Uint8Array(1), { host: chain.earth.address, port: 9 }, ignore)
    await chain.world.run()
    expect(chain.world.now()).toBe(600)
  })

  it('is captured on each, between the hosts and the networks on its way', async () => {
    const chain = new Chain({})
    await chain.datagrams([new Uint8Array(10)])
    const journey = chain.network.capture.packets.map(({ from, to, sentAt, arrivesAt, link }) => ({
      from,
      to,
      sentAt,
      arrivesAt,
      link,
    }))
    expect(journey).toEqual([
      { from: 'mail-1', to: 'relay', sentAt: 0, arrivesAt: 100, link: ['earth', 'relay'] },
      { from: 'relay', to: 'mail-2', sentAt: 100, arrivesAt: 200, link: ['relay', 'mars'] },
    ])
  })

  it('may be lost on any, and the capture says to what', async () => {
    const chain = new Chain({})
    chain.network.setLink(['relay', 'mars'], { isDown: true })
    expect(await chain.datagrams([new Uint8Array(10)])).toEqual([])
    expect(chain.network.capture.packets.map(({ lostTo }) => lostTo)).toEqual([undefined, 'down'])
  })
})

describe('a packet with a wrong bit', () => {
  it('is found by the checksum, and lost', async () => {
    const chain = new Chain({ corruptShare: 1 })
    expect(await chain.datagrams([new Uint8Array(1000)])).toEqual([])
    expect(chain.network.capture.packets.map(({ lostTo }) => lostTo)).toEqual(['checksum'])
  })

  it('arrives as it is where datagrams have no checksum, unless its header was hit', async () => {
    const chain = new Chain({ corruptShare: 1, udpChecksum: 'off' })
    const arrived = await chain.datagrams(Array.from({ length: 200 }, () => new Uint8Array(100)))
    // Of 128 bytes 28 are headers, on two links each.
    expect(arrived.length).toBeGreaterThan(100)
    expect(arrived.length).toBeLessThan(140)
    const bits = arrived.map((bytes) =>
      bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0),
    )
    // One link each; the same bit twice is right again.
    expect(bits.every((count) => count === 2 || count === 0)).toBe(true)
  })

  it('of a stream is always found, and sent again', async () => {
    const chain = new Chain({ corruptShare: 0.2, udpChecksum: 'off' })
    const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => index % 251)
    expect(await chain.carried(bytes)).toEqual(bytes)
  })
})

it('a datagram that the link doubles arrives twice', async () => {
  const chain = new Chain({ duplicateShare: 1 })
  expect(await chain.datagrams([new Uint8Array(3)])).toHaveLength(4)
  expect(chain.network.capture.packets[0]?.arrivesAgainAt).toBe(100)
})

it('property: a stream is whole and in order over links that scatter, double, reorder, spoil and lose in bursts', async () => {
  const share = fc.double({ min: 0, max: 0.2, noNaN: true })
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        seed: fc.nat(),
        jitterMs: fc.double({ min: 0, max: 300, noNaN: true }),
        jitterDistribution: fc.constantFrom('uniform', 'normal', 'pareto'),
        duplicateShare: share,
        reorderShare: share,
        corruptShare: share,
        toBad: share,
      }),
      fc.uint8Array({ maxLength: 10_000 }),
      async ({ seed, toBad, ...quality }, bytes) => {
        const gilbertElliott = { toBad, toGood: 0.5, badLoss: 0.8, goodLoss: 0 }
        const chain = new Chain({ ...quality, gilbertElliott }, seed)
        expect(await chain.carried(bytes)).toEqual(bytes)
      },
    ),
    { numRuns: 40 },
  )
})
