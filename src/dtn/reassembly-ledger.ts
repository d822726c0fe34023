/** Which parts of which ADUs have come; their bytes are in the store. RFC 9171 §5.9. */

import type { MonoMs } from '../base/time.ts'
import { EXTENTS_MAX } from '../proto/bpv7/limits.ts'
import type { FragmentExtent } from './bundle-store.ts'
import { type BundleNodeLimits, REASSEMBLY_IDLE_MS } from './limits.ts'

export type FragmentVerdict =
  | 'wanted'
  /** All of it is here already. */
  | 'covered'
  /** It contradicts itself or its siblings. */
  | 'malformed'
  | 'no-room'

interface Adu {
  readonly aduBytes: number
  /** Fragments that are in the store. */
  readonly keys: Set<string>
  /** Ascending, disjoint, never touching: [from, to). */
  extents: readonly Extent[]
  progressAt: MonoMs
}

interface Extent {
  readonly from: number
  readonly to: number
}

/**
 * Room is reserved for the whole ADU with its first fragment: an ADU that has been begun can always
 * be completed, however many others are.
 */
export class ReassemblyLedger {
  readonly #limits: Pick<BundleNodeLimits, 'aduBytesMax' | 'reassemblyBytesMax'>
  readonly #adus = new Map<string, Adu>()
  #reservedBytes = 0

  constructor(limits: Pick<BundleNodeLimits, 'aduBytesMax' | 'reassemblyBytesMax'>) {
    this.#limits = limits
  }

  get reservedBytes(): number {
    return this.#reservedBytes
  }

  /** Whether a fragment of the ADU called `name` should be stored. */
  judge(name: string, fragment: FragmentExtent): FragmentVerdict {
    const { offset, length, aduBytes } = fragment
    if (length === 0 || offset + length > aduBytes) return 'malformed'
    if (aduBytes > this.#limits.aduBytesMax) return 'no-room'
    const adu = this.#adus.get(name)
    if (adu === undefined) {
      return this.#reservedBytes + aduBytes > this.#limits.reassemblyBytesMax ? 'no-room' : 'wanted'
    }
    if (adu.aduBytes !== aduBytes) return 'malformed'
    if (covers(adu.extents, offset, offset + length)) return 'covered'
    return adu.keys.size >= EXTENTS_MAX ? 'no-room' : 'wanted'
  }

  /** Reserves the room of an ADU of which a fragment is on its way into the store. */
  reserve(name: string, fragment: FragmentExtent, now: MonoMs): void {
    if (this.#adus.has(name)) return
    const { aduBytes } = fragment
    this.#adus.set(name, { aduBytes, keys: new Set(), extents: [], progressAt: now })
    this.#reservedBytes += aduBytes
  }

  /** A fragment is in the store. Says whether it brought anything, and whether nothing is missing. */
  add(
    name: string,
    key: string,
    fragment: FragmentExtent,
    now: MonoMs,
  ): 'useless' | 'incomplete' | 'complete' {
    this.reserve(name, fragment, now)
    const adu = this.#adus.get(name)
    const to = fragment.offset + fragment.length
    if (adu === undefined || adu.aduBytes !== fragment.aduBytes) return 'useless'
    if (covers(adu.extents, fragment.offset, to)) return 'useless'
    adu.keys.add(key)
    adu.extents = withExtent(adu.extents, { from: fragment.offset, to })
    adu.progressAt = now
    return covers(adu.extents, 0, adu.aduBytes) ? 'complete' : 'incomplete'
  }

  /** The stored fragments of an ADU, in the order in which they came. */
  keys(name: string): readonly string[] {
    return [...(this.#adus.get(name)?.keys ?? [])]
  }

  /** A fragment did not get into the store, or leaves it with all of its ADU. */
  drop(name: string, key: string): void {
    const adu = this.#adus.get(name)
    if (adu === undefined) return
    adu.keys.delete(key)
    if (adu.keys.size > 0) return
    this.#adus.delete(name)
    this.#reservedBytes -= adu.aduBytes
  }

  /** Of the incomplete ADUs the one that has waited longest for its next fragment, and too long. */
  idlest(now: MonoMs): string | undefined {
    let idlest: string | undefined
    let since = now - REASSEMBLY_IDLE_MS
    for (const [name, adu] of this.#adus) {
      if (adu.progressAt > since || covers(adu.extents, 0, adu.aduBytes)) continue
      idlest = name
      since = adu.progressAt
    }
    return idlest
  }
}

function covers(extents: readonly Extent[], from: number, to: number): boolean {
  return extents.some((extent) => extent.from <= from && extent.to >= to)
}

function withExtent(extents: readonly Extent[], added: Extent): readonly Extent[] {
  let { from, to } = added
  const apart: Extent[] = []
  for (const extent of extents) {
    if (extent.to < from || extent.from > to) apart.push(extent)
    else {
      from = Math.min(from, extent.from)
      to = Math.max(to, extent.to)
    }
  }
  return [...apart, { from, to }].sort((a, b) => a.from - b.from)
}
