/** Sessions of bundles, message by message: TCPCL (RFC 9174, RFC 7242), STCP and MTCP. */

import { concat } from '../../base/bytes.ts'
import { attempt } from '../../base/fault.ts'
import { decodeFrameHead, type Framing } from '../../proto/stcp/framing.ts'
import { decodeMessage } from '../../proto/tcpcl/codec.ts'
import {
  CONTACT_FLAGS,
  decodeContactHeader,
  type TcpclVersion,
} from '../../proto/tcpcl/contact-header.ts'
import { type Message, SEGMENT_FLAGS } from '../../proto/tcpcl/message.ts'
import { decodeMessage3, type Message3 } from '../../proto/tcpcl/version3.ts'
import { describeBundle } from './bundle-words.ts'
import { cutOpaque, type Dialogue, type Side, type Spoken } from './spoken.ts'

/** One direction of a TCPCL session. */
interface Half {
  version: TcpclVersion | undefined
  /** Segments of the transfer that is under way. */
  parts: Uint8Array[]
  /** Nobody can tell where its next message begins. */
  isLost: boolean
}

export class TcpclDialogue implements Dialogue {
  readonly protocol = 'TCPCL'
  readonly #halves: Readonly<Record<Side, Half>> = {
    client: { version: undefined, parts: [], isLost: false },
    server: { version: undefined, parts: [], isLost: false },
  }

  cut(side: Side, bytes: Uint8Array): Spoken | undefined {
    const half = this.#halves[side]
    if (half.isLost) return cutOpaque(this.protocol, bytes)
    if (half.version === undefined) return this.#contactHeader(half, bytes)
    const decoded = half.version === 4 ? decodeMessage(bytes, 0) : decodeMessage3(bytes, 0)
    if (!decoded.ok) return this.#lose(half, bytes)
    if (decoded.value === undefined) return undefined
    const { message, end } = decoded.value
    if (message.type !== 'xfer-segment' && message.type !== 'data-segment') {
      return { length: end, protocol: this.protocol, ...wordsOf(message) }
    }
    const dataEnd = end + Number(message.dataLength)
    if (bytes.length < dataEnd) return undefined
    return this.#segment(half, message, bytes.subarray(0, dataEnd), end)
  }

  #contactHeader(half: Half, bytes: Uint8Array): Spoken | undefined {
    const decoded = decodeContactHeader(bytes)
    if (!decoded.ok) return this.#lose(half, bytes)
    if (decoded.value === undefined) return undefined
    const { header, lengthBytes } = decoded.value
    half.version = header.version
    const tls = header.version === 4 && (header.flags & CONTACT_FLAGS.canTls) !== 0
    const of = header.version === 3 ? ` of ${header.nodeId}` : tls ? ', TLS can be used' : ''
    return {
      length: lengthBytes,
      protocol: this.protocol,
      text: `contact header${of}, version ${header.version}`,
      phase: 'TCPCL contact',
    }
  }

  #segment(
    half: Half,
    message: Extract<Message | Message3, { readonly dataLength: bigint }>,
    bytes: Uint8Array,
    dataAt: number,
  ): Spoken {
    if ((message.flags & SEGMENT_FLAGS.start) !== 0) half.parts = []
    half.parts.push(bytes.slice(dataAt))
    const id = message.type === 'xfer-segment' ? ` ${message.transferId}` : ''
    const name = `${message.type === 'xfer-segment' ? 'XFER_SEGMENT' : 'DATA_SEGMENT'}${id}`
    const spoken = { length: bytes.length, protocol: this.protocol, phase: 'bundles' }
    if ((message.flags & SEGMENT_FLAGS.end) === 0) {
      return { ...spoken, text: `${name}, ${bytes.length - dataAt} B, more follow`, isPart: true }
    }
    const bundle = describeBundle(concat(...half.parts))
    half.parts = []
    return {
      ...spoken,
      text: bundle === undefined ? name : `${name}: ${bundle.text}`,
      mails: bundle?.mails,
    }
  }

  #lose(half: Half, bytes: Uint8Array): Spoken | undefined {
    half.isLost = true
    return cutOpaque(this.protocol, bytes)
  }
}

type Told = Pick<Spoken, 'text' | 'phase'>

function wordsOf(message: Exclude<Message | Message3, { readonly dataLength: bigint }>): Told {
  switch (message.type) {
    case 'sess-init': {
      const text = `SESS_INIT ${message.nodeId}, keepalive ${message.keepaliveSec} s`
      return { text, phase: 'TCPCL session' }
    }
    case 'sess-term':
      return { text: `SESS_TERM, reason ${message.reason}`, phase: 'end of the session' }
    case 'shutdown':
      return { text: 'SHUTDOWN', phase: 'end of the session' }
    case 'xfer-ack':
      return { text: `XFER_ACK ${message.transferId}, ${message.acknowledgedLength} B` }
    case 'ack-segment':
      return { text: `ACK_SEGMENT, ${message.acknowledgedLength} B` }
    case 'xfer-refuse':
      return { text: `XFER_REFUSE ${message.transferId}, reason ${message.reason}` }
    case 'refuse-bundle':
      return { text: `REFUSE_BUNDLE, reason ${message.reason}` }
    case 'msg-reject':
      return { text: `MSG_REJECT, reason ${message.reason}` }
    case 'keepalive':
      return { text: 'KEEPALIVE' }
    case 'length':
      return { text: `LENGTH, ${message.totalLength} B` }
  }
}

/** Whatever the frame says: only what is there is looked at. */
const FRAME_BYTES_MAX = 2 ** 32

export class FrameDialogue implements Dialogue {
  readonly protocol: string
  readonly #framing: Framing

  constructor(framing: Framing) {
    this.#framing = framing
    this.protocol = framing.toUpperCase()
  }

  cut(_side: Side, bytes: Uint8Array): Spoken | undefined {
    const head = frameHead(this.#framing, bytes)
    if (head === 'none') return cutOpaque(this.protocol, bytes)
    if (head === undefined) return undefined
    const length = head.headBytes + head.bundleBytes
    if (bytes.length < length) return undefined
    if (head.bundleBytes === 0) return { length, protocol: this.protocol, text: 'keepalive' }
    const bundle = describeBundle(bytes.subarray(head.headBytes, length))
    const text = bundle?.text ?? `${head.bundleBytes} B, no bundle`
    return { length, protocol: this.protocol, text, mails: bundle?.mails }
  }
}

/** Which of the two framings `bytes`, the first in a stream, are of, by the bundle that they begin. */
export function framingOf(bytes: Uint8Array): Framing | undefined {
  return (['stcp', 'mtcp'] as const).find((framing) => {
    const head = frameHead(framing, bytes)
    return head !== undefined && head !== 'none' && bytes[head.headBytes] === BUNDLE_START
  })
}

/** A bundle is an array of indefinite length. RFC 9171 §4.1. */
const BUNDLE_START = 0x9f

function frameHead(
  framing: Framing,
  bytes: Uint8Array,
): { readonly headBytes: number; readonly bundleBytes: number } | undefined | 'none' {
  const head = attempt(() => decodeFrameHead(framing, bytes, 0, FRAME_BYTES_MAX))
  return head.ok ? head.value : 'none'
}
