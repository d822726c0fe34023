import type { FlowEffect, Machine, StreamEffect, StreamEvent } from '../base/machine.ts'
import type { Clock } from '../ports/clock.ts'
import type { ByteStream } from '../ports/network.ts'
import { runMachine } from './run.ts'

/** Unsent bytes beyond which a session stops reading, so that a peer that never reads cannot fill memory. */
export const UNSENT_BYTES_MAX = 1_048_576

/**
 * Runs a machine over a stream. `ask` receives every effect that is not about the stream and
 * answers, now or later, with further events. Returns the way in for events that no effect asked
 * for.
 */
export function runSession<
  Event extends { readonly type: string },
  Effect extends { readonly type: string },
>(
  machine: Machine<StreamEvent | Event, StreamEffect | FlowEffect | Effect>,
  stream: ByteStream,
  clock: Clock,
  ask: (effect: Effect, answer: (event: Event) => void) => void,
): (event: Event) => void {
  let overfull = false
  let held = false
  const feed = runMachine<StreamEvent | Event, StreamEffect | FlowEffect | Effect>(
    machine,
    clock,
    (effect, answer) => {
      if (isStreamEffect(effect)) perform(effect)
      else ask(effect, answer)
    },
  )
  /** The stream is read while neither the machine nor a peer that does not read is against it. */
  const setFlow = (now: { readonly overfull: boolean; readonly held: boolean }): void => {
    const wasPaused = overfull || held
    overfull = now.overfull
    held = now.held
    const isPaused = overfull || held
    if (isPaused && !wasPaused) stream.pause()
    if (wasPaused && !isPaused) stream.resume()
  }
  const perform = (effect: StreamEffect | FlowEffect): void => {
    switch (effect.type) {
      case 'close':
        stream.close()
        return
      case 'pause':
      case 'resume':
        setFlow({ overfull, held: effect.type === 'pause' })
        return
      case 'send':
        stream.send(effect.bytes)
        if (stream.unsentBytes > UNSENT_BYTES_MAX) setFlow({ overfull: true, held })
    }
  }
  stream.onBytes = (bytes) => feed({ type: 'bytes', bytes })
  stream.onDrained = () => {
    setFlow({ overfull: false, held })
    feed({ type: 'drained' })
  }
  stream.onEnd = () => feed({ type: 'ended' })
  feed({ type: 'connected' })
  return feed
}

function isStreamEffect(effect: { readonly type: string }): effect is StreamEffect | FlowEffect {
  return STREAM_EFFECTS.some((type) => type === effect.type)
}

const STREAM_EFFECTS = ['send', 'close', 'pause', 'resume'] as const
