import type { MonoMs, WallMs } from '../base/time.ts'

export interface Clock {
  now(): MonoMs
  /** The civil time; may jump when an operator sets it. For records and wire formats, not for timers. */
  wall(): WallMs
  /** Calls back once, at or after `at`; never from inside this call. The result cancels. */
  at(at: MonoMs, callback: () => void): () => void
  /**
   * Calls back each time somebody has set the civil time, where the host can tell; the result ends it.
   * Where it is absent, whoever wants to know looks now and then.
   */
  readonly onSet?: (callback: () => void) => () => void
}
