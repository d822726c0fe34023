/**
 * When which mail is tried again. A job is one mail for one next hop; what it carries is known to
 * the queue, not here. RFC 5321 §4.5.4.1.
 */

import { assert } from '../base/assert.ts'
import { Heap } from '../base/heap.ts'
import type { Machine } from '../base/machine.ts'
import { addMs, earlier, type MonoMs } from '../base/time.ts'

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
}

export type QueueEvent =
  /** Accepted just now, or found after a restart. */
  | { readonly type: 'added'; readonly job: QueueJob }
  /** The attempt has the whole message and waits for its outcome, perhaps for days. */
  | { readonly type: 'handed-over'; readonly id: string }
  /** `settled`: nothing is left to do for this job. Ends an attempt and a giving up. */
  | { readonly type: 'finished'; readonly id: string; readonly settled: boolean }
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
  readonly waiting: Heap<Waiting>
  active: number
}

interface Active {
  readonly job: Waiting
  handingOver: boolean
}

export class QueueMachine implements Machine<QueueEvent, QueueEffect> {
  readonly #options: QueueMachineOptions
  /** In the order of their turns: the one that has just had its turn goes to the end. */
  readonly #hops = new Map<string, Hop>()
  readonly #active = new Map<string, Active>()
  #handingOver = 0
  #order = 0

  constructor(options: QueueMachineOptions) {
    this.#options = options
  }

  get deadline(): MonoMs | undefined {
    if (this.#handingOver >= this.#options.handingOverMax) return undefined
    let earliest: MonoMs | undefined
    for (const [name, hop] of this.#hops) {
      if (this.#hasRoom(name, hop)) earliest = earlier(earliest, hop.waiting.peek()?.dueAt)
    }
    return earliest
  }

  handle(event: QueueEvent, now: MonoMs): readonly QueueEffect[] {
    switch (event.type) {
      case 'added':
        this.#wait({ ...event.job, expired: false, order: this.#order++ })
        return this.#startDue(now)
      case 'handed-over':
        this.#handedOver(this.#activeOf(event.id))
        return this.#startDue(now)
      case 'finished': {
        const effects = this.#finish(this.#activeOf(event.id), event.settled, now)
        return [...effects, ...this.#startDue(now)]
      }
      case 'tick':
        return this.#startDue(now)
    }
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
      if (hop.active === 0 && hop.waiting.size === 0) this.#hops.delete(job.hop)
      return []
    }
    const { firstRetryMs, retryMaxMs } = this.#options.schedule(job.hop)
    const attempts = job.attempts + 1
    const backoffMs = Math.min(firstRetryMs * 2 ** (attempts - 1), retryMaxMs)
    // The last attempt is made when the time is over, not some back-off before.
    const retryInMs = job.expired ? backoffMs : Math.min(backoffMs, job.expiresAt - now)
    this.#wait({ ...job, attempts, dueAt: addMs(now, retryInMs), order: this.#order++ })
    return [{ type: 'defer', id: job.id, attempts, retryInMs }]
  }

  /** One of each hop in turn, so that a long queue for one does not keep the others waiting. */
  #startDue(now: MonoMs): readonly QueueEffect[] {
    const effects: QueueEffect[] = []
    for (let startedBefore = -1; startedBefore < effects.length; ) {
      startedBefore = effects.length
      for (const [name, hop] of [...this.#hops]) {
        if (this.#handingOver >= this.#options.handingOverMax) return effects
        const next = hop.waiting.peek()
        if (next === undefined || next.dueAt > now || !this.#hasRoom(name, hop)) continue
        hop.waiting.pop()
        hop.active++
        this.#hops.delete(name)
        this.#hops.set(name, hop)
        const handingOver = !next.expired
        if (handingOver) this.#handingOver++
        this.#active.set(next.id, { job: next, handingOver })
        effects.push({ type: next.expired ? 'give-up' : 'attempt', id: next.id })
      }
    }
    return effects
  }

  #wait(job: Waiting): void {
    this.#hopOf(job.hop).waiting.push(job)
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
      waiting: new Heap((a, b) => a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order)),
      active: 0,
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
