/** What a file says of contacts and ranges: ION's `a contact` and `a range`. */

import type { z } from 'zod'
import { parseTimestamp } from '../base/calendar.ts'
import { type Interval, overlaps, overlapsOrTouches } from '../base/interval.ts'
import { parseDuration } from '../base/quantity.ts'
import { wallMs } from '../base/time.ts'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import type { Contradiction } from './problems.ts'
import { duration, ipnNode, listOf, mapping, rate, type Shape, word } from './schema.ts'
import type { Path } from './yaml.ts'

export interface ContactsText {
  readonly contacts: readonly ContactText[]
  readonly ranges: readonly RangeText[]
}

/** Times are of one kind throughout a file: only then is it known here whether two overlap. */
export interface TimeText {
  readonly isFromStart: boolean
  /** POSIX time, or after the start. */
  readonly ms: number
}

interface StretchText {
  readonly source: bigint
  readonly destination: bigint
  readonly from: TimeText
  readonly until: TimeText
}

interface ContactText extends StretchText {
  readonly rate: number
}

interface RangeText extends StretchText {
  readonly oneWayDelay: number
}

export const time: z.ZodType<TimeText, unknown> = word(
  'a time such as +10min, from the start, or 2026-11-23T08:00:00Z',
  (text): TimeText | undefined => {
    const isFromStart = text.startsWith('+')
    const ms = isFromStart ? parseDuration(text.slice(1)) : parseTimestamp(text)
    return ms === undefined || ms > TIME_MS_MAX ? undefined : { isFromStart, ms }
  },
)

/** The end of the year 9999; what is computed from it stays exact. */
const TIME_MS_MAX = 253_402_300_799_999

const stretch: Shape<StretchText> = {
  source: ipnNode,
  destination: ipnNode,
  from: time,
  until: time,
}

export const contactsShape: Shape<ContactsText> = {
  contacts: listOf(mapping<ContactText>({ ...stretch, rate }), 'a list of contacts').default([]),
  ranges: listOf(
    mapping<RangeText>({ ...stretch, oneWayDelay: duration }),
    'a list of ranges',
  ).default([]),
}

/** Nothing where there are neither contacts nor ranges. */
export function completeContacts({
  contacts,
  ranges,
}: ContactsText): Pick<MailHostOptions, 'contactPlan'> {
  const [first] = [...contacts, ...ranges]
  if (first === undefined) return {}
  return {
    contactPlan: {
      isFromStart: first.from.isFromStart,
      contacts: contacts.map(({ rate: rateBytesPerSec, ...of }) => ({
        ...stretchOf(of),
        rateBytesPerSec,
        confidence: 1,
      })),
      ranges: ranges.map(({ oneWayDelay: oneWayDelayMs, ...of }) => ({
        ...stretchOf(of),
        oneWayDelayMs,
      })),
    },
  }
}

function stretchOf({ source, destination, from, until }: StretchText) {
  return { source, destination, from: wallMs(from.ms), until: wallMs(until.ms) }
}

type HostText = ContactsText & {
  readonly node: bigint
  readonly plans: readonly { readonly to: bigint }[]
}

/** `at` is where the host stands in its file. */
export function contactContradictions(host: HostText, at: Path): readonly Contradiction[] {
  const { contacts, ranges } = host
  const [contactsAt, rangesAt] = [
    [...at, 'contacts'],
    [...at, 'ranges'],
  ]
  return [
    ...planContradictions(host, contactsAt),
    ...stretchContradictions(contacts, contactsAt, 'contact', overlapsOrTouches),
    ...stretchContradictions(ranges, rangesAt, 'range', overlaps),
    ...kindContradictions(contacts, contactsAt, [...contacts, ...ranges][0]),
    ...kindContradictions(ranges, rangesAt, [...contacts, ...ranges][0]),
  ]
}

function planContradictions(
  { contacts, node, plans }: HostText,
  at: Path,
): readonly Contradiction[] {
  return contacts.flatMap(({ source, destination }, index) => {
    if (source !== node || plans.some(({ to }) => to === destination)) return []
    const message = `contact to ipn:${destination}, but there is no plan to it: a plan to it would be right`
    return [{ path: [...at, index, 'destination'], message }]
  })
}

function stretchContradictions(
  stretches: readonly StretchText[],
  at: Path,
  what: string,
  collide: (a: Interval, b: Interval) => boolean,
): readonly Contradiction[] {
  return stretches.flatMap((one, index) => {
    const { source, destination, from, until } = one
    const path = [...at, index]
    const wrong: Contradiction[] = []
    if (source === destination) {
      const message = `${what} from ipn:${source} to itself: two nodes would be right`
      wrong.push({ path: [...path, 'destination'], message })
    }
    if (until.ms <= from.ms) {
      const message = `${what} ends before it begins: a later until would be right`
      wrong.push({ path: [...path, 'until'], message })
    }
    const other = stretches
      .slice(0, index)
      .findIndex((earlier) => isOfOnePair(earlier, one) && collide(msOf(earlier), msOf(one)))
    if (other >= 0) {
      const message = `${what} from ipn:${source} to ipn:${destination} at the time of number ${other + 1}: one after the other${collide === overlapsOrTouches ? ', with a pause,' : ''} would be right`
      wrong.push({ path, message })
    }
    return wrong
  })
}

function kindContradictions(
  stretches: readonly StretchText[],
  at: Path,
  first: StretchText | undefined,
): readonly Contradiction[] {
  const expected = first?.from.isFromStart
    ? 'a time from the start, as +10min,'
    : 'a date, as 2026-11-23T08:00:00Z,'
  return stretches.flatMap((one, index) =>
    (['from', 'until'] as const)
      .filter((end) => one[end].isFromStart !== first?.from.isFromStart)
      .map((end) => ({
        path: [...at, index, end],
        message: `times of two kinds in one file: ${expected} would be right here too`,
      })),
  )
}

function isOfOnePair(a: StretchText, b: StretchText): boolean {
  return a.source === b.source && a.destination === b.destination
}

function msOf({ from, until }: StretchText): Interval {
  return { from: from.ms, until: until.ms }
}
