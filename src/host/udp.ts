/** Datagrams over UDP. */

import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { Fault } from '../base/fault.ts'
import type { DatagramSocket, NetworkFaultCode, SocketAddress } from '../ports/network.ts'
import { plainBytes } from './bytes.ts'
import { networkFault } from './network-fault.ts'

/** Room for what comes while the event loop is busy elsewhere; the kernel may grant less. */
const RECEIVE_BUFFER_BYTES = 4_194_304

export function bindUdp(at: SocketAddress): Promise<DatagramSocket> {
  const family = isIPv6(at.host) ? 6 : 4
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: family === 6,
    recvBufferSize: RECEIVE_BUFFER_BYTES,
    // Addresses are never names, so nothing is looked up and every send leaves in its own turn.
    lookup: (host, _options, found) => found(null, host, family),
  })
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close()
      reject(networkFault(error, 'network/address-unavailable'))
    })
    socket.bind({ address: at.host, port: at.port }, () => {
      socket.removeAllListeners('error')
      // A datagram that could not be received is one that was lost.
      socket.on('error', () => {})
      const bound = socket.address()
      let closed: Promise<void> | undefined
      const endpoint: DatagramSocket = {
        address: { host: bound.address, port: bound.port },
        send: (bytes, to, sent) => {
          if (closed !== undefined || to.port === 0) {
            const reason = closed !== undefined ? 'the socket is closed' : 'port 0 is nobody'
            process.nextTick(sent, new Fault('network/unreachable', reason, { temporary: true }))
            return
          }
          socket.send(bytes, to.port, to.host, (error) =>
            sent(error === null ? undefined : sendFault(error)),
          )
        },
        close: () => {
          closed ??= new Promise((done) => socket.close(done))
          return closed
        },
        onDatagram: () => {},
      }
      socket.on('message', (bytes, from) => {
        endpoint.onDatagram(plainBytes(bytes), { host: from.address, port: from.port })
      })
      resolve(endpoint)
    })
  })
}

/**
 * Whatever the system says against a datagram passes, be it a firewall's rule (EPERM, EACCES) or an
 * address that is not there yet (EADDRNOTAVAIL); only what is too large can never go.
 */
function sendFault(error: unknown): Fault<NetworkFaultCode> {
  const { code, message, detail, cause } = networkFault(error, 'network/unreachable')
  return new Fault(code, message, {
    temporary: code !== 'network/datagram-too-large',
    detail,
    cause,
  })
}
