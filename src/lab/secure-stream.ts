import { assert } from '../base/assert.ts'
import { concat } from '../base/bytes.ts'
import type { Fault } from '../base/fault.ts'
import type { TlsSession } from '../base/tls.ts'
import type { Clock } from '../ports/clock.ts'
import { type ByteStream, formatAddress, type SocketAddress } from '../ports/network.ts'
import { type TlsOptions, tlsFault } from '../ports/tls.ts'
import type { Lender } from './packet.ts'
import type { LabStream } from './stream.ts'
import { LabTls, type TlsOutcome } from './tls.ts'
import type { LabTlsOptions } from './tls-handshake.ts'
import { soon } from './world.ts'

/** What all streams of a host have in common. */
export interface StreamHost {
  readonly clock: Clock
  readonly lender: Lender
  readonly tls: Pick<LabTlsOptions, 'settings' | 'sessions'>
}

/** A simulated TCP connection that can be secured: what its owner has of it. */
export class SecureStream implements ByteStream {
  readonly local: SocketAddress
  readonly remote: SocketAddress
  onBytes: (bytes: Uint8Array) => void = () => {}
  onSecured: (session: TlsSession) => void = () => {}
  onDrained: () => void = () => {}
  onEnd: (fault: Fault | undefined) => void = () => {}

  readonly #tcp: LabStream
  readonly #host: StreamHost
  #tls: LabTls | undefined
  #phase: 'plain' | 'handshake' | 'secured' | 'ended' = 'plain'
  #paused = false
  #closing = false
  #drainOwed = false
  /** Came together with what made the owner pause. */
  #held: Uint8Array[] = []

  /** `tcp` must be new: its handlers are set here. */
  constructor(tcp: LabStream, host: StreamHost) {
    this.#host = host
    this.local = tcp.local
    this.remote = tcp.remote
    this.#tcp = tcp
    tcp.onBytes = (bytes) => this.#receive(bytes)
    tcp.onDrained = () => this.#drained()
    tcp.onEnd = (fault) => this.#ended(fault)
  }

  get unsentBytes(): number {
    return this.#phase === 'handshake' ? 0 : this.#tcp.unsentBytes
  }

  send(bytes: Uint8Array): void {
    if (this.#closing || bytes.length === 0) return
    if (this.#phase !== 'plain' && this.#phase !== 'secured') return
    this.#drainOwed = true
    this.#tcp.send(this.#tls?.seal(bytes) ?? bytes)
  }

  secure(options: TlsOptions): void {
    if (this.#closing || this.#phase !== 'plain') return
    const { clock, tls } = this.#host
    const now = clock.now()
    this.#phase = 'handshake'
    this.#tls = new LabTls({
      tls: options,
      nonce: `${formatAddress(this.local)} ${formatAddress(this.remote)} ${now} `,
      now: () => clock.wall(),
      ...tls,
      peer: formatAddress(this.remote),
    })
    this.#perform(this.#tls.start())
    this.#tcp.resume()
  }

  close(): void {
    if (this.#closing) return
    this.#closing = true
    if (this.#phase === 'handshake') {
      this.#tcp.abort()
      return
    }
    if (this.#phase === 'secured') this.#tcp.send(this.#tls?.closeNotify() ?? concat())
    this.#held = []
    this.#tcp.close()
  }

  /** Closes our half of a stream without TLS: what the peer still says is heard. */
  endSending(): void {
    assert(
      this.#phase === 'plain' || this.#phase === 'ended',
      'half of a TLS session is not closed',
    )
    this.#tcp.endSending()
  }

  abort(): void {
    this.#closing = true
    this.#tcp.abort()
  }

  pause(): void {
    this.#paused = true
    if (this.#phase !== 'handshake') this.#tcp.pause()
  }

  resume(): void {
    this.#paused = false
    if (this.#phase === 'handshake') return
    if (this.#held.length > 0) soon(this.#host.clock, () => this.#deliver())
    this.#tcp.resume()
  }

  #receive(bytes: Uint8Array): void {
    if (this.#tls === undefined) this.onBytes(bytes)
    else this.#perform(this.#tls.receive(bytes))
  }

  #perform(outcomes: readonly TlsOutcome[]): void {
    for (const outcome of outcomes) {
      switch (outcome.type) {
        case 'send':
          this.#tcp.send(outcome.bytes)
          break
        case 'secured':
          this.#phase = 'secured'
          if (this.#paused) this.#tcp.pause()
          this.onSecured(outcome.session)
          break
        case 'content':
          if (!this.#closing) this.#held.push(outcome.bytes)
          this.#deliver()
          break
        case 'failed':
          this.#tcp.close()
          this.#end(outcome.fault)
      }
    }
  }

  #deliver(): void {
    while (!this.#paused && !this.#closing) {
      const bytes = this.#held.shift()
      if (bytes === undefined) return
      this.#host.lender.lend(bytes, this.onBytes)
    }
  }

  #drained(): void {
    if (!this.#drainOwed || this.#phase === 'handshake') return
    this.#drainOwed = false
    this.onDrained()
  }

  #ended(fault: Fault | undefined): void {
    const isBrokenOff = this.#phase === 'handshake' && !this.#closing
    this.#end(
      isBrokenOff
        ? tlsFault('network/tls-failed', 'the peer broke off the TLS handshake', fault)
        : fault,
    )
  }

  #end(fault: Fault | undefined): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    this.onEnd(fault)
  }
}
