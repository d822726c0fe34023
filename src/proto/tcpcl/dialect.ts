/**
 * What a session hears and says, in the words of either version. Version 3 has the same ideas with
 * fewer words: no Transfer IDs, no extensions, no rejections, and no answer to a termination.
 */

import { NO_BYTES } from '../../base/bytes.ts'
import type { Result } from '../../base/fault.ts'
import {
  decodeExtensionItems,
  decodeMessage,
  encodeExtensionItems,
  encodeMessage,
  readTransferLength,
  transferLengthItem,
} from './codec.ts'
import type { SegmentHead } from './incoming.ts'
import {
  EXTENSION_FLAGS,
  type Message,
  REFUSE_REASONS,
  type SessInit,
  TERM_FLAGS,
  TERM_REASONS,
  TRANSFER_LENGTH_EXTENSION,
  type XferSegment,
} from './message.ts'
import type { OutgoingSegment } from './outgoing.ts'
import { decodeMessage3, encodeMessage3, type Message3, SHUTDOWN_REASONS } from './version3.ts'

export type Heard =
  | SessInit
  /** `dataLength` may be beyond what a number holds; it is beyond every limit then. */
  | { readonly type: 'segment'; readonly head: SegmentHead }
  | {
      readonly type: 'ack'
      readonly transferId: bigint | undefined
      readonly acknowledgedLength: bigint
    }
  | { readonly type: 'refuse'; readonly transferId: bigint | undefined; readonly reason: number }
  | { readonly type: 'keepalive' }
  | { readonly type: 'term'; readonly isReply: boolean; readonly reason: number }
  | { readonly type: 'reject'; readonly rejectedHeader: number }
  /** The length of the next bundle: what it is for, the bound on every bundle does. */
  | { readonly type: 'length' }

export interface HeardMessage {
  readonly heard: Heard
  /** Index of the octet behind it. */
  readonly end: number
}

export interface Dialect {
  readonly version: 3 | 4
  decode(bytes: Uint8Array, at: number): Result<HeardMessage | undefined>
  /** All but the data. */
  segment(segment: OutgoingSegment): Uint8Array
  ack(ack: {
    readonly flags: number
    readonly transferId: bigint | undefined
    readonly acknowledgedLength: bigint
  }): Uint8Array
  refuse(refusal: { readonly reason: number; readonly transferId: bigint | undefined }): Uint8Array
  keepalive(): Uint8Array
  term(term: { readonly reason: number; readonly isReply: boolean }): Uint8Array
  /** Empty where the version has no word for it. */
  reject(reason: number, rejectedHeader: number): Uint8Array
}

export const DIALECT_4: Dialect = {
  version: 4,
  decode: (bytes, at) => {
    const decoded = decodeMessage(bytes, at)
    if (!decoded.ok || decoded.value === undefined) return decoded as Result<undefined>
    const { message, end } = decoded.value
    return { ok: true, value: { heard: hear(message), end } }
  },
  segment: ({ flags, transferId, dataLength, totalLength }) =>
    encodeMessage({
      type: 'xfer-segment',
      flags,
      transferId,
      extensions:
        totalLength === undefined
          ? NO_BYTES
          : encodeExtensionItems([transferLengthItem(totalLength)]),
      dataLength: BigInt(dataLength),
    }),
  ack: ({ flags, transferId = 0n, acknowledgedLength }) =>
    encodeMessage({ type: 'xfer-ack', flags, transferId, acknowledgedLength }),
  refuse: ({ reason, transferId = 0n }) =>
    encodeMessage({ type: 'xfer-refuse', reason, transferId }),
  keepalive: () => encodeMessage({ type: 'keepalive' }),
  term: ({ reason, isReply }) =>
    encodeMessage({ type: 'sess-term', flags: isReply ? TERM_FLAGS.reply : 0, reason }),
  reject: (reason, rejectedHeader) => encodeMessage({ type: 'msg-reject', reason, rejectedHeader }),
}

export const DIALECT_3: Dialect = {
  version: 3,
  decode: (bytes, at) => {
    const decoded = decodeMessage3(bytes, at)
    if (!decoded.ok || decoded.value === undefined) return decoded as Result<undefined>
    const { message, end } = decoded.value
    return { ok: true, value: { heard: hear3(message), end } }
  },
  segment: ({ flags, dataLength }) =>
    encodeMessage3({ type: 'data-segment', flags, dataLength: BigInt(dataLength) }),
  ack: ({ acknowledgedLength }) => encodeMessage3({ type: 'ack-segment', acknowledgedLength }),
  refuse: ({ reason }) =>
    encodeMessage3({
      type: 'refuse-bundle',
      reason: reason <= REFUSE_REASONS.retransmit ? reason : REFUSE_REASONS.unknown,
    }),
  keepalive: () => encodeMessage3({ type: 'keepalive' }),
  term: ({ reason }) => {
    const known = REASONS_3.find(([ours]) => ours === reason)
    return encodeMessage3({ type: 'shutdown', ...(known !== undefined && { reason: known[1] }) })
  },
  reject: () => NO_BYTES,
}

/** Reasons to terminate in version 4, and in version 3. */
const REASONS_3: readonly (readonly [number, number])[] = [
  [TERM_REASONS.idleTimeout, SHUTDOWN_REASONS.idleTimeout],
  [TERM_REASONS.versionMismatch, SHUTDOWN_REASONS.versionMismatch],
  [TERM_REASONS.busy, SHUTDOWN_REASONS.busy],
  [TERM_REASONS.resourceExhaustion, SHUTDOWN_REASONS.busy],
]

function hear(message: Message): Heard {
  switch (message.type) {
    case 'xfer-segment':
      return { type: 'segment', head: segmentHead(message) }
    case 'xfer-ack':
      return {
        type: 'ack',
        transferId: message.transferId,
        acknowledgedLength: message.acknowledgedLength,
      }
    case 'xfer-refuse':
      return { type: 'refuse', transferId: message.transferId, reason: message.reason }
    case 'sess-term': {
      const isReply = (message.flags & TERM_FLAGS.reply) !== 0
      return { type: 'term', isReply, reason: message.reason }
    }
    case 'msg-reject':
      return { type: 'reject', rejectedHeader: message.rejectedHeader }
    case 'sess-init':
    case 'keepalive':
      return message
  }
}

function segmentHead(message: XferSegment): SegmentHead {
  const { flags, transferId, extensions } = message
  const dataLength = Number(message.dataLength)
  if (extensions.length === 0) {
    return { flags, transferId, dataLength, totalLength: undefined, isExtensionFailure: false }
  }
  const head = { flags, transferId, dataLength }
  const failure = { ...head, totalLength: undefined, isExtensionFailure: true }
  const items = decodeExtensionItems(extensions)
  if (!items.ok) return failure
  let totalLength: bigint | undefined
  for (const item of items.value) {
    if (item.type === TRANSFER_LENGTH_EXTENSION) {
      // It must not come twice. RFC 9174 §5.2.5.1.
      if (totalLength !== undefined) return failure
      totalLength = readTransferLength(item.value)
      if (totalLength === undefined) return failure
    } else if ((item.flags & EXTENSION_FLAGS.critical) !== 0) return failure
  }
  return { ...head, totalLength, isExtensionFailure: false }
}

function hear3(message: Message3): Heard {
  switch (message.type) {
    case 'data-segment': {
      const { flags } = message
      const dataLength = Number(message.dataLength)
      const rest = { transferId: undefined, totalLength: undefined, isExtensionFailure: false }
      return { type: 'segment', head: { flags, dataLength, ...rest } }
    }
    case 'ack-segment':
      return { ...message, type: 'ack', transferId: undefined }
    case 'refuse-bundle':
      return { ...message, type: 'refuse', transferId: undefined }
    case 'shutdown': {
      const known = REASONS_3.find(([, theirs]) => theirs === message.reason)
      return { type: 'term', isReply: false, reason: known?.[0] ?? TERM_REASONS.unknown }
    }
    case 'keepalive':
      return message
    case 'length':
      return { type: 'length' }
  }
}
