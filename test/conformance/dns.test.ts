import { hostClock } from '../../src/host/clock.ts'
import { hostDns } from '../../src/host/dns.ts'
import { labDns } from '../../src/lab/dns.ts'
import { startNameServer } from '../support/name-server.ts'
import { describeDns } from './dns.ts'

describeDns('Node', async (names) => {
  const server = await startNameServer(names)
  const dns = hostDns({ clock: hostClock, servers: [server.address], timeoutMs: 100 })
  return { dns, close: server.close }
})

describeDns('lab', async (names) => ({ dns: labDns(names), close: async () => {} }))
