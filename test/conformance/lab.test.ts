import { constants, deflateRawSync } from 'node:zlib'
import { concat, fromLatin1 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { wallMs } from '../../src/base/time.ts'
import { labIdentity, labTrust } from '../../src/lab/certificate.ts'
import { labCompression } from '../../src/lab/compression.ts'
import { LabDisk } from '../../src/lab/disk.ts'
import { labHttps } from '../../src/lab/https.ts'
import { WINDOW_BYTES_MAX } from '../../src/lab/limits.ts'
import { LabNetwork } from '../../src/lab/network.ts'
import { type LabProgram, labProcesses } from '../../src/lab/processes.ts'
import { LabStore, type StoreImage } from '../../src/lab/store.ts'
import { HostClock, World as LabWorld } from '../../src/lab/world.ts'
import { describeClock } from './clock.ts'
import { describeCompression } from './compression.ts'
import { describeDisk } from './disk.ts'
import { describeHttps } from './https.ts'
import { describeLocalSockets, describeNetwork, type NetworkWorld } from './network.ts'
import { describeProcesses, type ProgramName } from './process.ts'
import { securedNetwork } from './secured.ts'
import { describeStore } from './store.ts'
import { describeTls, type TlsWorld } from './tls.ts'
import type { World } from './world.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function inLab(world: LabWorld): World {
  return {
    run: async (action) => {
      let done = false
      const finished = action().finally(() => {
        done = true
      })
      finished.catch(() => {})
      await world.run(() => done)
      if (!done) throw new Error('the world came to rest before the test was done')
      return finished
    },
    close: async () => {},
  }
}

describeClock('lab', async () => {
  const world = new LabWorld({ settle })
  return { ...inLab(world), clock: new HostClock(world) }
})

describeCompression('lab', async () => {
  const world = new LabWorld({ settle })
  return {
    ...inLab(world),
    compression: labCompression(world),
    deflatedZeros: (count) =>
      deflateRawSync(new Uint8Array(count), { level: 0, finishFlush: constants.Z_SYNC_FLUSH }),
  }
})

for (const [name, options] of [
  ['lab', {}],
  ['lab, slow', { latencyMs: 5 }],
] as const) {
  describeDisk(name, async () => {
    const world = new LabWorld({ settle })
    const disk = new LabDisk({ clock: world, ...options })
    const root = '/srv/mail'
    await inLab(world).run(() => disk.makeDirectory(root))
    return { ...inLab(world), disk, root }
  })
}

for (const [name, durationMs] of [
  ['lab', undefined],
  ['lab, slow', 5],
] as const) {
  describeStore(name, async (capacityBytes) => {
    const world = new LabWorld({ settle })
    const latency = durationMs === undefined ? {} : { latency: { clock: world, durationMs } }
    let store: LabStore | undefined
    return {
      ...inLab(world),
      open: async () => {
        const image: StoreImage | undefined = store?.crash()
        store = new LabStore({ capacityBytes, ...latency }, image)
        return store
      },
    }
  })
}

describeHttps('lab', async () => {
  const pages = new Map<string, string>()
  return {
    ...inLab(new LabWorld({ settle })),
    https: labHttps(pages),
    publish: async (text) => {
      pages.set('https://a.com/policy', text)
      return 'https://a.com/policy'
    },
    absent: 'https://a.com/nothing',
  }
})

const PROGRAMS: Readonly<Record<ProgramName, LabProgram>> = {
  echo: async ({ argv, input }) => {
    const args = fromLatin1(
      argv
        .slice(1)
        .map((arg) => `[${arg}]`)
        .join(''),
    )
    return { status: 0, output: concat(args, await input) }
  },
  fail: async ({ argv }) => ({ status: Number(argv[1]), output: fromLatin1('failed\n') }),
  environment: async ({ environment }) => {
    const lines = Object.entries(environment).map(([name, value]) => `${name}=${value}\n`)
    return { status: 0, output: fromLatin1(lines.join('')) }
  },
  flood: async () => ({ status: 0, output: new Uint8Array(100_000) }),
  hang: () => new Promise(() => {}),
}

describeProcesses('lab', async () => {
  const world = new LabWorld({ settle })
  return {
    ...inLab(world),
    processes: labProcesses(new Map(Object.entries(PROGRAMS)), new HostClock(world)),
    program: (name) => [name],
  }
})

/** Two hosts on two networks, and one on a third that swallows everything. */
async function acrossLink(oneWayDelayMs: number, rateBytesPerSec?: number): Promise<NetworkWorld> {
  const world = new LabWorld({ settle })
  const network = new LabNetwork({ world, random: seededRandom(1) })
  const here = network.addHost('mail-1', 'earth', '172.21.0.3')
  const there = network.addHost('mail-2', 'moon', '172.22.0.3')
  network.addHost('nobody', 'void', '172.23.0.3')
  network.addLink(['earth', 'moon'], { oneWayDelayMs, lossShare: 0, rateBytesPerSec })
  network.addLink(['earth', 'void'], { oneWayDelayMs, lossShare: 1 })
  return {
    ...inLab(world),
    here: { network: here.network, host: here.address },
    there: { network: there.network, host: there.address },
    foreignHost: '172.22.0.99',
    floodBytes: 2 * WINDOW_BYTES_MAX,
    silentPeer: async () => ({
      address: { host: '172.23.0.3', port: 25 },
      close: async () => {},
    }),
  }
}

describeNetwork('lab, half a second', () => acrossLink(500))
describeNetwork('lab, 20 ms at 1 MB/s', () => acrossLink(20, 1_000_000))

const validity = { from: wallMs(0), until: wallMs(4_000_000_000_000) }
const expired = { from: wallMs(0), until: wallMs(1_700_000_000_000) }
const trust = labTrust('authority')
const identityFor: TlsWorld['identity'] = (names, but = {}) =>
  labIdentity(
    but.isOfStranger ? 'stranger' : 'authority',
    { dns: [], ip: [], nodeIds: [], ...names },
    but.isExpired ? expired : validity,
  )

describeTls('lab', async () => ({ ...(await acrossLink(500)), identity: identityFor, trust }))

describeNetwork('lab, half a second, TLS', async () => {
  const world = await acrossLink(500)
  const identity = identityFor({ ip: ['172.22.0.3'] })
  const options = {
    client: { role: 'client', identity, trust, peerCertificate: 'required' },
    server: { role: 'server', identity, trust, peerCertificate: 'required' },
  } as const
  const { here, there } = world
  return {
    ...world,
    here: { ...here, network: securedNetwork(here.network, options) },
    there: { ...there, network: securedNetwork(there.network, options) },
  }
})

describeNetwork('lab, one host', async () => {
  const world = new LabWorld({ settle })
  const network = new LabNetwork({ world, random: seededRandom(1) })
  const host = network.addHost('mail-1', 'earth', '172.21.0.3')
  network.addHost('nobody', 'void', '172.23.0.3')
  network.addLink(['earth', 'void'], { oneWayDelayMs: 0, lossShare: 1 })
  const end = { network: host.network, host: host.address }
  return {
    ...inLab(world),
    here: end,
    there: end,
    foreignHost: '172.22.0.99',
    floodBytes: 2 * WINDOW_BYTES_MAX,
    silentPeer: async () => ({
      address: { host: '172.23.0.3', port: 25 },
      close: async () => {},
    }),
  }
})

describeLocalSockets('lab', async () => {
  const world = new LabWorld({ settle })
  const network = new LabNetwork({ world, random: seededRandom(1) })
  const host = network.addHost('mail-1', 'earth', '172.21.0.3')
  return { ...inLab(world), network: host.network, path: '/run/lightlag/2.sock' }
})
