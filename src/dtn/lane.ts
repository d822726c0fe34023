import { Heap } from '../base/heap.ts'
import { Queue } from '../base/queue.ts'
import { addMs, earlier, type MonoMs } from '../base/time.ts'
import { Window } from '../base/window.ts'
import { ContactBudget, type ContactWindow } from './contact-window.ts'
import { RETRY_FIRST_MS, RETRY_MAX_MS } from './limits.ts'

export interface LaneOptions {
  /** Bounds on what is under way at once; a single item may be larger than the second. */
  readonly underWayMax: number
  readonly underWayBytesMax: number
  /** What waits after a temporary failure: the whole lane, as for a neighbour, or just that item. */
  readonly pause: 'lane' | 'item'
  /** Hears each time that the deadline has become another. */
  readonly onDeadline?: () => void
}

interface Waiting {
  readonly sizeBytes: number
  readonly failures: number
}

/** Things that await their turn in order of arrival, a bounded number of them under way. */
export class Lane {
  readonly #options: LaneOptions
  readonly #waiting: Window<Waiting> = new Window()
  /** Their keys in the order of their turns, and those of some that no longer wait. */
  #order: Queue<number> = new Queue()
  readonly #deferred = new Map<number, Waiting>()
  readonly #deferredUntil: Heap<{ readonly at: MonoMs; readonly key: number }> = new Heap(
    (a, b) => a.at < b.at,
  )
  readonly #underWay: Window<Waiting> = new Window()
  #underWayBytes = 0
  #laneFailures = 0
  #pausedUntil: MonoMs | undefined
  /** Of the contact that is open or comes next; undefined where nothing is held back. */
  #budget: ContactBudget | undefined
  /** Of a contact that was not open yet when it was last looked at. */
  #opensAt: MonoMs | undefined
  #deadline: MonoMs | undefined

  constructor(options: LaneOptions) {
    this.#options = options
  }

  /** When `take` may find something that it would not find now: at hand, for it is asked after every event of a node. */
  get deadline(): MonoMs | undefined {
    return this.#deadline
  }

  /** Whether anything is ready to be taken. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0
  }

  /**
   * Lets things out inside of this contact only, and no more than can leave before it ends; undefined
   * where nothing is held back.
   */
  setWindow(window: ContactWindow | undefined): void {
    this.#budget = window && new ContactBudget(window)
    this.#opensAt = window?.from
    this.#pausedUntil = undefined
    this.#setDeadline()
  }

  add(key: number, sizeBytes: number): void {
    this.#wait(key, { sizeBytes, failures: 0 })
    this.#setDeadline()
  }

  /** At most `countMax` keys whose turn has come; each is under way until `finish` or `postpone`. */
  take(now: MonoMs, countMax: number = Number.POSITIVE_INFINITY): readonly number[] {
    const taken = this.#take(now, countMax)
    this.#setDeadline()
    return taken
  }

  #take(now: MonoMs, countMax: number): readonly number[] {
    this.#wakeDeferred(now)
    if (this.#opensAt !== undefined) {
      if (now < this.#opensAt) return []
      this.#opensAt = undefined
      // Whatever failed before: a contact that begins is a reason to try at once.
      this.#pausedUntil = undefined
    }
    if (this.#pausedUntil !== undefined) {
      if (now < this.#pausedUntil) return []
      this.#pausedUntil = undefined
    }
    const taken: number[] = []
    for (let key = this.#order.peek(); key !== undefined; key = this.#order.peek()) {
      const item = this.#waiting.get(key)
      if (item === undefined) {
        this.#order.shift()
        continue
      }
      if (taken.length >= countMax || !this.#hasRoom(item.sizeBytes)) break
      if (this.#budget !== undefined && !this.#budget.take(item.sizeBytes, now)) break
      this.#order.shift()
      this.#waiting.delete(key)
      this.#underWay.set(key, item)
      this.#underWayBytes += item.sizeBytes
      taken.push(key)
      // After a failure one goes ahead to try whether it works again.
      if (this.#laneFailures > 0) break
    }
    return taken
  }

  /** It has succeeded, or failed for good. */
  finish(key: number): void {
    this.#leave(key)
    this.#laneFailures = 0
  }

  /** It has failed for now: its turn comes again after a pause. */
  postpone(key: number, now: MonoMs): void {
    const item = this.#leave(key)
    if (item === undefined) return
    this.#budget?.giveBack(item.sizeBytes, now)
    const failures = item.failures + 1
    const again = { sizeBytes: item.sizeBytes, failures }
    if (this.#options.pause === 'lane') {
      // Of several that were under way together only the first makes the pause longer.
      if (this.#pausedUntil === undefined) {
        this.#laneFailures++
        this.#pausedUntil = addMs(now, pauseMs(this.#laneFailures))
      }
      this.#wait(key, again)
    } else {
      this.#deferred.set(key, again)
      this.#deferredUntil.push({ at: addMs(now, pauseMs(failures)), key })
    }
    this.#setDeadline()
  }

  /** It is no longer wanted. What is under way keeps its place until it is finished. */
  forget(key: number): void {
    this.#waiting.delete(key)
    this.#deferred.delete(key)
    this.#setDeadline()
  }

  #setDeadline(): void {
    const deferred = this.#deferredUntil.peek()?.at
    const deadline =
      this.#waiting.size === 0 ? deferred : earlier(this.#opensAt ?? this.#pausedUntil, deferred)
    if (deadline === this.#deadline) return
    this.#deadline = deadline
    this.#options.onDeadline?.()
  }

  #wait(key: number, item: Waiting): void {
    this.#waiting.set(key, item)
    this.#order.push(key)
    if (this.#order.size <= ORDER_SPARE + 2 * this.#waiting.size) return
    const order: Queue<number> = new Queue()
    for (const each of new Set(this.#order)) if (this.#waiting.has(each)) order.push(each)
    this.#order = order
  }

  #wakeDeferred(now: MonoMs): void {
    for (let next = this.#deferredUntil.peek(); next !== undefined && next.at <= now; ) {
      this.#deferredUntil.pop()
      const item = this.#deferred.get(next.key)
      if (item !== undefined) {
        this.#deferred.delete(next.key)
        this.#wait(next.key, item)
      }
      next = this.#deferredUntil.peek()
    }
  }

  #hasRoom(sizeBytes: number): boolean {
    if (this.#underWay.size === 0) return true
    // A lane that has failed sends one ahead and waits for the outcome.
    if (this.#laneFailures > 0) return false
    const { underWayMax, underWayBytesMax } = this.#options
    return this.#underWay.size < underWayMax && this.#underWayBytes + sizeBytes <= underWayBytesMax
  }

  #leave(key: number): Waiting | undefined {
    const item = this.#underWay.get(key)
    if (item === undefined) return undefined
    this.#underWay.delete(key)
    this.#underWayBytes -= item.sizeBytes
    return item
  }
}

const ORDER_SPARE = 1024

/** After the `failures`-th failure in a row, counted from 1. */
export function pauseMs(failures: number): number {
  return Math.min(RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 30), RETRY_MAX_MS)
}
