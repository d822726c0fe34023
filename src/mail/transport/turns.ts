import type { Clock } from '../../ports/clock.ts'
import { TURN_MS_MAX } from './limits.ts'

/** Carries work out step by step, and lets others have their turns whenever it has taken long. */
export async function inTurns<T>(work: Iterator<unknown, T>, clock: Clock): Promise<T> {
  let since = clock.now()
  for (let step = work.next(); ; step = work.next()) {
    if (step.done) return step.value
    if (clock.now() - since < TURN_MS_MAX) continue
    await new Promise<void>((resolve) => {
      clock.at(clock.now(), resolve)
    })
    since = clock.now()
  }
}
