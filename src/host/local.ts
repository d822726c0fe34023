/** Byte streams over local sockets: programs on one machine. */

import { chmodSync, rmSync, statSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { asFault, Fault } from '../base/fault.ts'
import type { ByteStream, Listener, NetworkFaultCode, SocketAddress } from '../ports/network.ts'
import { networkFault } from './network-fault.ts'
import { SocketStream } from './socket-stream.ts'

/** What `sun_path` holds, less its last NUL: 108 octets on Linux, 104 on the BSDs and macOS. */
const PATH_BYTES_MAX = process.platform === 'linux' ? 107 : 103

const OWNER_ONLY = 0o600
const EVERYONE = 0o666

/**
 * A socket that a program left behind when it was killed is replaced; one on which somebody listens
 * is not.
 */
export async function listenLocal(
  at: SocketAddress,
  onStream: (stream: ByteStream) => void,
): Promise<Listener> {
  const objection = tooLong(at)
  if (objection !== undefined) throw objection
  try {
    return await listen(at, onStream)
  } catch (error) {
    if (asFault(error).code !== 'network/address-in-use' || !(await isAbandoned(at))) throw error
    rmSync(at.host, { force: true })
    return listen(at, onStream)
  }
}

function listen(at: SocketAddress, onStream: (stream: ByteStream) => void): Promise<Listener> {
  const server = createServer((socket) =>
    onStream(new SocketStream(socket, { local: at, remote: at })),
  )
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(networkFault(error, 'network/address-unavailable')))
    server.listen({ path: at.host }, () => {
      server.removeAllListeners('error')
      server.on('error', () => {})
      chmodSync(at.host, at.access === 'everyone' ? EVERYONE : OWNER_ONLY)
      resolve({
        address: at,
        close: async () => {
          if (server.listening) server.close()
        },
      })
    })
  })
}

export function connectLocal(to: SocketAddress, timeoutMs: number): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    const objection = tooLong(to)
    if (objection !== undefined) {
      reject(objection)
      return
    }
    const socket = createConnection({ path: to.host })
    // A listener whose backlog is full keeps us waiting.
    socket.setTimeout(Math.min(timeoutMs, 2_147_483_647), () => {
      socket.destroy()
      reject(
        new Fault<NetworkFaultCode>('network/timed-out', `no answer from ${to.host}`, {
          temporary: true,
        }),
      )
    })
    const fail = (error: Error): void => reject(networkFault(error, 'network/unreachable'))
    socket.once('error', fail)
    socket.once('connect', () => {
      socket.setTimeout(0)
      socket.removeAllListeners('timeout')
      socket.off('error', fail)
      resolve(new SocketStream(socket, { local: to, remote: to }))
    })
  })
}

async function isAbandoned(at: SocketAddress): Promise<boolean> {
  // Connecting to a plain file is refused as well, and it is not ours to remove.
  const status = statSync(at.host, { throwIfNoEntry: false })
  // A link to what is gone.
  if (status === undefined) return true
  if (!status.isSocket()) return false
  try {
    const stream = await connectLocal(at, 1000)
    stream.abort()
    return false
  } catch (error) {
    return asFault(error).code === 'network/refused'
  }
}

/** The system's own word for it is "invalid argument". */
function tooLong({ host }: SocketAddress): Fault<NetworkFaultCode> | undefined {
  const bytes = Buffer.byteLength(host)
  if (bytes <= PATH_BYTES_MAX) return undefined
  return new Fault(
    'network/address-unavailable',
    `the path of a socket is at most ${PATH_BYTES_MAX} bytes long, and ${host} has ${bytes}`,
    { temporary: false },
  )
}
