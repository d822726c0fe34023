/**
 * TLS as a network sees it: the flights of 1.3 (RFC 8446 §2, in one round trip, also where a session
 * goes on) and of 1.2 (RFC 5246 §7.3, in two; where a session goes on in one, RFC 5077 §3.1), with
 * messages that are well formed and records of their true size. Nothing is encrypted: what would be
 * is there to be read, and marked. No key is agreed on, and no signature looked at.
 */

import { ByteQueue } from '../base/byte-queue.ts'
import { concat } from '../base/bytes.ts'
import type { Fault } from '../base/fault.ts'
import type { TlsSession } from '../base/tls.ts'
import { tlsFault } from '../ports/tls.ts'
import { TLS_MESSAGE_BYTES_MAX } from './limits.ts'
import { ALERT, Handshake, type LabTlsOptions } from './tls-handshake.ts'
import {
  CONTENT_BYTES_MAX,
  encodeRecord,
  openRecord,
  RECORDS,
  RecordReader,
  sealRecord,
  type TlsRecord,
} from './tls-records.ts'

export type TlsOutcome =
  | { readonly type: 'send'; readonly bytes: Uint8Array }
  | { readonly type: 'secured'; readonly session: TlsSession }
  | { readonly type: 'content'; readonly bytes: Uint8Array }
  /** The last: nothing more is understood. */
  | { readonly type: 'failed'; readonly fault: Fault }

const WARNING = 1
const FATAL = 2

/** One end of a connection. */
export class LabTls {
  readonly #handshake: Handshake
  readonly #records: RecordReader = new RecordReader()
  readonly #messages: ByteQueue = new ByteQueue()
  #state: 'handshake' | 'secured' | 'failed' = 'handshake'
  #seals = false
  #outcomes: TlsOutcome[] = []

  constructor(options: LabTlsOptions) {
    this.#handshake = new Handshake(options, {
      send: (message) => this.#send(RECORDS.handshake, message),
      changeCipher: () => {
        const bytes = encodeRecord(RECORDS.changeCipherSpec, Uint8Array.of(1))
        this.#outcomes.push({ type: 'send', bytes })
        this.#seals = true
      },
      secured: (session) => {
        this.#state = 'secured'
        this.#outcomes.push({ type: 'secured', session })
      },
      fail: (alert, reason) => this.#fail(alert, reason),
    })
  }

  /** A client's first flight; a server waits for it. */
  start(): readonly TlsOutcome[] {
    this.#outcomes = []
    this.#handshake.start()
    return this.#outcomes
  }

  /** `content`, in records. */
  seal(content: Uint8Array): Uint8Array {
    const records: Uint8Array[] = []
    for (let at = 0; at < content.length; at += CONTENT_BYTES_MAX) {
      const piece = content.subarray(at, at + CONTENT_BYTES_MAX)
      records.push(sealRecord(this.#handshake.version, RECORDS.content, piece))
    }
    return concat(...records)
  }

  closeNotify(): Uint8Array {
    const alert = Uint8Array.of(WARNING, ALERT.closeNotify)
    return sealRecord(this.#handshake.version, RECORDS.alert, alert)
  }

  receive(bytes: Uint8Array): readonly TlsOutcome[] {
    this.#outcomes = []
    if (this.#state !== 'failed') this.#records.push(bytes)
    while (this.#state !== 'failed') {
      const next = this.#records.next()
      if (next === undefined) break
      if (next === 'garbage') this.#fail(ALERT.handshakeFailure, 'not TLS')
      else this.#onRecord(next)
    }
    return this.#outcomes
  }

  #onRecord(record: TlsRecord): void {
    if (record.type === RECORDS.changeCipherSpec && this.#state === 'handshake') {
      this.#handshake.peerChangedCipher()
      return
    }
    // A client that fails before it has keys says so in the clear.
    const isClear = record.type === RECORDS.alert && record.body.length === 2
    const { peerSeals, version } = this.#handshake
    const opened = peerSeals && !isClear ? openRecord(version, record) : record
    if (opened?.type === RECORDS.alert) this.#onAlert(opened.body[1])
    else if (opened?.type === RECORDS.handshake) this.#onHandshake(opened.body)
    else if (opened?.type === RECORDS.content && this.#state === 'secured') {
      this.#outcomes.push({ type: 'content', bytes: opened.body })
    } else this.#fail(ALERT.handshakeFailure, 'not a handshake')
  }

  #onAlert(description: number | undefined): void {
    // The end of the stream is right behind it.
    if (description === ALERT.closeNotify && this.#state === 'secured') return
    this.#fail(undefined, `the peer ended it with alert ${description}`)
  }

  #onHandshake(bytes: Uint8Array): void {
    this.#messages.append(bytes)
    while (this.#state !== 'failed') {
      const [type, high = 0, middle = 0, low = 0] = this.#messages.view.subarray(0, 4)
      const length = (high << 16) | (middle << 8) | low
      if (type === undefined || this.#messages.length < 4) return
      if (length > TLS_MESSAGE_BYTES_MAX) {
        this.#fail(ALERT.handshakeFailure, 'a message that is too long')
        return
      }
      if (this.#messages.length < 4 + length) return
      this.#messages.skip(4)
      if (this.#handshake.handle(type, this.#messages.take(length))) continue
      this.#fail(ALERT.handshakeFailure, `message ${type} is not what was to come`)
    }
  }

  /** Tells the peer, unless it knows. */
  #fail(description: number | undefined, reason: string | Fault): void {
    const before = this.#state === 'secured' ? 'TLS failed' : 'the TLS handshake failed'
    this.#state = 'failed'
    this.#records.clear()
    this.#messages.clear()
    const fault =
      typeof reason === 'string' ? tlsFault('network/tls-failed', `${before}: ${reason}`) : reason
    if (description !== undefined) {
      this.#send(RECORDS.alert, Uint8Array.of(FATAL, description))
    }
    this.#outcomes.push({ type: 'failed', fault })
  }

  #send(type: number, body: Uint8Array): void {
    const { version } = this.#handshake
    const bytes = this.#seals ? sealRecord(version, type, body) : encodeRecord(type, body)
    this.#outcomes.push({ type: 'send', bytes })
  }
}
