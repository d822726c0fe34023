/**
 * What the contacts and ranges that this node knows say of mail for a next hop: when it may leave,
 * when it arrives, and when the answer to it can be here. By the direct contacts alone, as the static
 * plans lead.
 */

import { addMs, type WallMs } from '../base/time.ts'
import {
  type Contact,
  type ContactPlan,
  contactsBetween,
  gateAt,
  type NodePair,
  nextContact,
  oneWayDelayMs,
  openContact,
} from '../dtn/contact-plan.ts'
import { neighbourOf, type StaticPlan } from '../dtn/static-plan.ts'
import type { EndpointId } from '../proto/bpv7/endpoint-id.ts'

export interface RouteForecastOptions {
  readonly node: bigint
  /** As it is now. */
  readonly contactPlan: () => ContactPlan
  readonly planTo: (destination: EndpointId) => StaticPlan | undefined
  /** By a plan to a neighbour of which no range says, or to nodes behind one. */
  readonly oneWayDelayMs: (plan: StaticPlan) => number
  /** What the far side may take to put an answer on its way. */
  readonly allowanceMs: number
}

export class RouteForecast {
  readonly #options: RouteForecastOptions
  #plan: ContactPlan | undefined
  /** By the pair; of the plan above alone. */
  readonly #contacts = new Map<string, readonly Contact[]>()

  constructor(options: RouteForecastOptions) {
    this.#options = options
  }

  oneWayDelayMs(destination: EndpointId, at: WallMs): number {
    const plan = this.#options.planTo(destination)
    if (plan === undefined) return 0
    const pair = { source: this.#options.node, destination: neighbourOf(plan) }
    const { ranges } = this.#options.contactPlan()
    // What a range says of the neighbour is only the first part of the way to those behind it.
    const ranged = isBehind(plan) ? undefined : oneWayDelayMs(ranges, pair, at)
    return ranged ?? this.#options.oneWayDelayMs(plan)
  }

  /** When bundles may leave: `at`, or the beginning of the next contact. */
  opensAt(destination: EndpointId, at: WallMs): WallMs {
    return beginAt(this.#outward(destination), at)
  }

  /** Of the contact that is open or comes next, else of the plan; undefined where neither says. */
  rateBytesPerSec(destination: EndpointId, at: WallMs): number | undefined {
    const contacts = this.#outward(destination)
    const contact = openContact(contacts, at) ?? nextContact(contacts, at)
    return contact?.rateBytesPerSec ?? this.#options.planTo(destination)?.rateBytesPerSec
  }

  /** Whether a contact plan says when bundles go there. */
  isScheduled(destination: EndpointId, at: WallMs): boolean {
    return gateAt(this.#outward(destination), at).state !== 'unscheduled'
  }

  /** When the last of so many bytes is there, if their turn comes at `at` and nothing is lost. */
  arrivalAt(destination: EndpointId, at: WallMs, bytes: number): WallMs {
    const rate = this.#options.planTo(destination)?.rateBytesPerSec
    const left = leftAt(this.#outward(destination), at, bytes, rate)
    return addMs(left, this.oneWayDelayMs(destination, left))
  }

  /** When the answer is here to what has left at `at`, if nothing is lost. */
  answerAt(destination: EndpointId, at: WallMs): WallMs {
    const arrived = addMs(at, this.oneWayDelayMs(destination, at))
    const answered = beginAt(this.#inward(destination), addMs(arrived, this.#options.allowanceMs))
    return addMs(answered, this.oneWayDelayMs(destination, answered))
  }

  #neighbour(destination: EndpointId): bigint | undefined {
    const plan = this.#options.planTo(destination)
    return plan && neighbourOf(plan)
  }

  #outward(destination: EndpointId): readonly Contact[] {
    const neighbour = this.#neighbour(destination)
    if (neighbour === undefined) return []
    return this.#contactsOf({ source: this.#options.node, destination: neighbour })
  }

  #inward(destination: EndpointId): readonly Contact[] {
    const neighbour = this.#neighbour(destination)
    if (neighbour === undefined) return []
    return this.#contactsOf({ source: neighbour, destination: this.#options.node })
  }

  #contactsOf(pair: NodePair): readonly Contact[] {
    const plan = this.#options.contactPlan()
    if (plan !== this.#plan) this.#contacts.clear()
    this.#plan = plan
    const key = `${pair.source} ${pair.destination}`
    const known = this.#contacts.get(key)
    if (known !== undefined) return known
    const contacts = contactsBetween(plan, pair)
    this.#contacts.set(key, contacts)
    return contacts
  }
}

function isBehind({ node, via = node, until = node }: StaticPlan): boolean {
  return via !== node || until !== node
}

function beginAt(contacts: readonly Contact[], at: WallMs): WallMs {
  const gate = gateAt(contacts, at)
  return gate.state === 'closed' ? gate.opensAt : at
}

/** When the last of `bytes` has left; behind the last contact only the plan's rate holds them back. */
function leftAt(
  contacts: readonly Contact[],
  at: WallMs,
  bytes: number,
  planRateBytesPerSec = Number.POSITIVE_INFINITY,
): WallMs {
  let from = at
  let left = bytes
  for (;;) {
    const contact = openContact(contacts, from) ?? nextContact(contacts, from)
    if (contact === undefined) return addMs(from, (left * 1000) / planRateBytesPerSec)
    const begin = contact.from > from ? contact.from : from
    const end = addMs(begin, (left * 1000) / contact.rateBytesPerSec)
    if (end <= contact.until) return end
    left -= ((contact.until - begin) * contact.rateBytesPerSec) / 1000
    from = contact.until
  }
}
