/** Keeps a resolver from holding up a whole host: so many questions at once, and none while it is silent. */

import type { MonoMs } from '../base/time.ts'
import { addMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { dnsFault } from '../ports/dns.ts'

export interface GuardLimits {
  /** Asked at the same time. */
  readonly atOnceMax: number
  readonly waitingMax: number
  /** Questions one after the other that no resolver answers before it counts as silent. */
  readonly silentAfter: number
  /** How long it is then left alone, before one question tries it again. */
  readonly silenceMs: number
}

/**
 * A resolver behind a gap would otherwise cost every mail the time of several time-outs. Four of them
 * in a row are more than one name with broken servers brings about, for which a resolver itself
 * answers that it failed.
 */
const GUARD_LIMITS: GuardLimits = {
  atOnceMax: 100,
  waitingMax: 1000,
  silentAfter: 4,
  silenceMs: 30_000,
}

export class ResolverGuard {
  readonly #clock: Clock
  readonly #limits: GuardLimits
  readonly #waiting: (() => void)[] = []
  #asked = 0
  #unanswered = 0
  #silentUntil: MonoMs | undefined
  /** Whether one question is trying a silent resolver again. */
  #isTrying = false

  constructor(clock: Clock, limits: GuardLimits = GUARD_LIMITS) {
    this.#clock = clock
    this.#limits = limits
  }

  /** `isTimeOut` is of what `query` rejected with. Rejects with what it does, or with a Fault. */
  async ask<T>(query: () => Promise<T>, isTimeOut: (error: unknown) => boolean): Promise<T> {
    await this.#enter()
    const isTrial = this.#requireSpeaking()
    try {
      const answer = await query()
      this.#answered()
      return answer
    } catch (error) {
      if (isTimeOut(error)) this.#timedOut()
      else this.#answered()
      throw error
    } finally {
      if (isTrial) this.#isTrying = false
      this.#leave()
    }
  }

  async #enter(): Promise<void> {
    const { atOnceMax, waitingMax } = this.#limits
    if (this.#asked < atOnceMax) {
      this.#asked++
      return
    }
    if (this.#waiting.length >= waitingMax) {
      throw dnsFault('dns/failed', `${waitingMax} questions wait to be asked already`)
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Whoever waits takes over the place. */
  #leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#asked--
    else next()
  }

  /** Answers whether this question is the one that tries a silent resolver. */
  #requireSpeaking(): boolean {
    if (this.#silentUntil === undefined) return false
    if (this.#isTrying || this.#silentUntil > this.#clock.now()) {
      this.#leave()
      throw dnsFault('dns/timed-out', 'no resolver has answered for a while, none was asked')
    }
    this.#isTrying = true
    return true
  }

  #answered(): void {
    this.#unanswered = 0
    this.#silentUntil = undefined
  }

  #timedOut(): void {
    this.#unanswered++
    const { silentAfter, silenceMs } = this.#limits
    if (this.#unanswered >= silentAfter) this.#silentUntil = addMs(this.#clock.now(), silenceMs)
  }
}
