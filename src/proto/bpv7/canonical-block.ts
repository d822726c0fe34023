/** Every block but the primary. RFC 9171 §4.3.2. */

import type { CrcType } from './crc.ts'

/** RFC 9171 §9.1; the two of BPSec are here because they excuse a missing CRC. */
export const BLOCK_TYPES = {
  payload: 1,
  previousNode: 6,
  bundleAge: 7,
  hopCount: 10,
  blockIntegrity: 11,
  blockConfidentiality: 12,
} as const

/** Block processing control flags. RFC 9171 §4.2.4. */
export const BLOCK_FLAGS = {
  replicateInEveryFragment: 0x01n,
  reportIfUnprocessable: 0x02n,
  deleteBundleIfUnprocessable: 0x04n,
  discardIfUnprocessable: 0x10n,
} as const

export interface CanonicalBlock {
  /** One of `BLOCK_TYPES`, or one that we do not know. */
  readonly type: number
  /** Unique in the bundle; 1 is the payload. */
  readonly number: number
  /** Sum of `BLOCK_FLAGS` and of bits that we do not know, 64 in all. */
  readonly flags: bigint
  readonly crcType: CrcType
  /** Block-type-specific data. */
  readonly data: Uint8Array
}
