import { Socket, type SocketConstructorOpts } from 'node:net'

/** As much as Node allocates for each read, and several times what one brings at most rates. */
const READ_BYTES = 65_536

/**
 * Has the sockets that a server accepts, with `pauseOnConnect`, read into one buffer: what their
 * `data` brings is good for the length of the call only. Otherwise Node allocates a buffer for each
 * read, which at high rates costs a receiver a fifth of its time.
 *
 * Node has this as `onread` for a socket that a program makes itself, and a server takes no options for
 * its sockets. So an accepted one gives its handle to one that is made here. The handle is not
 * documented; where there is none as expected, the socket is used as it is.
 */
export function lastingBuffer(): (accepted: Socket) => Socket {
  let buffer: Uint8Array | undefined
  return (accepted) => {
    const { _handle: handle } = accepted as unknown as { _handle?: { useUserBuffer?: unknown } }
    if (typeof handle?.useUserBuffer !== 'function') return accepted.resume()
    // Reads of several sockets never overlap: Node makes one and tells of it before the next.
    buffer ??= Buffer.allocUnsafeSlow(READ_BYTES)
    const options = {
      handle,
      allowHalfOpen: accepted.allowHalfOpen,
      onread: {
        buffer,
        callback: (length: number, bytes: Uint8Array): boolean => {
          socket.emit('data', bytes.subarray(0, length))
          return true
        },
      },
    }
    const socket: Socket = new Socket(options as SocketConstructorOpts)
    Object.assign(accepted, { _handle: null })
    return socket
  }
}
