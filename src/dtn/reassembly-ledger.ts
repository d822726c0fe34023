/**
 * Which parts of which ADUs have come; their bytes are in the store. RFC 9171 §5.9.
 *
 * Room is reserved for the whole ADU with its first fragment: one that has been begun can be
 * completed, however many others are, unless it gives way. A single source node may reserve its
 * share only. When room is short, what a newcomer brings must outweigh what gives way for it: see
 * `givingWay`.
 *
 * Fragments of an ADU that has left complete are either late and of no use, or the sender repeats
 * all of it because the application's acknowledgement was lost. Nothing tells the two apart, so such
 * an ADU is gathered once more and, if it becomes complete, delivered again; but only into room that
 * is free, and it gives way before anything else. This memory is bounded and ends with the run:
 * what it has lost is gathered like any other.
 */

import type { MonoMs } from '../base/time.ts'
import { EXTENTS_MAX } from '../proto/bpv7/limits.ts'
import type { FragmentExtent } from './bundle-record.ts'
import { type Gathered, GivingWay } from './giving-way.ts'
import {
  ADU_FRAGMENTS_MAX,
  ADUS_REMEMBERED_MAX,
  type BundleNodeLimits,
  SOURCE_REASSEMBLY_SHARE,
} from './limits.ts'

export type FragmentVerdict =
  | 'wanted'
  /** All of it is here already, or has left and there is no room to gather it again. */
  | 'covered'
  /** It contradicts itself or its siblings. */
  | 'malformed'
  | 'no-room'
  /** It can never be put together here, however long its sender waits. */
  | 'too-large'

interface Adu extends Gathered {
  readonly name: string
  readonly aduBytes: number
  readonly sourceNode: string
  /** Fragments that are in the store. */
  readonly keys: Set<number>
  /** Ascending, disjoint, never touching: [from, to). */
  extents: readonly Extent[]
  share: number
  progressAt: MonoMs
}

interface Extent {
  readonly from: number
  readonly to: number
}

export class ReassemblyLedger {
  readonly #limits: Pick<BundleNodeLimits, 'aduBytesMax' | 'reassemblyBytesMax'>
  readonly #sourceBytesMax: number
  readonly #adus = new Map<string, Adu>()
  readonly #reservedBySource = new Map<string, number>()
  #reservedBytes = 0
  #begunCount = 0
  /** What could give way: neither complete, nor are its first bytes just being stored. */
  readonly #givingWay = new GivingWay<Adu>()
  readonly #givingWayOfSource = new Map<string, GivingWay<Adu>>()
  /** Names of ADUs that have left complete, the latest last. */
  readonly #left = new Set<string>()

  constructor(limits: Pick<BundleNodeLimits, 'aduBytesMax' | 'reassemblyBytesMax'>) {
    const { aduBytesMax, reassemblyBytesMax } = limits
    this.#limits = limits
    this.#sourceBytesMax = Math.max(aduBytesMax, reassemblyBytesMax * SOURCE_REASSEMBLY_SHARE)
  }

  get reservedBytes(): number {
    return this.#reservedBytes
  }

  /** Whether a fragment of the ADU called `name` should be stored. */
  judge(name: string, fragment: FragmentExtent): FragmentVerdict {
    const { offset, length, aduBytes } = fragment
    if (length === 0 || offset + length > aduBytes) return 'malformed'
    if (aduBytes > this.#limits.aduBytesMax) return 'too-large'
    const adu = this.#adus.get(name)
    if (adu === undefined) {
      const { inAll, ofSource } = this.#missingBytes(fragment)
      if (inAll <= 0 && ofSource <= 0) return 'wanted'
      return this.#left.has(name) ? 'covered' : 'no-room'
    }
    if (adu.aduBytes !== aduBytes) return 'malformed'
    if (covers(adu.extents, offset, offset + length)) return 'covered'
    const to = offset + length
    const isApart = !adu.extents.some((extent) => extent.from <= to && extent.to >= offset)
    const isFull = isApart && adu.extents.length >= EXTENTS_MAX
    return isFull || adu.keys.size >= ADU_FRAGMENTS_MAX ? 'too-large' : 'wanted'
  }

  /** Reserves the room of an ADU of which a fragment is on its way into the store. */
  reserve(name: string, fragment: FragmentExtent, now: MonoMs): void {
    if (this.#adus.has(name)) return
    const { aduBytes } = fragment
    const adu: Adu = {
      name,
      number: this.#begunCount++,
      aduBytes,
      sourceNode: sourceNodeOf(fragment),
      isRepeat: this.#left.has(name),
      keys: new Set(),
      extents: [],
      share: 0,
      progressAt: now,
    }
    this.#adus.set(name, adu)
    this.#account(adu, aduBytes)
  }

  /** A fragment is in the store. Says whether it brought anything, and whether nothing is missing. */
  add(
    name: string,
    key: number,
    fragment: FragmentExtent,
    now: MonoMs,
  ): 'useless' | 'incomplete' | 'complete' {
    this.reserve(name, fragment, now)
    const adu = this.#adus.get(name)
    const to = fragment.offset + fragment.length
    if (adu === undefined || adu.aduBytes !== fragment.aduBytes) return 'useless'
    if (covers(adu.extents, fragment.offset, to)) return 'useless'
    this.#takeOut(adu)
    adu.keys.add(key)
    adu.extents = withExtent(adu.extents, { from: fragment.offset, to })
    adu.share = shareOf(adu)
    adu.progressAt = now
    if (isComplete(adu)) return 'complete'
    this.#putIn(adu)
    return 'incomplete'
  }

  /** The stored fragments of an ADU, in the order in which they came. */
  keys(name: string): readonly number[] {
    return [...(this.#adus.get(name)?.keys ?? [])]
  }

  /** Whether the ADU is gathered once more: nobody misses it when it is given up. */
  isRepeat(name: string): boolean {
    return this.#adus.get(name)?.isRepeat === true
  }

  /** A fragment did not get into the store, or leaves it with all of its ADU. */
  drop(name: string, key: number): void {
    const adu = this.#adus.get(name)
    if (adu === undefined) return
    adu.keys.delete(key)
    if (adu.keys.size > 0) return
    this.#takeOut(adu)
    this.#adus.delete(name)
    this.#account(adu, -adu.aduBytes)
    if (isComplete(adu)) this.#remember(name)
  }

  /**
   * What gives way to an ADU for whose first fragment there is no room: repeats; what has waited too
   * long for its next fragment; what has less of itself here, by the share, than this fragment is of
   * its ADU. In this order, smaller shares first and of equals the one that has waited longer; but
   * what the source lacks in its own share, its own ADUs give. Nothing where all that is not enough,
   * so that no claim, however large, costs more bytes than it brought itself.
   */
  givingWay(name: string, fragment: FragmentExtent, now: MonoMs): readonly string[] {
    const { length, aduBytes } = fragment
    if (aduBytes > this.#limits.aduBytesMax || this.#adus.has(name)) return []
    const share = length / aduBytes
    const sourceNode = sourceNodeOf(fragment)
    const chosen = new Set<Adu>()
    let { inAll, ofSource } = this.#missingBytes(fragment)
    const choose = (from: GivingWay<Adu> | undefined, isEnough: () => boolean): void => {
      if (from === undefined || isEnough()) return
      for (const adu of from.inOrder(share, now)) {
        if (chosen.has(adu)) continue
        chosen.add(adu)
        inAll -= adu.aduBytes
        if (adu.sourceNode === sourceNode) ofSource -= adu.aduBytes
        if (isEnough()) return
      }
    }
    choose(this.#givingWayOfSource.get(sourceNode), () => ofSource <= 0)
    if (ofSource > 0) return []
    choose(this.#givingWay, () => inAll <= 0)
    return inAll <= 0 ? [...chosen].map((adu) => adu.name) : []
  }

  #putIn(adu: Adu): void {
    const ofSource = this.#givingWayOfSource.get(adu.sourceNode) ?? new GivingWay<Adu>()
    this.#givingWayOfSource.set(adu.sourceNode, ofSource)
    ofSource.add(adu)
    this.#givingWay.add(adu)
  }

  #takeOut(adu: Adu): void {
    this.#givingWay.remove(adu)
    const ofSource = this.#givingWayOfSource.get(adu.sourceNode)
    ofSource?.remove(adu)
    if (ofSource?.isEmpty) this.#givingWayOfSource.delete(adu.sourceNode)
  }

  /** How much of the room for a new ADU is not there; not above 0: none. */
  #missingBytes(fragment: FragmentExtent): { inAll: number; ofSource: number } {
    const { aduBytes } = fragment
    const ofSource = this.#reservedBySource.get(sourceNodeOf(fragment)) ?? 0
    return {
      inAll: this.#reservedBytes + aduBytes - this.#limits.reassemblyBytesMax,
      ofSource: ofSource + aduBytes - this.#sourceBytesMax,
    }
  }

  #account({ sourceNode }: Adu, bytes: number): void {
    const ofSource = (this.#reservedBySource.get(sourceNode) ?? 0) + bytes
    if (ofSource === 0) this.#reservedBySource.delete(sourceNode)
    else this.#reservedBySource.set(sourceNode, ofSource)
    this.#reservedBytes += bytes
  }

  #remember(name: string): void {
    this.#left.delete(name)
    this.#left.add(name)
    const [oldest] = this.#left
    if (oldest !== undefined && this.#left.size > ADUS_REMEMBERED_MAX) this.#left.delete(oldest)
  }
}

function shareOf({ extents, aduBytes }: Adu): number {
  return extents.reduce((sum, { from, to }) => sum + to - from, 0) / aduBytes
}

/** `ipn:2` or `dtn://x`: what stands before the service, or the demux, in the ADU's ID. */
function sourceNodeOf({ aduId }: FragmentExtent): string {
  return /^ipn:[\d.]*(?=\.)|^dtn:\/\/[^/]*/.exec(aduId)?.[0] ?? aduId
}

function isComplete(adu: Adu): boolean {
  return covers(adu.extents, 0, adu.aduBytes)
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
