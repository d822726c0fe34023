/**
 * When which node can be heard by which, at what rate and how far away it is: ION's `a contact` and
 * `a range`. The contacts to a neighbour gate and pace what is sent to it.
 */

import { type Interval, isWithin } from '../base/interval.ts'
import type { WallMs } from '../base/time.ts'

/** One direction of a link. */
export interface NodePair {
  readonly source: bigint
  readonly destination: bigint
}

/** Contacts of one pair neither overlap nor touch. */
export interface Contact extends NodePair, Interval<WallMs> {
  readonly rateBytesPerSec: number
  /** How likely it is to come about: 0 to 1. */
  readonly confidence: number
}

/**
 * Holds for both directions when `source` is the lower number; when it is the higher, for its own
 * direction only, where it goes before the other. Ranges of one pair do not overlap.
 */
export interface Range extends NodePair, Interval<WallMs> {
  readonly oneWayDelayMs: number
}

export interface ContactPlan {
  readonly contacts: readonly Contact[]
  readonly ranges: readonly Range[]
}

export const NO_CONTACTS: ContactPlan = { contacts: [], ranges: [] }

export type Gate =
  /** The plan has no contact for this pair any more, or never had: nothing holds its bundles back. */
  | { readonly state: 'unscheduled' }
  | { readonly state: 'open'; readonly rateBytesPerSec: number; readonly until: WallMs }
  | { readonly state: 'closed'; readonly opensAt: WallMs }

/** In order of time: what the functions below are given. */
export function contactsBetween(plan: ContactPlan, pair: NodePair): readonly Contact[] {
  return plan.contacts
    .filter((contact) => isOf(contact, pair))
    .sort((a, b) => (a.from < b.from ? -1 : 1))
}

/** Undefined where none is open at `at`. */
export function openContact(contacts: readonly Contact[], at: WallMs): Contact | undefined {
  const last = contacts[countBegun(contacts, at) - 1]
  return last !== undefined && isWithin(last, at) ? last : undefined
}

/** The first that begins after `at`. */
export function nextContact(contacts: readonly Contact[], at: WallMs): Contact | undefined {
  return contacts[countBegun(contacts, at)]
}

/** Whether bundles may leave at `at`, and until when the answer holds. */
export function gateAt(contacts: readonly Contact[], at: WallMs): Gate {
  const open = openContact(contacts, at)
  if (open !== undefined) {
    return { state: 'open', rateBytesPerSec: open.rateBytesPerSec, until: open.until }
  }
  const next = nextContact(contacts, at)
  return next === undefined ? { state: 'unscheduled' } : { state: 'closed', opensAt: next.from }
}

/** Undefined where no range says. */
export function oneWayDelayMs(
  ranges: readonly Range[],
  pair: NodePair,
  at: WallMs,
): number | undefined {
  const current = ranges.filter((range) => isWithin(range, at))
  const own = current.find((range) => isOf(range, pair))
  const mirrored = current.find(
    ({ source, destination }) =>
      source < destination && source === pair.destination && destination === pair.source,
  )
  return (own ?? mirrored)?.oneWayDelayMs
}

function isOf(item: NodePair, { source, destination }: NodePair): boolean {
  return item.source === source && item.destination === destination
}

/** How many contacts begin at `at` or before, by bisection: plans are long and the question is frequent. */
function countBegun(contacts: readonly Contact[], at: WallMs): number {
  let low = 0
  let high = contacts.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((contacts[middle] as Contact).from <= at) low = middle + 1
    else high = middle
  }
  return low
}
