/** Byte streams over TCP. */

import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'
import { NO_BYTES } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import {
  type ByteStream,
  formatAddress,
  isLocalSocket,
  type Listener,
  type ListenOptions,
  type NetworkFaultCode,
  type SocketAddress,
  type StreamOptions,
} from '../ports/network.ts'
import { type TlsOptions, tlsFault } from '../ports/tls.ts'
import { plainBytes } from './bytes.ts'
import { lastingBuffer } from './lasting-buffer.ts'
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
const TIMER_MS_MAX = 2_147_483_647
/** Larger writes gain nothing. */
const LARGER_PIECE_BYTES = 65_536
/** Of one stream, kept for its next writes. */
const SPARE_BUFFERS_MAX = 4

export function listenTcp(
  at: SocketAddress,
  onStream: (stream: ByteStream) => void,
  options: ListenOptions = {},
  limits: ClosingLimits = CLOSING_LIMITS,
): Promise<Listener> {
  // It makes each connection a little dearer.
  const intoLastingBuffer = options.isBulk === true ? lastingBuffer() : undefined
  const isPaused = intoLastingBuffer !== undefined
  const like = { noDelay: true, allowHalfOpen: true, pauseOnConnect: isPaused }
  const server = createServer(like, (accepted) => {
    const socket = intoLastingBuffer?.(accepted) ?? accepted
    const ends = endsOf(socket)
    if (ends !== undefined) onStream(wrapSocket(socket, ends, options, limits))
  })
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(networkFault(error, 'network/address-unavailable')))
    // With `ipv6Only` every address has one form, and `0.0.0.0` and `::` can be listed side by side.
    server.listen({ host: at.host, port: at.port, ipv6Only: true }, () => {
      server.removeAllListeners('error')
      // A single connection that could not be accepted: its peer knows, nobody here can help.
      server.on('error', () => {})
      const bound = server.address() as AddressInfo
      resolve({
        address: { host: bound.address, port: bound.port },
        close: async () => {
          // Its callback would wait for the streams as well; the port is free at once.
          if (server.listening) server.close()
        },
      })
    })
  })
}

export function connectTcp(
  to: SocketAddress,
  timeoutMs: number,
  options: StreamOptions = {},
): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: to.host, port: to.port, noDelay: true })
    const timer = setTimeout(
      () => {
        socket.destroy()
        reject(timedOut(`no answer from ${formatAddress(to)} within ${timeoutMs} ms`))
      },
      Math.min(timeoutMs, TIMER_MS_MAX),
    )
    const fail = (error: Error): void => {
      clearTimeout(timer)
      reject(networkFault(error, 'network/unreachable'))
    }
    socket.once('error', fail)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', fail)
      const ends = endsOf(socket)
      if (ends !== undefined) resolve(wrapSocket(socket, ends, options))
      else reject(new Fault('network/reset', 'gone as soon as connected', { temporary: true }))
    })
  })
}

export interface StreamEnds {
  readonly local: SocketAddress
  readonly remote: SocketAddress
}

/** Undefined where the peer has gone already, so that the socket no longer knows its addresses. */
function endsOf(socket: Socket): StreamEnds | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = socket
  if (localAddress === undefined || localPort === undefined) return discard(socket)
  if (remoteAddress === undefined || remotePort === undefined) return discard(socket)
  return {
    local: { host: localAddress, port: localPort },
    remote: { host: remoteAddress, port: remotePort },
  }
}

/** Of any connected socket, also a local one. */
export function wrapSocket(
  socket: Socket,
  ends: StreamEnds,
  { sendsTogether = false }: StreamOptions = {},
  limits: ClosingLimits = CLOSING_LIMITS,
): ByteStream {
  // In Node's loop all sockets that can be read come before what is set immediately.
  const later = sendsTogether ? setImmediate : process.nextTick
  /** What carries the owner's bytes: the socket, and once TLS has begun that. */
  let carrier = socket
  /** `leaving`: what was sent before the handshake has not yet left. */
  let phase: 'plain' | 'leaving' | 'handshake' | 'secured' = 'plain'
  let paused = false
  let closing = false
  let aborted = false
  /** Sent and not yet given to the carrier: it leaves in one write. */
  let gathered: Uint8Array[] = []
  let gatheredBytes = 0
  /** For what goes together, one for each write that is under way. */
  const spare: Buffer[] = []
  let drainOwed = false
  let fault: Fault | undefined
  let peerCloseTimer: NodeJS.Timeout | undefined
  let answerTimer: NodeJS.Timeout | undefined

  const isSecuring = (): boolean => phase === 'leaving' || phase === 'handshake'
  const leave = (): void => {
    if (gathered.length === 0) return
    const pieces = gathered
    gathered = []
    gatheredBytes = 0
    if (carrier.destroyed) return
    carrier.cork()
    for (let from = 0; from < pieces.length; ) {
      const end = endOfLargerPiece(pieces, from)
      if (end === from + 1) carrier.write(pieces[from] as Uint8Array, taken)
      else {
        const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(LARGER_PIECE_BYTES)
        carrier.write(together(pieces, from, end, buffer), (error) => {
          if (spare.length < SPARE_BUFFERS_MAX) spare.push(buffer)
          taken(error)
        })
      }
      from = end
    }
    carrier.uncork()
  }
  const taken = (error?: Error | null): void => {
    if (error || closing || !drainOwed || stream.unsentBytes > 0) return
    drainOwed = false
    stream.onDrained()
  }
  const close = (): void => {
    if (closing) return
    closing = true
    clearTimeout(answerTimer)
    leave()
    if (phase === 'handshake') {
      aborted = true
      carrier.destroy()
      return
    }
    // A handshake that has not begun is none.
    phase = phase === 'leaving' ? 'plain' : phase
    carrier.setTimeout(limits.idleMs, () => {
      fault = timedOut('closing, but the peer takes no more')
      carrier.destroy()
    })
    carrier.once('finish', () => {
      carrier.setTimeout(0)
      peerCloseTimer = setTimeout(() => carrier.destroy(), limits.peerCloseMs)
    })
    carrier.end()
    // What still comes is read and dropped, else the peer's close behind it would never be seen.
    carrier.resume()
  }

  const closeOnceAnswered = (): void => {
    if (stream.unsentBytes === 0) close()
    else answerTimer?.refresh()
  }

  const heard = (bytes: Buffer): void => {
    if (!closing) stream.onBytes(plainBytes(bytes))
  }
  // The peer has closed its half, at least. A server has gone, then; of a client that we serve, one
  // cannot know, and it may be waiting for what its commands have led to.
  const peerEnded = (): void => {
    if (closing) return
    if (carrier.allowHalfOpen) answerTimer = setTimeout(closeOnceAnswered, limits.answerMs)
    else close()
  }
  const gone = (): void => {
    closing = true
    clearTimeout(peerCloseTimer)
    clearTimeout(answerTimer)
    if (isSecuring() && !(fault?.code ?? '').startsWith('network/tls-')) {
      fault = tlsFault('network/tls-failed', 'the peer broke off the TLS handshake', fault)
    }
    stream.onEnd(aborted ? undefined : fault)
  }

  const secure = (options: TlsOptions): void => {
    if (closing || phase !== 'plain') return
    leave()
    phase = 'leaving'
    // What has been read and not yet been handed over, and what will be, is the handshake's.
    socket.pause()
    socket.off('data', heard)
    socket.off('end', peerEnded)
    socket.write(NO_BYTES, (error) => {
      if (!error && !closing) beginHandshake(options)
    })
  }
  const beginHandshake = (options: TlsOptions): void => {
    phase = 'handshake'
    socket.off('close', gone)
    carrier = startTls(socket, options, {
      secured: (session) => {
        if (closing) return
        phase = 'secured'
        carrier.on('data', heard)
        carrier.on('end', peerEnded)
        if (paused) carrier.pause()
        stream.onSecured(session)
      },
      failed: (reason) => {
        fault ??= reason
      },
    })
    carrier.on('close', gone)
  }

  const stream: ByteStream = {
    ...ends,
    get unsentBytes() {
      return aborted || carrier.destroyed ? 0 : carrier.writableLength + gatheredBytes
    },
    send: (bytes) => {
      if (closing || isSecuring()) return
      if (gathered.length === 0) later(leave)
      gathered.push(bytes)
      gatheredBytes += bytes.length
      drainOwed = true
      answerTimer?.refresh()
    },
    secure,
    close,
    abort: () => {
      if (aborted || carrier.destroyed) return
      closing = true
      aborted = true
      // A reset, lest the peer take the stream for complete. A local socket knows none.
      if (isLocalSocket(ends.local)) carrier.destroy()
      else socket.resetAndDestroy()
    },
    pause: () => {
      paused = true
      if (!isSecuring()) carrier.pause()
    },
    resume: () => {
      paused = false
      if (!isSecuring()) carrier.resume()
    },
    onBytes: () => {},
    onSecured: () => {},
    onDrained: () => {},
    onEnd: () => {},
  }

  socket.on('data', heard)
  socket.on('end', peerEnded)
  socket.on('error', (error) => {
    fault ??= networkFault(error, 'network/reset')
  })
  socket.on('close', gone)
  return stream
}

/** The index behind the last of the pieces from `from` on that fit into one larger piece, or behind one. */
function endOfLargerPiece(pieces: readonly Uint8Array[], from: number): number {
  let bytes = (pieces[from] as Uint8Array).length
  let end = from + 1
  for (; end < pieces.length; end++) {
    bytes += (pieces[end] as Uint8Array).length
    if (bytes > LARGER_PIECE_BYTES) break
  }
  return end
}

/** Small pieces copied together: one by one they cost the system, and Node, more than the copying. */
function together(
  pieces: readonly Uint8Array[],
  from: number,
  end: number,
  buffer: Buffer,
): Uint8Array {
  let at = 0
  for (let i = from; i < end; i++) {
    const piece = pieces[i] as Uint8Array
    buffer.set(piece, at)
    at += piece.length
  }
  return buffer.subarray(0, at)
}

function discard(socket: Socket): undefined {
  socket.on('error', () => {})
  socket.destroy()
}

function timedOut(message: string): Fault<NetworkFaultCode> {
  return new Fault('network/timed-out', message, { temporary: true })
}
