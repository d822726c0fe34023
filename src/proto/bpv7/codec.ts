/** Bundles as bytes. RFC 9171 §4. */

import { assert } from '../../base/assert.ts'
import { attempt, type Result } from '../../base/fault.ts'
import type { Scattered } from '../../base/scattered.ts'
import type { Slab } from '../../base/slab.ts'
import { decodeCbor } from '../cbor/decode.ts'
import { CborReader } from '../cbor/reader.ts'
import { CborWriter } from '../cbor/writer.ts'
import type { Bundle } from './bundle.ts'
import {
  type CanonicalBlock,
  encodedBlock,
  readCanonicalBlock,
  writeCanonicalBlock,
} from './canonical-block.ts'
import type { Crc32c } from './crc.ts'
import { Encoded } from './encoded.ts'
import { fault } from './fault.ts'
import { BLOCKS_MAX } from './limits.ts'
import {
  encodedPrimary,
  type PrimaryBlock,
  readPrimaryBlock,
  writePrimaryBlock,
} from './primary-block.ts'
import { brokenRule, brokenStructure, isOfBpsec } from './rules.ts'

/** Self-described CBOR. RFC 9171 Appendix B admits it before a bundle; we never write it. */
const SELF_DESCRIBED_TAG = 55799

/** Room for the heads, numbers and CRC of most blocks, so that the writer seldom grows. */
const BLOCK_OVERHEAD_BYTES = 64

/** What makes the codec faster, and changes nothing else. */
export interface CodecAids {
  /** What is encoded is a piece of it. */
  readonly slab?: Slab
  readonly crc32c?: Crc32c | undefined
}

/**
 * Deterministic CBOR, but for blocks that `decodeBundle` left as they were received. A bundle that
 * breaks a rule of RFC 9171 is a mistake of ours, and fails an assertion.
 */
export function encodeBundle(bundle: Bundle, aids: CodecAids = {}): Uint8Array {
  const writer = writerFor(bundle, aids)
  const { primary, blocks, payload } = bundle
  writer.indefiniteArray()
  writePrimaryBlock(writer, primary)
  for (const block of blocks) writeCanonicalBlock(writer, block)
  writeCanonicalBlock(writer, payload, aids.crc32c)
  writer.break()
  return writer.written()
}

/**
 * `encodeBundle` with `roomBytes` to spare, and the bundle that remembers it: `encodeBundle` writes those of its blocks that
 * stay as they are as these bytes, which must not change. Its payload refers to them.
 */
export function sealBundle(
  bundle: Bundle,
  aids: CodecAids & { readonly roomBytes?: number } = {},
): SealedBundle {
  const writer = writerFor(bundle, aids)
  const { primary, blocks, payload } = bundle
  writer.indefiniteArray()
  const start = writer.length
  writePrimaryBlock(writer, primary)
  const end = writer.length
  for (const block of blocks) writeCanonicalBlock(writer, block)
  const payloadStart = writer.length
  writeCanonicalBlock(writer, payload, aids.crc32c)
  const payloadEnd = writer.length
  writer.break()
  const withRoom = writer.writtenWithRoom(aids.roomBytes ?? 0)
  const bytes = writer.written()
  return {
    bytes,
    withRoom,
    bundle: {
      primary: encodedPrimary(primary, bytes, start, end),
      blocks,
      payload: encodedBlock(payload, bytes, payloadStart, payloadEnd),
    },
  }
}

/** From here on a payload costs more to copy than to send as a piece of its own. */
const PAYLOAD_PIECE_BYTES_MIN = 4096

/** `encodeBundle`, in which a large payload that was encoded before lies where it is. */
export function encodeScattered(bundle: Bundle, aids: CodecAids = {}): Scattered {
  const { primary, blocks, payload } = bundle
  const isLarge = payload.data.length >= PAYLOAD_PIECE_BYTES_MIN
  const tail = isLarge ? Encoded.withBreak(payload) : undefined
  if (tail === undefined) return encodeBundle(bundle, aids)
  const writer = writerFor(bundle, aids, 0)
  writer.indefiniteArray()
  writePrimaryBlock(writer, primary)
  for (const block of blocks) writeCanonicalBlock(writer, block)
  return [writer.written(), tail]
}

export interface SealedBundle {
  readonly bytes: Uint8Array
  /** The same, and room behind them that is nobody else's. */
  readonly withRoom: Uint8Array
  readonly bundle: Bundle
}

function writerFor(
  bundle: Bundle,
  { slab }: CodecAids,
  payloadBytes: number = bundle.payload.data.length,
): CborWriter {
  const broken = brokenStructure(bundle)
  if (broken !== undefined) assert(false, `${broken.code}: ${broken.message}`)
  let sizeHint = payloadBytes + 3 * BLOCK_OVERHEAD_BYTES
  for (const block of bundle.blocks) sizeHint += block.data.length + BLOCK_OVERHEAD_BYTES
  return new CborWriter(slab?.allocate(sizeHint) ?? sizeHint)
}

/**
 * The one bundle that `bytes` are, with every CRC and every rule of RFC 9171 §4 checked. The result
 * refers to `bytes`, which must not change while it is in use: copy what is only borrowed.
 *
 * Forgiven, as §4.1 allows: integers longer than need be, arrays of definite or indefinite length
 * wherever there is an array, a leading tag 55799. A block so written is encoded as §4.1 demands,
 * unless a security block may cover it. Faults: `Bpv7FaultCode`, `CborFaultCode`.
 */
export function decodeBundle(bytes: Uint8Array, aids: CodecAids = {}): Result<Bundle> {
  return decodeCbor(bytes, (reader) => readBundle(reader, aids.crc32c))
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

function readBundle(reader: CborReader, crc32c: Crc32c | undefined): Bundle {
  reader.skipTag(SELF_DESCRIBED_TAG)
  const length = reader.openArray()
  const primary = readPrimaryBlock(reader)
  const blocks: CanonicalBlock[] = []
  while (!reader.isArrayAtEnd(length, 1 + blocks.length)) {
    if (blocks.length === BLOCKS_MAX) throw fault('bpv7/too-many-blocks', 'too many blocks')
    blocks.push(readCanonicalBlock(reader, crc32c))
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
function conformant(bundle: Bundle): Bundle {
  const { primary, blocks, payload } = bundle
  if (!Encoded.isLoose(primary) && !Encoded.isLoose(payload) && !blocks.some(Encoded.isLoose)) {
    return bundle
  }
  return {
    primary: tightened(primary),
    blocks: blocks.map(tightened),
    payload: tightened(payload),
  }
}

function tightened<Block extends object>(block: Block): Block {
  return Encoded.isLoose(block) ? { ...block } : block
}
