/** The contacts of a link as a contact plan of ION has them: those between the nodes on either side. */

import { isWithin } from '../base/interval.ts'
import type { WallMs } from '../base/time.ts'
import type { Contact, ContactPlan } from '../dtn/contact-plan.ts'
import { readIon } from './ion/ion.ts'
import { formatNotice } from './ion/problem.ts'
import type { ReadFile } from './ion/read.ts'
import type { LinkContact } from './link-quality.ts'

export interface ContactPlanReading {
  readonly plan: ContactPlan
  /** A line each, with its place. */
  readonly problems: readonly string[]
}

/** Reads a file of `ionadmin`; its relative times count from `startsAt`. `from` is the file that names it. */
export function readContactPlan(
  name: string,
  from: string,
  { readFile, startsAt }: { readonly readFile: ReadFile; readonly startsAt: WallMs },
): ContactPlanReading {
  const none: ContactPlan = { contacts: [], ranges: [] }
  const source = readFile(name, from)
  if ('reason' in source) {
    const problems = [`contactPlan ${name} cannot be read: ${source.reason}`]
    return { plan: none, problems }
  }
  const { draft, problems } = readIon([source], { readFile, startedAt: startsAt })
  const plan = { contacts: draft.contacts.values(), ranges: draft.ranges.values() }
  return { plan, problems: problems.map(formatNotice) }
}

/** In order of time; those that begin before the start begin with it. Two at the same time make one. */
export function linkContacts(
  plan: ContactPlan,
  between: { readonly sources: readonly bigint[]; readonly destinations: readonly bigint[] },
  startsAt: WallMs,
): readonly LinkContact[] {
  const { sources, destinations } = between
  const contacts: LinkContact[] = []
  const inOrder = plan.contacts
    .filter(
      ({ source, destination, until }) =>
        sources.includes(source) && destinations.includes(destination) && until > startsAt,
    )
    .sort((a, b) => a.from - b.from)
  for (const contact of inOrder) {
    const next = linkContact(contact, plan, startsAt)
    const last = contacts[contacts.length - 1]
    if (last === undefined || last.untilMs <= next.fromMs) contacts.push(next)
    // The link is the nodes' together: each of them hears the others.
    else contacts.splice(-1, 1, { ...last, untilMs: Math.max(last.untilMs, next.untilMs) })
  }
  return contacts
}

function linkContact(contact: Contact, { ranges }: ContactPlan, startsAt: WallMs): LinkContact {
  const { source, destination, from } = contact
  // A range from the lower number holds both ways, and one from the higher goes before it.
  const current = ranges.filter((range) => isWithin(range, from))
  const own = current.find((one) => one.source === source && one.destination === destination)
  const other = current.find(
    (one) =>
      one.source < one.destination && one.source === destination && one.destination === source,
  )
  const delayMs = (own ?? other)?.oneWayDelayMs
  return {
    fromMs: Math.max(0, contact.from - startsAt),
    untilMs: contact.until - startsAt,
    rateBytesPerSec: contact.rateBytesPerSec,
    ...(delayMs !== undefined && { oneWayDelayMs: delayMs }),
  }
}
