/** Bundles as bytes. RFC 9171 §4. */

import { assert } from '../../base/assert.ts'
import { attempt, Fault, type Result } from '../../base/fault.ts'
import { decodeCbor } from '../cbor/decode.ts'
import { CborReader } from '../cbor/reader.ts'
import { CborWriter } from '../cbor/writer.ts'
import type { Bundle } from './bundle.ts'
import {
  type CanonicalBlock,
  conformantBlock,
  readCanonicalBlock,
  writeCanonicalBlock,
} from './canonical-block.ts'
import type { Bpv7FaultCode } from './fault.ts'
import { BLOCKS_MAX } from './limits.ts'
import {
  conformantPrimary,
  type PrimaryBlock,
  readPrimaryBlock,
  writePrimaryBlock,
} from './primary-block.ts'
import { brokenRule, isOfBpsec } from './rules.ts'

/** Self-described CBOR. RFC 9171 Appendix B admits it before a bundle; we never write it. */
const SELF_DESCRIBED_TAG = 55799

/** Room for the heads, numbers and CRC of most blocks, so that the writer seldom grows. */
const BLOCK_OVERHEAD_BYTES = 64

/**
 * Deterministic CBOR, but for blocks that `decodeBundle` left as they were received. A bundle that
 * breaks a rule of RFC 9171 is a mistake of ours, and fails an assertion.
 */
export function encodeBundle(bundle: Bundle): Uint8Array {
  const broken = brokenRule(bundle)
  if (broken !== undefined) assert(false, `${broken.code}: ${broken.message}`)
  const { primary, blocks, payload } = bundle
  let sizeHint = payload.data.length + 3 * BLOCK_OVERHEAD_BYTES
  for (const block of blocks) sizeHint += block.data.length + BLOCK_OVERHEAD_BYTES
  const writer = new CborWriter(sizeHint)
  writer.indefiniteArray()
  writePrimaryBlock(writer, primary)
  for (const block of blocks) writeCanonicalBlock(writer, block)
  writeCanonicalBlock(writer, payload)
  writer.break()
  return writer.written()
}

/**
 * The one bundle that `bytes` are, with every CRC and every rule of RFC 9171 §4 checked. The result
 * refers to `bytes`, which must not change while it is in use: copy what is only borrowed.
 *
 * Forgiven, as §4.1 allows: integers longer than need be, arrays of definite or indefinite length
 * wherever there is an array, a leading tag 55799. A block so written is encoded as §4.1 demands,
 * unless a security block may cover it. Faults: `Bpv7FaultCode`, `CborFaultCode`.
 */
export function decodeBundle(bytes: Uint8Array): Result<Bundle> {
  return decodeCbor(bytes, readBundle)
}

/**
 * The primary block alone, where it is whole by its own CRC: what can still be said of a bundle
 * that `decodeBundle` refuses. Undefined where not even that can be trusted.
 */
export function decodePrimaryBlock(bytes: Uint8Array): PrimaryBlock | undefined {
  const decoded = attempt(() => {
    const reader = new CborReader(bytes)
    reader.skipTag(SELF_DESCRIBED_TAG)
    reader.openArray()
    return readPrimaryBlock(reader)
  })
  return decoded.ok && decoded.value.crcType !== 0 ? decoded.value : undefined
}

function readBundle(reader: CborReader): Bundle {
  reader.skipTag(SELF_DESCRIBED_TAG)
  const length = reader.openArray()
  const primary = readPrimaryBlock(reader)
  const blocks: CanonicalBlock[] = []
  while (!reader.isArrayAtEnd(length, 1 + blocks.length)) {
    if (blocks.length === BLOCKS_MAX) throw fault('bpv7/too-many-blocks', 'too many blocks')
    blocks.push(readCanonicalBlock(reader))
  }
  reader.closeArray(length, 1 + blocks.length)
  const payload = blocks.pop()
  if (payload === undefined) throw fault('bpv7/bad-structure', 'no block but the primary')
  const bundle = { primary, blocks, payload }
  const broken = brokenRule(bundle)
  if (broken !== undefined) throw broken
  return blocks.some(isOfBpsec) ? bundle : conformant(bundle)
}

/** What a node transmits is deterministically encoded, whatever it received. RFC 9171 §4.1. */
function conformant({ primary, blocks, payload }: Bundle): Bundle {
  return {
    primary: conformantPrimary(primary),
    blocks: blocks.map(conformantBlock),
    payload: conformantBlock(payload),
  }
}

function fault(code: Bpv7FaultCode, message: string): Fault<Bpv7FaultCode> {
  return new Fault(code, message, { temporary: false })
}
