import type { Network } from '../ports/network.ts'
import { connectTcp, listenTcp } from './tcp.ts'
import { bindUdp } from './udp.ts'

export const hostNetwork: Network = { listen: listenTcp, connect: connectTcp, bind: bindUdp }
