import { assert } from '../base/assert.ts'
import { Fault } from '../base/fault.ts'
import { Heap } from '../base/heap.ts'
import { addMs, type MonoMs, monoMs, type WallMs, wallMs } from '../base/time.ts'
import { STARTS_AT_DEFAULT } from '../config/timeline.ts'
import type { Clock } from '../ports/clock.ts'
import type { LabFaultCode } from './fault.ts'
import { EVENTS_MAX } from './limits.ts'

export interface WorldOptions {
  /**
   * Resolves once every promise that can settle has settled. The lab cannot know how (that takes the
   * event loop of whoever runs it); on Node it is a `setImmediate`.
   */
  readonly settle: () => Promise<void>
  /** Civil time at the beginning; default 2026-11-23T08:00:00Z. */
  readonly wallAtStart?: WallMs
  /** Events in one `run` before it is given up. */
  readonly eventsMax?: number
}

interface Pending {
  readonly at: MonoMs
  readonly order: number
  /** Undefined once cancelled. */
  callback: (() => void) | undefined
}

/**
 * Virtual time. It stands still while a callback runs and until all promises have settled, then
 * jumps to the next callback that is due. Two that are due at one moment run in the order in which
 * they were added.
 */
export class World implements Clock {
  readonly #options: WorldOptions
  readonly #pending: Heap<Pending> = new Heap<Pending>(
    (a, b) => a.at < b.at || (a.at === b.at && a.order < b.order),
  )
  #now: MonoMs = monoMs(0)
  #order = 0
  #eventCount = 0
  #running = false

  constructor(options: WorldOptions) {
    this.#options = options
  }

  now(): MonoMs {
    return this.#now
  }

  wall(): WallMs {
    return wallMs(Math.floor(this.startsAt + this.#now))
  }

  /** Civil time at the beginning. */
  get startsAt(): WallMs {
    return this.#options.wallAtStart ?? STARTS_AT_DEFAULT
  }

  /** How many callbacks have run so far. */
  get eventCount(): number {
    return this.#eventCount
  }

  /** When the next callback is due; undefined where nothing is left to happen. */
  get nextAt(): MonoMs | undefined {
    for (;;) {
      const next = this.#pending.peek()
      if (next === undefined || next.callback !== undefined) return next?.at
      this.#pending.pop()
    }
  }

  at(at: MonoMs, callback: () => void): () => void {
    assert(!Number.isNaN(at), 'a time is a number')
    const due = at < this.#now ? this.#now : at
    const entry: Pending = { at: due, order: this.#order++, callback }
    this.#pending.push(entry)
    return () => {
      entry.callback = undefined
    }
  }

  /**
   * Lets time pass: up to a moment (which it then is), until a condition holds (looked at between
   * events), or until nothing is left to do, whichever comes first. Rejects with a Fault
   * `lab/too-many-events`, and with whatever a callback throws.
   */
  async run(until?: MonoMs | (() => boolean)): Promise<void> {
    assert(!this.#running, 'a world is run once at a time')
    this.#running = true
    try {
      const done = typeof until === 'function' ? until : (): boolean => false
      const end = typeof until === 'number' ? until : monoMs(Number.POSITIVE_INFINITY)
      await this.#runEvents(done, end)
      if (typeof until === 'number' && until > this.#now) this.#now = until
    } finally {
      this.#running = false
    }
  }

  /**
   * Lets time pass until `work` is done. Rejects as it does, or with a Fault `lab/stuck` where nothing is left
   * that could finish it.
   */
  async perform<T>(work: Promise<T>): Promise<T> {
    let settled = false
    const watched = work.finally(() => {
      settled = true
    })
    // Its rejection is for the caller, below; until then somebody has to hold it.
    watched.catch(() => {})
    await this.run(() => settled)
    if (!settled) {
      const text = `nothing is left to happen at ${this.#now} ms, and yet it is not done`
      throw new Fault<LabFaultCode>('lab/stuck', text, { temporary: false })
    }
    return watched
  }

  async #runEvents(done: () => boolean, end: MonoMs): Promise<void> {
    const { settle, eventsMax = EVENTS_MAX } = this.#options
    await settle()
    for (let count = 0; !done(); count++) {
      const callback = this.#takeNext(end)
      if (callback === undefined) return
      if (count === eventsMax) {
        throw new Fault<LabFaultCode>(
          'lab/too-many-events',
          `the world did not come to rest within ${eventsMax} events, at ${this.#now} ms`,
          { temporary: false, detail: { eventsMax } },
        )
      }
      callback()
      await settle()
    }
  }

  #takeNext(end: MonoMs): (() => void) | undefined {
    const at = this.nextAt
    if (at === undefined || at > end) return undefined
    this.#now = at
    this.#eventCount++
    return this.#pending.pop()?.callback
  }
}

/** One host's view of the world's time, which ends with the host. */
export class HostClock implements Clock {
  readonly #world: World
  readonly #cancels = new Set<() => void>()
  #stopped = false
  /** How far its wall clock is ahead of the world's; an operator sets it. */
  aheadMs: number

  constructor(world: World, aheadMs = 0) {
    this.#world = world
    this.aheadMs = aheadMs
  }

  get stopped(): boolean {
    return this.#stopped
  }

  now(): MonoMs {
    return this.#world.now()
  }

  wall(): WallMs {
    return addMs(this.#world.wall(), this.aheadMs)
  }

  at(at: MonoMs, callback: () => void): () => void {
    if (this.#stopped) return () => {}
    const cancel = this.#world.at(at, () => {
      this.#cancels.delete(cancel)
      callback()
    })
    this.#cancels.add(cancel)
    return () => {
      this.#cancels.delete(cancel)
      cancel()
    }
  }

  /** No callback of this clock runs any more. */
  stop(): void {
    this.#stopped = true
    for (const cancel of this.#cancels) cancel()
    this.#cancels.clear()
  }
}

/** Calls back once the present event is over, at the same moment. */
export function soon(clock: Clock, callback: () => void): () => void {
  return clock.at(clock.now(), callback)
}

/** Calls back after `durationMs`. */
export function after(clock: Clock, durationMs: number, callback: () => void): () => void {
  return clock.at(addMs(clock.now(), durationMs), callback)
}
