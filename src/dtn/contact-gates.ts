/**
 * Watches the contacts from this node to its neighbours: tells which is open or comes next, in
 * monotonic time, and tells again when it has ended, when the plan changes and when the clock was set.
 */

import { isWithin } from '../base/interval.ts'
import { addMs, type MonoMs, monoMs, type WallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import {
  type Contact,
  type ContactPlan,
  contactsBetween,
  type Gate,
  gateAt,
  nextContact,
  oneWayDelayMs,
  openContact,
} from './contact-plan.ts'
import type { ContactWindow } from './contact-window.ts'
import { CLOCK_LOOK_MS, CLOCK_STEP_MS } from './limits.ts'

export interface ContactGatesOptions {
  /** Fully qualified node number of this node. */
  readonly node: bigint
  readonly clock: Clock
  /** Hears of a neighbour's contact; undefined where it has none, and nothing is held back. */
  readonly onWindow: (neighbour: bigint, window: ContactWindow | undefined) => void
}

interface Watched {
  readonly contacts: readonly Contact[]
  window: ContactWindow | undefined
}

export class ContactGates {
  readonly #options: ContactGatesOptions
  #plan: ContactPlan
  readonly #watched = new Map<bigint, Watched>()
  #cancelLook: (() => void) | undefined
  /** Undefined where the clock does not tell when it is set. */
  readonly #endHearing: (() => void) | undefined

  constructor(plan: ContactPlan, options: ContactGatesOptions) {
    this.#plan = plan
    this.#options = options
    this.#endHearing = options.clock.onSet?.(() => this.look())
  }

  get plan(): ContactPlan {
    return this.#plan
  }

  setPlan(plan: ContactPlan): void {
    this.#plan = plan
    for (const [neighbour, watched] of this.#watched) {
      this.#watched.set(neighbour, { ...watched, contacts: this.#contactsTo(neighbour) })
    }
    this.look()
  }

  /** What holds for a neighbour from now on; later changes are told. */
  watch(neighbour: bigint): ContactWindow | undefined {
    const known = this.#watched.get(neighbour)
    if (known !== undefined) return known.window
    const contacts = this.#contactsTo(neighbour)
    const watched: Watched = { contacts, window: undefined }
    this.#watched.set(neighbour, watched)
    this.#update(watched)
    this.#lookInTime()
    return watched.window
  }

  unwatch(neighbour: bigint): void {
    this.#watched.delete(neighbour)
    this.#lookInTime()
  }

  /** Looks at the clock, and tells what has changed. */
  look(): void {
    for (const [neighbour, watched] of this.#watched) {
      if (this.#update(watched)) this.#options.onWindow(neighbour, watched.window)
    }
    this.#lookInTime()
  }

  stop(): void {
    this.#endHearing?.()
    this.#watched.clear()
    this.#lookInTime()
  }

  gate(neighbour: bigint, at: WallMs): Gate {
    return gateAt(this.#watched.get(neighbour)?.contacts ?? this.#contactsTo(neighbour), at)
  }

  /** When the contact with this neighbour ends that is open now; undefined where there is none. */
  openUntil(neighbour: bigint): WallMs | undefined {
    const window = this.#watched.get(neighbour)?.window
    if (window === undefined) return undefined
    const { clock } = this.#options
    const now = clock.now()
    return isWithin(window, now) ? addMs(clock.wall(), window.until - now) : undefined
  }

  /** Undefined where no range says. */
  oneWayDelayMs(neighbour: bigint, at: WallMs): number | undefined {
    return oneWayDelayMs(this.#plan.ranges, this.#pairWith(neighbour), at)
  }

  #pairWith(neighbour: bigint): { readonly source: bigint; readonly destination: bigint } {
    return { source: this.#options.node, destination: neighbour }
  }

  #contactsTo(neighbour: bigint): readonly Contact[] {
    return contactsBetween(this.#plan, this.#pairWith(neighbour))
  }

  /** Whether there is something to tell. */
  #update(watched: Watched): boolean {
    const { clock } = this.#options
    const [now, wall] = [clock.now(), clock.wall()]
    const contact = openContact(watched.contacts, wall) ?? nextContact(watched.contacts, wall)
    const window = contact && windowOf(contact, now, wall)
    if (isSame(window, watched.window)) return false
    watched.window = window
    return true
  }

  /** At the end of the first contact that ends, and now and then to see whether the clock was set. */
  #lookInTime(): void {
    this.#cancelLook?.()
    this.#cancelLook = undefined
    const { clock } = this.#options
    const ends = [...this.#watched.values()].flatMap(({ window }) => window?.until ?? [])
    if (ends.length === 0) return
    const now = clock.now()
    // By the wall clock it may end a little later than by the other: no reason to look all the time.
    const laterMs = this.#endHearing === undefined ? CLOCK_LOOK_MS : Number.POSITIVE_INFINITY
    const at = Math.max(now + 1, Math.min(...ends, now + laterMs))
    this.#cancelLook = clock.at(monoMs(at), () => this.look())
  }
}

function windowOf(contact: Contact, now: MonoMs, wall: WallMs): ContactWindow {
  const { from, until, rateBytesPerSec } = contact
  return { from: addMs(now, from - wall), until: addMs(now, until - wall), rateBytesPerSec }
}

/** The two clocks never quite agree: what is less than a step changes nothing. */
function isSame(a: ContactWindow | undefined, b: ContactWindow | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (a.rateBytesPerSec !== b.rateBytesPerSec) return false
  return Math.max(Math.abs(a.from - b.from), Math.abs(a.until - b.until)) < CLOCK_STEP_MS
}
