import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A port of loopback on which nothing listens, over TCP or UDP, and that the system gives to nobody who
 * asks for any port or connects: on a busy machine one of those is taken again before it is used.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    next = next + 1 < FIRST_OF_SYSTEM ? next + 1 : FIRST
    const port = next
    const server = createServer()
    const socket = createSocket('udp4')
    const listening = Promise.all([once(server, 'listening'), once(socket, 'listening')])
    server.listen(port, '127.0.0.1')
    socket.bind(port, '127.0.0.1')
    const isFree = await listening.then(
      () => true,
      () => false,
    )
    await Promise.all([closed(server), closed(socket)])
    if (isFree) return port
  }
}

const FIRST = 10_000
/** Where Linux begins to give ports by itself, unless told otherwise. */
const FIRST_OF_SYSTEM = 32_768

/** One after the other, so that none is given twice before it is used; each process begins elsewhere. */
let next = FIRST + Math.floor(Math.random() * (FIRST_OF_SYSTEM - FIRST))

/** One that never listened says so by an error, or by a throw. */
function closed(one: { close(done: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => {
    try {
      one.close(() => resolve())
    } catch {
      resolve()
    }
  })
}
