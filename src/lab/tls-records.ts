/** Records of TLS: RFC 8446 §5, RFC 5246 §6.2. Nothing is encrypted; a mark stands where a tag would. */

import { ByteQueue } from '../base/byte-queue.ts'
import { concat, fromLatin1 } from '../base/bytes.ts'
import type { TlsVersion } from './tls-messages.ts'

export const RECORDS = { changeCipherSpec: 20, alert: 21, handshake: 22, content: 23 } as const

export interface TlsRecord {
  readonly type: number
  readonly body: Uint8Array
}

const HEAD_BYTES = 5
export const CONTENT_BYTES_MAX = 16_384
/** What a sealed record may have besides. RFC 8446 §5.2. */
const SEALED_EXTRA_BYTES_MAX = 256

/** In place of the authentication tag of AES-GCM. */
const MARK: Uint8Array = fromLatin1(' not encrypted! ')
/** Of TLS 1.2: the part of the nonce that is sent. RFC 5288 §3. */
const NONCE: Uint8Array = new Uint8Array(8)

export function encodeRecord(type: number, body: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(type, 3, 3, body.length >> 8, body.length & 0xff), body)
}

export function sealRecord(version: TlsVersion, type: number, body: Uint8Array): Uint8Array {
  return version === 'TLSv1.3'
    ? encodeRecord(RECORDS.content, concat(body, Uint8Array.of(type), MARK))
    : encodeRecord(type, concat(NONCE, body, MARK))
}

/** Undefined where it was not sealed. */
export function openRecord(version: TlsVersion, { type, body }: TlsRecord): TlsRecord | undefined {
  const end = body.length - MARK.length
  if (!MARK.every((octet, i) => body[end + i] === octet)) return undefined
  if (version === 'TLSv1.2') {
    return end < NONCE.length ? undefined : { type, body: body.subarray(NONCE.length, end) }
  }
  const inner = body[end - 1]
  return type === RECORDS.content && inner !== undefined
    ? { type: inner, body: body.subarray(0, end - 1) }
    : undefined
}

/** Cuts what comes into records. */
export class RecordReader {
  readonly #received: ByteQueue = new ByteQueue()

  push(bytes: Uint8Array): void {
    this.#received.append(bytes)
  }

  clear(): void {
    this.#received.clear()
  }

  /** The next that is whole; `garbage` where there is none to come. */
  next(): TlsRecord | 'garbage' | undefined {
    const [type, major, , high = 0, low = 0] = this.#received.view.subarray(0, HEAD_BYTES)
    if (type === undefined) return undefined
    if (type < RECORDS.changeCipherSpec || type > RECORDS.content) return 'garbage'
    if (major !== undefined && major !== 3) return 'garbage'
    const length = (high << 8) | low
    if (length > CONTENT_BYTES_MAX + SEALED_EXTRA_BYTES_MAX) return 'garbage'
    if (this.#received.length < HEAD_BYTES + length) return undefined
    this.#received.skip(HEAD_BYTES)
    return { type, body: this.#received.take(length) }
  }
}
