import type { FlowEffect, Machine, StreamEffect, StreamEvent } from '../base/machine.ts'
import type { Clock } from '../ports/clock.ts'
import type { ByteStream } from '../ports/network.ts'
import { runMachine } from './run.ts'
import { StreamFlow } from './stream-flow.ts'

/** Unsent bytes beyond which a session stops reading, so that a peer that never reads cannot fill memory. */
export const UNSENT_BYTES_MAX = 1_048_576

/**
 * Runs a machine over a stream. `ask` receives every effect that is not about the stream and
 * answers, now or later, with further events. Returns the way in for events that no effect asked
 * for. Who has a reason of their own not to read the stream gives the `flow` that they hold it by.
 */
export function runSession<
  Event extends { readonly type: string },
  Effect extends { readonly type: string },
>(
  machine: Machine<StreamEvent | Event, StreamEffect | FlowEffect | Effect>,
  stream: ByteStream,
  clock: Clock,
  ask: (effect: Effect, answer: (event: Event) => void) => void,
  flow: StreamFlow = new StreamFlow(stream),
): (event: Event) => void {
  const feed = runMachine<StreamEvent | Event, StreamEffect | FlowEffect | Effect>(
    machine,
    clock,
    (effect, answer) => {
      if (isStreamEffect(effect)) perform(effect)
      else ask(effect, answer)
    },
  )
  const perform = (effect: StreamEffect | FlowEffect): void => {
    switch (effect.type) {
      case 'close':
        stream.close()
        return
      case 'pause':
        flow.hold('machine')
        return
      case 'resume':
        flow.release('machine')
        return
      case 'send':
        stream.send(effect.bytes)
        if (stream.unsentBytes > UNSENT_BYTES_MAX) flow.hold('unsent')
    }
  }
  stream.onBytes = (bytes) => feed({ type: 'bytes', bytes })
  stream.onDrained = () => {
    flow.release('unsent')
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
