import { concat } from './bytes.ts'

/** Bytes that may lie in several places, so that what is sent need not be copied together first. */
export type Scattered = Uint8Array | readonly Uint8Array[]

export function sizeOf(bytes: Scattered): number {
  if (bytes instanceof Uint8Array) return bytes.length
  let size = 0
  for (const piece of bytes) size += piece.length
  return size
}

/** In one place; a copy where they were not. */
export function gathered(bytes: Scattered): Uint8Array {
  return bytes instanceof Uint8Array ? bytes : concat(...bytes)
}

/** What lies from `start` to `end`, as views. */
export function partOf(bytes: Scattered, start: number, end: number): readonly Uint8Array[] {
  const pieces = bytes instanceof Uint8Array ? [bytes] : bytes
  const part: Uint8Array[] = []
  let at = 0
  for (const piece of pieces) {
    const from = Math.max(0, start - at)
    const to = Math.min(piece.length, end - at)
    if (from < to) part.push(from === 0 && to === piece.length ? piece : piece.subarray(from, to))
    at += piece.length
  }
  return part
}
