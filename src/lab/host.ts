import { Fault } from '../base/fault.ts'
import type { Clock } from '../ports/clock.ts'
import {
  type ByteStream,
  type DatagramSocket,
  formatAddress,
  isLocalSocket,
  type Listener,
  type Network,
  type NetworkFaultCode,
  type SocketAddress,
} from '../ports/network.ts'
import { DATAGRAM_BYTES_MAX } from './limits.ts'
import { type DatagramPacket, lend, type Packet, type SegmentPacket } from './packet.ts'
import { SecureStream } from './secure-stream.ts'
import { LabStream } from './stream.ts'
import { NO_OPTIONS, TCP_FLAGS } from './tcp-header.ts'
import { after, HostClock, soon, type World } from './world.ts'

/** First and last port that a host gives away by itself, as IANA recommends. */
const FREE_PORT_FIRST = 49_152
const FREE_PORT_LAST = 65_535

/** What a host asks of the network around it. */
export interface Surroundings {
  readonly world: World
  reaches(host: LabHost, address: string): boolean
  transmit(from: LabHost, packet: Packet): void
}

/** A machine in the lab: its name, its address, and the ports through which a program runs on it. */
export class LabHost {
  readonly name: string
  /** The network that it is on. */
  readonly site: string
  readonly address: string
  /** What every datagram from here is refused with, as by a firewall's rule. */
  datagramFault: Fault | undefined
  readonly #surroundings: Surroundings
  #running: { readonly clock: HostClock; readonly stack: Stack }
  #crashed = false
  #nextPort = FREE_PORT_FIRST

  constructor(name: string, site: string, address: string, surroundings: Surroundings) {
    this.name = name
    this.site = site
    this.address = address
    this.#surroundings = surroundings
    this.#running = this.#boot()
  }

  /** For the program that runs now; another after a restart. */
  get clock(): Clock {
    return this.#running.clock
  }

  /** Its wall clock is so far ahead of the world's from now on, over restarts too. */
  setClock(aheadMs: number): void {
    this.#running.clock.aheadMs = aheadMs
  }

  /** For the program that runs now; another after a restart. */
  get network(): Network {
    return this.#running.stack
  }

  /**
   * The power fails: no callback of this host's clock and no handler of its sockets runs again, and
   * its peers hear nothing. Its store and its disk are crashed apart from this.
   */
  crash(): void {
    this.#crashed = true
    this.#running.clock.stop()
  }

  /** A new clock and a network without sockets; who still sends to an old stream is told that it is reset. */
  restart(): void {
    const { clock } = this.#running
    clock.stop()
    this.#running = this.#boot(clock.aheadMs)
    this.#crashed = false
  }

  receive(packet: Packet): void {
    if (!this.#crashed) this.#running.stack.receive(packet)
  }

  #boot(aheadMs = 0): { readonly clock: HostClock; readonly stack: Stack } {
    const clock = new HostClock(this.#surroundings.world, aheadMs)
    const stack = new Stack({
      address: this.address,
      clock,
      reaches: (address) => this.#surroundings.reaches(this, address),
      datagramFault: () => this.datagramFault,
      transmit: (packet) => {
        if (!clock.stopped) this.#surroundings.transmit(this, packet)
      },
      // Counted on over restarts, so that a new stream is never taken for an old one.
      nextPort: () => {
        const port = this.#nextPort
        this.#nextPort = port === FREE_PORT_LAST ? FREE_PORT_FIRST : port + 1
        return port
      },
    })
    return { clock, stack }
  }
}

interface StackOptions {
  readonly address: string
  readonly clock: Clock
  readonly reaches: (address: string) => boolean
  readonly datagramFault: () => Fault | undefined
  readonly transmit: (packet: Packet) => void
  readonly nextPort: () => number
}

/** The Network port of one run of one host: its sockets, and who gets what arrives. */
class Stack implements Network {
  readonly #options: StackOptions
  readonly #listeners = new Map<string, (stream: ByteStream) => void>()
  readonly #sockets = new Map<string, LabSocket>()
  readonly #streams = new Map<string, LabStream>()

  constructor(options: StackOptions) {
    this.#options = options
  }

  async listen(at: SocketAddress, onStream: (stream: ByteStream) => void): Promise<Listener> {
    const address = this.#claim(at, this.#listeners)
    const key = formatAddress(address)
    this.#listeners.set(key, onStream)
    return {
      address,
      close: async () => {
        if (this.#listeners.get(key) === onStream) this.#listeners.delete(key)
      },
    }
  }

  connect(to: SocketAddress, timeoutMs: number): Promise<ByteStream> {
    const { address, clock, reaches } = this.#options
    return new Promise((resolve, reject) => {
      if (!reaches(to.host)) {
        throw fault('network/unreachable', `no way to ${formatAddress(to)}`, true)
      }
      const host = isWithinHost(to.host) ? to.host : address
      let cancelTimer = (): void => {}
      const stream = this.#addStream('client', { host, port: this.#freePort() }, to, (failure) => {
        cancelTimer()
        if (failure === undefined) resolve(new SecureStream(stream, clock))
        else reject(failure)
      })
      cancelTimer = after(clock, timeoutMs, () => stream.abandon())
      stream.open()
    })
  }

  async bind(at: SocketAddress): Promise<DatagramSocket> {
    const address = this.#claim(at, this.#sockets)
    const key = formatAddress(address)
    const socket = new LabSocket(address, this.#options, () => this.#sockets.delete(key))
    this.#sockets.set(key, socket)
    return socket
  }

  receive(packet: Packet): void {
    if (packet.protocol === 'udp') this.#at(this.#sockets, packet.target)?.receive(packet)
    else this.#receiveSegment(packet)
  }

  #receiveSegment(packet: SegmentPacket): void {
    const { segment, source, target } = packet
    const stream = this.#streams.get(streamKey(target, source))
    if (stream !== undefined) {
      stream.receive(packet)
      return
    }
    if (segment.sequence === undefined) return
    if (segment.kind === 'syn' && this.#at(this.#listeners, target) !== undefined) {
      this.#serve(packet)
      return
    }
    this.#options.transmit({
      protocol: 'tcp',
      source: target,
      target: source,
      payload: new Uint8Array(0),
      header: {
        sequence: 0,
        acknowledgement:
          (packet.header.sequence + (segment.kind === 'syn' ? 1 : packet.payload.length)) >>> 0,
        flags: TCP_FLAGS.rst | TCP_FLAGS.ack,
        window: 0,
        options: NO_OPTIONS,
      },
      segment: {
        kind: 'reset',
        sentAt: this.#options.clock.now(),
        sequence: undefined,
        acknowledges: undefined,
        consumedBytes: 0,
        retransmitted: false,
      },
    })
  }

  #serve(syn: SegmentPacket): void {
    const stream = this.#addStream('server', syn.target, syn.source, (failure) => {
      if (failure !== undefined) return
      const onStream = this.#at(this.#listeners, syn.target)
      if (onStream === undefined) stream.abort()
      else onStream(new SecureStream(stream, this.#options.clock))
    })
    stream.answer(syn.segment)
  }

  #addStream(
    role: 'client' | 'server',
    local: SocketAddress,
    remote: SocketAddress,
    onOpen: (failure: Fault | undefined) => void,
  ): LabStream {
    const key = streamKey(local, remote)
    const { clock, transmit } = this.#options
    const onForgotten = (): void => {
      this.#streams.delete(key)
    }
    const stream = new LabStream({ role, local, remote, clock, transmit, onOpen, onForgotten })
    this.#streams.set(key, stream)
    return stream
  }

  /** Finds what is bound to an address, or to its port at every address. */
  #at<T>(bound: ReadonlyMap<string, T>, target: SocketAddress): T | undefined {
    const anywhere = target.host.includes(':') ? '::' : '0.0.0.0'
    return (
      bound.get(formatAddress(target)) ??
      bound.get(formatAddress({ host: anywhere, port: target.port }))
    )
  }

  #claim(at: SocketAddress, taken: ReadonlyMap<string, unknown>): SocketAddress {
    if (at.host !== this.#options.address && !isWithinHost(at.host) && !isAnywhere(at.host)) {
      throw fault('network/address-unavailable', `${at.host} is not an address of this host`, false)
    }
    if (isLocalSocket(at)) {
      if (!taken.has(formatAddress(at))) return at
      throw fault('network/address-in-use', `${at.host} is in use`, false)
    }
    const address = at.port === 0 ? { host: at.host, port: this.#freePort() } : at
    const samePort = [...taken.keys()].filter((key) => key.endsWith(`:${address.port}`))
    const inTheWay = (key: string): boolean =>
      isAnywhere(address.host) ||
      key === formatAddress(address) ||
      /^(0\.0\.0\.0|\[::\]):/.test(key)
    if (samePort.some(inTheWay)) {
      throw fault('network/address-in-use', `${formatAddress(address)} is in use`, false)
    }
    return address
  }

  #freePort(): number {
    const used = new Set<number>()
    for (const { local } of this.#streams.values()) used.add(local.port)
    for (const bound of [this.#listeners, this.#sockets]) {
      for (const key of bound.keys()) used.add(Number(key.slice(key.lastIndexOf(':') + 1)))
    }
    for (let tries = FREE_PORT_FIRST; tries <= FREE_PORT_LAST; tries++) {
      const port = this.#options.nextPort()
      if (!used.has(port)) return port
    }
    throw fault('network/address-in-use', 'every port is in use', false)
  }
}

class LabSocket implements DatagramSocket {
  readonly address: SocketAddress
  onDatagram: (bytes: Uint8Array, from: SocketAddress) => void = () => {}
  readonly #options: StackOptions
  readonly #onClose: () => void
  #closed = false

  constructor(address: SocketAddress, options: StackOptions, onClose: () => void) {
    this.address = address
    this.#options = options
    this.#onClose = onClose
  }

  send(bytes: Uint8Array, to: SocketAddress, sent: (fault: Fault | undefined) => void): void {
    const failure = this.#refusal(bytes, to)
    soon(this.#options.clock, () => sent(failure))
    if (failure !== undefined) return
    const host = isWithinHost(to.host)
      ? to.host
      : isAnywhere(this.address.host)
        ? this.#options.address
        : this.address.host
    const source = { host, port: this.address.port }
    this.#options.transmit({
      protocol: 'udp',
      source,
      target: to,
      payload: bytes.slice(),
      fragment: undefined,
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#onClose()
  }

  receive(packet: DatagramPacket): void {
    lend(packet.payload, (bytes) => this.onDatagram(bytes, packet.source))
  }

  #refusal(bytes: Uint8Array, to: SocketAddress): Fault | undefined {
    if (this.#closed) return fault('network/unreachable', 'the socket is closed', true)
    if (to.port === 0) return fault('network/unreachable', 'port 0 is nobody', true)
    if (bytes.length > DATAGRAM_BYTES_MAX) {
      return fault('network/datagram-too-large', `${bytes.length} bytes in one datagram`, false)
    }
    if (!this.#options.reaches(to.host)) {
      return fault('network/unreachable', `no way to ${formatAddress(to)}`, true)
    }
    return this.#options.datagramFault()
  }
}

/** Loopback addresses and the paths of local sockets. */
export function isWithinHost(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('/')
}

function isAnywhere(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

/** With the ports also of local sockets: those of clients tell their streams apart. */
function streamKey(local: SocketAddress, remote: SocketAddress): string {
  return [local.host, local.port, remote.host, remote.port].join(' ')
}

function fault(
  code: NetworkFaultCode,
  message: string,
  temporary: boolean,
): Fault<NetworkFaultCode> {
  return new Fault(code, message, { temporary })
}
