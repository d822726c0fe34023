/** Bundles as bytes. RFC 9171 §4. */

import type { Result } from '../../base/fault.ts'
import type { Bundle } from './bundle.ts'

export function encodeBundle(_bundle: Bundle): Uint8Array {
  throw new Error('not yet')
}

export function decodeBundle(_bytes: Uint8Array): Result<Bundle> {
  throw new Error('not yet')
}
