import { assert } from '../base/assert.ts'
import { Fault } from '../base/fault.ts'
import { Heap } from '../base/heap.ts'
import { Queue } from '../base/queue.ts'
import { addMs, type MonoMs, monoMs, type WallMs, wallMs } from '../base/time.ts'
import { STARTS_AT_DEFAULT } from '../config/timeline.ts'
import type { Clock } from '../ports/clock.ts'
import type { LabFaultCode } from './fault.ts'
import { EVENTS_AT_ONCE_MAX, EVENTS_MAX } from './limits.ts'

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
  /** Events at one moment before it is given up. */
  readonly eventsAtOnceMax?: number
}

interface Pending {
  readonly at: MonoMs
  readonly order: number
  /** Undefined once cancelled. */
  callback: (() => void) | undefined
  /** On whose clock, where it is a host's. */
  readonly owner: Owner | undefined
}

/** Whose callbacks they are, for whoever asks who is busy, and to end them together. */
interface Owner {
  readonly name: string | undefined
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
  /** Due at this moment, and added at it: behind whatever else is due by now. */
  readonly #soon: Queue<Pending> = new Queue<Pending>()
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
    return this.#next()?.at
  }

  at(at: MonoMs, callback: () => void, owner?: Owner): () => void {
    assert(!Number.isNaN(at), 'a time is a number')
    const due = at < this.#now ? this.#now : at
    const entry: Pending = { at: due, order: this.#order++, callback, owner }
    if (due === this.#now) this.#soon.push(entry)
    else this.#pending.push(entry)
    return () => {
      entry.callback = undefined
    }
  }

  /** No callback of this owner runs any more. Looks at all that is to happen. */
  cancelAll(owner: Owner): void {
    for (const entry of this.#pending) if (entry.owner === owner) entry.callback = undefined
    for (const entry of this.#soon) if (entry.owner === owner) entry.callback = undefined
  }

  /**
   * Lets time pass: up to a moment (which it then is, unless `isEnough` held while more was due by then),
   * until a condition holds (looked at between events), or until nothing is left to do, whichever comes
   * first. Rejects with a Fault `lab/too-many-events`, and with whatever a callback throws.
   */
  async run(until?: MonoMs | (() => boolean), isEnough: () => boolean = NEVER): Promise<void> {
    assert(!this.#running, 'a world is run once at a time')
    this.#running = true
    try {
      const done = typeof until === 'function' ? until : isEnough
      const end = typeof until === 'number' ? until : monoMs(Number.POSITIVE_INFINITY)
      await this.#runEvents(done, end)
      if (typeof until !== 'number' || until <= this.#now) return
      if ((this.nextAt ?? Number.POSITIVE_INFINITY) > until) this.#now = until
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
    const { settle, eventsMax = EVENTS_MAX, eventsAtOnceMax = EVENTS_AT_ONCE_MAX } = this.#options
    const watch = new Watch({ eventsMax, eventsAtOnceMax })
    await settle()
    while (!done()) {
      const next = this.#takeNext(end)
      if (next === undefined) return
      watch.see(this.#now, next.owner?.name)
      next.callback?.()
      await settle()
    }
  }

  #takeNext(end: MonoMs): Pending | undefined {
    const next = this.#next()
    if (next === undefined || next.at > end) return undefined
    this.#now = next.at
    this.#eventCount++
    if (next === this.#soon.peek()) this.#soon.shift()
    else this.#pending.pop()
    return next
  }

  /** The first that was not cancelled. */
  #next(): Pending | undefined {
    let next = this.#pending.peek()
    for (; next !== undefined && next.callback === undefined; next = this.#pending.peek()) {
      this.#pending.pop()
    }
    if (next !== undefined && next.at <= this.#now) return next
    let soon = this.#soon.peek()
    for (; soon !== undefined && soon.callback === undefined; soon = this.#soon.peek()) {
      this.#soon.shift()
    }
    return soon ?? next
  }
}

/** Sees that a run makes progress: that time passes, and that it comes to an end. */
class Watch {
  readonly #bounds: { readonly eventsMax: number; readonly eventsAtOnceMax: number }
  #count = 0
  #atOnce = 0
  #now: MonoMs | undefined
  /** How often whose turn it was, in the last before it is given up. */
  readonly #turns = new Map<string, number>()

  constructor(bounds: { readonly eventsMax: number; readonly eventsAtOnceMax: number }) {
    this.#bounds = bounds
  }

  /** Throws a Fault `lab/too-many-events` that says who was busy. */
  see(now: MonoMs, owner: string | undefined): void {
    const { eventsMax, eventsAtOnceMax } = this.#bounds
    this.#atOnce = now === this.#now ? this.#atOnce + 1 : 0
    this.#now = now
    if (
      this.#atOnce + TURNS_COUNTED >= eventsAtOnceMax ||
      this.#count + TURNS_COUNTED >= eventsMax
    ) {
      const name = owner ?? 'the network'
      this.#turns.set(name, (this.#turns.get(name) ?? 0) + 1)
    } else if (this.#turns.size > 0) this.#turns.clear()
    if (this.#atOnce === eventsAtOnceMax) {
      this.#giveUp(`time stood still for ${eventsAtOnceMax} events, at ${now} ms`)
    }
    if (this.#count++ === eventsMax) {
      this.#giveUp(`the world did not come to rest within ${eventsMax} events, at ${now} ms`)
    }
  }

  #giveUp(text: string): never {
    const busiest = [...this.#turns].sort(([, a], [, b]) => b - a).slice(0, 3)
    const names = busiest.map(([name, turns]) => `${name} (${turns})`).join(', ')
    throw new Fault<LabFaultCode>('lab/too-many-events', `${text}: lately of ${names}`, {
      temporary: false,
      detail: { ...this.#bounds },
    })
  }
}

const TURNS_COUNTED = 10_000

/** One host's view of the world's time, which ends with the host. */
export class HostClock implements Clock {
  /** The host's, for whoever asks who is busy. */
  readonly name: string | undefined
  readonly #world: World
  readonly #onSet = new Set<() => void>()
  #stopped = false
  #aheadMs: number

  constructor(world: World, aheadMs = 0, name?: string) {
    this.name = name
    this.#world = world
    this.#aheadMs = aheadMs
  }

  /** How far its wall clock is ahead of the world's. */
  get aheadMs(): number {
    return this.#aheadMs
  }

  /** By an operator: who wants to know is told at once. */
  set aheadMs(aheadMs: number) {
    this.#aheadMs = aheadMs
    for (const callback of this.#onSet) callback()
  }

  onSet(callback: () => void): () => void {
    this.#onSet.add(callback)
    return () => this.#onSet.delete(callback)
  }

  get stopped(): boolean {
    return this.#stopped
  }

  now(): MonoMs {
    return this.#world.now()
  }

  wall(): WallMs {
    return addMs(this.#world.wall(), this.#aheadMs)
  }

  at(at: MonoMs, callback: () => void): () => void {
    return this.#stopped ? NOTHING : this.#world.at(at, callback, this)
  }

  /** No callback of this clock runs any more. */
  stop(): void {
    this.#stopped = true
    this.#onSet.clear()
    this.#world.cancelAll(this)
  }
}

function NOTHING(): void {}

function NEVER(): boolean {
  return false
}

/** Calls back once the present event is over, at the same moment. */
export function soon(clock: Clock, callback: () => void): () => void {
  return clock.at(clock.now(), callback)
}

/** Calls back after `durationMs`. */
export function after(clock: Clock, durationMs: number, callback: () => void): () => void {
  return clock.at(addMs(clock.now(), durationMs), callback)
}
