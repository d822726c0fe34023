/**
 * One TCPCL session, from the first octet to the last. Version 4: RFC 9174; version 3: RFC 7242.
 * See the README for its states.
 */

import { assert, unreachable } from '../../base/assert.ts'
import { Deadlines } from '../../base/deadlines.ts'
import { Fault, type Result } from '../../base/fault.ts'
import type { Scattered } from '../../base/scattered.ts'
import { addMs, type MonoMs } from '../../base/time.ts'
import { Input } from '../bundle-session/input.ts'
import type {
  BundleSession,
  BundleSessionEffect,
  BundleSessionEvent,
  TerminationReason,
} from '../bundle-session/session.ts'
import { type DecodedContactHeader, decodeContactHeader } from './contact-header.ts'
import type { Heard } from './dialect.ts'
import { Establishment, type Step, type Terms } from './establishment.ts'
import { fault, type TcpclFaultCode, terminated, wordFor } from './fault.ts'
import { ACKNOWLEDGEMENT_MS, CONTACT_MS, ENDING_MS, REJECTIONS_MAX, SILENCE_MS } from './limits.ts'
import { REJECT_REASONS, TERM_REASONS } from './message.ts'
import type { TcpclOptions } from './options.ts'
import { Output } from './output.ts'
import { type TransferOutcome, Transfers } from './transfers.ts'

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
  readonly #output: Output = new Output()
  readonly #transfers: Transfers
  readonly #establishment: Establishment
  #state: State = { name: 'establishing' }
  #keepaliveMs = 0
  #rejections = 0
  #isPaused = false
  #now: MonoMs | undefined

  constructor(options: TcpclOptions) {
    this.#options = options
    this.#establishment = new Establishment(options)
    this.#transfers = new Transfers(options, this.#output)
  }

  get deadline(): MonoMs | undefined {
    return this.#deadlines.earliest
  }

  get heldBytes(): number {
    return this.#transfers.heldBytes + this.#input.heldBytes
  }

  handle(event: BundleSessionEvent, now: MonoMs): readonly BundleSessionEffect[] {
    this.#now = now
    if (this.#state.name === 'closed') {
      if (event.type === 'transmit') this.#output.fail([event.transmission], this.#state.fault)
      return this.#output.take()
    }
    this.#on(event)
    this.#proceed()
    if (this.#isOpen()) {
      this.#steerFlow()
      this.#steerTimers()
    }
    return this.#output.take()
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
        this.#output.drained()
        this.#transfers.drained()
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
        this.#transfers.accept(event.reception)
        return
      case 'refused':
        this.#transfers.refuse(event.reception, event.isTemporary)
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
    if (this.#isLive()) this.#transfers.proceed(this.#state.name === 'established')
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

  get #isEnding(): boolean {
    return this.#state.name === 'ending'
  }

  #isLive(): boolean {
    return this.#state.name === 'established' || this.#state.name === 'ending'
  }

  /** Closes once both sides know and nothing is in transfer. RFC 9174 §6.1. */
  #finishEnding({ isAnswered, reason }: State & { readonly name: 'ending' }): void {
    if (!isAnswered || !this.#transfers.isIdle) return
    // Version 3 says last what version 4 says first.
    if (this.#establishment.dialect.version === 3 && reason !== undefined) this.#sayTerm(reason)
    this.#close(undefined)
  }

  #steerFlow(): void {
    const { isFull } = this.#transfers
    if (isFull === this.#isPaused) return
    this.#isPaused = isFull
    this.#output.report({ type: isFull ? 'pause' : 'resume' })
    if (!isFull) this.#hearAnything()
  }

  #steerTimers(): void {
    if (this.#output.takeHasSent() && this.#isLive() && this.#keepaliveMs > 0) {
      this.#arm('keepalive', this.#keepaliveMs)
    }
    if (this.#transfers.hasSentAll) this.#deadlines.clear('acknowledgement')
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
    if (this.#transfers.isIdle) this.#terminate(TERM_REASONS.idleTimeout)
    else this.#hearTransfer()
  }

  #onTransmit(transmission: number, bundle: Scattered): void {
    if (this.#state.name === 'ending') {
      this.#output.fail([transmission], terminated())
      return
    }
    this.#hearTransfer()
    this.#transfers.transmit(transmission, bundle)
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
    this.#transfers.failQueued()
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
    if (this.#transfers.isInSegment) return this.#transfers.readData(bytes, at)
    const decoded = this.#establishment.dialect.decode(bytes, at)
    if (!decoded.ok) {
      this.#onUndecodable(decoded.fault, bytes[at] ?? 0)
      return undefined
    }
    if (decoded.value === undefined) return undefined
    this.#onMessage(decoded.value.heard, bytes[at] ?? 0)
    return decoded.value.end
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
          this.#output.report(step)
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
    this.#transfers.begin(terms, this.#establishment.dialect)
    this.#keepaliveMs = 1000 * Math.min(terms.keepaliveSec, this.#options.keepaliveSec)
    this.#deadlines.clear('contact')
    if (this.#keepaliveMs > 0) this.#arm('keepalive', this.#keepaliveMs)
    this.#hearAnything()
    this.#hearTransfer()
    this.#output.report({
      type: 'established',
      node: nodeId === '' ? undefined : nodeId,
      isProven,
    })
    this.#transfers.failTooLarge()
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
        this.#judge(this.#transfers.onSegment(heard.head, header, this.#isEnding), header)
        return
      case 'ack':
        this.#judge(this.#transfers.onAck(heard), header)
        return
      case 'refuse':
        this.#judge(this.#transfers.onRefuse(heard), header)
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

  #judge(outcome: TransferOutcome | undefined, header: number): void {
    if (outcome?.type === 'progress') this.#deadlines.clear('acknowledgement')
    else if (outcome?.type === 'unexpected') this.#onUnexpected(header, outcome.message)
    else if (outcome?.type === 'fatal') this.#close(outcome.fault)
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
    } else this.#output.violated('tcpcl/unexpected-message', message)
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
    this.#output.send(bytes)
  }

  #close(reason: Fault | undefined): void {
    this.#output.report({ type: 'close' })
    this.#end(reason)
  }

  #end(reason: Fault | undefined): void {
    // Whatever was wrong with the session, it is not the fault of these bundles.
    const lost = reason?.temporary === false ? terminated(reason) : (reason ?? terminated())
    this.#transfers.failAll(lost)
    this.#state = { name: 'closed', fault: lost }
    this.#deadlines.clearAll()
    this.#input.clear()
    this.#output.report({ type: 'over', fault: reason })
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
