/** The messages of TCPCL version 4 and their code points. RFC 9174 §4.5 to §6.1. */

export type Message =
  | SessInit
  | { readonly type: 'sess-term'; readonly flags: number; readonly reason: number }
  | XferSegment
  | {
      readonly type: 'xfer-ack'
      /** Those of the segment that is acknowledged. */
      readonly flags: number
      readonly transferId: bigint
      /** Of all segments of the transfer so far. */
      readonly acknowledgedLength: bigint
    }
  | { readonly type: 'xfer-refuse'; readonly reason: number; readonly transferId: bigint }
  | { readonly type: 'keepalive' }
  | { readonly type: 'msg-reject'; readonly reason: number; readonly rejectedHeader: number }

/** RFC 9174 §4.6. */
export interface SessInit {
  readonly type: 'sess-init'
  readonly keepaliveSec: number
  readonly segmentMru: bigint
  readonly transferMru: bigint
  /** Empty where the peer keeps it to itself. */
  readonly nodeId: string
  /** Session Extension Items as they came, see `decodeExtensionItems`. */
  readonly extensions: Uint8Array
}

/** All of the message but the data, which follow it on the wire. RFC 9174 §5.2.2. */
export interface XferSegment {
  readonly type: 'xfer-segment'
  readonly flags: number
  readonly transferId: bigint
  /** Transfer Extension Items as they came; empty but for the first segment of a transfer. */
  readonly extensions: Uint8Array
  readonly dataLength: bigint
}

/** RFC 9174 §4.8, §5.2.5: one form for both kinds. */
export interface ExtensionItem {
  readonly flags: number
  readonly type: number
  readonly value: Uint8Array
}

export const MESSAGE_TYPES = {
  'xfer-segment': 0x01,
  'xfer-ack': 0x02,
  'xfer-refuse': 0x03,
  keepalive: 0x04,
  'sess-term': 0x05,
  'msg-reject': 0x06,
  'sess-init': 0x07,
} as const

/** RFC 9174 §5.2.2; the same bits in version 3. */
export const SEGMENT_FLAGS = { end: 0x01, start: 0x02 } as const

/** RFC 9174 §5.2.4; the first four are those of version 3. */
export const REFUSE_REASONS = {
  unknown: 0x00,
  completed: 0x01,
  noResources: 0x02,
  retransmit: 0x03,
  notAcceptable: 0x04,
  extensionFailure: 0x05,
  sessionTerminating: 0x06,
} as const

/** RFC 9174 §6.1. */
export const TERM_FLAGS = { reply: 0x01 } as const
export const TERM_REASONS = {
  unknown: 0x00,
  idleTimeout: 0x01,
  versionMismatch: 0x02,
  busy: 0x03,
  contactFailure: 0x04,
  resourceExhaustion: 0x05,
} as const

/** RFC 9174 §5.1.2. */
export const REJECT_REASONS = { typeUnknown: 0x01, unsupported: 0x02, unexpected: 0x03 } as const

/** RFC 9174 §4.8, §5.2.5. */
export const EXTENSION_FLAGS = { critical: 0x01 } as const
/** RFC 9174 §5.2.5.1. */
export const TRANSFER_LENGTH_EXTENSION = 0x0001
