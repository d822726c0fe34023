/** Byte streams over TCP. */

import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'
import { Fault } from '../base/fault.ts'
import {
  type ByteStream,
  formatAddress,
  type Listener,
  type ListenOptions,
  type NetworkFaultCode,
  type SocketAddress,
  type StreamOptions,
} from '../ports/network.ts'
import { lastingBuffer } from './lasting-buffer.ts'
import { networkFault } from './network-fault.ts'
import {
  CLOSING_LIMITS,
  type ClosingLimits,
  SocketStream,
  type StreamEnds,
} from './socket-stream.ts'

const TIMER_MS_MAX = 2_147_483_647
export function listenTcp(
  at: SocketAddress,
  onStream: (stream: ByteStream) => void,
  options: ListenOptions = {},
  limits: ClosingLimits = CLOSING_LIMITS,
): Promise<Listener> {
  // It makes each connection a little dearer.
  const intoLastingBuffer = options.isBulk === true ? lastingBuffer() : undefined
  const isPaused = intoLastingBuffer !== undefined
  const like = { noDelay: true, allowHalfOpen: true, pauseOnConnect: isPaused }
  const server = createServer(like, (accepted) => {
    const socket = intoLastingBuffer?.(accepted) ?? accepted
    const ends = endsOf(socket)
    if (ends !== undefined) onStream(new SocketStream(socket, ends, options, limits))
  })
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(networkFault(error, 'network/address-unavailable')))
    // With `ipv6Only` every address has one form, and `0.0.0.0` and `::` can be listed side by side.
    server.listen({ host: at.host, port: at.port, ipv6Only: true }, () => {
      server.removeAllListeners('error')
      // A single connection that could not be accepted: its peer knows, nobody here can help.
      server.on('error', () => {})
      const bound = server.address() as AddressInfo
      resolve({
        address: { host: bound.address, port: bound.port },
        close: async () => {
          // Its callback would wait for the streams as well; the port is free at once.
          if (server.listening) server.close()
        },
      })
    })
  })
}

export function connectTcp(
  to: SocketAddress,
  timeoutMs: number,
  options: StreamOptions = {},
): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: to.host, port: to.port, noDelay: true })
    const timer = setTimeout(
      () => {
        socket.destroy()
        reject(timedOut(`no answer from ${formatAddress(to)} within ${timeoutMs} ms`))
      },
      Math.min(timeoutMs, TIMER_MS_MAX),
    )
    const fail = (error: Error): void => {
      clearTimeout(timer)
      reject(networkFault(error, 'network/unreachable'))
    }
    socket.once('error', fail)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', fail)
      const ends = endsOf(socket)
      if (ends !== undefined) resolve(new SocketStream(socket, ends, options))
      else reject(new Fault('network/reset', 'gone as soon as connected', { temporary: true }))
    })
  })
}

/** Undefined where the peer has gone already, so that the socket no longer knows its addresses. */
function endsOf(socket: Socket): StreamEnds | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = socket
  if (localAddress === undefined || localPort === undefined) return discard(socket)
  if (remoteAddress === undefined || remotePort === undefined) return discard(socket)
  return {
    local: { host: localAddress, port: localPort },
    remote: { host: remoteAddress, port: remotePort },
  }
}

function discard(socket: Socket): undefined {
  socket.on('error', () => {})
  socket.destroy()
}

function timedOut(message: string): Fault<NetworkFaultCode> {
  return new Fault('network/timed-out', message, { temporary: true })
}
