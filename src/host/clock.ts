/** The machine's clocks: the one place where real time enters. */

import { type MonoMs, monoMs, type WallMs, wallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'

/** setTimeout holds a signed 32-bit delay; a longer wait is cut into pieces. */
const DELAY_MS_MAX = 2_147_483_647

export const hostClock: Clock = {
  now,
  wall: (): WallMs => wallMs(Date.now()),
  at: (at: MonoMs, callback: () => void): (() => void) => {
    if (at <= now()) {
      // The shortest timer takes a millisecond, more than much of what waits for its own turn. It is not
      // unref'd: the event loop would sleep with it until something else happens.
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    }
    let timer: NodeJS.Timeout
    const arm = (): void => {
      // Rounded up: setTimeout drops the fraction and would call back early.
      const delayMs = Math.min(Math.max(Math.ceil(at - now()), 0), DELAY_MS_MAX)
      timer = setTimeout(() => {
        if (now() >= at) callback()
        else arm()
      }, delayMs)
      // What a stopped service still had in mind for later must not keep the process: sockets do.
      timer.unref()
    }
    arm()
    return () => clearTimeout(timer)
  },
}

function now(): MonoMs {
  return monoMs(performance.now())
}
