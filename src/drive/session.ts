import type { Machine, StreamEffect, StreamEvent } from '../base/machine.ts'
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
  machine: Machine<StreamEvent | Event, StreamEffect | Effect>,
  stream: ByteStream,
  clock: Clock,
  ask: (effect: Effect, answer: (event: Event) => void) => void,
): (event: Event) => void {
  let overfull = false
  const feed = runMachine<StreamEvent | Event, StreamEffect | Effect>(
    machine,
    clock,
    (effect, answer) => {
      if (isStreamEffect(effect)) perform(effect)
      else ask(effect, answer)
    },
  )
  const perform = (effect: StreamEffect): void => {
    if (effect.type === 'close') {
      stream.close()
      return
    }
    stream.send(effect.bytes)
    if (stream.unsentBytes > UNSENT_BYTES_MAX && !overfull) {
      overfull = true
      stream.pause()
    }
  }
  stream.onBytes = (bytes) => feed({ type: 'bytes', bytes })
  stream.onDrained = () => {
    if (overfull) {
      overfull = false
      stream.resume()
    }
    feed({ type: 'drained' })
  }
  stream.onEnd = () => feed({ type: 'ended' })
  feed({ type: 'connected' })
  return feed
}

function isStreamEffect(effect: { readonly type: string }): effect is StreamEffect {
  return effect.type === 'send' || effect.type === 'close'
}
