/** Names: RFC 1035 §3.1 and §4.1.4. */

import { concat, fromUtf8, toUtf8Strict } from '../../base/bytes.ts'
import { LABEL_BYTES_MAX, NAME_BYTES_MAX, POINTERS_MAX } from './limits.ts'

const POINTER = 0xc0

/** Labels with dots between them, `''` for the root; undefined where that cannot be a name. */
export function encodeName(name: string): Uint8Array | undefined {
  const labels = name === '' ? [] : name.split('.').map(fromUtf8)
  if (labels.some(({ length }) => length === 0 || length > LABEL_BYTES_MAX)) return undefined
  const parts = labels.flatMap((label) => [Uint8Array.of(label.length), label])
  const encoded = concat(...parts, Uint8Array.of(0))
  return encoded.length > NAME_BYTES_MAX ? undefined : encoded
}

export interface ReadName {
  readonly name: string
  /** Where what comes behind it is. */
  readonly end: number
}

/** Undefined where there is none, or one that points in circles. */
export function readName(message: Uint8Array, from: number): ReadName | undefined {
  const labels: string[] = []
  let [at, end, pointers, bytes] = [from, -1, 0, 1]
  for (;;) {
    const length = message[at]
    if (length === undefined) return undefined
    if (length >= POINTER) {
      const low = message[at + 1]
      if (low === undefined || ++pointers > POINTERS_MAX) return undefined
      if (end < 0) end = at + 2
      at = ((length & ~POINTER) << 8) | low
      continue
    }
    at++
    if (length === 0) return { name: labels.join('.'), end: end < 0 ? at : end }
    bytes += 1 + length
    if (length > LABEL_BYTES_MAX || bytes > NAME_BYTES_MAX) return undefined
    const label = toUtf8Strict(message.subarray(at, at + length))
    // A dot within a label is no dot between two.
    if (label === undefined || label.includes('.') || at + length > message.length) return undefined
    labels.push(label)
    at += length
  }
}
