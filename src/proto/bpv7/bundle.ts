/** A bundle as its blocks. RFC 9171 §4.1. */

import type { CanonicalBlock } from './canonical-block.ts'
import { formatEndpointId } from './endpoint-id.ts'
import type { PrimaryBlock } from './primary-block.ts'

export { BLOCK_FLAGS, BLOCK_TYPES, type CanonicalBlock } from './canonical-block.ts'
export type { CreationTimestamp } from './creation-timestamp.ts'
export { BUNDLE_FLAGS, type Fragment, type PrimaryBlock } from './primary-block.ts'

/**
 * A block that came out of `decodeBundle` may remember the bytes it was received as and is encoded
 * as these again. To change a block make a new object (`{ ...block, data }`), which remembers nothing.
 */
export interface Bundle {
  readonly primary: PrimaryBlock
  /** The extension blocks, in their order. */
  readonly blocks: readonly CanonicalBlock[]
  /** Always the last block. */
  readonly payload: CanonicalBlock
}

/**
 * `ipn:2.2525/844214400000-3`, with `/offset+length` for a fragment: what tells this bundle from all
 * others. Printable ASCII without spaces. RFC 9171 §4.3.1.
 */
export function bundleId(bundle: Bundle): string {
  const { fragment } = bundle.primary
  const adu = aduId(bundle)
  return fragment === undefined ? adu : `${adu}/${fragment.offset}+${bundle.payload.data.length}`
}

/** What all fragments of one bundle have in common. RFC 9171 §5.9. */
export function aduId(bundle: Bundle): string {
  const { source, creationTimestamp } = bundle.primary
  return `${formatEndpointId(source)}/${creationTimestamp.time}-${creationTimestamp.sequence}`
}

/** The first extension block of this type. */
export function findBlock(bundle: Bundle, type: number): CanonicalBlock | undefined {
  return bundle.blocks.find((block) => block.type === type)
}
