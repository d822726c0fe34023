import { assert } from '../base/assert.ts'
import type {
  CompressEffect,
  FlowEffect,
  Machine,
  SecuredEvent,
  SecureEffect,
  StreamEffect,
  StreamEvent,
} from '../base/machine.ts'
import type { Clock } from '../ports/clock.ts'
import type { CompressedChannel, Compression } from '../ports/compression.ts'
import type { ByteStream } from '../ports/network.ts'
import type { TlsOptions } from '../ports/tls.ts'
import { runMachine } from './run.ts'
import { StreamFlow } from './stream-flow.ts'

/** Unsent bytes beyond which a session stops reading, so that a peer that never reads cannot fill memory. */
export const UNSENT_BYTES_MAX = 1_048_576

export interface SessionOptions {
  /** Given by who has a reason of their own not to read the stream: what they hold it by. */
  readonly flow?: StreamFlow
  /** For machines that have the stream secured. */
  readonly tls?: TlsOptions | undefined
  /** For machines that have it compressed. */
  readonly compression?: Compression | undefined
}

/**
 * Runs a machine over a stream. `ask` receives every effect that is not about the stream and
 * answers, now or later, with further events. Returns the way in for events that no effect asked
 * for.
 */
export function runSession<
  Event extends { readonly type: string },
  Effect extends { readonly type: string },
>(
  machine: Machine<StreamEvent | SecuredEvent | Event, OwnEffect | Effect>,
  stream: ByteStream,
  clock: Clock,
  ask: (effect: Effect, answer: (event: Event) => void) => void,
  { flow = new StreamFlow(stream), tls, compression }: SessionOptions = {},
): (event: Event) => void {
  const feed = runMachine<StreamEvent | SecuredEvent | Event, OwnEffect | Effect>(
    machine,
    clock,
    (effect, answer) => {
      if (isOwnEffect(effect)) perform(effect)
      else ask(effect, answer)
    },
  )
  let channel: CompressedChannel | undefined
  const unsentBytes = (): number => stream.unsentBytes + (channel?.unsentBytes ?? 0)
  const send = (bytes: Uint8Array): void => {
    if (channel === undefined) stream.send(bytes)
    else channel.deflate(bytes)
    if (unsentBytes() > UNSENT_BYTES_MAX) flow.hold('unsent')
  }
  const drained = (): void => {
    if (unsentBytes() > 0) return
    flow.release('unsent')
    feed({ type: 'drained' })
  }
  const compress = (): void => {
    assert(compression !== undefined, 'whoever wants a stream compressed is given the means')
    const opened = compression.open({
      deflated: (bytes) => stream.send(bytes),
      drained,
      inflated: (bytes) => feed({ type: 'bytes', bytes }),
      broken: () => stream.abort(),
    })
    channel = opened
    flow.alsoHolds(opened)
    stream.onBytes = (bytes) => opened.inflate(bytes)
  }
  const perform = (effect: OwnEffect): void => {
    switch (effect.type) {
      case 'close':
        if (channel === undefined) stream.close()
        else channel.end(() => stream.close())
        return
      case 'compress':
        compress()
        return
      case 'pause':
        flow.hold('machine')
        return
      case 'resume':
        flow.release('machine')
        return
      case 'secure':
        assert(tls !== undefined, 'whoever wants a stream secured is given the means')
        stream.secure(tls)
        return
      case 'send':
        send(effect.bytes)
    }
  }
  stream.onBytes = (bytes) => feed({ type: 'bytes', bytes })
  stream.onDrained = drained
  stream.onSecured = (session) => feed({ type: 'secured', session })
  stream.onEnd = (fault) => {
    channel?.end(() => {})
    feed({ type: 'ended', fault })
  }
  feed({ type: 'connected' })
  return feed
}

type OwnEffect = StreamEffect | FlowEffect | SecureEffect | CompressEffect

const OWN: Readonly<Record<OwnEffect['type'], true>> = {
  send: true,
  close: true,
  pause: true,
  resume: true,
  secure: true,
  compress: true,
}

function isOwnEffect(effect: { readonly type: string }): effect is OwnEffect {
  return Object.hasOwn(OWN, effect.type)
}
