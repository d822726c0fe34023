/** Streams and datagrams. `host` makes them of sockets, `lab` of simulated links. */

import type { Fault } from '../base/fault.ts'
import type { TlsSession } from '../base/tls.ts'
import type { TlsFaultCode, TlsOptions } from './tls.ts'

export interface SocketAddress {
  /**
   * An IP address in text form; for streams also the absolute path of a local socket, whose port is 0.
   */
  readonly host: string
  /** 0 in a request to listen at an IP address means: any free port. */
  readonly port: number
  /** Of a local socket to listen on: who may connect. Default: only the user who listens. */
  readonly access?: 'everyone'
}

/**
 * What keeps from listening or binding is permanent: the configuration has to change. What keeps
 * from connecting, breaks a stream or keeps a datagram from leaving is temporary, but for
 * `network/datagram-too-large`: a network, or a plan, can be mended, and nothing should be given up
 * before that.
 */
export type NetworkFaultCode =
  | 'network/address-in-use'
  | 'network/address-unavailable'
  | 'network/permission-denied'
  | 'network/refused'
  | 'network/unreachable'
  | 'network/timed-out'
  | 'network/reset'
  | 'network/datagram-too-large'
  | TlsFaultCode

export interface Network {
  /** Rejects with a Fault: address in use, unavailable, or permission denied. */
  listen(
    at: SocketAddress,
    onStream: (stream: ByteStream) => void,
    options?: ListenOptions,
  ): Promise<Listener>
  /** Rejects with a Fault: refused, unreachable or timed out. */
  connect(to: SocketAddress, timeoutMs: number, options?: StreamOptions): Promise<ByteStream>
  /** Rejects with a Fault, as `listen` does. */
  bind(at: SocketAddress): Promise<DatagramSocket>
}

export interface StreamOptions {
  /**
   * Lets what is sent wait until all peers that have said something have been heard, and leave
   * together with the answers to them: for many sessions that each wait for a short answer, not for
   * a stream that is to be kept full. Default: it leaves as soon as its owner has no more to say.
   */
  readonly sendsTogether?: boolean
}

export interface ListenOptions extends StreamOptions {
  /** Default: false. Much is going to come over each stream, so that it is worth preparing for. */
  readonly isBulk?: boolean
}

export interface Listener {
  /** With the port that was given where 0 was asked for. */
  readonly address: SocketAddress
  /** Accepts no more; streams already open live on. */
  close(): Promise<void>
}

/**
 * A reliable, ordered byte stream. Handlers are plain fields, set by whoever owns the stream in the
 * same turn in which it received it; they are called in order and never from inside `send`, `close`
 * or `abort`.
 */
export interface ByteStream {
  readonly local: SocketAddress
  readonly remote: SocketAddress
  /** What `send` was given and the network has not yet taken. */
  readonly unsentBytes: number
  /** Takes the bytes over: the caller must not change them afterwards. Without effect once closed. */
  send(bytes: Uint8Array): void
  /**
   * Puts TLS between the stream and its owner: what was sent before leaves as it is; from now on
   * nothing is heard and nothing can be sent, `send` being without effect, until `onSecured`. What
   * comes, also what came before and was not yet handed over, belongs to the handshake. A handshake
   * that fails ends the stream, with a TlsFaultCode. It has no time limit of its own: the owner
   * closes. Once per stream; without effect once closed.
   */
  secure(options: TlsOptions): void
  /** Closes once everything sent has left; during a handshake at once. */
  close(): void
  /** Closes now and forgets what is unsent. */
  abort(): void
  /** No `onBytes` until `resume`; the peer is slowed down by its window. */
  pause(): void
  resume(): void
  /** Bytes are borrowed for the length of the call. */
  onBytes: (bytes: Uint8Array) => void
  /** The handshake that `secure` began is done. */
  onSecured: (session: TlsSession) => void
  /** `unsentBytes` has fallen to 0 after a `send`. */
  onDrained: () => void
  /**
   * Called exactly once: the stream is gone, nothing comes and nothing can be sent any more; with the
   * reason where it broke. What else there is to hear comes before: nothing follows, and after the
   * peer's end an accepted stream still takes what its owner has to answer, until the owner closes
   * it or has been silent for some seconds.
   */
  onEnd: (fault: Fault | undefined) => void
}

export interface DatagramSocket {
  readonly address: SocketAddress
  /**
   * `sent` hears when the network has taken the datagram, or the Fault that kept it from doing so.
   * Taken does not mean arrived. A closed socket, and one asked to send to port 0, which is nobody's,
   * answer `network/unreachable`.
   */
  send(bytes: Uint8Array, to: SocketAddress, sent: (fault: Fault | undefined) => void): void
  close(): Promise<void>
  /** Bytes are borrowed for the length of the call. */
  onDatagram: (bytes: Uint8Array, from: SocketAddress) => void
}

/** Of a local socket: programs on one machine, and no network between them. */
export function isLocalSocket(address: SocketAddress): boolean {
  return address.host.startsWith('/')
}

/** `172.21.0.3:2113`; IPv6 in brackets; of a local socket its path. */
export function formatAddress(address: SocketAddress): string {
  if (isLocalSocket(address)) return address.host
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`
}

/** What `formatAddress` writes, and what configuration files say: one set of texts for both. */
export { parseSocketAddress as parseAddress } from '../base/ip-address.ts'
