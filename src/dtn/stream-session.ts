/** A bundle session that runs over a stream: transmissions by their callbacks, receptions to the node. */

import type { Fault } from '../base/fault.ts'
import type { Scattered } from '../base/scattered.ts'
import type { Piece } from '../base/slab.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import { Window } from '../base/window.ts'
import { runSession } from '../drive/session.ts'
import type { Clock } from '../ports/clock.ts'
import { type ByteStream, formatAddress } from '../ports/network.ts'
import type { TlsOptions } from '../ports/tls.ts'
import { type EndpointId, parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import type {
  BundleSession,
  SessionOrder,
  SessionReport,
  SessionRole,
} from '../proto/bundle-session/session.ts'
import type { Receive } from './convergence-layer.ts'
import { OFFER_AGAIN_MS } from './limits.ts'

export interface StreamSessionOptions {
  readonly role: SessionRole
  readonly machine: BundleSession
  readonly stream: ByteStream
  readonly tls: TlsOptions | undefined
  readonly clock: Clock
  readonly receive: Receive
  /** The peer did what it must not; the session goes on. */
  readonly onViolation: (fault: Fault) => void
  /** More has come in. */
  readonly onHeard: () => void
  /** Every transmission is answered; nothing can be transmitted any more. */
  readonly onOver: (fault: Fault | undefined) => void
  /** Over, and nothing that was received waits any more. */
  readonly onGone: () => void
}

interface Received {
  readonly reception: number
  readonly bundle: Uint8Array
  readonly piece: Piece
  readonly mayRefuse: boolean
}

export class StreamSession {
  readonly role: SessionRole
  /** Of the peer, for the log. */
  readonly from: string
  /** Of the peer. */
  readonly host: string
  readonly #options: StreamSessionOptions
  readonly #feed: (order: SessionOrder) => void
  readonly #done: Window<(fault: Fault | undefined) => void> = new Window()
  #nextTransmission = 0
  /** Those that cannot be refused and have no room: the first is offered again and again, and then the rest. */
  readonly #heldBack: Received[] = []
  #cancelOffer: (() => void) | undefined
  /** Bundles that the node has not answered for. */
  #offered = 0
  /** The peer, once its certificate has shown who it is. */
  #neighbour: EndpointId | undefined
  #isOver = false
  #isAborted = false
  #lastHeardAt: MonoMs

  /** The stream must be new: its handlers are set here. */
  constructor(options: StreamSessionOptions) {
    const { machine, stream, clock } = options
    this.role = options.role
    this.from = formatAddress(stream.remote)
    this.host = stream.remote.host
    this.#options = options
    this.#lastHeardAt = clock.now()
    this.#feed = runSession<SessionOrder, SessionReport>(
      machine,
      stream,
      clock,
      (report) => this.#perform(report),
      { tls: options.tls },
    )
    const { onBytes } = stream
    stream.onBytes = (bytes) => {
      this.#lastHeardAt = clock.now()
      onBytes(bytes)
      options.onHeard()
    }
  }

  get lastHeardAt(): MonoMs {
    return this.#lastHeardAt
  }

  get heldBytes(): number {
    if (!this.#isOver) return this.#options.machine.heldBytes
    return this.#heldBack.reduce((sum, { bundle }) => sum + bundle.length, 0)
  }

  transmit(bundle: Scattered, done: (fault: Fault | undefined) => void): void {
    const transmission = this.#nextTransmission++
    this.#done.set(transmission, done)
    this.#feed({ type: 'transmit', transmission, bundle })
  }

  /** Finishes what is in transfer and begins nothing new. */
  terminate(): void {
    this.#feed({ type: 'terminate', reason: 'shutdown' })
  }

  /** Gives up what it holds, now. */
  shed(): void {
    if (this.#isOver) this.abort()
    else this.#feed({ type: 'terminate', reason: 'resource-exhaustion' })
  }

  /** Ends it now, and forgets what could not be handed over. */
  abort(): void {
    const { stream, onGone } = this.#options
    this.#isAborted = true
    this.#cancelOffer?.()
    this.#heldBack.splice(0)
    stream.abort()
    stream.onEnd(undefined)
    onGone()
  }

  #perform(report: SessionReport): void {
    switch (report.type) {
      case 'received':
        this.#onReceived(report)
        return
      case 'transmitted':
        this.#takeDone(report.transmission)?.(undefined)
        return
      case 'not-transmitted':
        this.#takeDone(report.transmission)?.(report.fault)
        return
      case 'violation':
        this.#options.onViolation(report.fault)
        return
      case 'over':
        this.#isOver = true
        this.#options.onOver(report.fault)
        this.#leaveIfDone()
        return
      case 'established':
        if (report.isProven) this.#neighbour = parseEndpointId(report.node ?? '')
    }
  }

  #onReceived(received: Received): void {
    if (this.#heldBack.length > 0 && !received.mayRefuse) this.#heldBack.push(received)
    else this.#offer(received, (fault) => this.#onAnswer(received, fault))
  }

  #offer({ bundle, piece }: Received, onAnswer: (fault: Fault | undefined) => void): void {
    this.#offered++
    const answer = (fault: Fault | undefined): void => {
      this.#offered--
      if (this.#isAborted) return
      onAnswer(fault)
      this.#leaveIfDone()
    }
    this.#options.receive(bundle, this.from, answer, piece, this.#neighbour)
  }

  #onAnswer(received: Received, fault: Fault | undefined): void {
    const { reception, mayRefuse } = received
    if (fault !== undefined && mayRefuse) {
      this.#feed({ type: 'refused', reception, isTemporary: fault.temporary })
    } else if (fault?.temporary === true) {
      this.#heldBack.push(received)
      if (this.#heldBack.length === 1) this.#offerAgain()
    } else this.#feed({ type: 'accepted', reception })
  }

  /** Whatever the peer believes to be delivered is kept until there is room, even when it has gone. */
  #offerAgain(): void {
    const { clock } = this.#options
    this.#cancelOffer = clock.at(addMs(clock.now(), OFFER_AGAIN_MS), () => this.#offerFirst())
  }

  #offerFirst(): void {
    const first = this.#heldBack[0]
    if (first === undefined) return
    this.#offer(first, (fault) => {
      if (fault?.temporary === true) {
        this.#offerAgain()
        return
      }
      this.#heldBack.shift()
      this.#feed({ type: 'accepted', reception: first.reception })
      this.#offerRest()
    })
  }

  /** All at once, so that they share a flush, as what comes does; where there is no room again, they are held again. */
  #offerRest(): void {
    for (const received of this.#heldBack.splice(0)) {
      this.#offer(received, (fault) => this.#onAnswer(received, fault))
    }
  }

  #leaveIfDone(): void {
    if (this.#isOver && this.#offered === 0 && this.#heldBack.length === 0) this.#options.onGone()
  }

  #takeDone(transmission: number): ((fault: Fault | undefined) => void) | undefined {
    const done = this.#done.get(transmission)
    this.#done.delete(transmission)
    return done
  }
}
