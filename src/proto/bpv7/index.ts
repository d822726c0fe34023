/**
 * The library entry `lightlag/bpv7`: bundles as values, for any host that has TextEncoder and
 * TextDecoder, browsers among them.
 */

export { Fault, type FaultCode, type Result } from '../../base/fault.ts'
export type { CborFaultCode } from '../cbor/fault.ts'
export {
  aduId,
  BLOCK_FLAGS,
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  bundleId,
  type CanonicalBlock,
  type CreationTimestamp,
  type Fragment,
  findBlock,
  type PrimaryBlock,
} from './bundle.ts'
export { decodeBundle, decodePrimaryBlock, encodeBundle } from './codec.ts'
export type { CrcType } from './crc.ts'
export {
  dtnNodeName,
  type EndpointId,
  formatEndpointId,
  ipnEndpoint,
  isAdministrative,
  isLocalNode,
  isNullEndpoint,
  isSingleton,
  LOCAL_NODE,
  NULL_ENDPOINT,
  parseEndpointId,
  sameEndpoint,
} from './endpoint-id.ts'
export { decodeBundleAge, encodeBundleAge } from './extension/bundle-age.ts'
export { decodeHopCount, encodeHopCount, type HopCount } from './extension/hop-count.ts'
export { decodePreviousNode, encodePreviousNode } from './extension/previous-node.ts'
export type { Bpv7FaultCode } from './fault.ts'
export { fragmentBundle, Reassembly } from './fragmentation.ts'
export {
  type AdministrativeRecord,
  decodeAdministrativeRecord,
  describeReason,
  encodeStatusReport,
  STATUS_KINDS,
  STATUS_REASONS,
  type StatusItem,
  type StatusKind,
  type StatusReport,
} from './status-report.ts'
