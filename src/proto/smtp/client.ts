/** One session of SMTP or LMTP, client side: any number of mails, one after another. RFC 5321 §3, RFC 2920. */

import { assert } from '../../base/assert.ts'
import { fromUtf8 } from '../../base/bytes.ts'
import { Fault } from '../../base/fault.ts'
import type {
  Machine,
  SecuredEvent,
  SecureEffect,
  StreamEffect,
  StreamEvent,
} from '../../base/machine.ts'
import { HANDSHAKE_ROUND_TRIPS } from '../../base/round-trips.ts'
import { addMs, type MonoMs } from '../../base/time.ts'
import type { TlsSession } from '../../base/tls.ts'
import { type ClientBody, chunkedBody, dataBody } from './client-body.ts'
import { type OutgoingMail, objectionToSending } from './client-envelope.ts'
import type { SmtpClientEffect, SmtpClientEvent, SmtpClientOptions } from './client-events.ts'
import { ClientOpening, type OpeningMove, type OpeningStep } from './client-opening.ts'
import { ClientTransaction, type MailStep } from './client-transaction.ts'
import { type Extensions, NO_EXTENSIONS } from './extension.ts'
import type { SmtpFaultCode } from './fault.ts'
import { CLIENT_TIMEOUTS_MS } from './limits.ts'
import {
  CONNECTION_LOST,
  EIGHT_BIT_NOT_POSSIBLE,
  isIntermediate,
  isPositive,
  isTemporary,
  type Reply,
} from './reply.ts'
import { ReplyReader } from './reply-codec.ts'

export type { SmtpClientEffect, SmtpClientEvent, SmtpClientOptions }

type Effect = StreamEffect | SecureEffect | SmtpClientEffect
type Event = StreamEvent | SecuredEvent | SmtpClientEvent

/** What a reply is awaited for. */
type Step = { readonly type: 'quit' } | OpeningStep | MailStep | EndStep

type EndStep =
  /** A piece of the message. RFC 3030 §2. */
  | { readonly type: 'chunk' }
  /** `index` of the recipient, where each has a reply of its own. */
  | { readonly type: 'end-of-data'; readonly index?: number }
  /** Of data that nobody will receive. RFC 2920 §3.1. */
  | { readonly type: 'end-of-nothing' }

type Phase =
  /** Replies are awaited. */
  | 'replies'
  /** The handshake of TLS. */
  | 'securing'
  | 'ready'
  | 'wants-body'
  /** A block of the message is leaving. */
  | 'draining'
  | 'closed'

export class SmtpClient implements Machine<Event, Effect> {
  readonly #options: SmtpClientOptions
  #reader = new ReplyReader()
  #phase: Phase = 'replies'
  /** Sent and not answered, in order: replies are told apart by counting. RFC 2920 §3.1. */
  readonly #awaited: Step[] = [{ type: 'greeting' }]
  /** Not sent yet. */
  #planned: MailStep[] = []
  #transaction: ClientTransaction | undefined
  #body: ClientBody = dataBody()
  /** The server may still hold a transaction that came to nothing. */
  #resetNeeded = false
  readonly #opening: ClientOpening
  #offered: Extensions = NO_EXTENSIONS
  #isVerified = false
  #deadline: MonoMs | undefined
  /** Something was sent or answered, so that waiting begins anew. */
  #moved = false
  #effects: Effect[] = []

  constructor(options: SmtpClientOptions) {
    this.#options = options
    this.#opening = new ClientOpening(options)
  }

  get deadline(): MonoMs | undefined {
    return this.#deadline
  }

  handle(event: Event, now: MonoMs): readonly Effect[] {
    if (this.#phase === 'closed') return []
    switch (event.type) {
      case 'connected':
        this.#moved = true
        if (this.#options.tls === 'first') this.#secure()
        break
      case 'bytes':
        this.#onBytes(event.bytes)
        break
      case 'drained':
        if (this.#phase === 'draining') this.#onDrained()
        // The last piece was sent with the end: the wait for its answer begins now.
        else if (this.#awaited[0]?.type === 'end-of-data') this.#moved = true
        break
      case 'mail':
        assert(this.#phase === 'ready' && event.recipients.length > 0, 'no mail before ready')
        this.#startMail(event)
        break
      case 'body':
        assert(this.#phase === 'wants-body', 'no body before more-body')
        this.#onBody(event.bytes, event.isLast === true)
        break
      case 'body-end':
        assert(this.#phase === 'wants-body', 'no end of body before more-body')
        this.#onBodyEnd()
        break
      case 'quit':
        assert(this.#phase === 'ready', 'no quit before ready')
        this.#send('QUIT\r\n')
        this.#await({ type: 'quit' })
        break
      case 'tick':
        if (this.#deadline === undefined || now < this.#deadline) break
        this.#end('smtp/timed-out', 'the server did not answer in time')
        break
      case 'secured':
        assert(this.#phase === 'securing', 'nothing is secured that was not asked for')
        this.#onSecured(event.session)
        break
      case 'ended': {
        const why = event.fault === undefined ? '' : `: ${event.fault.message}`
        if (this.#phase === 'securing') this.#fail('smtp/tls-failed', `no TLS${why}`)
        else this.#end('smtp/connection-lost', `the connection was closed${why}`)
      }
    }
    this.#arm(now)
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  #arm(now: MonoMs): void {
    const timeoutMs = this.#timeoutMs()
    if (timeoutMs === undefined) this.#deadline = undefined
    else if (this.#moved) this.#deadline = addMs(now, timeoutMs)
    this.#moved = false
  }

  #timeoutMs(): number | undefined {
    const { roundTripMs = 0 } = this.#options
    switch (this.#phase) {
      case 'draining':
        return CLIENT_TIMEOUTS_MS.dataBlock + roundTripMs
      case 'securing':
        return CLIENT_TIMEOUTS_MS.command + HANDSHAKE_ROUND_TRIPS * roundTripMs
      case 'replies':
        return this.#replyTimeoutMs() + roundTripMs
      default:
        return undefined
    }
  }

  #replyTimeoutMs(): number {
    switch (this.#awaited[0]?.type) {
      case 'greeting':
        return CLIENT_TIMEOUTS_MS.greeting
      case 'data':
        return CLIENT_TIMEOUTS_MS.dataInitiation
      case 'chunk':
      case 'end-of-data':
        return CLIENT_TIMEOUTS_MS.dataTermination
      default:
        return CLIENT_TIMEOUTS_MS.command
    }
  }

  #onBytes(bytes: Uint8Array): void {
    this.#reader.append(bytes)
    while (this.#phase !== 'closed') {
      const read = this.#reader.next()
      if (read === undefined) return
      this.#moved = true
      if (read.ok) this.#onReply(this.#awaited.shift(), read.value)
      else this.#fail('smtp/bad-reply', read.fault.message)
    }
  }

  #onReply(step: Step | undefined, reply: Reply): void {
    // The server is about to close, whatever was asked. RFC 5321 §4.3.2.
    if (reply.code === 421 && step?.type !== 'quit') {
      this.#fail('smtp/refused', 'the server closes the session', reply)
      return
    }
    if (step === undefined) {
      // Early word from a server that will not read the rest, or none that belongs here at all.
      const code = reply.code >= 400 ? 'smtp/refused' : 'smtp/bad-reply'
      this.#fail(code, 'a reply before its time', reply)
      return
    }
    switch (step.type) {
      case 'greeting':
      case 'hello':
      case 'starttls':
      case 'auth':
        this.#move(this.#opening.hear(step, reply))
        break
      case 'quit':
        this.#finish()
        break
      default:
        assert(this.#transaction !== undefined, 'a mail is under way')
        this.#onMailReply(step, this.#transaction, reply)
    }
  }

  #move(move: OpeningMove): void {
    switch (move.type) {
      case 'say':
        this.#send(move.line)
        this.#await(move.step)
        break
      case 'secure':
        // What came with the reply nobody vouches for. RFC 3207 §4.2.
        this.#reader = new ReplyReader()
        this.#secure()
        break
      case 'open':
        this.#offered = this.#usable(move.offered)
        this.#isVerified = move.isVerified
        this.#becomeReady()
        break
      case 'leave':
        this.#send('QUIT\r\n')
        this.#fail(move.code, move.message, move.reply)
        break
      case 'fail':
        this.#fail(move.code, move.message, move.reply)
    }
  }

  #usable(offered: Extensions): Extensions {
    return this.#options.pipelining === 'never' ? { ...offered, pipelining: false } : offered
  }

  #secure(): void {
    this.#phase = 'securing'
    this.#moved = true
    this.#effects.push({ type: 'secure' })
  }

  #onSecured(session: TlsSession): void {
    const move = this.#opening.secured(session)
    if (move !== undefined) this.#move(move)
    else this.#phase = 'replies'
    this.#moved = true
  }

  #becomeReady(): void {
    this.#phase = 'ready'
    this.#effects.push({ type: 'ready', offered: this.#offered })
  }

  #startMail(mail: OutgoingMail): void {
    const objection = objectionToSending(mail, this.#offered, this.#isVerified)
    if (objection !== undefined) {
      this.#effects.push({ type: 'settled', replies: mail.recipients.map(() => objection) })
      this.#becomeReady()
      return
    }
    const transaction = new ClientTransaction(mail)
    this.#transaction = transaction
    this.#body = transaction.isBinary ? chunkedBody() : dataBody()
    this.#planned = transaction.steps(this.#resetNeeded)
    this.#proceed(transaction)
  }

  /** Sends the next command, or all that are left as one group. RFC 2920 §3.1. */
  #proceed(transaction: ClientTransaction): void {
    const { length } = this.#planned
    const group = this.#planned.splice(0, this.#offered.pipelining ? length : 1)
    this.#send(group.map((step) => transaction.line(step, this.#offered)).join(''))
    for (const step of group) this.#await(step)
  }

  #onMailReply(step: MailStep | EndStep, transaction: ClientTransaction, reply: Reply): void {
    if (step.type === 'data' ? isPositive(reply) : isIntermediate(reply)) {
      this.#fail('smtp/bad-reply', 'a reply of the wrong kind', reply)
      return
    }
    switch (step.type) {
      case 'chunk':
        this.#onChunkReply(reply)
        return
      case 'end-of-data':
        transaction.finish(reply, step.index)
        if (this.#awaited.length > 0) return
        this.#resetNeeded = false
        this.#settle(transaction)
        return
      case 'end-of-nothing':
        this.#resetNeeded = false
        this.#settle(transaction)
        return
      case 'data':
        this.#onDataReply(transaction, reply)
        return
      default:
        if (step.type === 'mail') this.#resetNeeded = isPositive(reply)
        transaction.hear(step, reply)
    }
    if (this.#awaited.length > 0) return
    const isEnvelopeDone = (this.#planned[0]?.type ?? 'data') === 'data'
    if (transaction.isRefused || (isEnvelopeDone && !transaction.isWanted)) {
      this.#settle(transaction)
    } else if (this.#planned.length === 0) this.#wantBody()
    else this.#proceed(transaction)
  }

  #onDataReply(transaction: ClientTransaction, reply: Reply): void {
    if (!isIntermediate(reply)) {
      transaction.hear({ type: 'data' }, reply)
      this.#settle(transaction)
    } else if (transaction.isWanted) this.#wantBody()
    else if (this.#options.protocol === 'LMTP') {
      // Nobody is left to answer for the end of it. RFC 2033.
      this.#fail('smtp/bad-reply', 'DATA accepted for nobody', reply)
    } else {
      this.#send('.\r\n')
      this.#await({ type: 'end-of-nothing' })
    }
  }

  #wantBody(): void {
    this.#phase = 'wants-body'
    this.#effects.push({ type: 'more-body' })
  }

  #onBody(bytes: Uint8Array, isLast: boolean): void {
    if (bytes.length === 0) {
      this.#effects.push({ type: 'more-body' })
      return
    }
    if (!this.#offered.eightBitMime && bytes.some((byte) => byte > 0x7f)) {
      this.#takeBack(EIGHT_BIT_NOT_POSSIBLE)
      return
    }
    for (const part of this.#body.piece(bytes)) this.#effects.push({ type: 'send', bytes: part })
    if (isLast && !this.#body.isAnswered) {
      this.#onBodyEnd()
      return
    }
    if (this.#body.isAnswered) this.#await({ type: 'chunk' })
    this.#phase = 'draining'
    this.#moved = true
  }

  /** Chunks may follow each other unanswered only where the server has PIPELINING. RFC 3030 §4.2. */
  #onDrained(): void {
    if (this.#awaited.length === 0 || this.#offered.pipelining) this.#wantBody()
    else this.#phase = 'replies'
    this.#moved = true
  }

  #onChunkReply(reply: Reply): void {
    // What is left of the message must not be sent. RFC 3030 §2.
    if (!isPositive(reply)) this.#takeBack(reply)
    else if (this.#phase === 'replies' && this.#awaited.length === 0) this.#wantBody()
  }

  #onBodyEnd(): void {
    this.#effects.push({ type: 'send', bytes: this.#body.end() })
    if (this.#options.protocol === 'LMTP') {
      for (const index of this.#transaction?.wanted ?? []) {
        this.#await({ type: 'end-of-data', index })
      }
    } else this.#await({ type: 'end-of-data' })
  }

  /** A message that has begun is stopped by closing alone: without its end it never was. RFC 5321 §4.1.1.4. */
  #takeBack(reason: Reply): void {
    const transaction = this.#transaction
    assert(transaction !== undefined, 'a mail is under way')
    transaction.finish(reason)
    this.#effects.push({ type: 'settled', replies: transaction.outcome() })
    this.#finish()
  }

  #settle(transaction: ClientTransaction): void {
    this.#planned = []
    this.#transaction = undefined
    this.#effects.push({ type: 'settled', replies: transaction.outcome() })
    this.#becomeReady()
  }

  #send(text: string): void {
    this.#effects.push({ type: 'send', bytes: fromUtf8(text) })
  }

  #await(step: Step): void {
    this.#awaited.push(step)
    this.#phase = 'replies'
    this.#moved = true
  }

  /** The stream has ended, or nothing more is to be hoped of it. */
  #end(code: SmtpFaultCode, message: string): void {
    if (this.#awaited[0]?.type === 'quit') this.#finish()
    else this.#fail(code, message)
  }

  #fail(code: SmtpFaultCode, message: string, reply?: Reply): void {
    const judged = code === 'smtp/refused' || code === 'smtp/authentication-failed'
    const temporary = judged && reply ? isTemporary(reply) : code !== 'smtp/no-authentication'
    const words =
      reply === undefined ? message : `${message}: ${reply.code} ${reply.lines.join(' ')}`
    this.#keepAnswers(judged && reply ? reply : CONNECTION_LOST)
    this.#effects.push({ type: 'failed', fault: new Fault(code, words, { temporary }), reply })
    this.#close()
  }

  /** What some recipients have been told stands, also where the others hear nothing. RFC 2033. */
  #keepAnswers(instead: Reply): void {
    const transaction = this.#transaction
    if (!transaction?.isPartlyFinished) return
    transaction.finish(instead)
    this.#effects.push({ type: 'settled', replies: transaction.outcome() })
    this.#transaction = undefined
  }

  #finish(): void {
    this.#effects.push({ type: 'finished' })
    this.#close()
  }

  #close(): void {
    this.#effects.push({ type: 'close' })
    this.#phase = 'closed'
  }
}
