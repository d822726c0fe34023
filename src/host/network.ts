import { isLocalSocket, type Network } from '../ports/network.ts'
import { connectLocal, listenLocal } from './local.ts'
import { connectTcp, listenTcp } from './tcp.ts'
import { bindUdp } from './udp.ts'

export const hostNetwork: Network = {
  listen: (at, onStream, options) =>
    isLocalSocket(at) ? listenLocal(at, onStream) : listenTcp(at, onStream, options),
  connect: (to, timeoutMs, options) =>
    isLocalSocket(to) ? connectLocal(to, timeoutMs) : connectTcp(to, timeoutMs, options),
  bind: bindUdp,
}
