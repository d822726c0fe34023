/** The way to one neighbour: connects when there is something to send, not too often. RFC 9174 §4.1. */

import { Fault } from '../base/fault.ts'
import type { Scattered } from '../base/scattered.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { DtnFaultCode } from './fault.ts'
import { pauseMs } from './lane.ts'
import type { StreamSession } from './stream-session.ts'

interface Waiting {
  readonly bundle: Scattered
  readonly done: (fault: Fault | undefined) => void
}

type State =
  | { readonly name: 'closed' }
  /** Too early for another attempt. */
  | { readonly name: 'pausing'; readonly cancel: () => void }
  | { readonly name: 'connecting' }
  | { readonly name: 'open'; readonly session: StreamSession }
  | { readonly name: 'stopped' }

export interface DuctOptions {
  readonly clock: Clock
  /** Resolves with a session over a new connection; `onOver` hears once that it is none any more. */
  readonly connect: (onOver: (fault: Fault | undefined) => void) => Promise<StreamSession>
}

export class Duct {
  readonly #options: DuctOptions
  #state: State = { name: 'closed' }
  #waiting: Waiting[] = []
  /** Attempts in a row of which nothing came. */
  #failures = 0
  #notBefore: MonoMs | undefined

  constructor(options: DuctOptions) {
    this.#options = options
  }

  transmit(bundle: Scattered, done: (fault: Fault | undefined) => void): void {
    if (this.#state.name === 'open') {
      this.#send(this.#state.session, { bundle, done })
      return
    }
    this.#waiting.push({ bundle, done })
    if (this.#state.name === 'closed') this.#connectInTime()
  }

  /** Answers for what waits; a session that is open is ended by its owner. */
  stop(): void {
    if (this.#state.name === 'pausing') this.#state.cancel()
    this.#state = { name: 'stopped' }
    this.#failWaiting(new Fault<DtnFaultCode>('dtn/stopped', 'stopped', { temporary: true }))
  }

  #connectInTime(): void {
    const { clock } = this.#options
    if (this.#notBefore === undefined || this.#notBefore <= clock.now()) {
      this.#connect()
      return
    }
    const cancel = clock.at(this.#notBefore, () => this.#connect())
    this.#state = { name: 'pausing', cancel }
  }

  #connect(): void {
    this.#state = { name: 'connecting' }
    let isOver = false
    const connecting = this.#options.connect((fault) => {
      isOver = true
      this.#onOver(fault)
    })
    connecting.then(
      (session) => {
        if (!isOver) this.#onOpen(session)
      },
      (error: unknown) => {
        if (!(error instanceof Fault)) throw error
        this.#onFailed(error)
      },
    )
  }

  #onOpen(session: StreamSession): void {
    if (this.#state.name === 'stopped') {
      session.abort()
      return
    }
    this.#state = { name: 'open', session }
    const waiting = this.#waiting
    this.#waiting = []
    for (const item of waiting) this.#send(session, item)
  }

  #send(session: StreamSession, { bundle, done }: Waiting): void {
    session.transmit(bundle, (fault) => {
      if (fault === undefined) this.#failures = 0
      done(fault)
    })
  }

  #onFailed(fault: Fault): void {
    this.#backOff()
    // Whatever it is: an operator can change the plan, and then the bundle should go.
    this.#failWaiting(
      new Fault<DtnFaultCode>('dtn/unreachable', fault.message, { temporary: true, cause: fault }),
    )
  }

  #onOver(fault: Fault | undefined): void {
    this.#backOff()
    const reason = fault?.message ?? 'the session has ended'
    this.#failWaiting(new Fault<DtnFaultCode>('dtn/unreachable', reason, { temporary: true }))
  }

  #backOff(): void {
    if (this.#state.name === 'stopped') return
    this.#state = { name: 'closed' }
    this.#failures++
    this.#notBefore = addMs(this.#options.clock.now(), pauseMs(this.#failures))
  }

  #failWaiting(fault: Fault): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { done } of waiting) done(fault)
  }
}
