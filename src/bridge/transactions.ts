/**
 * When to send a mail across again: the timers of every transaction that waits for the far
 * gateway's acknowledgement. The clock of one starts when its bundle has really been forwarded, so
 * a link that is down for a week provokes nothing.
 */

import { Heap } from '../base/heap.ts'
import type { Machine } from '../base/machine.ts'
import { addMs, earlier, type MonoMs } from '../base/time.ts'
import { PROCESSING_ALLOWANCE_MS, RESEND_DOUBLINGS_MAX } from './limits.ts'

export type TransactionEvent =
  | {
      readonly type: 'open'
      readonly transaction: string
      /** Two one-way delays. */
      readonly roundTripMs: number
      readonly expiresAt: MonoMs
    }
  /** Its bundle has been handed to a convergence layer completely. */
  | { readonly type: 'forwarded'; readonly transaction: string }
  | { readonly type: 'close'; readonly transaction: string }
  | { readonly type: 'tick' }

export type TransactionEffect =
  | { readonly type: 'resend'; readonly transaction: string; readonly attempt: number }
  | { readonly type: 'expire'; readonly transaction: string }

interface Open {
  readonly roundTripMs: number
  readonly expiresAt: MonoMs
  readonly attempt: number
  /** Undefined until forwarded. */
  readonly resendAt: MonoMs | undefined
}

interface Alarm {
  readonly at: MonoMs
  readonly order: number
  readonly transaction: string
}

export class Transactions implements Machine<TransactionEvent, TransactionEffect> {
  readonly #open = new Map<string, Open>()
  /** One alarm for every change; those that a later change made void find nothing due. */
  #alarms: Heap<Alarm> = newAlarms()
  #order = 0

  get deadline(): MonoMs | undefined {
    return this.#alarms.peek()?.at
  }

  handle(event: TransactionEvent, now: MonoMs): readonly TransactionEffect[] {
    switch (event.type) {
      case 'open': {
        const { roundTripMs, expiresAt } = event
        this.#set(event.transaction, { roundTripMs, expiresAt, attempt: 1, resendAt: undefined })
        return []
      }
      case 'forwarded':
        this.#onForwarded(event.transaction, now)
        return []
      case 'close':
        this.#open.delete(event.transaction)
        return []
      case 'tick':
        return this.#onTick(now)
    }
  }

  #onForwarded(transaction: string, now: MonoMs): void {
    const open = this.#open.get(transaction)
    if (open === undefined) return
    const doublings = Math.min(open.attempt - 1, RESEND_DOUBLINGS_MAX)
    const waitMs = (open.roundTripMs + PROCESSING_ALLOWANCE_MS) * 2 ** doublings
    this.#set(transaction, { ...open, resendAt: addMs(now, waitMs) })
  }

  #onTick(now: MonoMs): TransactionEffect[] {
    const effects: TransactionEffect[] = []
    for (;;) {
      const due = this.#alarms.peek()
      if (due === undefined || due.at > now) return effects
      this.#alarms.pop()
      const { transaction } = due
      const open = this.#open.get(transaction)
      if (open === undefined) continue
      if (open.expiresAt <= now) {
        this.#open.delete(transaction)
        effects.push({ type: 'expire', transaction })
      } else if (open.resendAt !== undefined && open.resendAt <= now) {
        const attempt = open.attempt + 1
        this.#set(transaction, { ...open, attempt, resendAt: undefined })
        effects.push({ type: 'resend', transaction, attempt })
      }
    }
  }

  #set(transaction: string, open: Open): void {
    this.#open.set(transaction, open)
    this.#alarm(transaction, open)
    if (this.#alarms.size <= 4 * this.#open.size + VOID_ALARMS_MAX) return
    this.#alarms = newAlarms()
    for (const [name, kept] of this.#open) this.#alarm(name, kept)
  }

  #alarm(transaction: string, open: Open): void {
    const at = earlier(open.resendAt, open.expiresAt) ?? open.expiresAt
    this.#alarms.push({ at, order: this.#order++, transaction })
  }
}

/** Void alarms kept before the heap is made anew, beyond a few for each open transaction. */
const VOID_ALARMS_MAX = 64

function newAlarms(): Heap<Alarm> {
  return new Heap((a, b) => a.at < b.at || (a.at === b.at && a.order < b.order))
}
