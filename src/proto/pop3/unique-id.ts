/** Unique-ids. RFC 1939 §7. */

import { fromUtf8 } from '../../base/bytes.ts'

/** `name` itself where it can be a unique-id; else one that follows from it, by 64-bit FNV-1a. */
export function toUniqueId(name: string): string {
  if (/^[!-~]{1,70}$/.test(name)) return name
  let hash = 0xcbf29ce484222325n
  for (const byte of fromUtf8(name)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  }
  return `~${hash.toString(16).padStart(16, '0')}`
}
