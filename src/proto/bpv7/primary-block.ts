/** The primary block. RFC 9171 §4.3.1. */

import type { CrcType } from './crc.ts'
import type { CreationTimestamp } from './creation-timestamp.ts'
import type { EndpointId } from './endpoint-id.ts'

/** Bundle processing control flags. RFC 9171 §4.2.3. */
export const BUNDLE_FLAGS = {
  isFragment: 0x00_0001n,
  administrativeRecord: 0x00_0002n,
  mustNotFragment: 0x00_0004n,
  applicationAcknowledgement: 0x00_0020n,
  statusTime: 0x00_0040n,
  reportReception: 0x00_4000n,
  reportForwarding: 0x01_0000n,
  reportDelivery: 0x02_0000n,
  reportDeletion: 0x04_0000n,
} as const

export interface Fragment {
  /** Where this payload begins in the original ADU, in bytes. */
  readonly offset: bigint
  readonly totalAduLength: bigint
}

/** Immutable from creation to delivery. */
export interface PrimaryBlock {
  /** Sum of `BUNDLE_FLAGS` and of bits that we do not know, 64 in all. */
  readonly flags: bigint
  readonly crcType: CrcType
  readonly destination: EndpointId
  readonly source: EndpointId
  readonly reportTo: EndpointId
  readonly creationTimestamp: CreationTimestamp
  readonly lifetimeMs: bigint
  /** Present exactly where the flag `isFragment` is set. */
  readonly fragment?: Fragment
}
