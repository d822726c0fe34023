import { isLocalSocket, type Network } from '../ports/network.ts'
import { connectLocal, listenLocal } from './local.ts'
import { connectTcp, listenTcp } from './tcp.ts'
import { bindUdp } from './udp.ts'

export const hostNetwork: Network = {
  listen: (at, onStream) => (isLocalSocket(at) ? listenLocal : listenTcp)(at, onStream),
  connect: (to, timeoutMs) => (isLocalSocket(to) ? connectLocal : connectTcp)(to, timeoutMs),
  bind: bindUdp,
}
