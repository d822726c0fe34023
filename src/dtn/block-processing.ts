/** What a node does to the blocks of a bundle that passes through it. RFC 9171 §5.4, §5.6. */

import { dtnMs, dtnToWall, type WallMs } from '../base/time.ts'
import {
  BLOCK_FLAGS,
  BLOCK_TYPES,
  type Bundle,
  type CanonicalBlock,
  findBlock,
} from '../proto/bpv7/bundle.ts'
import { type EndpointId, isLocalNode } from '../proto/bpv7/endpoint-id.ts'
import { decodeBundleAge, encodeBundleAge } from '../proto/bpv7/extension/bundle-age.ts'
import { decodeHopCount, encodeHopCount } from '../proto/bpv7/extension/hop-count.ts'
import { decodePreviousNode } from '../proto/bpv7/extension/previous-node.ts'
import { BLOCKS_MAX } from '../proto/bpv7/limits.ts'
import { brokenRule } from '../proto/bpv7/rules.ts'
import { STATUS_REASONS } from '../proto/bpv7/status-report.ts'
import { HOP_LIMIT_OF_OTHERS } from './limits.ts'

/** `status` is one of `STATUS_REASONS`. */
export type Processed =
  | { readonly ok: true; readonly bundle: Bundle }
  | { readonly ok: false; readonly status: number }

/** Whether a block that we cannot process asks for a report of that. RFC 9171 §5.6 step 4. */
export function hasReportableBlock(bundle: Bundle): boolean {
  return bundle.blocks.some(
    (block) => !isProcessable(block) && has(block, BLOCK_FLAGS.reportIfUnprocessable),
  )
}

/** Steps 3 and 4 of reception, past the decoding. RFC 9171 §5.6. */
export function processReceived(bundle: Bundle): Processed {
  const { destination, source, reportTo } = bundle.primary
  // What ipn:! meant where it was written is not known here. RFC 9758.
  if (isLocalNode(destination) || isLocalNode(source) || isLocalNode(reportTo)) {
    return { ok: false, status: STATUS_REASONS.blockUnintelligible }
  }
  const unprocessable = bundle.blocks.filter((block) => !isProcessable(block))
  if (unprocessable.some((block) => has(block, BLOCK_FLAGS.deleteBundleIfUnprocessable))) {
    return { ok: false, status: STATUS_REASONS.blockUnsupported }
  }
  const hopCount = readHopCount(bundle)
  if (hopCount !== undefined && hopCount.count > hopCount.limit) {
    return { ok: false, status: STATUS_REASONS.hopLimitExceeded }
  }
  const dropped = unprocessable.filter((block) => has(block, BLOCK_FLAGS.discardIfUnprocessable))
  if (dropped.length === 0) return { ok: true, bundle }
  const rest = { ...bundle, blocks: bundle.blocks.filter((block) => !dropped.includes(block)) }
  // Some blocks are in order only together with a security block, which may just have been removed.
  if (brokenRule(rest) !== undefined) {
    return { ok: false, status: STATUS_REASONS.blockUnintelligible }
  }
  return { ok: true, bundle: rest }
}

/**
 * What leaves a node for the next, but for the age: a Previous Node Block with these data instead of
 * the last one's, and one hop more (counted from here where nobody did). RFC 9171 §5.4 step 4.
 */
export function processForwarded(bundle: Bundle, previousNode: Uint8Array): Processed {
  const blocks: CanonicalBlock[] = []
  for (const block of bundle.blocks) {
    if (block.type === BLOCK_TYPES.previousNode) continue
    if (block.type !== BLOCK_TYPES.hopCount) blocks.push(block)
    else {
      const hopped = withOneHopMore(block)
      if (hopped === undefined) return { ok: false, status: STATUS_REASONS.hopLimitExceeded }
      blocks.push(hopped)
    }
  }
  // A bundle with as many blocks as we take goes on without: these two are not required, §4.4.1, §4.4.3.
  if (blocks.length + 1 < BLOCKS_MAX && findBlock(bundle, BLOCK_TYPES.hopCount) === undefined) {
    blocks.unshift({
      type: BLOCK_TYPES.hopCount,
      number: freeNumber(blocks),
      flags: 0n,
      crcType: 0,
      data: encodeHopCount({ limit: HOP_LIMIT_OF_OTHERS, count: 1 }),
    })
  }
  if (blocks.length + 1 < BLOCKS_MAX) {
    blocks.unshift({
      type: BLOCK_TYPES.previousNode,
      number: freeNumber(blocks),
      flags: 0n,
      crcType: 0,
      data: previousNode,
    })
  }
  const { primary, payload } = bundle
  return { ok: true, bundle: { primary, blocks, payload } }
}

/** The bundle with its age, where it has one, increased by the time it spent here. RFC 9171 §5.4 step 4. */
export function withAge(bundle: Bundle, residenceMs: number): Bundle {
  if (findBlock(bundle, BLOCK_TYPES.bundleAge) === undefined) return bundle
  const blocks = bundle.blocks.map((block) =>
    block.type === BLOCK_TYPES.bundleAge ? aged(block, residenceMs) : block,
  )
  return { ...bundle, blocks }
}

/**
 * How long the bundle has left to live; not above 0: none. `wall` is undefined where there is no
 * accurate clock: then its age is what its Bundle Age Block says. RFC 9171 §5.5.
 */
export function remainingLifetimeMs(bundle: Bundle, wall: WallMs | undefined): number {
  const { creationTimestamp, lifetimeMs } = bundle.primary
  const ageMs =
    creationTimestamp.time === 0n || wall === undefined
      ? readAgeMs(bundle)
      : // Its creation may lie ahead, by a clock that differs from ours; it does not live longer for that.
        Math.max(0, wall - dtnToWall(dtnMs(Number(creationTimestamp.time))))
  return Number(lifetimeMs) - ageMs
}

/** Who forwarded it to us, by its own word. */
export function readPreviousNode(bundle: Bundle): EndpointId | undefined {
  const block = findBlock(bundle, BLOCK_TYPES.previousNode)
  const node = block === undefined ? undefined : decodePreviousNode(block.data)
  return node?.ok ? node.value : undefined
}

/** A block of any other type cannot be acted upon here, security blocks among them. */
function isProcessable(block: CanonicalBlock): boolean {
  return (
    block.type === BLOCK_TYPES.previousNode ||
    block.type === BLOCK_TYPES.bundleAge ||
    block.type === BLOCK_TYPES.hopCount
  )
}

function has(block: CanonicalBlock, flag: bigint): boolean {
  return (block.flags & flag) !== 0n
}

function readAgeMs(bundle: Bundle): number {
  const block = findBlock(bundle, BLOCK_TYPES.bundleAge)
  const age = block === undefined ? undefined : decodeBundleAge(block.data)
  return age?.ok ? Number(age.value) : 0
}

function readHopCount(
  bundle: Bundle,
): { readonly limit: number; readonly count: number } | undefined {
  const block = findBlock(bundle, BLOCK_TYPES.hopCount)
  const hopCount = block === undefined ? undefined : decodeHopCount(block.data)
  return hopCount?.ok ? hopCount.value : undefined
}

/** As it is where it cannot be read: an encrypted block is not ours to change. */
function aged(block: CanonicalBlock, residenceMs: number): CanonicalBlock {
  const age = decodeBundleAge(block.data)
  if (!age.ok) return block
  const ageMs = age.value + BigInt(Math.max(0, Math.ceil(residenceMs)))
  return { ...block, data: encodeBundleAge(ageMs < UINT64_MAX ? ageMs : UINT64_MAX) }
}

/** Undefined where the limit does not allow another. */
function withOneHopMore(block: CanonicalBlock): CanonicalBlock | undefined {
  const hopCount = decodeHopCount(block.data)
  if (!hopCount.ok) return block
  const { limit, count } = hopCount.value
  if (count >= limit) return undefined
  return { ...block, data: encodeHopCount({ limit, count: count + 1 }) }
}

/** Block numbers begin with 2; 1 is the payload's. RFC 9171 §4.1. */
function freeNumber(blocks: readonly CanonicalBlock[]): number {
  let number = 2
  for (let i = 0; i < blocks.length; i++) {
    if (blocks[i]?.number !== number) continue
    number++
    i = -1
  }
  return number
}

const UINT64_MAX = 0xffff_ffff_ffff_ffffn
