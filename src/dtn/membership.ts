/** Which endpoints a node is a member of by its names alone. RFC 9171 §3.1, §4.2.5. */

import {
  dtnNodeName,
  type EndpointId,
  ipnEndpoint,
  isLocalNode,
  isSingleton,
} from '../proto/bpv7/endpoint-id.ts'

export interface NodeNames {
  /** Fully qualified node number. */
  readonly node: bigint
  /** `moon` of `dtn://moon/…`, where the node has a name of that scheme as well. */
  readonly dtnName?: string
}

/** Whether it is a singleton endpoint whose only member can be this node. */
export function isOwnEndpoint(names: NodeNames, eid: EndpointId): boolean {
  if (eid.scheme === 'ipn') return eid.node === names.node
  return names.dtnName !== undefined && isSingleton(eid) && dtnNodeName(eid) === names.dtnName
}

/** `ipn:!.7` as the endpoint that it means on this node; any other as it is. RFC 9758. */
export function resolveLocalNode(names: NodeNames, eid: EndpointId): EndpointId {
  return eid.scheme === 'ipn' && isLocalNode(eid) ? ipnEndpoint(names.node, eid.service) : eid
}

/** The administrative endpoints, one for each name; the first is the node's ID. */
export function administrativeEndpoints({ node, dtnName }: NodeNames): readonly EndpointId[] {
  const ipn = ipnEndpoint(node, 0n)
  return dtnName === undefined ? [ipn] : [ipn, { scheme: 'dtn', ssp: `//${dtnName}/` }]
}
