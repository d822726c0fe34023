/** Every block but the primary. RFC 9171 §4.3.2. */

import type { CborReader } from '../cbor/reader.ts'
import type { CborWriter } from '../cbor/writer.ts'
import {
  type Crc32c,
  type CrcType,
  closeBlock,
  crcFieldSize,
  readCrcType,
  writeCrc,
} from './crc.ts'
import { Encoded } from './encoded.ts'

/** RFC 9171 §9.1; the two of BPSec are here because they excuse a missing CRC. */
export const BLOCK_TYPES = {
  payload: 1,
  previousNode: 6,
  bundleAge: 7,
  hopCount: 10,
  blockIntegrity: 11,
  blockConfidentiality: 12,
} as const

/** Block processing control flags. RFC 9171 §4.2.4. */
export const BLOCK_FLAGS = {
  replicateInEveryFragment: 0x01n,
  reportIfUnprocessable: 0x02n,
  deleteBundleIfUnprocessable: 0x04n,
  discardIfUnprocessable: 0x10n,
} as const

export interface CanonicalBlock {
  /** One of `BLOCK_TYPES`, or one that we do not know. */
  readonly type: number
  /** Unique in the bundle; 1 is the payload. */
  readonly number: number
  /** Sum of `BLOCK_FLAGS` and of bits that we do not know, 64 in all. */
  readonly flags: bigint
  readonly crcType: CrcType
  /** Block-type-specific data. */
  readonly data: Uint8Array
}

export function writeCanonicalBlock(
  writer: CborWriter,
  block: CanonicalBlock,
  crc32c?: Crc32c,
): void {
  if (Encoded.write(writer, block)) return
  const start = writer.length
  writer.array(elementCount(block.crcType))
  writer.uint(block.type)
  writer.uint(block.number)
  writer.uint(block.flags)
  writer.uint(block.crcType)
  writer.byteString(block.data)
  writeCrc(writer, start, block.crcType, crc32c)
}

/** The block that remembers to be encoded as `bytes` from `start` to `end`, in which its data are. */
export function encodedBlock(
  block: CanonicalBlock,
  bytes: Uint8Array,
  start: number,
  end: number,
): CanonicalBlock {
  const dataEnd = end - crcFieldSize(block.crcType)
  const data = bytes.subarray(dataEnd - block.data.length, dataEnd)
  return new EncodedCanonicalBlock({ ...block, data }, bytes, start, end, true)
}

/** Throws a Fault. The block remembers its bytes, which must not change any more. */
export function readCanonicalBlock(reader: CborReader, crc32c?: Crc32c): CanonicalBlock {
  const start = reader.at
  const { looseCount } = reader
  const length = reader.openArray()
  const type = reader.safeUint()
  const number = reader.safeUint()
  const flags = reader.uint()
  const crcType = readCrcType(reader)
  const data = reader.byteString()
  closeBlock(reader, { start, length, count: elementCount(crcType), crcType }, crc32c)
  const isDeterministic = reader.looseCount === looseCount
  const block = { type, number, flags, crcType, data }
  return new EncodedCanonicalBlock(block, reader.bytes, start, reader.at, isDeterministic)
}

function elementCount(crcType: CrcType): number {
  return crcType === 0 ? 5 : 6
}

class EncodedCanonicalBlock extends Encoded implements CanonicalBlock {
  readonly type: number
  readonly number: number
  readonly flags: bigint
  readonly crcType: CrcType
  readonly data: Uint8Array

  constructor(
    block: CanonicalBlock,
    bytes: Uint8Array,
    start: number,
    end: number,
    isDeterministic: boolean,
  ) {
    super(bytes, start, end, isDeterministic)
    this.type = block.type
    this.number = block.number
    this.flags = block.flags
    this.crcType = block.crcType
    this.data = block.data
  }
}
