/** The UDP convergence layer: one bundle in each datagram. RFC 7122. */

import type { Fault } from '../base/fault.ts'
import { Queue } from '../base/queue.ts'
import { gathered, type Scattered } from '../base/scattered.ts'
import type { MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import {
  type DatagramSocket,
  formatAddress,
  type Network,
  parseAddress,
  type SocketAddress,
} from '../ports/network.ts'
import type { ConvergenceLayer, Receive } from './convergence-layer.ts'
import type { DtnFaultCode } from './fault.ts'
import { temporary } from './fault.ts'
import {
  DATAGRAM_BYTES_WAITING_MAX,
  DATAGRAMS_PER_TURN_MAX,
  DATAGRAMS_WAITING_MAX,
  UDP_BUNDLE_BYTES_MAX,
  UDP_REPEAT_BYTES_MAX,
} from './limits.ts'
import { Pacer } from './pacer.ts'

export interface UdpConvergenceLayerOptions {
  readonly listen: SocketAddress
  /** At most what a datagram carries; default UDP_BUNDLE_BYTES_MAX. */
  readonly bundleBytesMax?: number
  /** Over all neighbours together; default: as fast as the network takes them. RFC 9171 §7.2. */
  readonly rateBytesPerSec?: number
}

export interface UdpConvergenceLayer extends ConvergenceLayer {
  /** Where it listens, with the port that was given where 0 was asked for; undefined until started. */
  readonly address: SocketAddress | undefined
}

export function udpConvergenceLayer(
  options: UdpConvergenceLayerOptions,
  network: Network,
  clock: Clock,
): UdpConvergenceLayer {
  return new UdpLayer(options, network, clock)
}

interface WaitingDatagram {
  readonly bundle: Uint8Array
  readonly to: SocketAddress
  readonly done: (fault: Fault | undefined) => void
}

class UdpLayer implements UdpConvergenceLayer {
  readonly protocol: string = 'udp'
  readonly bundleBytesMax: number
  readonly repeatBytesMax = UDP_REPEAT_BYTES_MAX
  /** A socket that has taken a datagram looks at it no more. */
  readonly hasLeft = true
  readonly #listen: SocketAddress
  readonly #network: Network
  readonly #clock: Clock
  readonly #pacer: Pacer | undefined
  #socket: DatagramSocket | undefined
  /** By duct, the one whose turn is next first: who has much to send keeps nobody waiting. */
  readonly #waiting = new Map<string, Queue<WaitingDatagram>>()
  #waitingBytes = 0
  /** When the first of the waiting may go, by the pacer. */
  #firstAt: MonoMs | undefined
  #sentThisTurn = 0
  #cancelWake: (() => void) | undefined

  constructor(options: UdpConvergenceLayerOptions, network: Network, clock: Clock) {
    this.bundleBytesMax = options.bundleBytesMax ?? UDP_BUNDLE_BYTES_MAX
    this.#listen = options.listen
    this.#network = network
    this.#clock = clock
    if (options.rateBytesPerSec !== undefined) this.#pacer = new Pacer(options.rateBytesPerSec)
  }

  get address(): SocketAddress | undefined {
    return this.#socket?.address
  }

  async start(receive: Receive): Promise<void> {
    const socket = await this.#network.bind(this.#listen)
    this.#socket = socket
    socket.onDatagram = (bytes, from) => {
      if (!isPadding(bytes)) receive(bytes, formatAddress(from))
    }
  }

  transmit(bytes: Scattered, duct: string, done: (fault: Fault | undefined) => void): void {
    const bundle = gathered(bytes)
    const to = parseAddress(duct)
    const fault = this.#objection(bundle, duct, to)
    if (to === undefined || fault !== undefined) {
      done(fault)
      return
    }
    const waiting = this.#waiting.get(duct) ?? new Queue<WaitingDatagram>()
    waiting.push({ bundle, to, done })
    this.#waiting.set(duct, waiting)
    this.#waitingBytes += bundle.length
    this.#send()
  }

  async stop(): Promise<void> {
    const socket = this.#socket
    const abandoned = [...this.#waiting.values()].flatMap((waiting) => [...waiting])
    this.#socket = undefined
    this.#waiting.clear()
    this.#waitingBytes = 0
    this.#cancelWake?.()
    this.#cancelWake = undefined
    this.#firstAt = undefined
    this.#sentThisTurn = 0
    await socket?.close()
    for (const { done } of abandoned) {
      done(temporary('dtn/stopped', 'the convergence layer was stopped'))
    }
  }

  /** All temporary: a plan that is wrong can be corrected, and the bundle should then go. */
  #objection(
    bundle: Uint8Array,
    duct: string,
    to: SocketAddress | undefined,
  ): Fault<DtnFaultCode> | undefined {
    if (to === undefined) return temporary('dtn/bad-duct', `${duct} is not address:port`)
    if (this.#socket === undefined) return temporary('dtn/stopped', 'the layer is not running')
    const waiting = this.#waiting.get(duct)
    // The first of a neighbour has a place, however much waits for others.
    if (waiting === undefined) return undefined
    const isFull =
      waiting.size >= DATAGRAMS_WAITING_MAX ||
      this.#waitingBytes + bundle.length > DATAGRAM_BYTES_WAITING_MAX
    return isFull ? temporary('dtn/duct-busy', 'too many datagrams are waiting') : undefined
  }

  /** Sends what may go now. The turns that follow take the rest, so that receiving goes on. */
  #send(): void {
    const now = this.#clock.now()
    for (let first = this.#first(); first !== undefined; first = this.#first()) {
      if (this.#sentThisTurn >= DATAGRAMS_PER_TURN_MAX) return
      this.#firstAt ??= this.#pacer?.reserve(first.bundle.length, now) ?? now
      if (this.#firstAt > now) {
        this.#wake(this.#firstAt)
        return
      }
      this.#firstAt = undefined
      this.#endTurn()
      this.#waitingBytes -= first.bundle.length
      this.#sentThisTurn++
      this.#wake(now)
      this.#socket?.send(first.bundle, first.to, first.done)
    }
  }

  #first(): WaitingDatagram | undefined {
    return this.#waiting.values().next().value?.peek()
  }

  /** The first goes, and those for the same neighbour stand behind those for others. */
  #endTurn(): void {
    const [duct, waiting] = this.#waiting.entries().next().value ?? []
    if (duct === undefined || waiting === undefined) return
    waiting.shift()
    if (this.#waiting.size === 1 && waiting.size > 0) return
    this.#waiting.delete(duct)
    if (waiting.size > 0) this.#waiting.set(duct, waiting)
  }

  /** Continues at `at` in a later turn, unless an earlier one is ahead. */
  #wake(at: MonoMs): void {
    if (this.#cancelWake !== undefined) return
    this.#cancelWake = this.#clock.at(at, () => {
      this.#cancelWake = undefined
      this.#sentThisTurn = 0
      this.#send()
    })
  }
}

/** A keepalive is four zero octets. Whatever else is no bundle is refused, and counted, as one. */
function isPadding(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.every((byte) => byte === 0)
}
