import { addMs, type MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventSink, HostEvent } from '../ports/events.ts'
import { REFUSALS_TOLD_MAX, REFUSALS_WINDOW_MS } from './limits.ts'

/**
 * An event sink that tells of so many refused bundles in a while and no more, then how many it has kept
 * back: whoever sends nonsense as fast as he can would fill the log with it. Counters count them all.
 */
export function limitRefusals(events: EventSink, clock: Clock): EventSink {
  let until: MonoMs | undefined
  let told = 0
  let keptBack = 0
  return (event: HostEvent): void => {
    if (event.type !== 'bundle-refused') {
      events(event)
      return
    }
    const now = clock.now()
    if (until === undefined || until <= now) {
      until = addMs(now, REFUSALS_WINDOW_MS)
      told = 0
    }
    if (told === REFUSALS_TOLD_MAX) {
      keptBack++
      return
    }
    told++
    const others = keptBack === 0 ? '' : ` (and ${keptBack} others before it that are not told)`
    keptBack = 0
    events({ ...event, reason: `${event.reason}${others}` })
  }
}
