/** The primary block. RFC 9171 §4.3.1. */

import { Fault } from '../../base/fault.ts'
import type { CborReader } from '../cbor/reader.ts'
import { CborWriter } from '../cbor/writer.ts'
import { type CrcType, closeBlock, crcFieldSize, readCrcType, writeCrc } from './crc.ts'
import {
  type CreationTimestamp,
  readCreationTimestamp,
  writeCreationTimestamp,
} from './creation-timestamp.ts'
import { type EndpointId, readEndpointId, writeEndpointId } from './endpoint-id.ts'
import type { Bpv7FaultCode } from './fault.ts'
import { Received } from './received.ts'

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
  if (Received.write(writer, primary)) return
  const start = writer.length
  writeFields(writer, primary)
  writeCrc(writer, start, primary.crcType)
}

/** All but the CRC. */
function writeFields(writer: CborWriter, primary: PrimaryBlock): void {
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
}

/** The block, without the memory of its bytes where these are not the deterministic, shortest ones. */
export function conformantPrimary(primary: PrimaryBlock): PrimaryBlock {
  const fields = new CborWriter(128)
  writeFields(fields, primary)
  const size = fields.length + crcFieldSize(primary.crcType)
  return Received.hasSize(primary, size) ? primary : { ...primary }
}

/** Throws a Fault. The block remembers its bytes, which must not change any more. */
export function readPrimaryBlock(reader: CborReader): PrimaryBlock {
  const start = reader.at
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
  const fragment = isFragment
    ? { fragment: { offset: reader.uint(), totalAduLength: reader.uint() } }
    : {}
  closeBlock(reader, { start, length, count: elementCount(crcType, isFragment), crcType })
  return new ReceivedPrimaryBlock(reader, start, {
    flags,
    crcType,
    destination,
    source,
    reportTo,
    creationTimestamp,
    lifetimeMs,
    ...fragment,
  })
}

function elementCount(crcType: CrcType, isFragment: boolean): number {
  return 8 + (isFragment ? 2 : 0) + (crcType === 0 ? 0 : 1)
}

class ReceivedPrimaryBlock extends Received implements PrimaryBlock {
  readonly flags: bigint
  readonly crcType: CrcType
  readonly destination: EndpointId
  readonly source: EndpointId
  readonly reportTo: EndpointId
  readonly creationTimestamp: CreationTimestamp
  readonly lifetimeMs: bigint
  declare readonly fragment?: Fragment

  constructor(reader: CborReader, start: number, primary: PrimaryBlock) {
    super(reader.bytes, start, reader.at)
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
