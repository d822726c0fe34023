/** The convergence layers over byte streams: sessions that others open, and a duct to each neighbour. */

import type { Fault } from '../base/fault.ts'
import { type Scattered, sizeOf } from '../base/scattered.ts'
import { addMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import {
  type ByteStream,
  formatAddress,
  type Listener,
  type Network,
  parseAddress,
  type SocketAddress,
} from '../ports/network.ts'
import type { TlsOptions } from '../ports/tls.ts'
import type { BundleSession, SessionRole } from '../proto/bundle-session/session.ts'
import type { ConvergenceLayer, Receive } from './convergence-layer.ts'
import { Duct } from './duct.ts'
import type { DtnFaultCode } from './fault.ts'
import { temporary } from './fault.ts'
import {
  CONNECT_TIMEOUT_MS,
  RECEIVING_BYTES_MAX,
  SESSION_SILENCE_MS,
  SESSIONS_MAX,
  SESSIONS_PER_ADDRESS_MAX,
  STOPPING_MS,
  STREAM_BUNDLES_MAX,
  STREAM_BYTES_MAX,
} from './limits.ts'
import { StreamSession } from './stream-session.ts'

export interface StreamConvergenceLayer extends ConvergenceLayer {
  /** Where it listens, with the port that was given where 0 was asked for; undefined while it does not. */
  readonly address: SocketAddress | undefined
}

export interface StreamLayerPorts {
  readonly network: Network
  readonly clock: Clock
  readonly events: EventSink
}

export interface StreamLayerOptions {
  readonly protocol: string
  /** Default: only sessions that this layer opens, which carry bundles both ways. */
  readonly listen?: SocketAddress | undefined
  readonly bundleBytesMax: number
  /** Whether its sessions tell of a transmission when the stream is drained. */
  readonly hasLeft?: boolean
  /** One for each new stream. */
  readonly session: (role: SessionRole, peerAddress: string) => BundleSession
  /** For sessions that have their stream secured. */
  readonly tls?: ((role: SessionRole) => TlsOptions) | undefined
}

/** To one neighbour. */
interface Way {
  readonly duct: Duct
  /** Bundles that are not answered for. */
  waiting: number
}

export class StreamLayer implements StreamConvergenceLayer {
  readonly protocol: string
  readonly bundleBytesMax: number
  readonly hasLeft: boolean
  readonly #options: StreamLayerOptions
  readonly #ports: StreamLayerPorts
  readonly #sessions = new Set<StreamSession>()
  readonly #ducts = new Map<string, Way>()
  #listener: Listener | undefined
  /** Undefined while the layer does not run. */
  #receive: Receive | undefined
  #onFault: (fault: Fault) => void = () => {}
  #waitingBytes = 0
  /** Hears that the last session is gone. */
  #onEmpty = (): void => {}

  constructor(options: StreamLayerOptions, ports: StreamLayerPorts) {
    this.protocol = options.protocol
    this.bundleBytesMax = options.bundleBytesMax
    this.hasLeft = options.hasLeft === true
    this.#options = options
    this.#ports = ports
  }

  get address(): SocketAddress | undefined {
    return this.#listener?.address
  }

  async start(receive: Receive, onFault: (fault: Fault) => void = () => {}): Promise<void> {
    const { listen } = this.#options
    this.#receive = receive
    this.#onFault = onFault
    if (listen === undefined) return
    const onStream = (stream: ByteStream): void => this.#onStream(stream)
    this.#listener = await this.#ports.network.listen(listen, onStream, { isBulk: true })
  }

  transmit(bundle: Scattered, duct: string, done: (fault: Fault | undefined) => void): void {
    const sizeBytes = sizeOf(bundle)
    const way = this.#wayTo(duct)
    const fault = way === undefined ? badDuct(duct) : this.#objection(way, sizeBytes)
    if (way === undefined || fault !== undefined) {
      done(fault)
      return
    }
    way.waiting++
    this.#waitingBytes += sizeBytes
    way.duct.transmit(bundle, (failure) => {
      way.waiting--
      this.#waitingBytes -= sizeBytes
      done(failure)
    })
  }

  async stop(): Promise<void> {
    const listener = this.#listener
    this.#receive = undefined
    this.#listener = undefined
    await listener?.close()
    for (const { duct } of this.#ducts.values()) duct.stop()
    this.#ducts.clear()
    for (const session of this.#sessions) session.terminate()
    await this.#untilEmpty()
  }

  /** Waits for what is in transfer, but not for ever. */
  #untilEmpty(): Promise<void> {
    const { clock } = this.#ports
    return new Promise((resolve) => {
      const cancel = clock.at(addMs(clock.now(), STOPPING_MS), () => {
        for (const session of this.#sessions) session.abort()
      })
      this.#onEmpty = () => {
        cancel()
        resolve()
      }
      if (this.#sessions.size === 0) this.#onEmpty()
    })
  }

  /** All temporary: a plan that is wrong can be corrected, and the bundle should then go. */
  #objection({ waiting }: Way, sizeBytes: number): Fault<DtnFaultCode> | undefined {
    if (this.#receive === undefined) return temporary('dtn/stopped', 'the layer is not running')
    // The first of a neighbour has a place, however much waits for others.
    const isFull =
      waiting >= STREAM_BUNDLES_MAX ||
      (waiting > 0 && this.#waitingBytes + sizeBytes > STREAM_BYTES_MAX)
    return isFull ? temporary('dtn/duct-busy', 'too many bundles are waiting') : undefined
  }

  /** Undefined where the plan's text is no address. */
  #wayTo(text: string): Way | undefined {
    const known = this.#ducts.get(text)
    if (known !== undefined) return known
    const address = parseAddress(text)
    if (address === undefined) return undefined
    const { network, clock } = this.#ports
    const duct = new Duct({
      clock,
      connect: async (onOver) =>
        this.#open('active', await network.connect(address, CONNECT_TIMEOUT_MS), onOver),
    })
    const way = { duct, waiting: 0 }
    this.#ducts.set(text, way)
    return way
  }

  #onStream(stream: ByteStream): void {
    if (this.#receive === undefined || !this.#hasRoom(stream.remote.host)) {
      this.#refused(
        formatAddress(stream.remote),
        temporary('dtn/too-many-sessions', 'too many sessions'),
      )
      stream.close()
      return
    }
    const session = this.#open('passive', stream, (fault) => {
      if (fault?.temporary === false) this.#told(session.from, fault.message)
    })
  }

  /**
   * Makes room where it must: whoever has been silent longest may be gone without a word, and no
   * address takes the places of others.
   */
  #hasRoom(host: string): boolean {
    const passive = [...this.#sessions].filter(({ role }) => role === 'passive')
    const own = passive.filter((session) => session.host === host)
    if (own.length >= SESSIONS_PER_ADDRESS_MAX) {
      const silent = longestSilent(own)
      this.#refused(
        silent.from,
        temporary('dtn/too-many-sessions', 'too many sessions from its address'),
      )
      silent.abort()
      return true
    }
    if (passive.length < SESSIONS_MAX) return true
    const silent = longestSilent(passive)
    if (addMs(silent.lastHeardAt, SESSION_SILENCE_MS) > this.#ports.clock.now()) return false
    silent.abort()
    return true
  }

  #open(
    role: SessionRole,
    stream: ByteStream,
    onOver: (fault: Fault | undefined) => void,
  ): StreamSession {
    const session: StreamSession = new StreamSession({
      role,
      machine: this.#options.session(role, stream.remote.host),
      tls: this.#options.tls?.(role),
      stream,
      clock: this.#ports.clock,
      receive: (...arrival) => this.#hand(...arrival),
      onViolation: (fault) => this.#onFault(fault),
      onHeard: () => this.#shedLoad(),
      onOver: (fault) => {
        if (fault !== undefined) this.#onFault(fault)
        onOver(fault)
      },
      onGone: () => {
        this.#sessions.delete(session)
        if (this.#sessions.size === 0) this.#onEmpty()
      },
    })
    this.#sessions.add(session)
    return session
  }

  #hand(...arrival: Parameters<Receive>): void {
    const [, , answer] = arrival
    if (this.#receive !== undefined) this.#receive(...arrival)
    else answer?.(temporary('dtn/stopped', 'the layer is not running'))
  }

  #shedLoad(): void {
    let total = 0
    let largest: StreamSession | undefined
    for (const session of this.#sessions) {
      total += session.heldBytes
      if (largest === undefined || session.heldBytes > largest.heldBytes) largest = session
    }
    if (total <= RECEIVING_BYTES_MAX || largest === undefined) return
    this.#refused(largest.from, temporary('dtn/too-much-received', 'too much is being received'))
    largest.shed()
  }

  #refused(from: string, fault: Fault): void {
    this.#onFault(fault)
    this.#told(from, fault.message)
  }

  #told(from: string, reason: string): void {
    this.#ports.events({ type: 'bundle-refused', from, reason: `${this.protocol}: ${reason}` })
  }
}

function longestSilent(sessions: readonly StreamSession[]): StreamSession {
  return sessions.reduce((a, b) => (b.lastHeardAt < a.lastHeardAt ? b : a))
}

function badDuct(duct: string): Fault<DtnFaultCode> {
  return temporary('dtn/bad-duct', `${duct} is not address:port`)
}
