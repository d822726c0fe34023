import { type Random, seededRandom } from '../../src/base/random.ts'
import { type MonoMs, monoMs } from '../../src/base/time.ts'
import type { LinkQuality } from '../../src/config/link-quality.ts'
import type { LabHost } from '../../src/lab/host.ts'
import { LabNetwork, type LabNetworkOptions } from '../../src/lab/network.ts'
import { World } from '../../src/lab/world.ts'

/** Two hosts on two networks, and a link between them. */
export interface Gap {
  readonly world: World
  readonly network: LabNetwork
  readonly earth: LabHost
  readonly moon: LabHost
}

/** Opens streams over round trips of 20 minutes, which Linux does only when it is told to. */
export const PATIENT_TCP = { synRetries: 20, synAckRetries: 20 } as const

export function gap(
  quality: Partial<LinkQuality>,
  seed = 1,
  options: Partial<LabNetworkOptions> = {},
): Gap {
  const world = new World({ settle: () => new Promise((resolve) => setImmediate(resolve)) })
  const network = new LabNetwork({ world, random: seededRandom(seed), ...options })
  const earth = network.addHost('mail-1', 'earth', '172.21.0.3')
  const moon = network.addHost('mail-2', 'moon', '172.22.0.3')
  network.addLink(['earth', 'moon'], { oneWayDelayMs: 0, lossShare: 0, ...quality })
  return { world, network, earth, moon }
}

/** A link that loses half loses with these draws the packets of these numbers, in the order of sending. */
export function losing(...numbers: readonly number[]): Random {
  let count = 0
  return { next: () => (numbers.includes(count++) ? 0 : 1 - 2 ** -32) }
}

export interface Transfer {
  readonly receivedBytes: number
  readonly intact: boolean
  readonly connectedAt: MonoMs
  readonly lastByteAt: MonoMs
  readonly ended: boolean
}

/** Sends `bytes` from earth to the moon over one stream and closes it. */
export async function transfer(between: Gap, bytes: Uint8Array): Promise<Transfer> {
  const { world, earth, moon } = between
  let receivedBytes = 0
  let intact = true
  let lastByteAt = monoMs(0)
  let ended = false
  const listener = await moon.network.listen({ host: moon.address, port: 0 }, (stream) => {
    stream.onBytes = (piece) => {
      intact &&= piece.every((byte, i) => byte === bytes[receivedBytes + i])
      receivedBytes += piece.length
      lastByteAt = world.now()
    }
    stream.onEnd = (fault) => {
      ended = fault === undefined
    }
  })
  let connectedAt = monoMs(0)
  const connecting = earth.network.connect(listener.address, 3_600_000).then((stream) => {
    connectedAt = world.now()
    stream.send(bytes)
    stream.close()
  })
  await world.run()
  await connecting
  return { receivedBytes, intact, connectedAt, lastByteAt, ended }
}

export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7919) >> 5)
}
