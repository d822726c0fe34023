import { hostClock } from '../../src/host/clock.ts'
import { hostDns } from '../../src/host/dns.ts'
import { labDns } from '../../src/lab/dns.ts'
import { serveNames } from '../../src/lab/name-server.ts'
import { labResolver } from '../../src/lab/resolver.ts'
import { gap } from '../support/gap.ts'
import { startNameServer } from '../support/name-server.ts'
import { describeDns } from './dns.ts'

describeDns('Node', async (names) => {
  const server = await startNameServer(names)
  const dns = hostDns({ clock: hostClock, servers: [server.address], timeoutMs: 100 })
  return { dns, close: server.close }
})

describeDns('lab, over its network', async (names) => {
  const { world, earth, moon } = gap({ oneWayDelayMs: 500 })
  await world.perform(serveNames(moon.network, moon.address, names))
  const { network, clock, address } = earth
  const dns = labResolver({ network, clock, address, server: moon.address })
  // Each question, with the time that it takes.
  const timed = Object.entries(dns).map(([question, ask]) => [
    question,
    (name: string) => world.perform(ask(name)),
  ])
  return { dns: Object.fromEntries(timed), close: async () => {} }
})

describeDns('lab', async (names) => ({ dns: labDns(names), close: async () => {} }))
