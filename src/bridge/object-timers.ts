/**
 * When to send mails across again: the timers of every object that waits for the far gateway's
 * acknowledgement. The clock of one starts when its bundle has really been forwarded, so a link that
 * is down for a week provokes nothing.
 */

import { Heap } from '../base/heap.ts'
import type { Machine } from '../base/machine.ts'
import { addMs, earlier, type MonoMs } from '../base/time.ts'
import { RESEND_DOUBLINGS_MAX } from './limits.ts'

export type ObjectEvent =
  | { readonly type: 'open'; readonly object: string; readonly expiresAt: MonoMs }
  /** Its bundle has been handed to a convergence layer completely. */
  | {
      readonly type: 'forwarded'
      readonly object: string
      /** When its acknowledgement is due. */
      readonly answerAt: MonoMs
      /** What is waited for more than that, the more the more often it was sent already. */
      readonly patienceMs: number
    }
  | { readonly type: 'close'; readonly object: string }
  | { readonly type: 'tick' }

export type ObjectEffect =
  | { readonly type: 'resend'; readonly object: string; readonly attempt: number }
  | { readonly type: 'expire'; readonly object: string }

interface Open {
  readonly expiresAt: MonoMs
  readonly attempt: number
  /** Undefined until forwarded. */
  readonly resendAt: MonoMs | undefined
}

interface Alarm {
  readonly at: MonoMs
  readonly order: number
  readonly object: string
}

export class ObjectTimers implements Machine<ObjectEvent, ObjectEffect> {
  readonly #open = new Map<string, Open>()
  /** One alarm for every change; those that a later change made void find nothing due. */
  #alarms: Heap<Alarm> = newAlarms()
  #order = 0

  get deadline(): MonoMs | undefined {
    return this.#alarms.peek()?.at
  }

  handle(event: ObjectEvent, now: MonoMs): readonly ObjectEffect[] {
    switch (event.type) {
      case 'open': {
        const { expiresAt } = event
        this.#set(event.object, { expiresAt, attempt: 1, resendAt: undefined })
        return []
      }
      case 'forwarded':
        this.#onForwarded(event)
        return []
      case 'close':
        this.#open.delete(event.object)
        return []
      case 'tick':
        return this.#onTick(now)
    }
  }

  #onForwarded({
    object,
    answerAt,
    patienceMs,
  }: Extract<ObjectEvent, { readonly type: 'forwarded' }>): void {
    const open = this.#open.get(object)
    if (open === undefined) return
    const doublings = Math.min(open.attempt - 1, RESEND_DOUBLINGS_MAX)
    const waitMs = patienceMs * (2 ** doublings - 1)
    this.#set(object, { ...open, resendAt: addMs(answerAt, waitMs) })
  }

  #onTick(now: MonoMs): ObjectEffect[] {
    const effects: ObjectEffect[] = []
    for (;;) {
      const due = this.#alarms.peek()
      if (due === undefined || due.at > now) return effects
      this.#alarms.pop()
      const { object } = due
      const open = this.#open.get(object)
      if (open === undefined) continue
      if (open.expiresAt <= now) {
        this.#open.delete(object)
        effects.push({ type: 'expire', object })
      } else if (open.resendAt !== undefined && open.resendAt <= now) {
        const attempt = open.attempt + 1
        this.#set(object, { ...open, attempt, resendAt: undefined })
        effects.push({ type: 'resend', object, attempt })
      }
    }
  }

  #set(object: string, open: Open): void {
    this.#open.set(object, open)
    this.#alarm(object, open)
    if (this.#alarms.size <= 4 * this.#open.size + VOID_ALARMS_MAX) return
    this.#alarms = newAlarms()
    for (const [name, kept] of this.#open) this.#alarm(name, kept)
  }

  #alarm(object: string, open: Open): void {
    const at = earlier(open.resendAt, open.expiresAt) ?? open.expiresAt
    this.#alarms.push({ at, order: this.#order++, object })
  }
}

/** Void alarms kept before the heap is made anew, beyond a few for each open object. */
const VOID_ALARMS_MAX = 64

function newAlarms(): Heap<Alarm> {
  return new Heap((a, b) => a.at < b.at || (a.at === b.at && a.order < b.order))
}
