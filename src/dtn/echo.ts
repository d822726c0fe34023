/** Sends back whatever comes: how a path is tried. */

import { Fault } from '../base/fault.ts'
import type { Clock } from '../ports/clock.ts'
import { isNullEndpoint } from '../proto/bpv7/endpoint-id.ts'
import type { DtnFaultCode } from './fault.ts'
import type { BundleNode, EndpointRegistration, ReceivedAdu } from './node.ts'

/** Where most other nodes have theirs too. */
export const ECHO_SERVICE = 7n

/** Registers `ipn:<node>.7`. Throws a Fault where an application has that endpoint. */
export function registerEcho(node: BundleNode, clock: Clock): EndpointRegistration {
  const answer = async (adu: ReceivedAdu): Promise<void> => {
    const { source, payload, expiresAt } = adu
    if (!isWorthAnEcho(adu)) {
      const code: DtnFaultCode = 'dtn/unacceptable'
      throw new Fault(code, 'nobody to send an echo to', { temporary: false })
    }
    const lifetimeMs = Math.max(1, expiresAt - clock.wall())
    await node.send({ sourceService: ECHO_SERVICE, destination: source, payload, lifetimeMs })
  }
  return node.register(ECHO_SERVICE, answer, { borrows: true })
}

/** Two echo services that answered each other would never end. */
function isWorthAnEcho({ source, administrative }: ReceivedAdu): boolean {
  if (administrative || isNullEndpoint(source)) return false
  return source.scheme !== 'ipn' || source.service !== ECHO_SERVICE
}
