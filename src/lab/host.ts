import { NO_BYTES } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import type { Slab } from '../base/slab.ts'
import type { TcpSettings } from '../config/tcp-settings.ts'
import type { TlsSettings } from '../config/tls-settings.ts'
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
import type { Egress, NetemOptions } from './egress.ts'
import { fragmented, Reassembly } from './fragments.ts'
import { DATAGRAM_BYTES_MAX, MTU_BYTES, TCP_HEADER_BYTES } from './limits.ts'
import {
  type DatagramPacket,
  ipHeaderBytes,
  Lender,
  type Packet,
  type SegmentPacket,
} from './packet.ts'
import { SecureStream, type StreamHost } from './secure-stream.ts'
import { LabStream } from './stream.ts'
import { NO_OPTIONS, TCP_FLAGS } from './tcp-header.ts'
import { TlsSessions } from './tls-sessions.ts'
import { after, HostClock, soon, type World } from './world.ts'

/** First and last port that a host gives away by itself, as IANA recommends. */
const FREE_PORT_FIRST = 49_152
const FREE_PORT_LAST = 65_535

/** What a host asks of the network around it. */
export interface Surroundings {
  readonly world: World
  readonly tcp: TcpSettings
  readonly tls: TlsSettings
  /** What datagrams are pieces of: nobody knows when a packet is gone, so they are never given back. */
  readonly slab: Slab
  /** What one packet takes on the way there; undefined where there is none. */
  mtuBytes(host: LabHost, address: string): number | undefined
  transmit(from: LabHost, packet: Packet): void
  newEgress(options: NetemOptions): Egress
}

/** A machine in the lab: its name, its address, and the ports through which a program runs on it. */
export class LabHost {
  readonly name: string
  /** The network that it is on. */
  readonly site: string
  readonly address: string
  /** What every datagram from here is refused with, as by a firewall's rule. */
  datagramFault: Fault | undefined
  #egress: Egress | undefined
  readonly #surroundings: Surroundings
  #running: { readonly clock: HostClock; readonly stack: Stack }
  #crashed = false
  #nextPort = FREE_PORT_FIRST
  #identification = 0

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

  /** What holds what this host sends to others; undefined where nothing does. */
  get egress(): Egress | undefined {
    return this.#egress
  }

  /**
   * In place of what did, whose packets keep their times; undefined takes it away, with what it holds. It is
   * gone when the power fails.
   */
  setEgress(options: NetemOptions | undefined): void {
    if (options === undefined) this.#egress?.remove()
    this.#egress = options && this.#surroundings.newEgress(options)
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
    this.setEgress(undefined)
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
    const clock = new HostClock(this.#surroundings.world, aheadMs, this.name)
    const stack = new Stack({
      address: this.address,
      clock,
      mtuBytes: (address) => this.#surroundings.mtuBytes(this, address),
      tcp: this.#surroundings.tcp,
      tls: this.#surroundings.tls,
      slab: this.#surroundings.slab,
      lender: new Lender(),
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
      nextIdentification: () => {
        this.#identification = (this.#identification + 1) & 0xffff
        return this.#identification
      },
    })
    return { clock, stack }
  }
}

interface StackOptions {
  readonly address: string
  readonly clock: Clock
  readonly tcp: TcpSettings
  readonly tls: TlsSettings
  readonly slab: Slab
  readonly lender: Lender
  readonly mtuBytes: (address: string) => number | undefined
  readonly datagramFault: () => Fault | undefined
  readonly transmit: (packet: Packet) => void
  readonly nextPort: () => number
  /** Of a datagram that is sent in fragments: 16 bits. */
  readonly nextIdentification: () => number
}

/** The Network port of one run of one host: its sockets, and who gets what arrives. */
class Stack implements Network {
  readonly #options: StackOptions
  readonly #listeners: Bound<(stream: ByteStream) => void> = new Bound()
  readonly #sockets: Bound<LabSocket> = new Bound()
  /** Of all hosts together, by `portsKey`. */
  readonly #streams = new Map<number, LabStream[]>()
  /** Of listeners, sockets and streams. */
  readonly #portUsers: PortUsers = new PortUsers()
  readonly #reassembly: Reassembly = new Reassembly()
  readonly #ofStreams: StreamHost

  constructor(options: StackOptions) {
    this.#options = options
    const { clock, lender, tls: settings } = options
    this.#ofStreams = { clock, lender, tls: { settings, sessions: new TlsSessions() } }
  }

  async listen(at: SocketAddress, onStream: (stream: ByteStream) => void): Promise<Listener> {
    const address = this.#claim(at, this.#listeners)
    this.#listeners.add(address, onStream)
    this.#portUsers.take(address.port)
    return {
      address,
      close: async () => {
        if (!this.#listeners.remove(address, onStream)) return
        this.#portUsers.release(address.port)
      },
    }
  }

  connect(to: SocketAddress, timeoutMs: number): Promise<ByteStream> {
    const { address, clock, mtuBytes } = this.#options
    return new Promise((resolve, reject) => {
      if (mtuBytes(to.host) === undefined) {
        throw fault('network/unreachable', `no way to ${formatAddress(to)}`, true)
      }
      const host = isWithinHost(to.host) ? to.host : address
      let cancelTimer = (): void => {}
      const stream = this.#addStream('client', { host, port: this.#freePort() }, to, (failure) => {
        cancelTimer()
        if (failure === undefined) resolve(new SecureStream(stream, this.#ofStreams))
        else reject(failure)
      })
      cancelTimer = after(clock, timeoutMs, () => stream.abandon())
      stream.open()
    })
  }

  async bind(at: SocketAddress): Promise<DatagramSocket> {
    const address = this.#claim(at, this.#sockets)
    const socket: LabSocket = new LabSocket(address, this.#options, () => {
      this.#sockets.remove(address, socket)
      this.#portUsers.release(address.port)
    })
    this.#sockets.add(address, socket)
    this.#portUsers.take(address.port)
    return socket
  }

  receive(packet: Packet): void {
    if (packet.protocol === 'tcp') {
      this.#receiveSegment(packet)
      return
    }
    const whole =
      packet.fragment === undefined
        ? packet
        : this.#reassembly.add(packet, packet.fragment, this.#options.clock.now())
    if (whole !== undefined) this.#sockets.at(packet.target)?.receive(whole)
  }

  #receiveSegment(packet: SegmentPacket): void {
    const { source, target, header } = packet
    const stream = this.#stream(target, source)
    if (stream !== undefined && !stream.givesWayTo(packet)) {
      stream.receive(packet)
      return
    }
    if (header.flags & TCP_FLAGS.rst) return
    if (header.flags === TCP_FLAGS.syn && this.#listeners.at(target) !== undefined) {
      this.#serve(packet)
    } else {
      this.#options.transmit(resetTo(packet))
    }
  }

  #serve(syn: SegmentPacket): void {
    const stream = this.#addStream('server', syn.target, syn.source, (failure) => {
      if (failure !== undefined) return
      const onStream = this.#listeners.at(syn.target)
      if (onStream === undefined) stream.abort()
      else onStream(new SecureStream(stream, this.#ofStreams))
    })
    stream.answer(syn)
  }

  #addStream(
    role: 'client' | 'server',
    local: SocketAddress,
    remote: SocketAddress,
    onOpen: (failure: Fault | undefined) => void,
  ): LabStream {
    const { clock, lender, transmit, mtuBytes, tcp } = this.#options
    const stream: LabStream = new LabStream({
      role,
      local,
      remote,
      clock,
      lender,
      segmentBytesMax: segmentBytesMax(mtuBytes(remote.host) ?? MTU_BYTES, remote.host),
      synRetransmissionsMax: role === 'client' ? tcp.synRetries : tcp.synAckRetries,
      transmit,
      onOpen,
      onForgotten: () => {
        this.#portUsers.release(local.port)
        this.#removeStream(stream)
      },
    })
    this.#portUsers.take(local.port)
    // It takes the place of one that has ended.
    const before = this.#stream(local, remote)
    if (before !== undefined) this.#removeStream(before)
    const key = portsKey(local, remote)
    const others = this.#streams.get(key)
    if (others === undefined) this.#streams.set(key, [stream])
    else others.push(stream)
    return stream
  }

  #stream(local: SocketAddress, remote: SocketAddress): LabStream | undefined {
    return this.#streams
      .get(portsKey(local, remote))
      ?.find((stream) => stream.local.host === local.host && stream.remote.host === remote.host)
  }

  #removeStream(stream: LabStream): void {
    const key = portsKey(stream.local, stream.remote)
    const left = this.#streams.get(key)?.filter((other) => other !== stream) ?? []
    if (left.length === 0) this.#streams.delete(key)
    else this.#streams.set(key, left)
  }

  #claim(at: SocketAddress, taken: Bound<unknown>): SocketAddress {
    if (at.host !== this.#options.address && !isWithinHost(at.host) && !isAnywhere(at.host)) {
      throw fault('network/address-unavailable', `${at.host} is not an address of this host`, false)
    }
    if (isLocalSocket(at)) {
      if (taken.at(at) === undefined) return at
      throw fault('network/address-in-use', `${at.host} is in use`, false)
    }
    const address = at.port === 0 ? { host: at.host, port: this.#freePort() } : at
    const inTheWay = (host: string): boolean =>
      isAnywhere(address.host) || host === address.host || isAnywhere(host)
    if (taken.hostsAt(address.port).some(inTheWay)) {
      throw fault('network/address-in-use', `${formatAddress(address)} is in use`, false)
    }
    return address
  }

  #freePort(): number {
    for (let tries = FREE_PORT_FIRST; tries <= FREE_PORT_LAST; tries++) {
      const port = this.#options.nextPort()
      if (!this.#portUsers.has(port)) return port
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
    const mtu = this.#options.mtuBytes(to.host)
    const failure = this.#refusal(bytes, to, mtu)
    soon(this.#options.clock, () => sent(failure))
    if (failure !== undefined) return
    const host = isWithinHost(to.host)
      ? to.host
      : isAnywhere(this.address.host)
        ? this.#options.address
        : this.address.host
    const source = { host, port: this.address.port }
    const datagram: DatagramPacket = {
      protocol: 'udp',
      source,
      target: to,
      payload: this.#options.slab.copy(bytes),
      fragment: undefined,
    }
    const { nextIdentification, transmit } = this.#options
    for (const packet of fragmented(datagram, mtu ?? MTU_BYTES, nextIdentification)) {
      transmit(packet)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#onClose()
  }

  receive(packet: DatagramPacket): void {
    this.#options.lender.lend(packet.payload, (bytes) => this.onDatagram(bytes, packet.source))
  }

  /** `mtuBytes` is undefined where no way leads there. */
  #refusal(bytes: Uint8Array, to: SocketAddress, mtuBytes: number | undefined): Fault | undefined {
    if (this.#closed) return fault('network/unreachable', 'the socket is closed', true)
    if (to.port === 0) return fault('network/unreachable', 'port 0 is nobody', true)
    if (bytes.length > DATAGRAM_BYTES_MAX) {
      return fault('network/datagram-too-large', `${bytes.length} bytes in one datagram`, false)
    }
    if (mtuBytes === undefined) {
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

/** Of local sockets too: the ports of clients tell their streams apart. */
function portsKey(local: SocketAddress, remote: SocketAddress): number {
  return local.port * 65_536 + remote.port
}

/** What is bound to addresses of a host; local sockets by their paths. */
class Bound<Item> {
  /** By port, then by host. */
  readonly #items = new Map<number, Map<string, Item>>()

  add({ host, port }: SocketAddress, item: Item): void {
    const items = this.#items.get(port) ?? new Map<string, Item>()
    this.#items.set(port, items.set(host, item))
  }

  /** False where it is not there any more. */
  remove({ host, port }: SocketAddress, item: Item): boolean {
    const items = this.#items.get(port)
    if (items?.get(host) !== item) return false
    items.delete(host)
    if (items.size === 0) this.#items.delete(port)
    return true
  }

  /** What is bound to an address, or to its port at every address. */
  at({ host, port }: SocketAddress): Item | undefined {
    const items = this.#items.get(port)
    return items?.get(host) ?? items?.get(host.includes(':') ? '::' : '0.0.0.0')
  }

  hostsAt(port: number): readonly string[] {
    return [...(this.#items.get(port)?.keys() ?? [])]
  }
}

/** What a segment takes, options left out. RFC 9293 §3.7.1. */
function segmentBytesMax(mtuBytes: number, remoteHost: string): number {
  return mtuBytes - ipHeaderBytes(remoteHost) - TCP_HEADER_BYTES
}

/** To one who believes in a stream that is not here. RFC 9293 §3.10.7.1. */
function resetTo({ source, target, header, payload }: SegmentPacket): SegmentPacket {
  const answers = (header.flags & TCP_FLAGS.ack) !== 0
  const counted = (header.flags & (TCP_FLAGS.syn | TCP_FLAGS.fin)) === 0 ? 0 : 1
  return {
    protocol: 'tcp',
    source: target,
    target: source,
    payload: NO_BYTES,
    header: {
      sequence: answers ? header.acknowledgement : 0,
      acknowledgement: answers ? 0 : (header.sequence + payload.length + counted) >>> 0,
      flags: answers ? TCP_FLAGS.rst : TCP_FLAGS.rst | TCP_FLAGS.ack,
      window: 0,
      options: NO_OPTIONS,
    },
    retransmitted: false,
  }
}

/** How many use each port, so that a free one is found at once. */
class PortUsers {
  readonly #counts = new Map<number, number>()

  has(port: number): boolean {
    return this.#counts.has(port)
  }

  take(port: number): void {
    this.#counts.set(port, (this.#counts.get(port) ?? 0) + 1)
  }

  release(port: number): void {
    const count = this.#counts.get(port) ?? 0
    if (count > 1) this.#counts.set(port, count - 1)
    else this.#counts.delete(port)
  }
}

function fault(
  code: NetworkFaultCode,
  message: string,
  temporary: boolean,
): Fault<NetworkFaultCode> {
  return new Fault(code, message, { temporary })
}
