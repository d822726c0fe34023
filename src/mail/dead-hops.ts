/**
 * Next hops that did not answer a moment ago. A queue full of mail for one of them is not worth a
 * connection each: they are deferred for the reason that the last attempt gave.
 */

import type { Fault } from '../base/fault.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import { DEAD_HOPS_MAX, DEAD_MS } from './limits.ts'

export class DeadHops {
  readonly #hops = new Map<string, { readonly until: MonoMs; readonly fault: Fault }>()

  /** What the attempt to reach it ended with; undefined: it answered. */
  note(hop: string, fault: Fault | undefined, now: MonoMs): void {
    this.#hops.delete(hop)
    if (fault === undefined || !UNREACHED.some((code) => code === fault.code)) return
    this.#hops.set(hop, { until: addMs(now, DEAD_MS), fault })
    const [oldest] = this.#hops.keys()
    if (oldest !== undefined && this.#hops.size > DEAD_HOPS_MAX) this.#hops.delete(oldest)
  }

  /** Why it need not be tried now; undefined where it may be. */
  faultOf(hop: string, now: MonoMs): Fault | undefined {
    const dead = this.#hops.get(hop)
    return dead !== undefined && now < dead.until ? dead.fault : undefined
  }

  /** Somebody knows better. */
  forget(hop: string): void {
    this.#hops.delete(hop)
  }
}

const UNREACHED = ['network/refused', 'network/unreachable', 'network/timed-out'] as const
