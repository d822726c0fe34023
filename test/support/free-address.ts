import { hostNetwork } from '../../src/host/network.ts'
import type { SocketAddress } from '../../src/ports/network.ts'

/** A place on loopback that was free a moment ago. */
export async function freeAddress(): Promise<SocketAddress> {
  const listener = await hostNetwork.listen({ host: '127.0.0.1', port: 0 }, () => {})
  await listener.close()
  return listener.address
}
