/** How long a mail took, and where, as Postfix tells it: `delays=a/b/c/d`. */

import type { MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { Delays } from '../ports/events.ts'
import { madeAt } from './queue-id.ts'
import type { Envelope } from './spool-record.ts'

/** Of the attempt that is under way, or was the last. */
export interface AttemptTimes {
  readonly startedAt: MonoMs
  /** When the way there was open, and the mail began to go. */
  readyAt: MonoMs | undefined
}

/** Until now; `times` is of the attempt that has just ended. */
export function delaysOf(
  { queueId, acceptedAt }: Pick<Envelope, 'queueId' | 'acceptedAt'>,
  times: AttemptTimes | undefined,
  clock: Clock,
): { readonly delayMs: number; readonly delays: Delays } {
  const now = clock.now()
  const { startedAt = now, readyAt = now } = times ?? {}
  // A client's message begins to come when its queue id is made.
  const receivingMs = Math.max(0, acceptedAt - madeAt(queueId))
  const sinceMs = Math.max(0, clock.wall() - acceptedAt)
  const [connectingMs, sendingMs] = [readyAt - startedAt, now - readyAt]
  const queuedMs = Math.max(0, sinceMs - connectingMs - sendingMs)
  return {
    delayMs: receivingMs + sinceMs,
    delays: { receivingMs, queuedMs, connectingMs, sendingMs },
  }
}
