/** Both sides of a TLS connection, record by record. RFC 5246 §7.3 for version 1.2, RFC 8446 §2 for 1.3. */

import { decodeServerHello, MESSAGES, type TlsVersion } from '../tls-messages.ts'
import { openRecord, RECORDS, type TlsRecord } from '../tls-records.ts'
import type { Side } from './spoken.ts'

export type TlsWords =
  /** Messages of the handshake. */
  | { readonly type: 'handshake'; readonly names: readonly string[] }
  | { readonly type: 'alert'; readonly description: number | undefined }
  | { readonly type: 'content'; readonly bytes: Uint8Array }

const HEAD_BYTES = 5

/** Of an alert that is no complaint: the end of what its sender has to say. RFC 8446 §6.1. */
export const CLOSE_NOTIFY = 0

/** The record at the beginning and what it takes up; undefined while it is not all there. */
export function firstRecord(
  bytes: Uint8Array,
): (TlsRecord & { readonly length: number }) | undefined {
  const [type = 0, , , high = 0, low = 0] = bytes.subarray(0, HEAD_BYTES)
  const length = HEAD_BYTES + ((high << 8) | low)
  if (bytes.length < HEAD_BYTES || bytes.length < length) return undefined
  return { type, body: bytes.subarray(HEAD_BYTES, length), length }
}

/** Whether a client that says this begins a handshake. */
export function beginsTls(bytes: Uint8Array): boolean {
  return bytes[0] === RECORDS.handshake && bytes[1] === 3
}

export class TlsConversation {
  #version: TlsVersion = 'TLSv1.2'
  readonly #sealing = new Set<Side>()
  readonly #finished = new Set<Side>()

  /** What both sides say from here on is content. */
  get isSecured(): boolean {
    return this.#finished.size === 2
  }

  hear(side: Side, record: TlsRecord): TlsWords {
    const isSealed = this.#sealing.has(side) && record.type !== RECORDS.changeCipherSpec
    const opened = isSealed ? (openRecord(this.#version, record) ?? record) : record
    switch (opened.type) {
      case RECORDS.changeCipherSpec:
        // In 1.3 it is there for the sake of boxes on the way. RFC 8446 §5.
        if (this.#version === 'TLSv1.2') this.#sealing.add(side)
        return { type: 'handshake', names: ['ChangeCipherSpec'] }
      case RECORDS.handshake:
        return { type: 'handshake', names: this.#messages(side, opened.body, isSealed) }
      case RECORDS.alert:
        return { type: 'alert', description: opened.body[1] }
      default:
        return { type: 'content', bytes: opened.body }
    }
  }

  #messages(side: Side, body: Uint8Array, isSealed: boolean): readonly string[] {
    if (isSealed && this.#version === 'TLSv1.2') {
      // What anybody calls it who cannot look inside.
      this.#finished.add(side)
      return ['EncryptedHandshakeMessage']
    }
    const names: string[] = []
    for (let at = 0; at + 4 <= body.length; ) {
      const [type = 0, high = 0, middle = 0, low = 0] = body.subarray(at, at + 4)
      const end = at + 4 + high * 0x10000 + middle * 0x100 + low
      names.push(nameOf(type))
      if (type === MESSAGES.serverHello) this.#agree(body.subarray(at + 4, end))
      if (type === MESSAGES.finished) this.#finished.add(side)
      at = end
    }
    return names
  }

  #agree(serverHello: Uint8Array): void {
    this.#version = decodeServerHello(serverHello)?.version ?? 'TLSv1.2'
    if (this.#version !== 'TLSv1.3') return
    this.#sealing.add('server')
    this.#sealing.add('client')
  }
}

/** `ServerHelloDone` for `serverHelloDone`. */
function nameOf(type: number): string {
  const [name] = Object.entries(MESSAGES).find(([, known]) => known === type) ?? []
  if (name === undefined) return `handshake message ${type}`
  return `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`
}
