import { asFault, type Fault } from '../../base/fault.ts'
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
    throw new Failure(EXIT.failed, `Can't attach to BP: ${reasonFor(fault, socket)}`)
  }
}

function reasonFor({ code, message }: Fault, socket: string): string {
  switch (code) {
    case 'network/refused':
      return `no node listens on ${socket}`
    case 'network/permission-denied':
      return `permission denied for ${socket}: its node is another user's`
    default:
      return message
  }
}
