/**
 * When which mail is tried again. A job is one mail for one next hop; what it carries is known to
 * the queue, not here. RFC 5321 §4.5.4.1.
 */

import { assert } from '../base/assert.ts'
import { Heap } from '../base/heap.ts'
import type { Machine } from '../base/machine.ts'
import { addMs, type MonoMs } from '../base/time.ts'

export interface RetrySchedule {
  /** From the first attempt to the second; doubles each time. */
  readonly firstRetryMs: number
  readonly retryMaxMs: number
  /** From acceptance to the attempt after which no other follows. */
  readonly giveUpAfterMs: number
  /** Attempts under way to one next hop. */
  readonly attemptsMax: number
}

export interface QueueMachineOptions {
  /** Attempts that have the message still to hand over, all next hops together. */
  readonly handingOverMax: number
  /** Of the next hop with this name. */
  readonly schedule: (hop: string) => RetrySchedule
}

export interface QueueJob {
  readonly id: string
  /** The next hop, by a name of its own. */
  readonly hop: string
  /** Attempts made so far. */
  readonly attempts: number
  readonly dueAt: MonoMs
  readonly expiresAt: MonoMs
  /** Of those that are due for one next hop, the highest goes first. RFC 6710. */
  readonly priority: number
}

export type QueueEvent =
  /** Accepted just now, or found after a restart; one that waits already does so from now on as told. */
  | { readonly type: 'added'; readonly job: QueueJob }
  /** Accepted just now, but an attempt would be in vain: it waits as after one. */
  | { readonly type: 'put-off'; readonly job: QueueJob }
  /** The attempt has the whole message and waits for its outcome, perhaps for days. */
  | { readonly type: 'handed-over'; readonly id: string }
  /** `settled`: nothing is left to do for this job. Ends an attempt and a giving up. */
  | { readonly type: 'finished'; readonly id: string; readonly settled: boolean }
  /** To be taken out where it waits: held, or no longer wanted. One under way goes on to its end. */
  | { readonly type: 'withdrawn'; readonly id: string }
  | { readonly type: 'tick' }

export type QueueEffect =
  | { readonly type: 'attempt'; readonly id: string }
  | {
      readonly type: 'defer'
      readonly id: string
      readonly attempts: number
      readonly retryInMs: number
    }
  | { readonly type: 'give-up'; readonly id: string }

interface Waiting extends QueueJob {
  /** Its time is over: it is not tried again, only given up. */
  readonly expired: boolean
  /** Of two that are due at the same moment, the one that came first goes first. */
  readonly order: number
}

interface Hop {
  /** By when they are due. */
  readonly waiting: Heap<Waiting>
  /** Those that are due, by priority. */
  readonly ready: Heap<Waiting>
  /** In the two, without what was withdrawn and not yet cleared away. */
  size: number
  active: number
  /** Its place among all that wait for their time; undefined where it has no job or no room. */
  due: Due | undefined
}

/** When the first job of a next hop that may begin another is due. */
interface Due {
  readonly hop: string
  readonly dueAt: MonoMs
  readonly order: number
}

/** Withdrawn jobs, or places given up, that may lie in a heap however few others there are. */
const WITHDRAWN_MAX = 64

interface Active {
  readonly job: Waiting
  handingOver: boolean
}

export class QueueMachine implements Machine<QueueEvent, QueueEffect> {
  readonly #options: QueueMachineOptions
  /** There may be as many as mails: nothing below looks at all of them. */
  readonly #hops = new Map<string, Hop>()
  readonly #due = new Heap<Due>(isEarlier)
  /** Those that can begin a job now, in the order of their turns. */
  readonly #turns = new Set<string>()
  readonly #active = new Map<string, Active>()
  /** All that is in a heap and not withdrawn. */
  readonly #waiting = new Map<string, Waiting>()
  #handingOver = 0
  #order = 0

  constructor(options: QueueMachineOptions) {
    this.#options = options
  }

  get deadline(): MonoMs | undefined {
    if (this.#handingOver >= this.#options.handingOverMax) return undefined
    return this.#firstDue()?.dueAt
  }

  handle(event: QueueEvent, now: MonoMs): readonly QueueEffect[] {
    switch (event.type) {
      case 'added':
        if (this.#active.has(event.job.id)) return []
        this.#withdraw(event.job.id)
        this.#wait({ ...event.job, expired: false, order: this.#order++ })
        return this.#startDue(now)
      case 'put-off':
        return [this.#putOff({ ...event.job, expired: false, order: 0 }, now)]
      case 'handed-over':
        this.#handedOver(this.#activeOf(event.id))
        return this.#startDue(now)
      case 'finished': {
        const effects = this.#finish(this.#activeOf(event.id), event.settled, now)
        return [...effects, ...this.#startDue(now)]
      }
      case 'withdrawn':
        this.#withdraw(event.id)
        return []
      case 'tick':
        return this.#startDue(now)
    }
  }

  /** Whether an attempt is under way. */
  isActive(id: string): boolean {
    return this.#active.has(id)
  }

  #finish(active: Active, settled: boolean, now: MonoMs): readonly QueueEffect[] {
    const { job } = active
    this.#handedOver(active)
    if (!settled && !job.expired && now >= job.expiresAt) {
      this.#active.set(job.id, { job: { ...job, expired: true }, handingOver: false })
      return [{ type: 'give-up', id: job.id }]
    }
    const hop = this.#hopOf(job.hop)
    hop.active--
    this.#active.delete(job.id)
    if (settled) {
      this.#index(job.hop, hop)
      return []
    }
    return [this.#putOff(job, now)]
  }

  #putOff(job: Waiting, now: MonoMs): QueueEffect {
    const { firstRetryMs, retryMaxMs } = this.#options.schedule(job.hop)
    const attempts = job.attempts + 1
    const backoffMs = Math.min(firstRetryMs * 2 ** (attempts - 1), retryMaxMs)
    // The last attempt is made when the time is over, not some back-off before.
    const retryInMs = job.expired ? backoffMs : Math.min(backoffMs, job.expiresAt - now)
    this.#wait({ ...job, attempts, dueAt: addMs(now, retryInMs), order: this.#order++ })
    return { type: 'defer', id: job.id, attempts, retryInMs }
  }

  /** One of each hop in turn, so that a long queue for one does not keep the others waiting. */
  #startDue(now: MonoMs): readonly QueueEffect[] {
    for (let due = this.#firstDue(); due !== undefined && due.dueAt <= now; ) {
      const hop = this.#hopOf(due.hop)
      this.#makeReady(hop, now)
      this.#index(due.hop, hop)
      due = this.#firstDue()
    }
    const effects: QueueEffect[] = []
    for (const name of this.#turns) {
      if (this.#handingOver >= this.#options.handingOverMax) break
      effects.push(this.#start(name, this.#hopOf(name)))
    }
    return effects
  }

  #start(name: string, hop: Hop): QueueEffect {
    const next = this.#first(hop.ready)
    assert(next !== undefined, `${name} has its turn for a job`)
    hop.ready.pop()
    this.#waiting.delete(next.id)
    hop.size--
    hop.active++
    const handingOver = !next.expired
    if (handingOver) this.#handingOver++
    this.#active.set(next.id, { job: next, handingOver })
    // To the end of the turns, which whoever goes through them still comes to.
    this.#turns.delete(name)
    this.#index(name, hop)
    return { type: next.expired ? 'give-up' : 'attempt', id: next.id }
  }

  #wait(job: Waiting): void {
    const hop = this.#hopOf(job.hop)
    this.#waiting.set(job.id, job)
    hop.waiting.push(job)
    hop.size++
    this.#index(job.hop, hop)
  }

  #withdraw(id: string): void {
    const job = this.#waiting.get(id)
    if (job === undefined) return
    this.#waiting.delete(id)
    const hop = this.#hopOf(job.hop)
    hop.size--
    this.#index(job.hop, hop)
    if (hop.waiting.size + hop.ready.size <= 2 * hop.size + WITHDRAWN_MAX) return
    for (const heap of [hop.waiting, hop.ready]) heap.retain((other) => this.#isCurrent(other))
  }

  #isCurrent(job: Waiting): boolean {
    return this.#waiting.get(job.id) === job
  }

  /** The first that was not withdrawn. */
  #first(heap: Heap<Waiting>): Waiting | undefined {
    let first = heap.peek()
    for (; first !== undefined && !this.#isCurrent(first); first = heap.peek()) heap.pop()
    return first
  }

  #makeReady(hop: Hop, now: MonoMs): void {
    let next = this.#first(hop.waiting)
    for (; next !== undefined && next.dueAt <= now; next = this.#first(hop.waiting)) {
      hop.waiting.pop()
      hop.ready.push(next)
    }
  }

  /** Finds its place anew, after any change to it; one with nothing left is forgotten. */
  #index(name: string, hop: Hop): void {
    const hasRoom = this.#hasRoom(name, hop)
    if (hasRoom && this.#first(hop.ready) !== undefined) this.#turns.add(name)
    else this.#turns.delete(name)
    const first = hasRoom ? this.#first(hop.waiting) : undefined
    if (hop.due?.dueAt !== first?.dueAt || hop.due?.order !== first?.order) {
      hop.due = first && { hop: name, dueAt: first.dueAt, order: first.order }
      if (hop.due !== undefined) this.#due.push(hop.due)
    }
    if (hop.active === 0 && hop.size === 0) this.#hops.delete(name)
    if (this.#due.size <= 2 * this.#hops.size + WITHDRAWN_MAX) return
    this.#due.retain((due) => this.#isOfHop(due))
  }

  #isOfHop(due: Due): boolean {
    return this.#hops.get(due.hop)?.due === due
  }

  /** The first that is still so. */
  #firstDue(): Due | undefined {
    let first = this.#due.peek()
    for (; first !== undefined && !this.#isOfHop(first); first = this.#due.peek()) this.#due.pop()
    return first
  }

  #handedOver(active: Active): void {
    if (active.handingOver) this.#handingOver--
    active.handingOver = false
  }

  #hasRoom(name: string, hop: Hop): boolean {
    return hop.active < this.#options.schedule(name).attemptsMax
  }

  #hopOf(name: string): Hop {
    const known = this.#hops.get(name)
    if (known !== undefined) return known
    const hop: Hop = {
      waiting: new Heap<Waiting>(isEarlier),
      ready: new Heap((a, b) =>
        a.priority === b.priority ? isEarlier(a, b) : a.priority > b.priority,
      ),
      size: 0,
      active: 0,
      due: undefined,
    }
    this.#hops.set(name, hop)
    return hop
  }

  #activeOf(id: string): Active {
    const active = this.#active.get(id)
    assert(active !== undefined, `no attempt for ${id} is under way`)
    return active
  }
}

function isEarlier(a: Due | Waiting, b: Due | Waiting): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order)
}
