/** The byte stream of a connected socket, also a local one. */

import type { Socket } from 'node:net'
import { NO_BYTES } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type { TlsSession } from '../base/tls.ts'
import {
  type ByteStream,
  isLocalSocket,
  type SocketAddress,
  type StreamOptions,
} from '../ports/network.ts'
import { type TlsOptions, tlsFault } from '../ports/tls.ts'
import { plainBytes } from './bytes.ts'
import { GatheredWrites } from './gathered-writes.ts'
import { networkFault } from './network-fault.ts'
import { startTls } from './tls.ts'

/** What keeps a stream that is closing from living as long as its peer likes. */
export interface ClosingLimits {
  /** How long what is unsent may stand still before the rest is given up. */
  readonly idleMs: number
  /**
   * How long the peer has for its own close once everything has left. Closing the socket at once
   * would answer bytes that still come with a reset, which can overtake and destroy our last words.
   */
  readonly peerCloseMs: number
  /**
   * How long, since it last said anything, the owner of an accepted stream has for what it still
   * owes a peer that has closed its sending half. Long enough for a mail to become durable; short,
   * as most peers that do so have gone altogether, and their session holds what it holds until then.
   */
  readonly answerMs: number
}

export const CLOSING_LIMITS: ClosingLimits = {
  idleMs: 60_000,
  peerCloseMs: 10_000,
  answerMs: 5_000,
}

export interface StreamEnds {
  readonly local: SocketAddress
  readonly remote: SocketAddress
}

/** `leaving`: what was sent before the handshake has not yet left. */
type Phase = 'plain' | 'leaving' | 'handshake' | 'secured'

export class SocketStream implements ByteStream {
  readonly local: SocketAddress
  readonly remote: SocketAddress
  onBytes: (bytes: Uint8Array) => void = nothing
  onSecured: (session: TlsSession) => void = nothing
  onDrained: () => void = nothing
  onEnd: (fault: Fault | undefined) => void = nothing
  readonly #socket: Socket
  readonly #limits: ClosingLimits
  /** What leaves in one write is gathered until then. */
  readonly #later: (leave: () => void) => void
  readonly #gathered = new GatheredWrites()
  /** What carries the owner's bytes: the socket, and once TLS has begun that. */
  #carrier: Socket
  #phase: Phase = 'plain'
  #isPaused = false
  #isClosing = false
  #isAborted = false
  #owesDrained = false
  #fault: Fault | undefined
  #peerCloseTimer: NodeJS.Timeout | undefined
  #answerTimer: NodeJS.Timeout | undefined

  constructor(
    socket: Socket,
    { local, remote }: StreamEnds,
    { sendsTogether = false }: StreamOptions = {},
    limits: ClosingLimits = CLOSING_LIMITS,
  ) {
    this.local = local
    this.remote = remote
    this.#socket = socket
    this.#carrier = socket
    this.#limits = limits
    // In Node's loop all sockets that can be read come before what is set immediately.
    this.#later = sendsTogether ? setImmediate : process.nextTick
    socket.on('data', this.#heard)
    socket.on('end', this.#peerEnded)
    socket.on('error', (error) => {
      this.#fault ??= networkFault(error, 'network/reset')
    })
    socket.on('close', this.#gone)
  }

  get unsentBytes(): number {
    if (this.#isAborted || this.#carrier.destroyed) return 0
    return this.#carrier.writableLength + this.#gathered.bytes
  }

  send(bytes: Uint8Array): void {
    if (this.#isClosing || this.#isSecuring) return
    if (this.#gathered.add(bytes)) this.#later(this.#leave)
    this.#owesDrained = true
    this.#answerTimer?.refresh()
  }

  secure(options: TlsOptions): void {
    if (this.#isClosing || this.#phase !== 'plain') return
    this.#leave()
    this.#phase = 'leaving'
    // What has been read and not yet been handed over, and what will be, is the handshake's.
    const socket = this.#socket
    socket.pause()
    socket.off('data', this.#heard)
    socket.off('end', this.#peerEnded)
    socket.write(NO_BYTES, (error) => {
      if (!error && !this.#isClosing) this.#beginHandshake(options)
    })
  }

  close(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    clearTimeout(this.#answerTimer)
    this.#leave()
    const carrier = this.#carrier
    if (this.#phase === 'handshake') {
      this.#isAborted = true
      carrier.destroy()
      return
    }
    // A handshake that has not begun is none.
    if (this.#phase === 'leaving') this.#phase = 'plain'
    carrier.setTimeout(this.#limits.idleMs, () => {
      const message = 'closing, but the peer takes no more'
      this.#fault = new Fault('network/timed-out', message, { temporary: true })
      carrier.destroy()
    })
    carrier.once('finish', () => {
      carrier.setTimeout(0)
      this.#peerCloseTimer = setTimeout(() => carrier.destroy(), this.#limits.peerCloseMs)
    })
    carrier.end()
    // What still comes is read and dropped, else the peer's close behind it would never be seen.
    carrier.resume()
  }

  abort(): void {
    if (this.#isAborted || this.#carrier.destroyed) return
    this.#isClosing = true
    this.#isAborted = true
    // A reset, lest the peer take the stream for complete. A local socket knows none.
    if (isLocalSocket(this.local)) this.#carrier.destroy()
    else this.#socket.resetAndDestroy()
  }

  pause(): void {
    this.#isPaused = true
    if (!this.#isSecuring) this.#carrier.pause()
  }

  resume(): void {
    this.#isPaused = false
    if (!this.#isSecuring) this.#carrier.resume()
  }

  get #isSecuring(): boolean {
    return this.#phase === 'leaving' || this.#phase === 'handshake'
  }

  readonly #leave = (): void => this.#gathered.writeTo(this.#carrier, this.#taken)

  readonly #taken = (error?: Error | null): void => {
    if (error || this.#isClosing || !this.#owesDrained || this.unsentBytes > 0) return
    this.#owesDrained = false
    this.onDrained()
  }

  readonly #heard = (bytes: Buffer): void => {
    if (!this.#isClosing) this.onBytes(plainBytes(bytes))
  }

  /**
   * The peer has closed its half, at least. A server has gone, then; of a client that we serve, one
   * cannot know, and it may be waiting for what its commands have led to.
   */
  readonly #peerEnded = (): void => {
    if (this.#isClosing) return
    if (!this.#carrier.allowHalfOpen) this.close()
    else this.#answerTimer = setTimeout(() => this.#closeOnceAnswered(), this.#limits.answerMs)
  }

  #closeOnceAnswered(): void {
    if (this.unsentBytes === 0) this.close()
    else this.#answerTimer?.refresh()
  }

  readonly #gone = (): void => {
    this.#isClosing = true
    clearTimeout(this.#peerCloseTimer)
    clearTimeout(this.#answerTimer)
    if (this.#isSecuring && !(this.#fault?.code ?? '').startsWith('network/tls-')) {
      const message = 'the peer broke off the TLS handshake'
      this.#fault = tlsFault('network/tls-failed', message, this.#fault)
    }
    this.onEnd(this.#isAborted ? undefined : this.#fault)
  }

  #beginHandshake(options: TlsOptions): void {
    this.#phase = 'handshake'
    this.#socket.off('close', this.#gone)
    this.#carrier = startTls(this.#socket, options, {
      secured: (session) => this.#onSecured(session),
      failed: (reason) => {
        this.#fault ??= reason
      },
    })
    this.#carrier.on('close', this.#gone)
  }

  #onSecured(session: TlsSession): void {
    if (this.#isClosing) return
    this.#phase = 'secured'
    this.#carrier.on('data', this.#heard)
    this.#carrier.on('end', this.#peerEnded)
    if (this.#isPaused) this.#carrier.pause()
    this.onSecured(session)
  }
}

function nothing(): void {}
