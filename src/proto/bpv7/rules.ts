/** What must hold between the blocks of one bundle, beyond the form of each. RFC 9171 §4. */

import type { Fault, Result } from '../../base/fault.ts'
import {
  BLOCK_FLAGS,
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  type CanonicalBlock,
  findBlock,
} from './bundle.ts'
import { isNullEndpoint } from './endpoint-id.ts'
import { decodeBundleAge } from './extension/bundle-age.ts'
import { decodeHopCount } from './extension/hop-count.ts'
import { decodePreviousNode } from './extension/previous-node.ts'
import { fault } from './fault.ts'
import { BLOCKS_MAX } from './limits.ts'

const REPORT_REQUESTS =
  BUNDLE_FLAGS.reportReception |
  BUNDLE_FLAGS.reportForwarding |
  BUNDLE_FLAGS.reportDelivery |
  BUNDLE_FLAGS.reportDeletion

/** The first rule that the bundle breaks; undefined where it keeps all. */
export function brokenRule(bundle: Bundle): Fault | undefined {
  return brokenStructure(bundle) ?? brokenContent(bundle)
}

/** The same without a look into the extension blocks. */
export function brokenStructure(bundle: Bundle): Fault | undefined {
  return (
    brokenBlockRule(bundle) ??
    brokenFlagRule(bundle) ??
    brokenFragmentRule(bundle) ??
    brokenExtensionRule(bundle)
  )
}

/** RFC 9171 §4.1, §4.3.1. */
function brokenBlockRule(bundle: Bundle): Fault | undefined {
  const { primary, blocks, payload } = bundle
  if (blocks.length >= BLOCKS_MAX) {
    return fault('bpv7/too-many-blocks', `more than ${BLOCKS_MAX} blocks`)
  }
  if (payload.type !== BLOCK_TYPES.payload || payload.number !== 1) {
    return fault('bpv7/bad-structure', 'the last block is not a payload block with the number 1')
  }
  const isNumbered = blocks.some(isOfBpsec)
  for (let index = 0; index < blocks.length; index++) {
    const block = blocks[index] as CanonicalBlock
    if (block.type === BLOCK_TYPES.payload) {
      return fault('bpv7/bad-structure', 'more than one payload block')
    }
    // ION 4.1.3 numbers every extension block of a fragment 0; only security blocks would care.
    if (block.number === 0 && !isNumbered) continue
    if (block.number < 2 || isNumberTaken(blocks, index)) {
      return fault('bpv7/bad-structure', `block number ${block.number} is taken`)
    }
  }
  // Whether the integrity block has the primary as its target is for BPSec to judge.
  if (primary.crcType === 0 && findBlock(bundle, BLOCK_TYPES.blockIntegrity) === undefined) {
    return fault('bpv7/missing-crc', 'nothing protects the primary block')
  }
  return undefined
}

function isNumberTaken(blocks: readonly CanonicalBlock[], index: number): boolean {
  const { number } = blocks[index] as CanonicalBlock
  for (let i = 0; i < index; i++) if (blocks[i]?.number === number) return true
  return false
}

/** Of BPSec: what such a block covers it covers as it was received. */
export function isOfBpsec(block: CanonicalBlock): boolean {
  return (
    block.type === BLOCK_TYPES.blockIntegrity || block.type === BLOCK_TYPES.blockConfidentiality
  )
}

/** Nobody may ask for reports about a report or about an anonymous bundle. RFC 9171 §4.2.3, §4.2.4. */
function brokenFlagRule(bundle: Bundle): Fault | undefined {
  const { flags, source } = bundle.primary
  const isAnonymous = isNullEndpoint(source)
  if (isAnonymous && (flags & BUNDLE_FLAGS.mustNotFragment) === 0n) {
    return fault('bpv7/bad-flags', 'an anonymous bundle that may be fragmented')
  }
  if (!isAnonymous && (flags & BUNDLE_FLAGS.administrativeRecord) === 0n) return undefined
  const asks =
    (flags & REPORT_REQUESTS) !== 0n ||
    asksForReport(bundle.payload) ||
    bundle.blocks.some(asksForReport)
  return asks ? fault('bpv7/bad-flags', 'reports requested where there can be none') : undefined
}

function asksForReport(block: CanonicalBlock): boolean {
  return (block.flags & BLOCK_FLAGS.reportIfUnprocessable) !== 0n
}

/** RFC 9171 §4.3.1, §5.8. */
function brokenFragmentRule(bundle: Bundle): Fault | undefined {
  const { flags, fragment, source } = bundle.primary
  if (((flags & BUNDLE_FLAGS.isFragment) !== 0n) !== (fragment !== undefined)) {
    return fault('bpv7/bad-fragment', 'flag and fields disagree about being a fragment')
  }
  if (fragment === undefined) return undefined
  const length = BigInt(bundle.payload.data.length)
  if (length === 0n || fragment.offset + length > fragment.totalAduLength) {
    return fault('bpv7/bad-fragment', 'empty, or beyond the end of its ADU')
  }
  // Its other pieces could not be told from those of another anonymous bundle. RFC 9171 §4.2.3.
  return isNullEndpoint(source) ? fault('bpv7/bad-fragment', 'anonymous') : undefined
}

/** RFC 9171 §4.4. */
function brokenExtensionRule({ blocks, primary }: Bundle): Fault | undefined {
  let isAged = false
  for (let index = 0; index < blocks.length; index++) {
    const { type } = blocks[index] as CanonicalBlock
    isAged ||= type === BLOCK_TYPES.bundleAge
    if (decoderOf(type) === undefined) continue
    for (let i = 0; i < index; i++) {
      if (blocks[i]?.type !== type) continue
      return fault('bpv7/bad-extension', `more than one block of type ${type}`)
    }
  }
  if (primary.creationTimestamp.time === 0n && !isAged) {
    return fault('bpv7/bad-extension', 'neither creation time nor bundle age')
  }
  return undefined
}

function brokenContent({ blocks }: Bundle): Fault | undefined {
  // Ciphertext looks like anything; who decrypts it decodes it too.
  if (blocks.some(({ type }) => type === BLOCK_TYPES.blockConfidentiality)) return undefined
  for (const { type, data } of blocks) {
    const content = decoderOf(type)?.(data)
    if (content?.ok === false) return content.fault
  }
  return undefined
}

function decoderOf(type: number): ((data: Uint8Array) => Result<unknown>) | undefined {
  switch (type) {
    case BLOCK_TYPES.previousNode:
      return decodePreviousNode
    case BLOCK_TYPES.bundleAge:
      return decodeBundleAge
    case BLOCK_TYPES.hopCount:
      return decodeHopCount
    default:
      return undefined
  }
}
