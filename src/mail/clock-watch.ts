/**
 * Tells when somebody sets the machine's clock: what waits goes on as it was, by the clock that nobody
 * can set, but dates follow the new time, and who reads the log should know why they leap.
 */

import { formatDuration } from '../base/quantity.ts'
import { addMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink } from '../ports/events.ts'
import { CLOCK_LOOK_MS, CLOCK_STEP_MS } from './limits.ts'

/** Looks from now on; the result ends it. */
export function watchClock(clock: Clock, events: EventSink): () => void {
  const ahead = (): number => clock.wall() - clock.now()
  let before = ahead()
  let cancel = (): void => {}
  const look = (): void => {
    const step = ahead() - before
    before += step
    if (Math.abs(step) >= CLOCK_STEP_MS)
      events({ type: 'trouble', where: 'clock', reason: told(step) })
    lookLater()
  }
  const lookLater = (): void => {
    cancel = clock.at(addMs(clock.now(), CLOCK_LOOK_MS), look)
  }
  lookLater()
  return () => cancel()
}

function told(stepMs: number): string {
  const direction = stepMs > 0 ? 'forward' : 'back'
  const by = formatDuration(Math.round(Math.abs(stepMs) / 1000) * 1000)
  return `the clock of this machine was set ${direction} by ${by}: sessions and retries go on as they were, dates and certificates follow the new time`
}
