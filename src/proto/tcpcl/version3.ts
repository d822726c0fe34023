/** Messages of TCPCL version 3, octets and back: a type in four bits, flags in four, SDNVs. RFC 7242. */

import { concat } from '../../base/bytes.ts'
import { attempt, Fault, type Result } from '../../base/fault.ts'
import { decodeSdnv, encodeSdnv } from '../sdnv/sdnv.ts'
import type { TcpclFaultCode } from './fault.ts'

export type Message3 =
  /** The data follow it on the wire. `flags` are SEGMENT_FLAGS. */
  | { readonly type: 'data-segment'; readonly flags: number; readonly dataLength: bigint }
  /** Of the oldest bundle that is not acknowledged: all its segments so far. */
  | { readonly type: 'ack-segment'; readonly acknowledgedLength: bigint }
  /** Of the oldest bundle that is not acknowledged. `reason` is one of REFUSE_REASONS. */
  | { readonly type: 'refuse-bundle'; readonly reason: number }
  | { readonly type: 'keepalive' }
  | {
      readonly type: 'shutdown'
      /** SHUTDOWN_REASONS. */
      readonly reason?: number
      /** How long the peer wishes not to be connected to. */
      readonly reconnectionDelaySec?: bigint
    }
  /** Announces the length of the next bundle. */
  | { readonly type: 'length'; readonly totalLength: bigint }

export interface DecodedMessage3 {
  readonly message: Message3
  /** Index of the octet behind it. */
  readonly end: number
}

const MESSAGE_TYPES_3 = {
  'data-segment': 0x1,
  'ack-segment': 0x2,
  'refuse-bundle': 0x3,
  keepalive: 0x4,
  shutdown: 0x5,
  length: 0x6,
} as const

export const SHUTDOWN_REASONS = { idleTimeout: 0x00, versionMismatch: 0x01, busy: 0x02 } as const

const SHUTDOWN_FLAGS = { delay: 0x01, reason: 0x02 } as const

export function encodeMessage3(message: Message3): Uint8Array {
  const head = (flags: number): Uint8Array =>
    Uint8Array.of((MESSAGE_TYPES_3[message.type] << 4) | flags)
  switch (message.type) {
    case 'data-segment':
      return concat(head(message.flags), encodeSdnv(message.dataLength))
    case 'ack-segment':
      return concat(head(0), encodeSdnv(message.acknowledgedLength))
    case 'refuse-bundle':
      return head(message.reason)
    case 'keepalive':
      return head(0)
    case 'shutdown': {
      const { reason, reconnectionDelaySec: delay } = message
      const flags =
        (reason === undefined ? 0 : SHUTDOWN_FLAGS.reason) |
        (delay === undefined ? 0 : SHUTDOWN_FLAGS.delay)
      return concat(
        head(flags),
        ...(reason === undefined ? [] : [Uint8Array.of(reason)]),
        ...(delay === undefined ? [] : [encodeSdnv(delay)]),
      )
    }
    case 'length':
      return concat(head(0), encodeSdnv(message.totalLength))
  }
}

/**
 * Reads the message that begins at index `at`; undefined while it is not all there. A Fault means
 * that nobody can tell where the next message begins.
 */
export function decodeMessage3(bytes: Uint8Array, at: number): Result<DecodedMessage3 | undefined> {
  return attempt(() => read(bytes, at))
}

function read(bytes: Uint8Array, at: number): DecodedMessage3 | undefined {
  const header = bytes[at]
  if (header === undefined) return undefined
  const flags = header & 0x0f
  const end = at + 1
  switch (header >>> 4) {
    case MESSAGE_TYPES_3['data-segment']:
      return withSdnv(bytes, end, (dataLength) => ({ type: 'data-segment', flags, dataLength }))
    case MESSAGE_TYPES_3['ack-segment']:
      return withSdnv(bytes, end, (acknowledgedLength) => ({
        type: 'ack-segment',
        acknowledgedLength,
      }))
    case MESSAGE_TYPES_3['refuse-bundle']:
      return { message: { type: 'refuse-bundle', reason: flags }, end }
    case MESSAGE_TYPES_3.keepalive:
      return { message: { type: 'keepalive' }, end }
    case MESSAGE_TYPES_3.shutdown:
      return readShutdown(bytes, end, flags)
    case MESSAGE_TYPES_3.length:
      return withSdnv(bytes, end, (totalLength) => ({ type: 'length', totalLength }))
    default:
      throw new Fault<TcpclFaultCode>(
        'tcpcl/unknown-message',
        `a message of type ${header >>> 4} in version 3`,
        { temporary: false, detail: { header } },
      )
  }
}

function withSdnv(
  bytes: Uint8Array,
  at: number,
  make: (value: bigint) => Message3,
): DecodedMessage3 | undefined {
  const sdnv = decodeSdnv(bytes, at)
  return sdnv && { message: make(sdnv.value), end: sdnv.end }
}

function readShutdown(bytes: Uint8Array, at: number, flags: number): DecodedMessage3 | undefined {
  let end = at
  let message: Message3 & { readonly type: 'shutdown' } = { type: 'shutdown' }
  if ((flags & SHUTDOWN_FLAGS.reason) !== 0) {
    const reason = bytes[end++]
    if (reason === undefined) return undefined
    message = { ...message, reason }
  }
  if ((flags & SHUTDOWN_FLAGS.delay) !== 0) {
    const delay = decodeSdnv(bytes, end)
    if (delay === undefined) return undefined
    message = { ...message, reconnectionDelaySec: delay.value }
    end = delay.end
  }
  return { message, end }
}
