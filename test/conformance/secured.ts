import type { Fault } from '../../src/base/fault.ts'
import type { ByteStream, Network } from '../../src/ports/network.ts'
import type { TlsOptions } from '../../src/ports/tls.ts'

/** A network whose every stream is secured before its owner sees it, but for local sockets. */
export function securedNetwork(
  network: Network,
  { client, server }: { readonly client: TlsOptions; readonly server: TlsOptions },
): Network {
  return {
    ...network,
    bind: (at) => network.bind(at),
    listen: (at, onStream) =>
      network.listen(at, (stream) =>
        secured(stream, server).then(onStream, () => {
          // Its peer breaks off before it is secured: nobody's stream.
        }),
      ),
    connect: async (to, timeoutMs) => secured(await network.connect(to, timeoutMs), client),
  }
}

export function secured(stream: ByteStream, options: TlsOptions): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    stream.onEnd = (fault: Fault | undefined) => reject(fault ?? new Error('gone'))
    stream.onSecured = () => {
      // Until whoever waits for the promise has set the handlers, and paused it or not.
      const { pause } = stream
      let paused = false
      pause.call(stream)
      stream.pause = () => {
        paused = true
        pause.call(stream)
      }
      setImmediate(() => {
        stream.pause = pause
        if (!paused) stream.resume()
      })
      resolve(stream)
    }
    stream.secure(options)
  })
}
