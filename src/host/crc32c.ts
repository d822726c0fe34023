/** CRC-32C by the processor's own instruction. */

import { crc32c } from '@node-rs/crc32'

/** What `bytes` make of the CRC of all before them. */
export function hostCrc32c(bytes: Uint8Array, crc: number): number {
  return crc32c(bytes as Buffer, crc)
}
