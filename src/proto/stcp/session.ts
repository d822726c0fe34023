/** One connection that carries bundles in STCP or MTCP framing. */

import { unreachable } from '../../base/assert.ts'
import { Fault } from '../../base/fault.ts'
import { Queue } from '../../base/queue.ts'
import { partOf, type Scattered, sizeOf } from '../../base/scattered.ts'
import { Slab } from '../../base/slab.ts'
import { addMs, type MonoMs } from '../../base/time.ts'
import { Assembly } from '../bundle-session/assembly.ts'
import { Input } from '../bundle-session/input.ts'
import { SEND_WINDOW_BYTES } from '../bundle-session/limits.ts'
import { Receptions } from '../bundle-session/receptions.ts'
import type {
  BundleSession,
  BundleSessionEffect,
  BundleSessionEvent,
  SessionRole,
  TerminationReason,
} from '../bundle-session/session.ts'
import type { StcpFaultCode } from './fault.ts'
import { decodeFrameHead, encodeFrameHead, type Framing } from './framing.ts'
import { KEEPALIVE_MS } from './limits.ts'

export interface StcpOptions {
  readonly role: SessionRole
  readonly framing: Framing
  /** Largest bundle, either way. */
  readonly bundleBytesMax: number
  /** For what is received: sessions that share one share what it keeps. Default: its own. */
  readonly slab?: Slab
}

interface Transmission {
  readonly transmission: number
  readonly bundle: Scattered
}

type State =
  | { readonly name: 'open' }
  /** What has been sent is on its way out. */
  | { readonly name: 'ending' }
  | { readonly name: 'closed'; readonly fault: Fault }

export class StcpSession implements BundleSession {
  readonly #options: StcpOptions
  readonly #input: Input = new Input()
  readonly #receptions: Receptions = new Receptions()
  readonly #slab: Slab
  #state: State = { name: 'open' }
  /** The bundle whose rest is to come. */
  #incoming: { readonly assembly: Assembly; missingBytes: number } | undefined
  readonly #queued: Queue<Transmission> = new Queue()
  /** Given to the stream since it last had nothing to send. */
  #leaving: number[] = []
  #leavingBytes = 0
  #isPaused = false
  #keepaliveAt: MonoMs | undefined
  #effects: BundleSessionEffect[] = []

  constructor(options: StcpOptions) {
    this.#options = options
    this.#slab = options.slab ?? new Slab()
  }

  get deadline(): MonoMs | undefined {
    return this.#keepaliveAt
  }

  get heldBytes(): number {
    return (
      this.#receptions.bytes + this.#input.heldBytes + (this.#incoming?.assembly.heldBytes ?? 0)
    )
  }

  handle(event: BundleSessionEvent, now: MonoMs): readonly BundleSessionEffect[] {
    this.#effects = []
    if (this.#state.name === 'closed') {
      if (event.type === 'transmit') this.#fail(event.transmission, this.#state.fault)
      return this.#effects
    }
    this.#on(event, now)
    this.#work(now)
    return this.#effects
  }

  #on(event: BundleSessionEvent, now: MonoMs): void {
    switch (event.type) {
      case 'connected':
        this.#touch(now)
        this.#effects.push({ type: 'established', node: undefined, isProven: false })
        return
      case 'bytes':
        this.#input.push(event.bytes, (available) => this.#read(available))
        return
      case 'drained':
        for (const transmission of this.#leaving) {
          this.#effects.push({ type: 'transmitted', transmission })
        }
        this.#leaving = []
        this.#leavingBytes = 0
        return
      case 'tick':
        if (this.#keepaliveAt !== undefined && this.#keepaliveAt <= now) this.#keepAlive(now)
        return
      case 'ended':
        this.#end(fault('stcp/closed', 'the connection is gone', true))
        return
      case 'transmit':
        this.#onTransmit(event)
        return
      case 'accepted':
      case 'refused':
        // There is no way to refuse: what cannot be taken is lost, as it says in `received`.
        this.#receptions.settle(event.reception)
        return
      case 'terminate':
        this.#onTerminate(event.reason)
        return
      case 'secured':
        // Nothing here asks for TLS.
        return
      default:
        unreachable(event)
    }
  }

  #onTransmit({ transmission, bundle }: Transmission): void {
    const { bundleBytesMax } = this.#options
    const sizeBytes = sizeOf(bundle)
    if (sizeBytes > bundleBytesMax) {
      const message = `${sizeBytes} bytes, and ${bundleBytesMax} is the limit`
      this.#fail(transmission, fault('stcp/too-large', message, false))
    } else if (this.#state.name === 'ending') this.#fail(transmission, closing())
    else this.#queued.push({ transmission, bundle })
  }

  #onTerminate(reason: TerminationReason): void {
    if (reason === 'resource-exhaustion') {
      this.#effects.push({ type: 'close' })
      this.#end(fault('stcp/closed', 'what it sent took too much memory', true))
      return
    }
    this.#state = { name: 'ending' }
    for (const { transmission } of this.#queued) this.#fail(transmission, closing())
    this.#queued.clear()
  }

  /** Goes on with whatever can go on. */
  #work(now: MonoMs): void {
    while (this.#state.name === 'open' && this.#leavingBytes < SEND_WINDOW_BYTES) {
      const next = this.#queued.shift()
      if (next === undefined) break
      this.#leaving.push(next.transmission)
      const { bundle } = next
      this.#send(encodeFrameHead(this.#options.framing, sizeOf(bundle)), now)
      for (const piece of partOf(bundle, 0, sizeOf(bundle))) this.#send(piece, now)
    }
    if (this.#state.name === 'ending' && this.#leaving.length === 0) {
      this.#effects.push({ type: 'close' })
      this.#end(undefined)
    }
    this.#steerFlow()
  }

  /** A peer cannot be refused anything: it is not read from while too much waits. */
  #steerFlow(): void {
    const { isFull } = this.#receptions
    if (this.#state.name === 'closed' || isFull === this.#isPaused) return
    this.#isPaused = isFull
    this.#effects.push({ type: isFull ? 'pause' : 'resume' })
  }

  /** Takes what can be understood of `bytes`: how many they were. */
  #read(bytes: Uint8Array): number {
    let at = 0
    try {
      while (at < bytes.length && this.#state.name !== 'closed') {
        const taken = this.#readOne(bytes, at)
        if (taken === 0) break
        at += taken
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.#effects.push({ type: 'close' })
      this.#end(error)
    }
    return this.#state.name === 'closed' ? bytes.length : at
  }

  #readOne(bytes: Uint8Array, at: number): number {
    if (this.#incoming === undefined) {
      const { framing, bundleBytesMax } = this.#options
      const head = decodeFrameHead(framing, bytes, at, bundleBytesMax)
      if (head === undefined) return 0
      if (head.bundleBytes > 0) {
        const { bundleBytes } = head
        const assembly = new Assembly(this.#slab, bundleBytes)
        this.#incoming = { assembly, missingBytes: bundleBytes }
      }
      return head.headBytes
    }
    const piece = bytes.subarray(at, at + this.#incoming.missingBytes)
    this.#incoming.missingBytes -= piece.length
    const isComplete = this.#incoming.missingBytes === 0
    this.#incoming.assembly.append(piece, isComplete)
    if (isComplete) {
      const { bundle, piece } = this.#incoming.assembly.take()
      this.#incoming = undefined
      const reception = this.#receptions.add(bundle.length)
      this.#effects.push({ type: 'received', reception, bundle, piece, mayRefuse: false })
    }
    return piece.length
  }

  #keepAlive(now: MonoMs): void {
    this.#send(encodeFrameHead(this.#options.framing, 0), now)
  }

  #send(bytes: Uint8Array, now: MonoMs): void {
    this.#leavingBytes += bytes.length
    this.#effects.push({ type: 'send', bytes })
    this.#touch(now)
  }

  /** µD3TN and dtn7 send none, and need none. */
  #touch(now: MonoMs): void {
    const { role, framing } = this.#options
    if (role === 'active' && framing === 'stcp') this.#keepaliveAt = addMs(now, KEEPALIVE_MS)
  }

  #fail(transmission: number, reason: Fault): void {
    this.#effects.push({ type: 'not-transmitted', transmission, fault: reason })
  }

  #end(reason: Fault | undefined): void {
    const lost = reason?.temporary === true ? reason : closing()
    for (const transmission of this.#leaving) this.#fail(transmission, lost)
    for (const { transmission } of this.#queued) this.#fail(transmission, lost)
    this.#leaving = []
    this.#queued.clear()
    this.#incoming = undefined
    this.#keepaliveAt = undefined
    this.#input.clear()
    this.#state = { name: 'closed', fault: lost }
    this.#effects.push({ type: 'over', fault: reason })
  }
}

function closing(): Fault<StcpFaultCode> {
  return fault('stcp/closed', 'the connection is being closed', true)
}

function fault(code: StcpFaultCode, message: string, temporary: boolean): Fault<StcpFaultCode> {
  return new Fault(code, message, { temporary })
}
