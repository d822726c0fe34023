/** Whether a certificate shows what it has to. RFC 9174 §4.4.4. */

import { certifiesHost, type PeerCertificate } from '../../base/tls.ts'
import { isAdministrative, parseEndpointId, sameEndpoint } from '../bpv7/endpoint-id.ts'
import type { TcpclTls } from './options.ts'

/** After the handshake: the path, and the address. Undefined where nothing is missing. */
export function objectionToCertificate(
  peer: PeerCertificate | undefined,
  { authentication, peerAddress }: TcpclTls,
): string | undefined {
  if (authentication === 'none') return undefined
  if (peer === undefined) return 'the peer showed no certificate'
  if (peer.standing !== 'trusted') return `the certificate of the peer is ${peer.standing}`
  if (authentication !== 'address' || certifiesHost(peer.names, peerAddress)) return undefined
  return `the certificate of the peer is not for its address, ${peerAddress}`
}

/** Once the peer has said in its SESS_INIT who it is. */
export function objectionToNodeId(
  nodeId: string,
  peer: PeerCertificate | undefined,
  { authentication }: TcpclTls,
): string | undefined {
  const certified = peer?.names.nodeIds ?? []
  if (authentication === 'none' || certified.some((each) => isSameNode(each, nodeId))) {
    return undefined
  }
  if (certified.length > 0) {
    return `the peer says that it is ${nodeId || 'nobody'}, its certificate is for ${certified.join(', ')}`
  }
  return authentication === 'node-id' ? 'the certificate of the peer is for no node' : undefined
}

/**
 * Whether a certificate that is believed is that of the node which the peer says it is, asked for or
 * not. One for `ipn:2.7` is for a service of node 2, and not for the node.
 */
export function provesNodeId(nodeId: string, peer: PeerCertificate | undefined): boolean {
  const said = parseEndpointId(nodeId)
  if (said === undefined || !isAdministrative(said) || peer?.standing !== 'trusted') return false
  return peer.names.nodeIds.some((each) => isSameNode(each, nodeId))
}

/** `ipn:0.2.0` is `ipn:2.0`. */
function isSameNode(a: string, b: string): boolean {
  const [one, other] = [parseEndpointId(a), parseEndpointId(b)]
  return one !== undefined && other !== undefined ? sameEndpoint(one, other) : a === b
}
