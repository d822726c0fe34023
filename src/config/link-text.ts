/** What a scenario says of a link, in words. */

import type { z } from 'zod'
import { type Interval, overlaps } from '../base/interval.ts'
import { formatDuration } from '../base/quantity.ts'
import type { WallMs } from '../base/time.ts'
import { type TimeText, time } from './contacts.ts'
import {
  type JitterDistribution,
  type LinkContact,
  type LinkQuality,
  PLANETS,
  type Planet,
} from './link-quality.ts'
import type { Contradiction } from './problems.ts'
import {
  duration,
  listOf,
  mapping,
  oneOf,
  orOff,
  patience,
  rate,
  type Shape,
  share,
  size,
} from './schema.ts'
import type { Path } from './yaml.ts'

/** One direction, or both. */
export interface QualityText {
  readonly oneWayDelay?: number
  readonly delays?: readonly DelayText[]
  readonly lightTime?: readonly Planet[]
  readonly jitter?: number
  readonly distribution?: JitterDistribution
  readonly loss?: number
  readonly gemodel?: GemodelText
  readonly duplicate?: number
  readonly reorder?: number
  readonly corrupt?: number
  readonly udpChecksum?: 'on' | 'off'
  readonly rate?: number
  readonly queue?: number
  readonly contacts?: readonly ContactText[]
}

interface DelayText {
  readonly at: TimeText
  readonly oneWayDelay: number
}

interface GemodelText {
  readonly p: number
  readonly r?: number
  readonly '1-h'?: number
  readonly '1-k'?: number
}

export interface ContactText {
  readonly from: TimeText
  readonly until?: TimeText
  readonly for?: number
  readonly every?: number
  readonly rate?: number
  readonly oneWayDelay?: number
}

export const delay: z.ZodType<DelayText, unknown> = mapping<DelayText>({
  at: time.describe('when'),
  oneWayDelay: duration.describe('what leaves then takes so long'),
})

export const gemodel: z.ZodType<GemodelText, unknown> = mapping<GemodelText>({
  p: share.describe('how likely the link turns bad with a packet'),
  r: share.optional().describe('how likely it turns good again; without it the rest of p'),
  '1-h': share.optional().describe('what is lost while it is bad; without it everything'),
  '1-k': share.optional().describe('what is lost while it is good; without it nothing'),
})

export const contact: z.ZodType<ContactText, unknown> = mapping<ContactText>({
  from: time.describe('when it begins'),
  until: time.optional().describe('when it ends'),
  for: patience.optional().describe('how long it lasts, in place of `until`'),
  every: patience
    .optional()
    .describe('it comes again and again: from one beginning to the next; without it once'),
  rate: rate.optional().describe('its own, in place of that of the link'),
  oneWayDelay: duration.optional().describe('its own, in place of that of the link'),
})

const planet: z.ZodType<Planet, unknown> = oneOf(PLANETS)

export const qualityShape: Shape<QualityText> = {
  oneWayDelay: duration
    .optional()
    .describe('how long a packet travels; one of this, `delays` and `lightTime` is needed'),
  delays: listOf(delay, 'a list of delays such as {at: +0s, oneWayDelay: 4min}')
    .optional()
    .describe('the delay over time: straight lines between these points, see below'),
  lightTime: listOf(planet, 'two planets such as [earth, mars]')
    .optional()
    .describe(
      'the delay is the time of light between two planets on that date: from the Keplerian elements of JPL for 1800 to 2050, good to about 0.1 %',
    ),
  jitter: duration
    .optional()
    .describe(
      'how far delays scatter; packets may overtake each other. Half the width of `uniform`, the standard deviation of the others; without it none',
    ),
  distribution: oneOf(['uniform', 'normal', 'pareto', 'paretonormal'] as const)
    .optional()
    .describe('of the jitter, as netem draws it; without it uniform'),
  loss: share.optional().describe('packets lost, each for itself; without it none'),
  gemodel: gemodel
    .optional()
    .describe(
      'losses in bursts besides, by Gilbert and Elliott: the parameters of netem, see below',
    ),
  duplicate: share.optional().describe('packets that arrive twice; without it none'),
  reorder: share
    .optional()
    .describe('packets that arrive without any delay, as netem has it; without it none'),
  corrupt: share
    .optional()
    .describe('packets with one wrong bit: a checksum finds it and they are lost; without it none'),
  udpChecksum: oneOf(['on', 'off'] as const)
    .optional()
    .describe(
      '`off`: UDP datagrams have no checksum and arrive with the wrong bit, unless it is in their headers; without it on',
    ),
  rate: orOff(rate).describe('how fast packets leave; off or without it in no time'),
  queue: size
    .optional()
    .describe('what may wait where there is a rate, the rest is lost; without it 1.5MB'),
  contacts: listOf(contact, 'a list of contacts such as {from: +1h, for: 10min, every: 8h}')
    .optional()
    .describe(
      'when it carries anything, see below: what does not leave within a contact is lost; without it always',
    ),
}

/** Of what is said; the times count from `startsAt`. */
export function completeQuality(text: QualityText, startsAt: WallMs): Partial<LinkQuality> {
  const [from, to] = text.lightTime ?? []
  return {
    ...given('oneWayDelayMs', text.oneWayDelay),
    ...given(
      'delays',
      text.delays?.map(({ at, oneWayDelay }) => ({
        atMs: sinceStart(at, startsAt),
        oneWayDelayMs: oneWayDelay,
      })),
    ),
    ...given('lightTime', from && to ? ([from, to] as const) : undefined),
    ...given('jitterMs', text.jitter),
    ...given('jitterDistribution', text.distribution),
    ...given('lossShare', text.loss),
    ...given('gilbertElliott', text.gemodel && completeGemodel(text.gemodel)),
    ...given('duplicateShare', text.duplicate),
    ...given('reorderShare', text.reorder),
    ...given('corruptShare', text.corrupt),
    ...given('udpChecksum', text.udpChecksum),
    ...given('rateBytesPerSec', text.rate),
    ...given('queueBytesMax', text.queue),
    ...given(
      'contacts',
      text.contacts?.map((one) => completeContact(one, startsAt)),
    ),
  }
}

function given<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [K in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [K in Key]?: Value }
}

function completeGemodel(text: GemodelText): Required<LinkQuality>['gilbertElliott'] {
  const { p, r = 1 - p, '1-h': badLoss = 1, '1-k': goodLoss = 0 } = text
  return { toBad: p, toGood: r, badLoss, goodLoss }
}

function completeContact(text: ContactText, startsAt: WallMs): LinkContact {
  const { fromMs, untilMs } = stretch(text, startsAt)
  return {
    fromMs,
    untilMs,
    ...given('everyMs', text.every),
    ...given('rateBytesPerSec', text.rate),
    ...given('oneWayDelayMs', text.oneWayDelay),
  }
}

function stretch(
  { from, until, for: lastsMs = 0 }: ContactText,
  startsAt: WallMs,
): { readonly fromMs: number; readonly untilMs: number } {
  const fromMs = sinceStart(from, startsAt)
  return { fromMs, untilMs: until === undefined ? fromMs + lastsMs : sinceStart(until, startsAt) }
}

/** Milliseconds. */
export function sinceStart({ isFromStart, ms }: TimeText, startsAt: WallMs): number {
  return isFromStart ? ms : ms - startsAt
}

/** `at` is where the quality stands in its file. */
export function qualityContradictions(
  text: QualityText,
  at: Path,
  startsAt: WallMs,
): readonly Contradiction[] {
  const wrong: Contradiction[] = []
  const { delays = [], lightTime } = text
  if (lightTime !== undefined && (lightTime.length !== 2 || lightTime[0] === lightTime[1])) {
    const message = `lightTime between ${lightTime.join(', ')}: two planets would be right`
    wrong.push({ path: [...at, 'lightTime'], message })
  }
  const [first, second] = delayKeys(text)
  if (first !== undefined && second !== undefined) {
    const message = `${second} beside ${first}: one of the two would be right`
    wrong.push({ path: [...at, second], message })
  }
  if (text.delays?.length === 0) {
    const message = 'delays without any: {at: +0s, oneWayDelay: 4min} and more would be right'
    wrong.push({ path: [...at, 'delays'], message })
  }
  for (const [index, point] of delays.entries()) {
    const before = delays[index - 1]
    if (before && sinceStart(point.at, startsAt) <= sinceStart(before.at, startsAt)) {
      const message = 'a delay at the time of the one before or earlier: later would be right'
      wrong.push({ path: [...at, 'delays', index, 'at'], message })
    }
  }
  if (text.distribution !== undefined && text.jitter === undefined) {
    const message = `distribution ${text.distribution} without jitter: a jitter such as 20ms would be right`
    wrong.push({ path: [...at, 'distribution'], message })
  }
  return [...wrong, ...contactContradictions(text.contacts ?? [], [...at, 'contacts'], startsAt)]
}

/** Those that are there of the keys that say how long a packet travels. */
export function delayKeys(text: QualityText): readonly ('oneWayDelay' | 'delays' | 'lightTime')[] {
  return (['oneWayDelay', 'delays', 'lightTime'] as const).filter((key) => text[key] !== undefined)
}

function contactContradictions(
  contacts: readonly ContactText[],
  at: Path,
  startsAt: WallMs,
): readonly Contradiction[] {
  const isWhole = ({ until, for: lasts }: ContactText): boolean =>
    (until === undefined) !== (lasts === undefined)
  return contacts.flatMap((one, index): readonly Contradiction[] => {
    const path = [...at, index]
    if (!isWhole(one)) {
      const said = one.until === undefined ? 'neither until nor for' : 'until and for'
      return [{ path, message: `contact with ${said}: one of the two would be right` }]
    }
    const { fromMs, untilMs } = stretch(one, startsAt)
    const wrong: Contradiction[] = []
    if (fromMs < 0) {
      const message = 'contact begins before the scenario starts: +0s or later would be right'
      wrong.push({ path: [...path, 'from'], message })
    }
    if (untilMs <= fromMs) {
      const message = 'contact ends before it begins: a later until would be right'
      wrong.push({ path: [...path, 'until'], message })
    }
    if (one.every !== undefined && one.every <= untilMs - fromMs) {
      const message = `contact of ${formatDuration(untilMs - fromMs)} every ${formatDuration(one.every)}: a longer time from one to the next would be right`
      wrong.push({ path: [...path, 'every'], message })
    }
    const other = contacts
      .slice(0, index)
      .findIndex((earlier) => isWhole(earlier) && collide(earlier, one, startsAt))
    if (other >= 0) {
      const message = `contact at the time of number ${other + 1}: one after the other would be right`
      wrong.push({ path, message })
    }
    return wrong
  })
}

/** Whether any two of their turns overlap. */
function collide(a: ContactText, b: ContactText, startsAt: WallMs): boolean {
  const [x, y] = [stretch(a, startsAt), stretch(b, startsAt)]
  const interval = ({ fromMs, untilMs }: typeof x, shiftMs: number): Interval => ({
    from: fromMs + shiftMs,
    until: untilMs + shiftMs,
  })
  if (a.every !== undefined && b.every !== undefined) {
    // For ever: the beginnings come as near to each other as the greatest common divisor lets them.
    const step = greatestCommonDivisor(a.every, b.every)
    const offset = (((y.fromMs - x.fromMs) % step) + step) % step
    return offset < x.untilMs - x.fromMs || step - offset < y.untilMs - y.fromMs
  }
  if (a.every === undefined && b.every === undefined)
    return overlaps(interval(x, 0), interval(y, 0))
  const [once, again, every] = a.every === undefined ? [x, y, b.every ?? 0] : [y, x, a.every]
  const turn = Math.max(0, Math.floor((once.fromMs - again.fromMs) / every))
  return [turn, turn + 1].some((n) => overlaps(interval(once, 0), interval(again, n * every)))
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
