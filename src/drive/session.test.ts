import { expect, test } from 'vitest'
import { fromLatin1, toLatin1 } from '../base/bytes.ts'
import type { Fault } from '../base/fault.ts'
import type {
  CompressEffect,
  FlowEffect,
  Machine,
  SecuredEvent,
  SecureEffect,
  StreamEffect,
  StreamEvent,
} from '../base/machine.ts'
import { monoMs, wallMs } from '../base/time.ts'
import type { TlsSession } from '../base/tls.ts'
import type { Clock } from '../ports/clock.ts'
import type { Compression, CompressionHandlers } from '../ports/compression.ts'
import type { ByteStream } from '../ports/network.ts'
import { type TlsOptions, tlsFault } from '../ports/tls.ts'
import { runSession, UNSENT_BYTES_MAX } from './session.ts'
import { StreamFlow } from './stream-flow.ts'

const clock: Clock = { now: () => monoMs(0), wall: () => wallMs(0), at: () => () => {} }

/** A stream that keeps what is done to it; nothing it sends leaves until a test says so. */
class StuckStream implements ByteStream {
  readonly local = { host: '127.0.0.1', port: 1 }
  readonly remote = { host: '127.0.0.1', port: 2 }
  readonly done: string[] = []
  unsentBytes = 0
  onBytes = (_bytes: Uint8Array): void => {}
  onDrained = (): void => {}
  onSecured = (_session: TlsSession): void => {}
  onEnd = (_fault: Fault | undefined): void => {}
  send(bytes: Uint8Array): void {
    this.unsentBytes += bytes.length
    this.done.push(bytes.length < 20 ? `send ${toLatin1(bytes)}` : `send ${bytes.length}`)
  }
  secure(options: TlsOptions): void {
    this.done.push(`secure as ${options.role}`)
  }
  close(): void {
    this.done.push('close')
  }
  abort(): void {
    this.done.push('abort')
  }
  pause(): void {
    this.done.push('pause')
  }
  resume(): void {
    this.done.push('resume')
  }
}

type Answer = { readonly type: 'verdict'; readonly text: string }
type Question = { readonly type: 'ask'; readonly text: string }

/** Asks about every word it receives, says what it is answered, and notes all it hears. */
class Parrot implements Machine<StreamEvent | Answer, StreamEffect | Question> {
  readonly deadline = undefined
  readonly heard: string[] = []
  handle(event: StreamEvent | Answer): readonly (StreamEffect | Question)[] {
    this.heard.push(event.type)
    if (event.type === 'bytes') return [{ type: 'ask', text: toLatin1(event.bytes) }]
    if (event.type === 'verdict') return [{ type: 'send', bytes: fromLatin1(event.text) }]
    return event.type === 'ended' ? [{ type: 'close' }] : []
  }
}

test('a session hears of its stream, asks, and carries out what the machine says', () => {
  const stream = new StuckStream()
  const parrot = new Parrot()
  runSession<Answer, Question>(parrot, stream, clock, (question, answer) =>
    answer({ type: 'verdict', text: question.text.toUpperCase() }),
  )
  stream.onBytes(fromLatin1('hello'))
  stream.unsentBytes = 0
  stream.onDrained()
  stream.onEnd(undefined)
  expect(parrot.heard).toEqual(['connected', 'bytes', 'verdict', 'drained', 'ended'])
  expect(stream.done).toEqual(['send HELLO', 'close'])
})

test('an event that no effect asked for comes in by the way that is returned', () => {
  const stream = new StuckStream()
  const feed = runSession<Answer, Question>(new Parrot(), stream, clock, () => {})
  feed({ type: 'verdict', text: 'late' })
  expect(stream.done).toEqual(['send late'])
})

test('a peer that never reads is no longer read from until it does', () => {
  const stream = new StuckStream()
  const feed = runSession<Answer, Question>(new Parrot(), stream, clock, () => {})
  const text = 'x'.repeat(UNSENT_BYTES_MAX)
  feed({ type: 'verdict', text })
  expect(stream.done).toEqual([`send ${UNSENT_BYTES_MAX}`])
  feed({ type: 'verdict', text: '1' })
  feed({ type: 'verdict', text: '2' })
  expect(stream.done.slice(1)).toEqual(['send 1', 'pause', 'send 2'])
  stream.unsentBytes = 0
  stream.onDrained()
  stream.onDrained()
  expect(stream.done.slice(4)).toEqual(['resume'])
})

test('a machine that pauses its stream is not read to before it resumes, drained or not', () => {
  const stream = new StuckStream()
  const machine: Machine<StreamEvent | Answer, StreamEffect | FlowEffect> = {
    deadline: undefined,
    handle: (event) => {
      if (event.type !== 'verdict') return []
      if (event.text === 'pause' || event.text === 'resume') return [{ type: event.text }]
      return [{ type: 'send', bytes: new Uint8Array(UNSENT_BYTES_MAX + 1) }]
    },
  }
  const feed = runSession<Answer, never>(machine, stream, clock, () => {})
  feed({ type: 'verdict', text: 'pause' })
  feed({ type: 'verdict', text: 'pause' })
  feed({ type: 'verdict', text: 'much' })
  stream.unsentBytes = 0
  stream.onDrained()
  expect(stream.done).toEqual(['pause', `send ${UNSENT_BYTES_MAX + 1}`])
  feed({ type: 'verdict', text: 'resume' })
  expect(stream.done.slice(2)).toEqual(['resume'])
})

test('what others hold the stream for stands beside the reasons of the session', () => {
  const stream = new StuckStream()
  const flow = new StreamFlow(stream)
  const feed = runSession<Answer, Question>(new Parrot(), stream, clock, () => {}, { flow })
  flow.hold('stopping')
  feed({ type: 'verdict', text: 'x'.repeat(UNSENT_BYTES_MAX + 1) })
  stream.unsentBytes = 0
  stream.onDrained()
  expect(stream.done).toEqual(['pause', `send ${UNSENT_BYTES_MAX + 1}`])
  flow.release('stopping')
  flow.release('stopping')
  expect(stream.done.slice(2)).toEqual(['resume'])
})

test('a machine has its stream compressed, and what has not been handed out counts as unsent', () => {
  const stream = new StuckStream()
  const heard: string[] = []
  const machine: Machine<StreamEvent | Answer, StreamEffect | FlowEffect | CompressEffect> = {
    deadline: undefined,
    handle: (event) => {
      heard.push(event.type === 'bytes' ? toLatin1(event.bytes) : event.type)
      if (event.type === 'connected') {
        return [{ type: 'send', bytes: fromLatin1('OK') }, { type: 'compress' }]
      }
      if (event.type !== 'verdict') return []
      if (event.text === 'close') return [{ type: 'close' }]
      return [{ type: 'send', bytes: new Uint8Array(UNSENT_BYTES_MAX + 1) }]
    },
  }
  let handlers: CompressionHandlers | undefined
  const channel = {
    unsentBytes: 0,
    deflate: (bytes: Uint8Array) => {
      channel.unsentBytes += bytes.length
    },
    inflate: (bytes: Uint8Array) => handlers?.inflated(bytes.slice(1)),
    pause: () => stream.done.push('pause inflating'),
    resume: () => stream.done.push('resume inflating'),
    end: (done: () => void) => done(),
  }
  const compression: Compression = {
    open: (given) => {
      handlers = given
      return channel
    },
  }
  const feed = runSession<Answer, never>(machine, stream, clock, () => {}, { compression })
  stream.onBytes(fromLatin1('zNOOP'))
  feed({ type: 'verdict', text: 'much' })
  expect(stream.done).toEqual(['send OK', 'pause', 'pause inflating'])
  // The network has all that it was given; the channel not.
  stream.unsentBytes = 0
  stream.onDrained()
  expect(heard).toEqual(['connected', 'NOOP', 'verdict'])
  channel.unsentBytes = 0
  handlers?.drained()
  expect(heard.at(-1)).toBe('drained')
  expect(stream.done.slice(3)).toEqual(['resume', 'resume inflating'])
  feed({ type: 'verdict', text: 'close' })
  handlers?.broken()
  expect(stream.done.slice(5)).toEqual(['close', 'abort'])
})

test('a machine has its stream secured, and hears what came of it', () => {
  const stream = new StuckStream()
  const heard: unknown[] = []
  const machine: Machine<StreamEvent | SecuredEvent, SecureEffect> = {
    deadline: undefined,
    handle: (event) => {
      heard.push(event)
      return event.type === 'connected' ? [{ type: 'secure' }] : []
    },
  }
  const tls: TlsOptions = { role: 'client', peerCertificate: 'ignored' }
  runSession(machine, stream, clock, () => {}, { tls })
  expect(stream.done).toEqual(['secure as client'])
  const session: TlsSession = {
    version: 'TLSv1.3',
    cipher: 'TLS_AES_256_GCM_SHA384',
    alpn: undefined,
    serverName: undefined,
    peer: undefined,
    channelBinding: { tlsExporter: undefined, tlsServerEndPoint: undefined },
  }
  const fault = tlsFault('network/tls-failed', 'bad record')
  stream.onSecured(session)
  stream.onEnd(fault)
  expect(heard.slice(1)).toEqual([
    { type: 'secured', session },
    { type: 'ended', fault },
  ])
})
