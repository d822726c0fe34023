/** Octets of TCPCL version 4 to messages and back. RFC 9174 §4.5 to §6.1. */

import { fromUtf8, NO_BYTES, toUtf8Strict } from '../../base/bytes.ts'
import { attempt, Fault, type Result } from '../../base/fault.ts'
import type { TcpclFaultCode } from './fault.ts'
import { fault } from './fault.ts'
import { EXTENSION_BYTES_MAX, NODE_ID_BYTES_MAX } from './limits.ts'
import {
  type ExtensionItem,
  MESSAGE_TYPES,
  type Message,
  SEGMENT_FLAGS,
  TRANSFER_LENGTH_EXTENSION,
} from './message.ts'

export interface DecodedMessage {
  readonly message: Message
  /** Index of the octet behind it. */
  readonly end: number
}

/** Octets of an extension item before its value. */
const ITEM_HEAD_BYTES = 5

export function encodeMessage(message: Message): Uint8Array {
  const writer = new Writer(sizeOf(message))
  writer.u8(MESSAGE_TYPES[message.type])
  switch (message.type) {
    case 'sess-init': {
      const nodeId = fromUtf8(message.nodeId)
      writer.u16(message.keepaliveSec)
      writer.u64(message.segmentMru)
      writer.u64(message.transferMru)
      writer.u16(nodeId.length)
      writer.bytes(nodeId)
      writer.u32(message.extensions.length)
      writer.bytes(message.extensions)
      break
    }
    case 'sess-term':
      writer.u8(message.flags)
      writer.u8(message.reason)
      break
    case 'xfer-segment':
      writer.u8(message.flags)
      writer.u64(message.transferId)
      if (isStart(message.flags)) {
        writer.u32(message.extensions.length)
        writer.bytes(message.extensions)
      }
      writer.u64(message.dataLength)
      break
    case 'xfer-ack':
      writer.u8(message.flags)
      writer.u64(message.transferId)
      writer.u64(message.acknowledgedLength)
      break
    case 'xfer-refuse':
      writer.u8(message.reason)
      writer.u64(message.transferId)
      break
    case 'msg-reject':
      writer.u8(message.reason)
      writer.u8(message.rejectedHeader)
      break
    case 'keepalive':
  }
  return writer.written()
}

/**
 * Reads the message that begins at index `at`; undefined while it is not all there. A Fault means
 * that nobody can tell where the next message begins. Octets in the result are views.
 */
export function decodeMessage(bytes: Uint8Array, at: number): Result<DecodedMessage | undefined> {
  return attempt(() => {
    const reader = new Reader(bytes, at)
    const message = readMessage(reader)
    return message === undefined ? undefined : { message, end: reader.at }
  })
}

/** Where the items disagree with the length of their list: `tcpcl/bad-extension`. */
export function decodeExtensionItems(bytes: Uint8Array): Result<readonly ExtensionItem[]> {
  return attempt(() => {
    const items: ExtensionItem[] = []
    const reader = new Reader(bytes, 0)
    while (reader.left > 0) {
      if (reader.left < ITEM_HEAD_BYTES) throw badExtension()
      const [flags, type, length] = [reader.u8(), reader.u16(), reader.u16()]
      if (reader.left < length) throw badExtension()
      items.push({ flags, type, value: reader.bytes(length) })
    }
    return items
  })
}

export function encodeExtensionItems(items: readonly ExtensionItem[]): Uint8Array {
  const size = items.reduce((sum, { value }) => sum + ITEM_HEAD_BYTES + value.length, 0)
  const writer = new Writer(size)
  for (const { flags, type, value } of items) {
    writer.u8(flags)
    writer.u16(type)
    writer.u16(value.length)
    writer.bytes(value)
  }
  return writer.written()
}

/** RFC 9174 §5.2.5.1. */
export function transferLengthItem(totalLength: bigint): ExtensionItem {
  const writer = new Writer(8)
  writer.u64(totalLength)
  return { flags: 0, type: TRANSFER_LENGTH_EXTENSION, value: writer.written() }
}

/** Undefined where `value` is not that of a Transfer Length item. */
export function readTransferLength(value: Uint8Array): bigint | undefined {
  return value.length === 8 ? new Reader(value, 0).u64() : undefined
}

function readMessage(reader: Reader): Message | undefined {
  if (reader.left === 0) return undefined
  const header = reader.u8()
  switch (header) {
    case MESSAGE_TYPES['xfer-segment']:
      return readSegment(reader)
    case MESSAGE_TYPES['xfer-ack']:
      if (reader.left < 17) return undefined
      return {
        type: 'xfer-ack',
        flags: reader.u8(),
        transferId: reader.u64(),
        acknowledgedLength: reader.u64(),
      }
    case MESSAGE_TYPES['xfer-refuse']:
      if (reader.left < 9) return undefined
      return { type: 'xfer-refuse', reason: reader.u8(), transferId: reader.u64() }
    case MESSAGE_TYPES.keepalive:
      return { type: 'keepalive' }
    case MESSAGE_TYPES['sess-term']:
      if (reader.left < 2) return undefined
      return { type: 'sess-term', flags: reader.u8(), reason: reader.u8() }
    case MESSAGE_TYPES['msg-reject']:
      if (reader.left < 2) return undefined
      return { type: 'msg-reject', reason: reader.u8(), rejectedHeader: reader.u8() }
    case MESSAGE_TYPES['sess-init']:
      return readSessInit(reader)
    default:
      throw new Fault<TcpclFaultCode>('tcpcl/unknown-message', `a message of type ${header}`, {
        temporary: false,
        detail: { header },
      })
  }
}

function readSegment(reader: Reader): Message | undefined {
  if (reader.left < 9) return undefined
  const flags = reader.u8()
  const transferId = reader.u64()
  let extensions = NO_BYTES
  if (isStart(flags)) {
    const list = readExtensions(reader)
    if (list === undefined) return undefined
    extensions = list
  }
  if (reader.left < 8) return undefined
  return { type: 'xfer-segment', flags, transferId, extensions, dataLength: reader.u64() }
}

function readSessInit(reader: Reader): Message | undefined {
  if (reader.left < 20) return undefined
  const keepaliveSec = reader.u16()
  const segmentMru = reader.u64()
  const transferMru = reader.u64()
  const nodeIdLength = reader.u16()
  if (nodeIdLength > NODE_ID_BYTES_MAX) throw badNodeId('an endless node ID')
  if (reader.left < nodeIdLength) return undefined
  const nodeId = toUtf8Strict(reader.bytes(nodeIdLength))
  if (nodeId === undefined) throw badNodeId('a node ID that is no text')
  const extensions = readExtensions(reader)
  if (extensions === undefined) return undefined
  return { type: 'sess-init', keepaliveSec, segmentMru, transferMru, nodeId, extensions }
}

function readExtensions(reader: Reader): Uint8Array | undefined {
  if (reader.left < 4) return undefined
  const length = reader.u32()
  if (length > EXTENSION_BYTES_MAX) {
    throw fault('tcpcl/too-large', `${length} octets of extension items`, false)
  }
  return reader.left < length ? undefined : reader.bytes(length)
}

function isStart(flags: number): boolean {
  return (flags & SEGMENT_FLAGS.start) !== 0
}

function sizeOf(message: Message): number {
  switch (message.type) {
    case 'sess-init':
      return 25 + 3 * message.nodeId.length + message.extensions.length
    case 'xfer-segment':
      return isStart(message.flags) ? 22 + message.extensions.length : 18
    default:
      return 18
  }
}

/** The caller makes sure that what it reads is there. */
class Reader {
  readonly #bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  get left(): number {
    return this.#bytes.length - this.at
  }

  u8(): number {
    return this.#bytes[this.at++] as number
  }

  u16(): number {
    return this.u8() * 0x100 + this.u8()
  }

  u32(): number {
    return this.u16() * 0x1_0000 + this.u16()
  }

  u64(): bigint {
    const high = this.u32()
    const low = this.u32()
    return high < 0x20_0000 ? BigInt(high * TWO_TO_32 + low) : (BigInt(high) << 32n) | BigInt(low)
  }

  bytes(count: number): Uint8Array {
    const from = this.at
    this.at += count
    return this.#bytes.subarray(from, this.at)
  }
}

/** Into a buffer that is large enough. */
class Writer {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(size: number) {
    this.#bytes = new Uint8Array(size)
  }

  u8(value: number): void {
    this.#bytes[this.#at++] = value
  }

  u16(value: number): void {
    this.u8(value >>> 8)
    this.u8(value)
  }

  u32(value: number): void {
    this.u16(value >>> 16)
    this.u16(value)
  }

  u64(value: bigint): void {
    const n = Number(value)
    const isExact = n <= Number.MAX_SAFE_INTEGER
    this.u32(isExact ? Math.floor(n / TWO_TO_32) : Number(value >> 32n))
    this.u32(isExact ? n : Number(value & 0xffff_ffffn))
  }

  bytes(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  written(): Uint8Array {
    return this.#at === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.#at)
  }
}

const TWO_TO_32 = 0x1_0000_0000

function badExtension(): Fault<TcpclFaultCode> {
  return fault('tcpcl/bad-extension', 'extension items that disagree with their length', false)
}

function badNodeId(message: string): Fault<TcpclFaultCode> {
  return fault('tcpcl/bad-node-id', message, false)
}
