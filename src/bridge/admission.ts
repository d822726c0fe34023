/**
 * Whether what a bundle says of its source is to be believed. Of a bundle alone it never is: its source
 * is what somebody wrote. A neighbour named here is trusted to have it from there.
 */

import { Fault } from '../base/fault.ts'
import type { Provenance } from '../dtn/node.ts'
import { type EndpointId, formatEndpointId } from '../proto/bpv7/endpoint-id.ts'
import type { BridgeFaultCode } from './fault.ts'
import type { GatewayRule } from './injection-policy.ts'

/**
 * Throws a permanent Fault where the gateway's node has to prove itself and did not: anybody could
 * have written its name. So nothing is answered, which would reach the one whose name it is: mails
 * that are really its own could be refused to it by others, and it sends them again by a better way.
 */
export function admit(
  gateways: readonly GatewayRule[],
  source: EndpointId,
  { neighbours }: Provenance,
): void {
  const rules = gateways.filter(({ from }) => isSameNode(from, source))
  for (const { neighbours: needed } of rules) {
    if (needed === undefined) continue
    const areProven = neighbours?.every((one) => one.scheme === 'ipn' && needed.includes(one.node))
    if (areProven === true) continue
    const text = `${formatEndpointId(source)}, not proven to come by way of ${needed.map((node) => `ipn:${node}`).join(' or ')}`
    throw new Fault<BridgeFaultCode>('bridge/not-proven', text, { temporary: false })
  }
}

/** A rule for one service of a node stands for the others as well: DTPC has two. */
function isSameNode(a: EndpointId, b: EndpointId): boolean {
  return a.scheme === 'ipn' && b.scheme === 'ipn' && a.node === b.node
}
