/** The first octets of a session, which name the version. RFC 9174 §4.2; RFC 7242 for version 3. */

import { concat, fromUtf8, toUtf8Strict } from '../../base/bytes.ts'
import { attempt, Fault, type Result } from '../../base/fault.ts'
import { decodeSdnv, encodeSdnv } from '../sdnv/sdnv.ts'
import type { TcpclFaultCode } from './fault.ts'
import { fault } from './fault.ts'
import { NODE_ID_BYTES_MAX } from './limits.ts'

export type TcpclVersion = 3 | 4

export type ContactHeader = ContactHeader4 | ContactHeader3

export interface ContactHeader4 {
  readonly version: 4
  /** `CONTACT_FLAGS`; unknown bits mean nothing. */
  readonly flags: number
}

export interface ContactHeader3 {
  readonly version: 3
  /** `CONTACT_FLAGS_3`; unknown bits mean nothing. */
  readonly flags: number
  /** 0 for none. */
  readonly keepaliveSec: number
  /** Empty for none. */
  readonly nodeId: string
}

/** RFC 9174 §4.2. */
export const CONTACT_FLAGS = { canTls: 0x01 } as const

/** RFC 7242. */
export const CONTACT_FLAGS_3 = {
  acknowledge: 0x01,
  reactiveFragmentation: 0x02,
  refuse: 0x04,
  length: 0x08,
} as const

export interface DecodedContactHeader {
  readonly header: ContactHeader
  readonly lengthBytes: number
}

/** "dtn!" */
const MAGIC = [0x64, 0x74, 0x6e, 0x21] as const
const VERSION_AT = MAGIC.length
const FLAGS_AT = 5
const NODE_ID_AT = 8

export function encodeContactHeader(header: ContactHeader): Uint8Array {
  const start = Uint8Array.of(...MAGIC, header.version, header.flags)
  if (header.version === 4) return start
  const { keepaliveSec } = header
  const nodeId = fromUtf8(header.nodeId)
  const keepalive = Uint8Array.of(keepaliveSec >>> 8, keepaliveSec)
  return concat(start, keepalive, encodeSdnv(BigInt(nodeId.length)), nodeId)
}

/**
 * Reads the header at the beginning of `bytes`; undefined while it is not all there. What can never
 * become one is a Fault: `tcpcl/bad-magic` at the first wrong octet, `tcpcl/unsupported-version`
 * with the version in its detail.
 */
export function decodeContactHeader(bytes: Uint8Array): Result<DecodedContactHeader | undefined> {
  return attempt(() => read(bytes))
}

function read(bytes: Uint8Array): DecodedContactHeader | undefined {
  for (const [i, octet] of MAGIC.entries()) {
    if (i >= bytes.length) return undefined
    if (bytes[i] !== octet) throw fault('tcpcl/bad-magic', 'it does not begin with "dtn!"', false)
  }
  const version = bytes[VERSION_AT]
  if (version === undefined) return undefined
  if (version === 4) {
    const flags = bytes[FLAGS_AT]
    return flags === undefined ? undefined : { header: { version, flags }, lengthBytes: 6 }
  }
  if (version === 3) return readVersion3(bytes)
  throw new Fault<TcpclFaultCode>('tcpcl/unsupported-version', `it speaks version ${version}`, {
    temporary: false,
    detail: { version },
  })
}

function readVersion3(bytes: Uint8Array): DecodedContactHeader | undefined {
  const [flags, high, low] = bytes.subarray(FLAGS_AT, NODE_ID_AT)
  if (flags === undefined || high === undefined || low === undefined) return undefined
  const length = decodeSdnv(bytes, NODE_ID_AT)
  if (length === undefined) return undefined
  if (length.value > NODE_ID_BYTES_MAX)
    throw fault('tcpcl/bad-node-id', 'an endless endpoint ID', false)
  const end = length.end + Number(length.value)
  if (bytes.length < end) return undefined
  const nodeId = toUtf8Strict(bytes.subarray(length.end, end))
  if (nodeId === undefined)
    throw fault('tcpcl/bad-node-id', 'an endpoint ID that is no text', false)
  const keepaliveSec = (high << 8) | low
  return { header: { version: 3, flags, keepaliveSec, nodeId }, lengthBytes: end }
}
