/** Cutting a bundle into fragments, and its ADU together again. RFC 9171 §5.8, §5.9. */

import { assert } from '../../base/assert.ts'
import { attempt, type Result } from '../../base/fault.ts'
import {
  aduId,
  BLOCK_FLAGS,
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  bundleId,
  type CanonicalBlock,
  type Fragment,
  findBlock,
} from './bundle.ts'
import { encodeBundle } from './codec.ts'
import { fault } from './fault.ts'
import { ADU_BYTES_MAX, EXTENTS_MAX, FRAGMENTS_MAX } from './limits.ts'

/**
 * Fragments whose encodings are of at most `bundleBytesMax`, in the order of their payloads; the
 * bundle alone where it is small enough. Their payloads are views of the bundle's.
 *
 * Faults: `bpv7/must-not-fragment`, `bpv7/no-room`, `bpv7/too-many-fragments`.
 */
export function fragmentBundle(bundle: Bundle, bundleBytesMax: number): Result<readonly Bundle[]> {
  return attempt(() => {
    if (encodeBundle(bundle).length <= bundleBytesMax) return [bundle]
    return cut(bundle, bundleBytesMax)
  })
}

/** A part of the ADU that no earlier extent covers. */
interface Extent {
  readonly start: number
  readonly end: number
  readonly bytes: Uint8Array
}

/**
 * The fragments of one ADU, in any order, overlapping, repeated or cut more than once. Holds
 * copies of what was new in each, so never more bytes than the ADU has, and the fragment that came
 * first of those with offset zero.
 */
export class Reassembly {
  /** In order, without overlap. */
  readonly #extents: Extent[] = []
  readonly #aduId: string
  readonly #totalAduLength: bigint
  /** The fragment with offset zero: its blocks are those of the whole. */
  #first: Bundle | undefined
  #heldBytes = 0

  readonly #extentsMax: number

  /** For the fragments that have `aduId` in common with this one, which is still to be added. */
  constructor(fragment: Bundle, extentsMax: number = EXTENTS_MAX) {
    this.#extentsMax = extentsMax
    this.#aduId = aduId(fragment)
    this.#totalAduLength = placeOf(fragment).totalAduLength
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /**
   * The whole bundle, once this was the fragment that it lacked; undefined until then.
   *
   * Faults: `bpv7/bad-fragment` where it does not fit the others, `bpv7/adu-too-large`,
   * `bpv7/too-many-fragments`. What was held before stays held.
   */
  add(fragment: Bundle): Result<Bundle | undefined> {
    return attempt(() => {
      assert(aduId(fragment) === this.#aduId, 'fragment of another bundle')
      const { offset, totalAduLength } = placeOf(fragment)
      if (totalAduLength !== this.#totalAduLength) {
        throw fault('bpv7/bad-fragment', `${bundleId(fragment)} is of an ADU of another length`)
      }
      if (totalAduLength > ADU_BYTES_MAX) {
        throw fault('bpv7/adu-too-large', `ADU of ${totalAduLength} bytes`)
      }
      this.#hold(fragment.payload.data, Number(offset))
      if (offset === 0n) this.#first ??= fragment
      const first = this.#first
      if (first === undefined || this.#heldBytes < Number(totalAduLength)) return undefined
      return this.#join(first)
    })
  }

  /** Keeps the material extents of `data`, which begins at `offset` in the ADU. */
  #hold(data: Uint8Array, offset: number): void {
    const extents = this.#extents
    const end = offset + data.length
    let index = this.#firstEndingAfter(offset)
    for (let at = offset; at < end; index++) {
      const next = extents[index]
      const gapEnd = Math.min(next?.start ?? end, end)
      if (at < gapEnd) {
        if (extents.length === this.#extentsMax) {
          throw fault('bpv7/too-many-fragments', `more than ${this.#extentsMax} pieces of one ADU`)
        }
        const bytes = data.slice(at - offset, gapEnd - offset)
        extents.splice(index, 0, { start: at, end: gapEnd, bytes })
        this.#heldBytes += bytes.length
        at = gapEnd
      } else {
        at = next?.end ?? end
      }
    }
  }

  #firstEndingAfter(offset: number): number {
    let low = 0
    let high = this.#extents.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#extents[middle] as Extent).end > offset) high = middle
      else low = middle + 1
    }
    return low
  }

  #join(first: Bundle): Bundle {
    const adu = new Uint8Array(this.#heldBytes)
    for (const { bytes, start } of this.#extents) adu.set(bytes, start)
    const { fragment: _, ...primary } = first.primary
    return {
      primary: { ...primary, flags: primary.flags & ~BUNDLE_FLAGS.isFragment },
      blocks: first.blocks,
      payload: { ...first.payload, data: adu },
    }
  }
}

function placeOf(bundle: Bundle): Fragment {
  const { fragment } = bundle.primary
  assert(fragment !== undefined, 'not a fragment')
  return fragment
}

function cut(bundle: Bundle, bundleBytesMax: number): Bundle[] {
  const { primary, payload } = bundle
  if ((primary.flags & BUNDLE_FLAGS.mustNotFragment) !== 0n) {
    throw fault('bpv7/must-not-fragment', `${bundleId(bundle)} must not be fragmented`)
  }
  if (primary.crcType === 0) {
    // A signature stands in for the CRC, and it does not cover what a fragment's primary says.
    throw fault('bpv7/must-not-fragment', `${bundleId(bundle)} has a signed primary block`)
  }
  if (
    [BLOCK_TYPES.blockIntegrity, BLOCK_TYPES.blockConfidentiality].some((t) => findBlock(bundle, t))
  ) {
    // What a security block covers would not be true of a fragment, nor could it be decrypted there.
    throw fault('bpv7/must-not-fragment', `${bundleId(bundle)} has security blocks`)
  }
  if (payload.data.length === 0) throw fault('bpv7/no-room', 'no payload to cut')
  const fragments: Bundle[] = []
  for (let start = 0; start < payload.data.length; ) {
    if (fragments.length === FRAGMENTS_MAX) {
      throw fault('bpv7/too-many-fragments', `more than ${FRAGMENTS_MAX} fragments`)
    }
    const overhead = encodeBundle(fragmentOf(bundle, start, start + 1)).length - 1
    const count = payloadFitting(bundleBytesMax - overhead)
    if (count < 1) throw fault('bpv7/no-room', `not a byte of payload in ${bundleBytesMax}`)
    const end = Math.min(start + count, payload.data.length)
    fragments.push(fragmentOf(bundle, start, end))
    start = end
  }
  return fragments
}

/** Most bytes that `room` beside the shortest head of a byte string can take, its longer head too. */
function payloadFitting(room: number): number {
  if (room < 24) return room
  return room <= 256 ? room - 1 : room <= 65_537 ? room - 2 : room - 4
}

function fragmentOf(bundle: Bundle, start: number, end: number): Bundle {
  const { primary, blocks, payload } = bundle
  const { fragment } = primary
  return {
    primary: {
      ...primary,
      flags: primary.flags | BUNDLE_FLAGS.isFragment,
      fragment: {
        offset: (fragment?.offset ?? 0n) + BigInt(start),
        totalAduLength: fragment?.totalAduLength ?? BigInt(payload.data.length),
      },
    },
    blocks: start === 0 ? blocks : blocks.filter(isForEveryFragment),
    payload: { ...payload, data: payload.data.subarray(start, end) },
  }
}

/**
 * Besides the blocks that ask for it: RFC 9171's own three. They tell of the bundle's journey, which
 * every fragment has made, and without its age a bundle of a node without a clock is malformed.
 */
function isForEveryFragment(block: CanonicalBlock): boolean {
  return (
    (block.flags & BLOCK_FLAGS.replicateInEveryFragment) !== 0n ||
    block.type === BLOCK_TYPES.previousNode ||
    block.type === BLOCK_TYPES.bundleAge ||
    block.type === BLOCK_TYPES.hopCount
  )
}
