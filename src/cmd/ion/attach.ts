import { asFault } from '../../base/fault.ts'
import { connectNode, type NodeClient } from '../../dtn/control/node-client.ts'
import { hostClock } from '../../host/clock.ts'
import { hostNetwork } from '../../host/network.ts'
import { EXIT, Failure } from '../failure.ts'
import { findNode } from './registry.ts'

/** A session with a running node; a Failure where there is none. The result is for the caller to close. */
export async function attach(
  wanted: string | undefined,
  own: bigint | undefined,
): Promise<NodeClient> {
  const socket = findNode(wanted, own)
  if (!socket.startsWith('/')) return attach(`${process.cwd()}/${socket}`, own)
  try {
    return await connectNode({ host: socket, port: 0 }, { network: hostNetwork, clock: hostClock })
  } catch (error) {
    const fault = asFault(error)
    const reason = fault.code === 'network/refused' ? `no node listens on ${socket}` : fault.message
    throw new Failure(EXIT.failed, `Can't attach to BP: ${reason}`)
  }
}
