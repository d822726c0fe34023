/** The primary block. RFC 9171 §4.3.1. */

import { Fault } from '../../base/fault.ts'
import type { CborReader } from '../cbor/reader.ts'
import type { CborWriter } from '../cbor/writer.ts'
import { type CrcType, closeBlock, readCrcType, writeCrc } from './crc.ts'
import {
  type CreationTimestamp,
  readCreationTimestamp,
  writeCreationTimestamp,
} from './creation-timestamp.ts'
import { Encoded } from './encoded.ts'
import { type EndpointId, readEndpointId, writeEndpointId } from './endpoint-id.ts'
import type { Bpv7FaultCode } from './fault.ts'

const VERSION = 7

/** Bundle processing control flags. RFC 9171 §4.2.3. */
export const BUNDLE_FLAGS = {
  isFragment: 0x00_0001n,
  administrativeRecord: 0x00_0002n,
  mustNotFragment: 0x00_0004n,
  applicationAcknowledgement: 0x00_0020n,
  statusTime: 0x00_0040n,
  reportReception: 0x00_4000n,
  reportForwarding: 0x01_0000n,
  reportDelivery: 0x02_0000n,
  reportDeletion: 0x04_0000n,
} as const

export interface Fragment {
  /** Where this payload begins in the original ADU, in bytes. */
  readonly offset: bigint
  readonly totalAduLength: bigint
}

/** Immutable from creation to delivery. */
export interface PrimaryBlock {
  /** Sum of `BUNDLE_FLAGS` and of bits that we do not know, 64 in all. */
  readonly flags: bigint
  readonly crcType: CrcType
  readonly destination: EndpointId
  readonly source: EndpointId
  readonly reportTo: EndpointId
  readonly creationTimestamp: CreationTimestamp
  readonly lifetimeMs: bigint
  /** Present exactly where the flag `isFragment` is set. */
  readonly fragment?: Fragment
}

export function writePrimaryBlock(writer: CborWriter, primary: PrimaryBlock): void {
  if (Encoded.write(writer, primary)) return
  const start = writer.length
  const { crcType, fragment } = primary
  writer.array(elementCount(crcType, fragment !== undefined))
  writer.uint(VERSION)
  writer.uint(primary.flags)
  writer.uint(crcType)
  writeEndpointId(writer, primary.destination)
  writeEndpointId(writer, primary.source)
  writeEndpointId(writer, primary.reportTo)
  writeCreationTimestamp(writer, primary.creationTimestamp)
  writer.uint(primary.lifetimeMs)
  if (fragment !== undefined) {
    writer.uint(fragment.offset)
    writer.uint(fragment.totalAduLength)
  }
  writeCrc(writer, start, crcType)
}

/** The block that remembers to be encoded as `bytes` from `start` to `end`. */
export function encodedPrimary(
  primary: PrimaryBlock,
  bytes: Uint8Array,
  start: number,
  end: number,
): PrimaryBlock {
  return new EncodedPrimaryBlock(primary, bytes, start, end, true)
}

/** Throws a Fault. The block remembers its bytes, which must not change any more. */
export function readPrimaryBlock(reader: CborReader): PrimaryBlock {
  const start = reader.at
  const { looseCount } = reader
  const length = reader.openArray()
  const version = reader.safeUint()
  if (version !== VERSION) {
    const code: Bpv7FaultCode = 'bpv7/bad-version'
    throw new Fault(code, `bundle of version ${version}`, { temporary: false })
  }
  const flags = reader.uint()
  const crcType = readCrcType(reader)
  const destination = readEndpointId(reader)
  const source = readEndpointId(reader)
  const reportTo = readEndpointId(reader)
  const creationTimestamp = readCreationTimestamp(reader)
  const lifetimeMs = reader.uint()
  const isFragment = (flags & BUNDLE_FLAGS.isFragment) !== 0n
  const fragment = isFragment ? { offset: reader.uint(), totalAduLength: reader.uint() } : undefined
  closeBlock(reader, { start, length, count: elementCount(crcType, isFragment), crcType })
  const isDeterministic = reader.looseCount === looseCount
  const fields = { flags, crcType, destination, source, reportTo, creationTimestamp, lifetimeMs }
  const primary = fragment === undefined ? fields : { ...fields, fragment }
  return new EncodedPrimaryBlock(primary, reader.bytes, start, reader.at, isDeterministic)
}

function elementCount(crcType: CrcType, isFragment: boolean): number {
  return 8 + (isFragment ? 2 : 0) + (crcType === 0 ? 0 : 1)
}

class EncodedPrimaryBlock extends Encoded implements PrimaryBlock {
  readonly flags: bigint
  readonly crcType: CrcType
  readonly destination: EndpointId
  readonly source: EndpointId
  readonly reportTo: EndpointId
  readonly creationTimestamp: CreationTimestamp
  readonly lifetimeMs: bigint
  declare readonly fragment?: Fragment

  constructor(
    primary: PrimaryBlock,
    bytes: Uint8Array,
    start: number,
    end: number,
    isDeterministic: boolean,
  ) {
    super(bytes, start, end, isDeterministic)
    this.flags = primary.flags
    this.crcType = primary.crcType
    this.destination = primary.destination
    this.source = primary.source
    this.reportTo = primary.reportTo
    this.creationTimestamp = primary.creationTimestamp
    this.lifetimeMs = primary.lifetimeMs
    if (primary.fragment !== undefined) this.fragment = primary.fragment
  }
}
