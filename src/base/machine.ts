import type { Fault } from './fault.ts'
import type { MonoMs } from './time.ts'
import type { TlsSession } from './tls.ts'

/**
 * The shape of every protocol core: events in, effects out, time as an argument.
 *
 * `handle` never throws for anything a peer can cause, and the caller carries out the returned
 * effects, in order, before it hands over the next event. Bytes inside an event are borrowed: a
 * machine copies what it keeps. Bytes inside an effect belong to whoever carries it out.
 */
export interface Machine<Event, Effect> {
  /** The earliest moment at which this machine wants a `tick`; undefined for never. */
  readonly deadline: MonoMs | undefined
  handle(event: Event, now: MonoMs): readonly Effect[]
}

/** What a machine hears of the byte stream that it runs over. */
export type StreamEvent =
  | { readonly type: 'connected' }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  /** All that was sent has left: the moment to produce more of a long answer. */
  | { readonly type: 'drained' }
  /** No more bytes will come and none can be sent: the stream is gone, and why where it broke. */
  | { readonly type: 'ended'; readonly fault?: Fault | undefined }
  | { readonly type: 'tick' }

/** What a machine may do to the byte stream that it runs over. */
export type StreamEffect =
  | { readonly type: 'send'; readonly bytes: Uint8Array }
  /** Close once everything sent before has left. */
  | { readonly type: 'close' }

/** What a machine may do, beyond that, to the bytes that come to it. */
export type FlowEffect =
  /** No more `bytes` until `resume`, but for what is already on its way to the machine. */
  { readonly type: 'pause' } | { readonly type: 'resume' }

/** From here on what is sent is deflated, and what comes is inflated. */
export interface CompressEffect {
  readonly type: 'compress'
}

/**
 * The stream is to be secured by TLS, which whoever runs the machine has the means for. Nothing comes
 * and nothing may be sent until `secured`; a handshake that fails is an `ended`. Bytes that the
 * machine still holds were not protected, and are not to be believed afterwards.
 */
export interface SecureEffect {
  readonly type: 'secure'
}

export interface SecuredEvent {
  readonly type: 'secured'
  readonly session: TlsSession
}
