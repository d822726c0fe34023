/**
 * One TCPCL session, from the first octet to the last. Version 4: RFC 9174; version 3: RFC 7242.
 * See the README for its states.
 */

import { assert, unreachable } from '../../base/assert.ts'
import { Deadlines } from '../../base/deadlines.ts'
import { Fault, type Result } from '../../base/fault.ts'
import { type Scattered, sizeOf } from '../../base/scattered.ts'
import { addMs, type MonoMs } from '../../base/time.ts'
import { Input } from '../bundle-session/input.ts'
import { SEND_WINDOW_BYTES } from '../bundle-session/limits.ts'
import type {
  BundleSession,
  BundleSessionEffect,
  BundleSessionEvent,
  TerminationReason,
} from '../bundle-session/session.ts'
import { type DecodedContactHeader, decodeContactHeader } from './contact-header.ts'
import type { Heard } from './dialect.ts'
import { Establishment, type Step, type Terms } from './establishment.ts'
import { fault, refusedBy, type TcpclFaultCode, terminated, wordFor } from './fault.ts'
import { IncomingTransfers, type SegmentHead } from './incoming.ts'
import {
  ACKNOWLEDGEMENT_MS,
  CONTACT_MS,
  ENDING_MS,
  REJECTIONS_MAX,
  SEGMENT_BYTES_MAX,
  SILENCE_MS,
} from './limits.ts'
import { REFUSE_REASONS, REJECT_REASONS, TERM_REASONS } from './message.ts'
import type { TcpclOptions } from './options.ts'
import { OutgoingTransfers } from './outgoing.ts'

type State =
  | { readonly name: 'establishing' }
  | { readonly name: 'established' }
  /** Transfers that have begun are finished; `isAnswered`: both sides know. */
  | { readonly name: 'ending'; readonly isAnswered: boolean; readonly reason: number | undefined }
  | { readonly name: 'closed'; readonly fault: Fault }

type Timer = 'contact' | 'keepalive' | 'silence' | 'acknowledgement' | 'idle' | 'ending'

export class TcpclSession implements BundleSession {
  readonly #options: TcpclOptions
  readonly #deadlines: Deadlines<Timer> = new Deadlines()
  readonly #input: Input = new Input()
  readonly #outgoing: OutgoingTransfers = new OutgoingTransfers()
  readonly #incoming: IncomingTransfers
  readonly #establishment: Establishment
  #state: State = { name: 'establishing' }
  #keepaliveMs = 0
  #segmentMtu: number = SEGMENT_BYTES_MAX
  #transferMtu: number = Number.POSITIVE_INFINITY
  /** In version 3 both are agreed on. */
  #isAcknowledged = true
  #mayRefuse = true
  #rejections = 0
  /** Sent since the stream last had nothing to send. */
  #leavingBytes = 0
  #isPaused = false
  #now: MonoMs | undefined
  #hasSent = false
  #effects: BundleSessionEffect[] = []

  constructor(options: TcpclOptions) {
    this.#options = options
    this.#establishment = new Establishment(options)
    this.#incoming = new IncomingTransfers(options.transferBytesMax, options.slab)
  }

  get deadline(): MonoMs | undefined {
    return this.#deadlines.earliest
  }

  get heldBytes(): number {
    return this.#incoming.heldBytes + this.#input.heldBytes
  }

  handle(event: BundleSessionEvent, now: MonoMs): readonly BundleSessionEffect[] {
    this.#effects = []
    this.#now = now
    if (this.#state.name === 'closed') {
      if (event.type === 'transmit') this.#fail([event.transmission], this.#state.fault)
      return this.#effects
    }
    this.#on(event)
    this.#proceed()
    if (this.#isOpen()) {
      this.#steerFlow()
      this.#steerTimers()
    }
    return this.#effects
  }

  #on(event: BundleSessionEvent): void {
    switch (event.type) {
      case 'connected':
        this.#arm('contact', CONTACT_MS)
        this.#take(this.#establishment.begin())
        return
      case 'bytes':
        this.#hearAnything()
        this.#input.push(event.bytes, (available) => this.#read(available))
        return
      case 'drained':
        this.#leavingBytes = 0
        if (!this.#isAcknowledged) this.#succeed(this.#outgoing.takeSent())
        return
      case 'tick':
        this.#onTick()
        return
      case 'secured':
        this.#arm('contact', CONTACT_MS)
        this.#take(this.#establishment.onSecured(event.session))
        return
      case 'ended':
        this.#end(this.#lossFor(event.fault))
        return
      case 'transmit':
        this.#onTransmit(event.transmission, event.bundle)
        return
      case 'accepted':
        this.#incoming.settle(event.reception, undefined)
        return
      case 'refused':
        this.#incoming.settle(event.reception, this.#refusalFor(event.isTemporary))
        return
      case 'terminate':
        this.#onTerminate(event.reason)
        return
      default:
        unreachable(event)
    }
  }

  /** Goes on with whatever can go on. */
  #proceed(): void {
    if (this.#isLive()) {
      this.#sendSegments()
      this.#sendAnswers()
    }
    if (this.#state.name === 'ending') this.#finishEnding(this.#state)
  }

  /** A connection that is lost may be had again; a handshake that failed wants somebody's attention. */
  #lossFor(cause: Fault | undefined): Fault {
    const isHandshake = this.#isWaitingFor('handshake')
    const code = isHandshake ? 'tcpcl/tls-failed' : 'tcpcl/connection-lost'
    const message = cause?.message ?? 'the connection is gone'
    return new Fault<TcpclFaultCode>(code, message, { temporary: !isHandshake, cause })
  }

  #isWaitingFor(phase: Establishment['phase']): boolean {
    return this.#state.name === 'establishing' && this.#establishment.phase === phase
  }

  #isOpen(): boolean {
    return this.#state.name !== 'closed'
  }

  #isLive(): boolean {
    return this.#state.name === 'established' || this.#state.name === 'ending'
  }

  #sendSegments(): void {
    while (this.#leavingBytes < SEND_WINDOW_BYTES) {
      const segment = this.#outgoing.next(this.#segmentMtu, this.#state.name === 'established')
      if (segment === undefined) return
      this.#send(this.#establishment.dialect.segment(segment))
      for (const piece of segment.data) this.#send(piece)
    }
  }

  #sendAnswers(): void {
    for (const answer of this.#incoming.takeAnswers()) {
      if (answer.type === 'refuse') this.#send(this.#establishment.dialect.refuse(answer))
      else if (this.#isAcknowledged) this.#send(this.#establishment.dialect.ack(answer))
    }
  }

  /** Closes once both sides know and nothing is in transfer. RFC 9174 §6.1. */
  #finishEnding({ isAnswered, reason }: State & { readonly name: 'ending' }): void {
    if (!isAnswered || !this.#outgoing.isIdle || !this.#incoming.isIdle) return
    // Version 3 says last what version 4 says first.
    if (this.#establishment.dialect.version === 3 && reason !== undefined) this.#sayTerm(reason)
    this.#close(undefined)
  }

  #steerFlow(): void {
    const { isFull } = this.#incoming
    if (isFull === this.#isPaused) return
    this.#isPaused = isFull
    this.#effects.push({ type: isFull ? 'pause' : 'resume' })
    if (!isFull) this.#hearAnything()
  }

  #steerTimers(): void {
    if (this.#hasSent && this.#isLive() && this.#keepaliveMs > 0) {
      this.#arm('keepalive', this.#keepaliveMs)
    }
    this.#hasSent = false
    if (this.#outgoing.isIdle) this.#deadlines.clear('acknowledgement')
    else if (!this.#deadlines.has('acknowledgement')) {
      this.#arm('acknowledgement', ACKNOWLEDGEMENT_MS)
    }
    // Whoever is not read from cannot be heard.
    if (this.#isPaused) this.#deadlines.clear('silence')
  }

  #onTick(): void {
    if (this.#due('contact')) {
      if (this.#isWaitingFor('init')) this.#sayTerm(TERM_REASONS.contactFailure)
      this.#close(fault('tcpcl/timed-out', 'the peer did not introduce itself in time', true))
    } else if (this.#due('silence')) {
      if (this.#isLive()) this.#sayTerm(TERM_REASONS.idleTimeout)
      this.#close(fault('tcpcl/timed-out', 'nothing was heard of the peer for too long', true))
    } else if (this.#due('acknowledgement')) {
      this.#sayTerm(TERM_REASONS.unknown)
      this.#close(fault('tcpcl/timed-out', 'the peer did not acknowledge in time', true))
    } else if (this.#due('ending')) {
      this.#close(fault('tcpcl/timed-out', 'the session did not end in time', true))
    } else if (this.#due('idle')) this.#onIdle()
    else if (this.#due('keepalive')) this.#send(this.#establishment.dialect.keepalive())
  }

  /** RFC 9174 §6.2. */
  #onIdle(): void {
    if (this.#outgoing.isIdle && this.#incoming.isIdle) this.#terminate(TERM_REASONS.idleTimeout)
    else this.#hearTransfer()
  }

  #onTransmit(transmission: number, bundle: Scattered): void {
    if (this.#state.name === 'ending') {
      this.#fail([transmission], terminated())
      return
    }
    this.#hearTransfer()
    const sizeBytes = sizeOf(bundle)
    if (sizeBytes > this.#transferMtu) this.#failTooLarge(transmission, sizeBytes)
    else this.#outgoing.add(transmission, bundle)
  }

  #failTooLarge(transmission: number, sizeBytes: number): void {
    const message = `${sizeBytes} bytes, and the peer takes ${this.#transferMtu}`
    // For this peer; it may have changed its mind when it is asked again.
    const reason = new Fault<TcpclFaultCode>('tcpcl/too-large', message, {
      temporary: true,
      detail: { bundleBytesMax: this.#transferMtu },
    })
    this.#fail([transmission], reason)
  }

  /** Undefined where the bundle is acknowledged: version 3 has no word for "never again". */
  #refusalFor(isTemporary: boolean): number | undefined {
    if (isTemporary) return REFUSE_REASONS.noResources
    return this.#establishment.dialect.version === 4 ? REFUSE_REASONS.notAcceptable : undefined
  }

  #onTerminate(reason: TerminationReason): void {
    if (reason === 'resource-exhaustion') {
      if (this.#isLive()) this.#sayTerm(TERM_REASONS.resourceExhaustion)
      this.#close(fault('tcpcl/terminated', 'its transfers took too much memory', true))
    } else if (this.#isLive()) this.#terminate(TERM_REASONS.unknown)
    else this.#close(terminated())
  }

  #terminate(reason: number): void {
    if (this.#state.name === 'ending') return
    const isVersion4 = this.#establishment.dialect.version === 4
    if (isVersion4) this.#sayTerm(reason)
    this.#toEnding({ name: 'ending', isAnswered: !isVersion4, reason })
  }

  #toEnding(state: State & { readonly name: 'ending' }): void {
    this.#state = state
    this.#arm('ending', ENDING_MS)
    this.#deadlines.clear('idle')
    this.#fail(this.#outgoing.takeQueued(), terminated())
  }

  /** Takes what can be understood of `bytes`: how many they were. */
  #read(bytes: Uint8Array): number {
    let at = 0
    for (;;) {
      const end = this.#readOne(bytes, at)
      // After each message, so that it makes no difference how many come together.
      this.#proceed()
      if (!this.#isOpen()) return bytes.length
      if (end === undefined) return at
      at = end
    }
  }

  /** Index of the octet behind what was taken; undefined where nothing was. */
  #readOne(bytes: Uint8Array, at: number): number | undefined {
    if (this.#isWaitingFor('header')) return this.#readContactHeader(bytes)
    if (this.#isWaitingFor('handshake')) return this.#refusePlaintext(bytes, at)
    if (this.#incoming.isInSegment) return this.#readData(bytes, at)
    const decoded = this.#establishment.dialect.decode(bytes, at)
    if (!decoded.ok) {
      this.#onUndecodable(decoded.fault, bytes[at] ?? 0)
      return undefined
    }
    if (decoded.value === undefined) return undefined
    this.#onMessage(decoded.value.heard, bytes[at] ?? 0)
    return decoded.value.end
  }

  #readData(bytes: Uint8Array, at: number): number | undefined {
    const { missingBytes } = this.#incoming
    if (at === bytes.length && missingBytes > 0) return undefined
    const data = bytes.subarray(at, at + missingBytes)
    const complete = this.#incoming.append(data)
    if (complete === 'mismatch') {
      this.#violated('tcpcl/bad-length', 'a transfer that is not as long as it said')
    } else if (complete !== undefined) {
      this.#effects.push({ type: 'received', ...complete, mayRefuse: this.#mayRefuse })
    }
    return at + data.length
  }

  /** Whoever lies between both could have added it, and it must not outlive the handshake. */
  #refusePlaintext(bytes: Uint8Array, at: number): undefined {
    if (at === bytes.length) return
    this.#close(fault('tcpcl/unexpected-message', 'plaintext where TLS was to begin', false))
  }

  #readContactHeader(bytes: Uint8Array): number | undefined {
    const decoded = decodeContactHeader(bytes)
    if (decoded.ok && decoded.value === undefined) return undefined
    this.#arm('contact', CONTACT_MS)
    this.#take(this.#establishment.onHeader(decoded as Result<DecodedContactHeader>))
    return decoded.ok ? decoded.value?.lengthBytes : undefined
  }

  #take(steps: readonly Step[]): void {
    for (const step of steps) {
      switch (step.type) {
        case 'send':
          this.#send(step.bytes)
          break
        case 'secure':
          this.#effects.push(step)
          break
        case 'failed':
          this.#close(step.fault)
          break
        case 'established':
          this.#establish(step.terms)
          break
        default:
          unreachable(step)
      }
    }
  }

  #establish(terms: Terms): void {
    const { nodeId, isProven } = terms
    this.#state = { name: 'established' }
    this.#segmentMtu = terms.segmentMtu
    this.#transferMtu = terms.transferMtu
    this.#isAcknowledged = terms.isAcknowledged
    this.#mayRefuse = terms.mayRefuse
    this.#keepaliveMs = 1000 * Math.min(terms.keepaliveSec, this.#options.keepaliveSec)
    this.#deadlines.clear('contact')
    this.#hasSent = true
    this.#hearAnything()
    this.#hearTransfer()
    this.#effects.push({
      type: 'established',
      node: nodeId === '' ? undefined : nodeId,
      isProven,
    })
    for (const { transmission, sizeBytes } of this.#outgoing.takeLarger(this.#transferMtu)) {
      this.#failTooLarge(transmission, sizeBytes)
    }
  }

  #onMessage(heard: Heard, header: number): void {
    if (heard.type === 'term') {
      this.#onTerm(heard)
      return
    }
    if (this.#state.name === 'establishing') {
      if (heard.type === 'sess-init') this.#take(this.#establishment.onSessInit(heard))
      else if (heard.type !== 'keepalive') this.#onUnexpected(header, 'a message before SESS_INIT')
      return
    }
    if (heard.type !== 'keepalive') this.#hearTransfer()
    switch (heard.type) {
      case 'segment':
        this.#onSegment(heard.head, header)
        return
      case 'ack':
        this.#onAck(heard, header)
        return
      case 'refuse':
        this.#onRefuse(heard, header)
        return
      case 'reject':
        this.#sayTerm(TERM_REASONS.unknown)
        this.#close(
          fault('tcpcl/rejected', `our message of type ${heard.rejectedHeader} was rejected`, true),
        )
        return
      case 'sess-init':
        this.#onUnexpected(header, 'a second SESS_INIT')
        return
      case 'keepalive':
      case 'length':
        return
      default:
        unreachable(heard)
    }
  }

  #onSegment(head: SegmentHead, header: number): void {
    if (head.dataLength > this.#options.transferBytesMax) {
      this.#send(this.#establishment.dialect.reject(REJECT_REASONS.unsupported, header))
      this.#close(fault('tcpcl/too-large', `a segment of ${head.dataLength} bytes`, false))
      return
    }
    const outcome = this.#incoming.begin(head, this.#state.name === 'ending')
    if (outcome === 'unexpected') this.#onUnexpected(header, 'a segment out of sequence')
    else if (outcome !== undefined && !this.#mayRefuse) {
      this.#close(fault('tcpcl/too-large', 'a bundle that cannot be refused otherwise', false))
    } else if (outcome !== undefined && outcome !== REFUSE_REASONS.sessionTerminating) {
      this.#violated(offenceOf(outcome), 'a transfer that is refused from its head')
    }
  }

  #onAck(heard: Heard & { readonly type: 'ack' }, header: number): void {
    const { transferId, acknowledgedLength } = heard
    const outcome = this.#outgoing.acknowledge(transferId, acknowledgedLength)
    if (outcome === 'unexpected') {
      this.#onUnexpected(header, 'an acknowledgement of what was not sent')
      return
    }
    this.#deadlines.clear('acknowledgement')
    if (outcome !== undefined) this.#succeed([outcome])
  }

  /** RFC 9174 §5.2.4. */
  #onRefuse(heard: Heard & { readonly type: 'refuse' }, header: number): void {
    const { transferId, reason } = heard
    if (transferId !== undefined && !this.#outgoing.hasBegun(transferId)) {
      this.#onUnexpected(header, 'a refusal of what was not sent')
      return
    }
    const transmission = this.#outgoing.refuse(transferId)
    if (transmission === undefined) return
    this.#deadlines.clear('acknowledgement')
    if (reason === REFUSE_REASONS.completed) this.#succeed([transmission])
    else this.#fail([transmission], refusedBy(reason))
  }

  /** RFC 9174 §6.1. */
  #onTerm({ isReply, reason }: Heard & { readonly type: 'term' }): void {
    if (!this.#isLive()) {
      this.#send(this.#establishment.dialect.term({ reason, isReply: true }))
      this.#close(
        fault('tcpcl/terminated', `the peer refused the session: ${wordFor(reason)}`, true),
      )
      return
    }
    if (this.#state.name === 'ending') {
      this.#state = { ...this.#state, isAnswered: true }
      return
    }
    if (this.#establishment.dialect.version === 4 && !isReply) {
      this.#send(this.#establishment.dialect.term({ reason, isReply: true }))
    }
    this.#toEnding({ name: 'ending', isAnswered: true, reason: undefined })
  }

  /** RFC 9174 §5.1.2. Version 3 has no rejection: there is no going on. */
  #onUnexpected(header: number, message: string): void {
    this.#send(this.#establishment.dialect.reject(REJECT_REASONS.unexpected, header))
    this.#rejections++
    const isLast = this.#rejections >= REJECTIONS_MAX || this.#state.name === 'establishing'
    if (isLast || this.#establishment.dialect.version === 3) {
      this.#close(fault('tcpcl/unexpected-message', message, false))
    } else this.#violated('tcpcl/unexpected-message', message)
  }

  /** For whoever counts. */
  #violated(code: TcpclFaultCode, message: string): void {
    this.#effects.push({ type: 'violation', fault: fault(code, message, false) })
  }

  /** Nobody can tell where the next message begins. */
  #onUndecodable(reason: Fault, header: number): void {
    if (reason.code === 'tcpcl/unknown-message') {
      this.#send(this.#establishment.dialect.reject(REJECT_REASONS.typeUnknown, header))
    } else if (this.#state.name === 'establishing') this.#sayTerm(TERM_REASONS.contactFailure)
    else this.#send(this.#establishment.dialect.reject(REJECT_REASONS.unsupported, header))
    this.#close(reason)
  }

  #hearAnything(): void {
    if (!this.#isLive()) return
    this.#arm('silence', this.#keepaliveMs > 0 ? 2 * this.#keepaliveMs : SILENCE_MS)
  }

  #hearTransfer(): void {
    const { idleMs } = this.#options
    if (idleMs !== undefined && this.#state.name === 'established') this.#arm('idle', idleMs)
    if (this.#state.name === 'ending') this.#arm('ending', ENDING_MS)
  }

  #sayTerm(reason: number): void {
    this.#send(this.#establishment.dialect.term({ reason, isReply: false }))
  }

  #send(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#leavingBytes += bytes.length
    this.#hasSent = true
    this.#effects.push({ type: 'send', bytes })
  }

  #succeed(transmissions: readonly number[]): void {
    for (const transmission of transmissions) {
      this.#effects.push({ type: 'transmitted', transmission })
    }
  }

  #fail(transmissions: readonly number[], reason: Fault): void {
    for (const transmission of transmissions) {
      this.#effects.push({ type: 'not-transmitted', transmission, fault: reason })
    }
  }

  #close(reason: Fault | undefined): void {
    this.#effects.push({ type: 'close' })
    this.#end(reason)
  }

  #end(reason: Fault | undefined): void {
    // Whatever was wrong with the session, it is not the fault of these bundles.
    const lost = reason?.temporary === false ? terminated(reason) : (reason ?? terminated())
    this.#fail(this.#outgoing.takeAll(), lost)
    this.#state = { name: 'closed', fault: lost }
    this.#deadlines.clearAll()
    this.#input.clear()
    this.#effects.push({ type: 'over', fault: reason })
  }

  #arm(timer: Timer, durationMs: number): void {
    assert(this.#now !== undefined, 'timers are armed while an event is handled')
    this.#deadlines.set(timer, addMs(this.#now, durationMs))
  }

  #due(timer: Timer): boolean {
    assert(this.#now !== undefined, 'timers are looked at while an event is handled')
    return this.#deadlines.take(timer, this.#now)
  }
}

/** What was wrong with a transfer that is refused for this reason before all of it is there. */
function offenceOf(reason: number): TcpclFaultCode {
  if (reason === REFUSE_REASONS.extensionFailure) return 'tcpcl/bad-extension'
  return reason === REFUSE_REASONS.noResources ? 'tcpcl/too-large' : 'tcpcl/bad-length'
}
